//! What tables of ACPI say: the IOMMUs of a machine, who stands behind each, and what of them can be handed out as far as that tells.
//!
//! IORT, DMAR, IVRS and VIOT name PCI functions by range and devices of the namespace by path or hardware id. What else decides is
//! elsewhere: `_RST` methods are in the DSDT's code, PCI groups follow from the path on the bus. So no device gets a plain *yes* here.
//! Linux: drivers/acpi/arm64/iort.c, drivers/iommu/intel, drivers/iommu/amd/init.c, drivers/acpi/viot.c.

mod amd;
mod arm;
mod claim;
mod find;
mod group;
mod intel;
mod namespace;
mod place;
mod virtio;

use std::collections::{BTreeSet, HashMap};

use uvfio_firmware::acpi::Table;

pub use self::find::Found;
pub use self::group::{AcpiGroup, AcpiGrouping};
pub use self::place::{Place, Who};
use crate::{Weakening, Weakenings};

/// What the tables of a machine say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcpiView {
    /// The IOMMUs, in the order of the tables.
    pub iommus: Vec<AcpiIommu>,
    /// Who stands behind them, or names none.
    pub devices: Vec<AcpiDevice>,
    /// Ids that several single devices have.
    pub shared: Vec<SharedId>,
}

/// An id that an IOMMU knows several devices by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SharedId {
    /// The IOMMU, as an index in [`AcpiView::iommus`].
    pub iommu: usize,
    /// The id.
    pub id: u32,
    /// Who has it, as indices in [`AcpiView::devices`].
    pub users: Vec<usize>,
}

/// An IOMMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiIommu {
    /// What it is: `SMMUv3`, `VT-d`, `AMD-Vi`, `virtio-iommu` and their like.
    pub kind: &'static str,
    /// Where it is: its registers' address, or its PCI function.
    pub place: Place,
    /// Whether it walks its tables through the processors' caches, where a table says.
    pub coherent_walks: Option<bool>,
    /// Interrupts it reports faults and the like by, as global system interrupt numbers; empty where it sends messages.
    pub interrupts: Vec<u32>,
}

impl AcpiIommu {
    /// One of which the table says no more.
    fn new(kind: &'static str, place: Place) -> Self {
        AcpiIommu { kind, place, coherent_walks: None, interrupts: Vec::new() }
    }
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
    /// Whether its DMA sees the processors' caches, where a table says.
    pub coherent: Option<bool>,
    /// Bits of an address it can use, where a table says.
    pub address_bits: Option<u8>,
    /// The device that the namespace has of it, as an index in the devices of the board given to [`AcpiView::learn`].
    pub known: Option<usize>,
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
    /// It has no `_RST`, which VFIO asks for on the platform bus.
    NoReset,
    /// An interrupt is another device's too.
    InterruptShared {
        /// Its global system interrupt number.
        number: u32,
        /// The other, as an index in the devices of the board.
        with: usize,
    },
    /// A page has registers of another device too.
    PageShared {
        /// The page's address.
        page: u64,
        /// The other, as an index in the devices of the board.
        with: usize,
    },
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

impl AcpiBlocker {
    /// What lifts it.
    #[must_use]
    pub fn lifted_by(&self) -> Option<Weakening> {
        match self {
            AcpiBlocker::NotCoherent => Some(Weakening::NonCoherentDma),
            AcpiBlocker::NoReset => Some(Weakening::ResetNotRequired),
            AcpiBlocker::InterruptShared { .. } => Some(Weakening::WithoutSharedInterrupt),
            AcpiBlocker::PageShared { .. } => Some(Weakening::TrapSharedPage),
            AcpiBlocker::NoIommu | AcpiBlocker::FirmwareMemory { .. } => None,
        }
    }

