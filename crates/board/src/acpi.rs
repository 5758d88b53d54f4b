//! What tables of ACPI say: the IOMMUs of a machine, who stands behind each, and what of them can be handed out as far as that tells.
//!
//! IORT, DMAR, IVRS and VIOT name PCI functions by range and devices of the namespace by path or hardware id. What else decides is
//! elsewhere: `_RST` methods are in the DSDT's code, PCI groups follow from the path on the bus. So no device gets a plain *yes* here.
//! Linux: drivers/acpi/arm64/iort.c, drivers/iommu/intel, drivers/iommu/amd/init.c, drivers/acpi/viot.c.

mod amd;
mod arm;
mod intel;
mod virtio;

use std::collections::HashMap;
use std::fmt;

use uvfio_firmware::acpi::Table;

/// What the tables of a machine say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcpiView {
    /// The IOMMUs, in the order of the tables.
    pub iommus: Vec<AcpiIommu>,
    /// Who stands behind them, or names none.
    pub devices: Vec<AcpiDevice>,
    /// Single devices that have an id in common, as indices in `devices`.
    pub shared: Vec<Vec<usize>>,
}

/// An IOMMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiIommu {
    /// What it is: `SMMUv3`, `VT-d`, `AMD-Vi`, `virtio-iommu` and their like.
    pub kind: &'static str,
    /// Where it is: its registers' address, or its PCI function.
    pub place: Place,
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Registers at a physical address.
    Registers(u64),
    /// A PCI function.
    Function {
        /// Its segment.
        segment: u16,
        /// Bus, device and function.
        bdf: u16,
    },
}

/// Who stands behind an IOMMU.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// A device of the namespace, by its path or hardware id.
    Named(String),
    /// A device by its registers' address.
    Registers(u64),
    /// PCI functions from the first to the last.
    Functions {
        /// Their segment.
        segment: u16,
        /// The first.
        first: u16,
        /// The last.
        last: u16,
    },
    /// All behind a PCI bridge, by the path to it: the bus it starts at, then device and function of each step.
    Behind {
        /// Its segment.
        segment: u16,
        /// The bus the path starts at.
        bus: u8,
        /// The steps.
        path: Vec<(u8, u8)>,
    },
    /// A PCI function by the path to it.
    Reached {
        /// Its segment.
        segment: u16,
        /// The bus the path starts at.
        bus: u8,
        /// The steps.
        path: Vec<(u8, u8)>,
    },
    /// All functions of a segment, or all that nobody else names.
    Segment(u16),
}

/// A device or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiDevice {
    /// Which.
    pub who: Who,
    /// Its IOMMU, as an index in [`AcpiView::iommus`].
    pub iommu: Option<usize>,
    /// Ids it is seen by there: first and how many.
    pub ids: Vec<(u32, u64)>,
    /// What is in its way.
    pub blockers: Vec<AcpiBlocker>,
    /// Ids it shares with others, as indices in [`AcpiView::shared`].
    pub shares: Vec<usize>,
}

/// What is in a device's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcpiBlocker {
    /// No IOMMU translates for it.
    NoIommu,
    /// Neither it nor its IOMMU is coherent with the caches; VFIO asks for that since 6.0.
    NotCoherent,
    /// Firmware goes on using memory through it, so that Linux lets nobody else have it (`require_direct`, drivers/iommu/iommu.c).
    FirmwareMemory {
        /// First address.
        start: u64,
        /// Last address.
        last: u64,
        /// Linux makes an exception for USB controllers and graphics.
        relaxable: bool,
    },
}

/// What the tables alone allow to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcpiVerdict {
    /// Nothing the tables know of is in the way.
    Possible,
    /// Likewise, with the others that share its ids.
    Together,
    /// Something is in the way.
    No,
}

impl AcpiDevice {
    fn new(who: Who, iommu: Option<usize>) -> Self {
        let blockers = if iommu.is_none() { vec![AcpiBlocker::NoIommu] } else { Vec::new() };
        AcpiDevice { who, iommu, ids: Vec::new(), blockers, shares: Vec::new() }
    }

