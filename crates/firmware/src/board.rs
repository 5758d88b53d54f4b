//! A board: its devices with their register windows, interrupts and specifiers naming providers.

use crate::diagnostic::Diagnostic;
use crate::dt::{self, NotADeviceTree, Tree};

/// A node of the tree a board was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// The bus Linux puts a device on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bus {
    /// `of_platform_device_create`.
    Platform,
    /// `of_amba_device_create`: compatible with `arm,primecell`.
    Amba,
}

/// One register window, in the physical address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// From `reg-names`.
    pub name: Option<String>,
    /// First address.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

/// What an interrupt input takes for a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A change from low to high.
    EdgeRising,
    /// A change from high to low.
    EdgeFalling,
    /// High.
    LevelHigh,
    /// Low.
    LevelLow,
}

/// One interrupt of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// The controller's node.
    pub controller: NodeId,
    /// The controller's path.
    pub path: String,
    /// The number at the controller; for a GIC its hardware number, 32 or 16 added.
    pub number: u32,
    /// Level or edge.
    pub trigger: Trigger,
    /// The cells as they stand.
    pub cells: Vec<u32>,
}

/// A reference to a provider: an IOMMU, clock, reset line, power domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specifier {
    /// The provider's node.
    pub provider: NodeId,
    /// The provider's path.
    pub path: String,
    /// What the provider takes to tell its outputs apart.
    pub cells: Vec<u32>,
    /// From the `-names` property.
    pub name: Option<String>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Linux's name for it, such as `7ff00000.dma`.
    pub name: String,
    /// The bus it is on.
    pub bus: Bus,
    /// The path of its node.
    pub path: String,
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
    /// `clocks`.
    pub clocks: Vec<Specifier>,
    /// `power-domains`.
    pub power_domains: Vec<Specifier>,
    /// Its DMA sees the processor's caches.
    pub dma_coherent: bool,
}

/// A board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// `model` of the root.
    pub model: String,
    /// `compatible` of the root.
    pub compatible: Vec<String>,
    /// Devices in the order Linux makes them.
    pub devices: Vec<Device>,
}

impl Board {
    /// The board that a flattened device tree describes, and what is wrong with the description.
    ///
    /// # Errors
    /// Where the bytes are no device tree at all; anything else is a diagnostic.
    pub fn from_dtb(bytes: &[u8]) -> Result<(Board, Vec<Diagnostic>), NotADeviceTree> {
        let mut diagnostics = Vec::new();
        let tree = Tree::read(bytes, &mut diagnostics)?;
        let devices = dt::devices(&tree, &mut diagnostics);
        let root = tree.root();
        let model = root.and_then(|root| root.text("model")).unwrap_or_default().to_owned();
        let compatible =
            root.into_iter().flat_map(|root| root.texts("compatible")).map(str::to_owned).collect();
        Ok((Board { model, compatible, devices }, diagnostics))
    }
}