    /// Whether it stands where so much is given up.
    #[must_use]
    pub fn stands(&self, given_up: Weakenings) -> bool {
        self.lifted_by().is_none_or(|weakening| !given_up.has(weakening))
    }
}

/// What the tables alone allow to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcpiVerdict {
    /// It can be handed out by itself: the namespace knows the device, and nothing is in the way.
    Yes,
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
        AcpiDevice {
            who,
            iommu,
            ids: Vec::new(),
            coherent: None,
            address_bits: None,
            known: None,
            blockers,
            shares: Vec::new(),
        }
    }

    /// Whether it is one device, not a range whose members are found on a bus.
    #[must_use]
    pub fn is_single(&self) -> bool {
        match &self.who {
            Who::Named(_) | Who::Registers(_) | Who::Reached { .. } => true,
            Who::Functions { first, last, .. } => first == last,
            Who::Spread { .. } | Who::Behind { .. } | Who::Segment(_) => false,
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
                let users = users.entry((iommu, *id)).or_default();
                if users.last() != Some(&at) {
                    users.push(at);
                }
            }
        }
        let shared = users.into_iter().filter(|(_, users)| users.len() > 1);
        self.shared = shared.map(|((iommu, id), users)| SharedId { iommu, id, users }).collect();
        self.shared.sort();
        for (at, shared) in self.shared.iter().enumerate() {
            shared.users.iter().for_each(|user| self.devices[*user].shares.push(at));
        }
    }

    /// All that have to go where a device goes, itself included, in the order of the tables; no more than `most`.
    #[must_use]
    pub fn together(&self, device: usize, most: usize) -> Vec<usize> {
        let mut known = BTreeSet::from([device]);
        let mut open = vec![device];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            let fresh = self.devices[at].shares.iter().filter(|shared| seen.insert(**shared));
            for other in fresh.flat_map(|shared| &self.shared[*shared].users) {
                if known.len() >= most {
                    break;
                }
                if known.insert(*other) {
                    open.push(*other);
                }
            }
        }
        known.into_iter().collect()
    }

    /// What can be said of each device where so much is given up.
    #[must_use]
    pub fn verdicts(&self, given_up: Weakenings) -> AcpiVerdicts {
        let blocked = |device: &AcpiDevice| device.blockers.iter().any(|blocker| blocker.stands(given_up));
        let mut no: Vec<bool> = self.devices.iter().map(blocked).collect();
        let mut causes = vec![None; no.len()];
        // What is in the way of one is in the way of all that share an id with it, and so on; each id is gone over once.
        let mut seen = vec![false; self.shared.len()];
        let mut open: Vec<usize> = (0..no.len()).filter(|at| no[*at]).collect();
        while let Some(at) = open.pop() {
            for shared in &self.devices[at].shares {
                if std::mem::replace(&mut seen[*shared], true) {
                    continue;
                }
                for user in &self.shared[*shared].users {
                    if !std::mem::replace(&mut no[*user], true) {
                        causes[*user] = Some((*shared, at));
                        open.push(*user);
                    }
                }
            }
        }
        let verdict = |(device, no): (&AcpiDevice, bool)| match no {
            true => AcpiVerdict::No,
            false if device.shares.is_empty() && device.known.is_some() => AcpiVerdict::Yes,
            false if device.shares.is_empty() => AcpiVerdict::Possible,
            false => AcpiVerdict::Together,
        };
        AcpiVerdicts { devices: self.devices.iter().zip(no).map(verdict).collect(), causes }
    }
}

impl AcpiView {
    /// For each device the least that has to be given up beside what is given up already; as [`crate::Verdicts::weakenings`].
    #[must_use]
    pub fn weakenings(&self, allowed: Weakenings) -> Vec<Option<Weakenings>> {
        let mut least: Vec<Option<Weakenings>> = vec![None; self.devices.len()];
        for set in Weakenings::every() {
            let verdicts = self.verdicts(set.and(allowed)).devices;
            for (least, verdict) in least.iter_mut().zip(verdicts) {
                if verdict != AcpiVerdict::No && least.is_none() {
                    *least = Some(set.without(allowed));
                }
            }
        }
        least
    }
}

/// What can be said of the devices of a view, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiVerdicts {
    /// The verdicts.
    pub devices: Vec<AcpiVerdict>,
    /// Where something is only in another's way: the id they share, as an index in [`AcpiView::shared`], and the other.
    pub causes: Vec<Option<(usize, usize)>>,
}