    /// Whether it is one device, not a range whose members are found on a bus.
    #[must_use]
    pub fn is_single(&self) -> bool {
        match &self.who {
            Who::Named(_) | Who::Registers(_) | Who::Reached { .. } => true,
            Who::Functions { first, last, .. } => first == last,
            Who::Behind { .. } | Who::Segment(_) => false,
        }
    }
}

impl AcpiView {
    /// What these tables say together.
    #[must_use]
    pub fn of(tables: &[Table]) -> AcpiView {
        let mut view = AcpiView::default();
        for table in tables {
            match table {
                Table::Iort(_, iort) => arm::add(&mut view, iort),
                Table::Dmar(_, dmar) => intel::add(&mut view, dmar),
                Table::Ivrs(_, ivrs) => amd::add(&mut view, ivrs),
                Table::Viot(_, viot) => virtio::add(&mut view, viot),
                Table::Other(_) => {}
            }
        }
        view.tie();
        view
    }

    /// Single devices that have an id in common go together.
    fn tie(&mut self) {
        let mut users: HashMap<(usize, u32), Vec<usize>> = HashMap::new();
        for (at, device) in self.devices.iter().enumerate() {
            let Some(iommu) = device.iommu.filter(|_| device.is_single()) else { continue };
            for (id, _) in device.ids.iter().filter(|(_, count)| *count == 1) {
                users.entry((iommu, *id)).or_default().push(at);
            }
        }
        let mut shared: Vec<_> = users.into_iter().filter(|(_, users)| users.len() > 1).collect();
        shared.sort();
        for (at, (_, users)) in shared.iter().enumerate() {
            users.iter().for_each(|user| self.devices[*user].shares.push(at));
        }
        self.shared = shared.into_iter().map(|(_, users)| users).collect();
    }

    /// For each device what can be said of it.
    #[must_use]
    pub fn verdicts(&self) -> Vec<AcpiVerdict> {
        let blocked = |device: &AcpiDevice| !device.blockers.is_empty();
        let shut: Vec<bool> =
            self.shared.iter().map(|users| users.iter().any(|user| blocked(&self.devices[*user]))).collect();
        let verdict = |device: &AcpiDevice| {
            if blocked(device) || device.shares.iter().any(|shared| shut[*shared]) {
                AcpiVerdict::No
            } else if device.shares.is_empty() {
                AcpiVerdict::Possible
            } else {
                AcpiVerdict::Together
            }
        };
        self.devices.iter().map(verdict).collect()
    }
}

/// Bus, device and function as lspci writes them.
struct Bdf(u16);

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{:x}", self.0 >> 8, self.0 >> 3 & 0x1f, self.0 & 7)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Registers(base) => write!(f, "{base:#x}"),
            Place::Function { segment, bdf } => write!(f, "{segment:04x}:{}", Bdf(*bdf)),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = |f: &mut fmt::Formatter<'_>, path: &[(u8, u8)]| {
            path.iter().enumerate().try_for_each(|(at, (device, function))| {
                write!(f, "{}{device:02x}.{function:x}", if at == 0 { "" } else { "/" })
            })
        };
        match self {
            Who::Named(name) => f.write_str(name),
            Who::Registers(base) => write!(f, "registers at {base:#x}"),
            Who::Functions { segment, first, last } if first == last => {
                write!(f, "{segment:04x}:{}", Bdf(*first))
            }
            Who::Functions { segment, first, last } => {
                write!(f, "{segment:04x}:{} to {}", Bdf(*first), Bdf(*last))
            }
            Who::Behind { segment, bus, path } => {
                write!(f, "all behind {segment:04x}:{bus:02x}:")?;
                steps(f, path)
            }
            Who::Reached { segment, bus, path } => {
                write!(f, "{segment:04x}:{bus:02x}:")?;
                steps(f, path)
            }
            Who::Segment(segment) => write!(f, "all others of PCI segment {segment:04x}"),
        }
    }
}
