//! What stands in the way of one device by itself, and what is only worth knowing.
//!
//! Each carries its evidence: the IOMMU, the line, the device in the way. Sentences are made of them where people read them.

use smallvec::SmallVec;
use uvfio_firmware::NodeId;
use uvfio_kernel::iommu::NoGroup;

use crate::options::{PageSize, Weakening, Weakenings};
use crate::own_line::OwnLine;

/// Why a device cannot be handed out at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocker {
    /// No IOMMU is named for it, so it is in no group.
    NoIommu,
    /// The IOMMU that is named is disabled. Linux then goes on without.
    IommuDisabled {
        /// Its node.
        iommu: NodeId,
    },
    /// No driver of Linux is known for the IOMMU.
    IommuWithoutDriver {
        /// Its node.
        iommu: NodeId,
    },
    /// The IOMMU's driver does not take the device.
    NotGrouped(Box<NoGroup>),
    /// The IOMMU's driver does not vouch for DMA that sees the processor's caches; VFIO asks for that since 6.0.
    NotCoherent {
        /// The IOMMU's node.
        iommu: NodeId,
    },
    /// VFIO has no driver to reset it and asks for one (`reset_required`; not on the AMBA bus).
    NoReset,
    /// It has no `compatible`: vfio-platform does not probe it.
    NoCompatible,
    /// It is a PCI host bridge: functions behind it are handed out, not the bridge.
    PciHost,
    /// An interrupt is another device's too: VFIO asks for it alone and does not get it.
    InterruptShared {
        /// Index in [`crate::Verdicts::interrupt_lines`].
        line: usize,
        /// The other one is the device's own IOMMU, which reports faults there.
        own_iommu: bool,
    },
    /// Nodes that are no device and cannot go with it need it, such as processors.
    NeededBeyond {
        /// One of them.
        node: NodeId,
    },
}

impl Blocker {
    /// What lifts it.
    #[must_use]
    pub fn lifted_by(&self) -> Option<Weakening> {
        match self {
            Blocker::NotCoherent { .. } => Some(Weakening::NonCoherentDma),
            Blocker::NoReset => Some(Weakening::ResetNotRequired),
            Blocker::InterruptShared { .. } => Some(Weakening::WithoutSharedInterrupt),
            _ => None,
        }
    }

    /// Whether it stands where so much is given up.
    #[must_use]
    pub fn stands(&self, given_up: Weakenings) -> bool {
        self.lifted_by().is_none_or(|weakening| !given_up.has(weakening))
    }
}

/// What stands in a device's way: seldom more than three things.
pub type Blockers = SmallVec<[Blocker; 3]>;

/// What is worth knowing of a device: seldom more than two things.
pub type Cautions = SmallVec<[Caution; 2]>;

/// What is worth knowing before a device is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caution {
    /// A window is no multiple of a page: VFIO does not let it be mapped, each access is a call.
    NotMappable {
        /// Which region.
        region: usize,
        /// The smallest page it is no multiple of.
        page: PageSize,
    },
    /// It uses memory set aside for it, which is not in its user's address space.
    ReservedMemory {
        /// The memory's node.
        node: NodeId,
    },
    /// No MSI controller isolates its interrupts: type1 wants `allow_unsafe_interrupts=1`.
    InterruptsNotIsolated,
    /// A line of a reset controller that is nobody else's resets it: under `uvfio run`, and in no Linux so far, which asks for
    /// `reset_required=0` then.
    ResetByLine(OwnLine),
    /// It is reset by nothing when it changes hands, and on its bus nobody asks for that.
    NeverReset,
}
