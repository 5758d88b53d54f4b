//! A board: its devices with their register windows, interrupts and references to providers.
//!
//! This is what the rest of uvfio knows of a machine. It is plain data; how it comes about from a device tree is in `dt`, from ACPI in
//! `acpi`.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::acpi::AcpiFacts;
use crate::dt::{self, IdMap, NotADeviceTree, PciHost, Tree};
use crate::{Diagnostic, Reference};

/// A node of the tree a board was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// What stands behind a phandle: nearly always no more than four cells, which then need no memory of their own.
pub type Cells = SmallVec<[u32; 4]>;

/// The bus Linux puts a device on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bus {
    /// `of_platform_device_create`.
    #[default]
    Platform,
    /// `of_amba_device_create`: compatible with `arm,primecell`.
    Amba,
    /// `pci_device_add`. No device of a board is on it: functions are found once their host bridge has a driver.
    Pci,
}

/// One register window, in the physical address space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// From `reg-names`.
    pub name: Option<String>,
    /// First address.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// First address.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

/// A range of addresses as a device's DMA has it, and where it is for the processor (`dma-ranges`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaRange {
    /// First address on the device's bus.
    pub bus: u64,
    /// First address for the processor.
    pub cpu: u64,
    /// Bytes.
    pub size: u64,
}

/// What an interrupt input takes for a signal (`IRQ_TYPE_*`, include/linux/irq.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A change from low to high.
    EdgeRising,
    /// A change from high to low.
    EdgeFalling,
    /// Any change.
    EdgeBoth,
    /// High.
    LevelHigh,
    /// Low.
    LevelLow,
    /// The tree does not say, and Linux leaves it at what the controller does by itself (`IRQ_TYPE_NONE`). It is no level to VFIO.
    #[default]
    Unsaid,
}

impl Trigger {
    /// Whether Linux counts it as level-triggered (`IRQ_TYPE_LEVEL_MASK`).
    #[must_use]
    pub const fn is_level(self) -> bool {
        matches!(self, Trigger::LevelHigh | Trigger::LevelLow)
    }
}

/// One interrupt of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interrupt {
    /// The controller's node.
    pub controller: NodeId,
    /// The controller's path.
    pub path: Arc<str>,
    /// The number at the controller; for a GIC its hardware number, 32 or 16 added.
    pub number: u32,
    /// Level or edge.
    pub trigger: Trigger,
    /// The cells as they stand.
    pub cells: Cells,
    /// From `interrupt-names`.
    pub name: Option<String>,
}

/// A reference to a provider: an IOMMU, clock, reset line, power domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specifier {
    /// The provider's node.
    pub provider: NodeId,
    /// The provider's path.
    pub path: Arc<str>,
    /// What the provider takes to tell its outputs apart.
    pub cells: Cells,
    /// From the `-names` property.
    pub name: Option<String>,
}

/// A reference of a kind that has no list of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplier {
    /// What for.
    pub kind: Reference,
    /// To whom.
    pub specifier: Specifier,
}

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Linux's name for it, such as `7ff00000.dma`.
    pub name: String,
    /// The bus it is on.
    pub bus: Bus,
    /// The path of its node.
    pub path: Arc<str>,
    /// Its node.
    pub node: NodeId,
    /// From most to least specific.
    pub compatible: Vec<String>,
    /// Register windows in the order of `reg`.
    pub regions: Vec<Region>,
    /// Interrupts in their order.
    pub interrupts: Vec<Interrupt>,
    /// `iommus`.
    pub iommus: Vec<Specifier>,
    /// `resets`.
    pub resets: Vec<Specifier>,
    /// Words of `resets` that are in none of these: an entry refers to nobody, or is cut off.
    pub lost_resets: usize,
    /// `clocks`.
    pub clocks: Vec<Specifier>,
    /// `power-domains`.
    pub power_domains: Vec<Specifier>,
    /// All other references, in the order of the node's properties.
    pub suppliers: Vec<Supplier>,
    /// Its DMA sees the processor's caches.
    pub dma_coherent: bool,
    /// How its DMA addresses relate to the processor's; empty where they are the same.
    pub dma_ranges: Vec<DmaRange>,
    /// From the requester ids of what is on its bus to the streams of IOMMUs.
    pub iommu_map: IdMap,
    /// From the requester ids of what is on its bus to the device ids of MSI controllers.
    pub msi_map: IdMap,
    /// What it is as a PCI host bridge.
    pub pci: Option<Box<PciHost>>,
    /// What it is known by where ACPI describes it.
    pub acpi: Option<Box<AcpiFacts>>,
}

