//! Bonds: why devices have to go together.
//!
//! A bond names all of its members at once instead of each pair of them, so that a line shared by a thousand devices is one thing
//! and costs what a thousand members cost.

use uvfio_firmware::{NodeId, Reference};

use crate::DeviceIndex;
use crate::options::{Weakening, Weakenings};
use crate::reset::Sharing;

/// Devices of which one may not be handed out without the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bond {
    /// Why, and the evidence.
    pub kind: BondKind,
    /// The devices it ties, in the order of the board. Where [`BondKind::Supplies`], those that the provider must not leave behind.
    pub members: Vec<DeviceIndex>,
}

/// Why devices go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BondKind {
    /// One IOMMU group: VFIO hands out groups, not devices.
    Group {
        /// Index in [`crate::Verdicts::groups`].
        group: usize,
    },
    /// One stream of one IOMMU, in groups that do not know of it: the IOMMU cannot tell them apart.
    Stream {
        /// The IOMMU's node.
        iommu: NodeId,
        /// The stream's cells.
        cells: Vec<u32>,
    },
    /// One reset line: resetting one resets all.
    Reset {
        /// Index in [`crate::Verdicts::reset_lines`].
        line: usize,
        /// What kind of sharing it is.
        sharing: Sharing,
    },
    /// Registers in one page: whoever may map one device's reaches the other's.
    Page {
        /// The first address of the first page they share.
        page: u64,
    },
    /// The first device serves the others: they need it to work.
    Supplies {
        /// The provider.
        provider: DeviceIndex,
        /// What they need of it, without doubles.
        kinds: Vec<Reference>,
        /// Nodes that need it and are no device of the board nor part of one, such as processors.
        others: Vec<NodeId>,
    },
}

/// Who is drawn along by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Each member draws along all others.
    All,
    /// Only the provider draws along its consumers.
    FromProvider,
}

impl Bond {
    /// Who is drawn along by whom.
    #[must_use]
    pub fn strength(&self) -> Strength {
        match self.kind {
            BondKind::Supplies { .. } => Strength::FromProvider,
            _ => Strength::All,
        }
    }

    /// What unties it.
    #[must_use]
    pub fn untied_by(&self) -> Option<Weakening> {
        match self.kind {
            BondKind::Page { .. } => Some(Weakening::TrapSharedPage),
            BondKind::Reset { .. } => Some(Weakening::LeaveSharedReset),
            BondKind::Group { .. } | BondKind::Stream { .. } | BondKind::Supplies { .. } => None,
        }
    }

    /// Whether it holds where so much is given up.
    #[must_use]
    pub fn holds(&self, given_up: Weakenings) -> bool {
        self.untied_by().is_none_or(|weakening| !given_up.has(weakening))
    }
}