impl Device {
    /// What Linux calls it when it wants to know what it is: its hardware id, or its most specific `compatible`.
    #[must_use]
    pub fn known_as(&self) -> Option<&str> {
        let hid = self.acpi.as_ref().and_then(|acpi| acpi.hid());
        hid.or_else(|| self.compatible.first().map(String::as_str))
    }

    /// All that drivers and models may know it by, the most specific first.
    #[must_use]
    pub fn identities(&self) -> &[String] {
        self.acpi.as_ref().map_or(&self.compatible, |acpi| &acpi.identities)
    }
}

/// A node that others refer to, whether or not Linux makes a device of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Of what.
    pub kind: Reference,
    /// Its node.
    pub node: NodeId,
    /// The path of its node.
    pub path: Arc<str>,
    /// From most to least specific.
    pub compatible: Vec<String>,
    /// Cells it takes behind its phandle.
    pub cells: u32,
    /// Its `status` and those of the nodes above let it be used.
    pub available: bool,
    /// Its own node says `dma-coherent`: an IOMMU then walks its tables through the caches.
    pub dma_coherent: bool,
}

/// Memory set aside under `/reserved-memory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Its node.
    pub node: NodeId,
    /// The path of its node.
    pub path: Arc<str>,
    /// From most to least specific; often empty.
    pub compatible: Vec<String>,
    /// Where it is; empty where Linux chooses the place.
    pub ranges: Vec<Range>,
    /// Bytes wanted where Linux chooses the place.
    pub size: Option<u64>,
    /// Not to be mapped by the system.
    pub no_map: bool,
    /// The system may use it while its owner does not.
    pub reusable: bool,
}

/// What a board was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DescribedBy {
    /// A device tree.
    #[default]
    DeviceTree,
    /// ACPI.
    Acpi,
}

/// A board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// `model` of the root.
    pub model: String,
    /// `compatible` of the root.
    pub compatible: Vec<String>,
    /// Devices in the order Linux makes them.
    pub devices: Vec<Device>,
    /// Nodes that can be referred to, by kind and then in the order of the tree.
    pub providers: Vec<Provider>,
    /// Where memory is.
    pub memory: Vec<Range>,
    /// What of it is set aside.
    pub reserved: Vec<Reserved>,
    /// The whole tree; only a root where there is none.
    pub tree: Tree,
    /// What it was read from.
    pub described_by: DescribedBy,
}

impl Board {
    /// Read a flattened device tree. Trouble comes back as diagnostics beside the board.
    ///
    /// # Errors
    /// Where the bytes are no device tree, or their header does not say where the tree is.
    pub fn from_dtb(bytes: &[u8]) -> Result<(Board, Vec<Diagnostic>), NotADeviceTree> {
        let (tree, mut diagnostics) = Tree::parse(bytes)?;
        let (board, found) = Board::from_tree(tree);
        diagnostics.extend(found);
        Ok((board, diagnostics))
    }

    /// The board a tree describes, for instance one an overlay was applied to.
    #[must_use]
    pub fn from_tree(tree: Tree) -> (Board, Vec<Diagnostic>) {
        dt::board(tree)
    }

    /// The device Linux gives this name on that bus.
    #[must_use]
    pub fn device(&self, bus: Bus, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.bus == bus && device.name == name)
    }

    /// The IOMMUs, enabled or not.
    pub fn iommus(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter().filter(|provider| provider.kind == Reference::Iommu)
    }

    /// What a node provides of that kind.
    #[must_use]
    pub fn provider(&self, kind: Reference, node: NodeId) -> Option<&Provider> {
        let at = self.providers.partition_point(|other| (other.kind, other.node) < (kind, node));
        self.providers.get(at).filter(|found| (found.kind, found.node) == (kind, node))
    }
}
