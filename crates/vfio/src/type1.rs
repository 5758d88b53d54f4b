//! type1: the IOMMU driver of containers. Mappings, their limits, and what is asked about them.
//!
//! In Linux this is `drivers/vfio/vfio_iommu_type1.c`. One lock, as there. A mapping is entered into every domain of the container
//! or into none; domains check each access of a device against their own table, so a device never sees a half-made mapping.

mod attach;
mod dirty;
mod info;
mod map;
mod mappings;
mod memlock;
mod ranges;
mod unmap;

use std::sync::Arc;

use uvfio_abi::vfio::{
    VFIO_IOMMU_DIRTY_PAGES, VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA, VFIO_TYPE1_IOMMU,
    VFIO_TYPE1_NESTING_IOMMU, VFIO_TYPE1V2_IOMMU,
};

use crate::caller::Caller;
use crate::refusal::{ContainerRefusal, Refusal};
use crate::sync::{Mutex, lock};
use crate::vfio::Shared;

use attach::Attached;
pub(crate) use attach::{Terms, UnsafeInterrupts};
use mappings::Mappings;
pub(crate) use memlock::Ledger;
use memlock::PAGE;
use ranges::Ranges;

/// Which interface of type1 a container asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    /// `VFIO_TYPE1_IOMMU`: an unmap that begins inside a mapping does nothing, one that covers its beginning removes all of it.
    V1,
    /// `VFIO_TYPE1v2_IOMMU`: an unmap that would cut a mapping is refused.
    V2,
    /// `VFIO_TYPE1_NESTING_IOMMU`: v2 with domains for nested translation.
    Nesting,
}

impl Version {
    /// The version behind a number of `VFIO_SET_IOMMU`.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        match u32::try_from(number) {
            Ok(VFIO_TYPE1_IOMMU) => Some(Version::V1),
            Ok(VFIO_TYPE1V2_IOMMU) => Some(Version::V2),
            Ok(VFIO_TYPE1_NESTING_IOMMU) => Some(Version::Nesting),
            _ => None,
        }
    }

    /// Its number.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Version::V1 => VFIO_TYPE1_IOMMU,
            Version::V2 => VFIO_TYPE1V2_IOMMU,
            Version::Nesting => VFIO_TYPE1_NESTING_IOMMU,
        }
    }
}

/// type1 of one container.
pub(crate) struct Type1 {
    version: Version,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

/// What its lock protects.
struct State {
    mappings: Mappings,
    attached: Vec<Attached>,
    ranges: Ranges,
    limit: u32,
    pgsizes: u64,
    vaddr_invalid: usize,
    tracking: bool,
}

impl State {
    /// The smallest page every IOMMU of the container can map.
    fn smallest_page(&self) -> u64 {
        1 << self.pgsizes.trailing_zeros()
    }

    /// How many mappings may still be made.
    fn avail(&self) -> u32 {
        let made = u32::try_from(self.mappings.len()).unwrap_or(u32::MAX);
        self.limit.saturating_sub(made)
    }
}

impl Type1 {
    /// type1 without a group. At most `limit` mappings can be made (`dma_entry_limit`).
    pub(crate) fn new(version: Version, limit: u32, shared: Arc<Shared>) -> Self {
        let state = State {
            mappings: Mappings::default(),
            attached: Vec::new(),
            ranges: Ranges::default(),
            limit,
            pgsizes: !(PAGE - 1),
            vaddr_invalid: 0,
            tracking: false,
        };
        Self { version, shared, state: Mutex::new(state) }
    }

    /// Which interface was asked for.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    fn is_v2(&self) -> bool {
        self.version != Version::V1
    }

    /// A request that the container itself does not know.
    pub(crate) fn ioctl(&self, caller: &dyn Caller, request: u32, arg: u64) -> Result<(), Refusal> {
        match request {
            VFIO_IOMMU_GET_INFO => {
                let facts = {
                    let state = lock(&self.state);
                    info::Facts { pgsizes: state.pgsizes, avail: state.avail(), ranges: state.ranges.list() }
                };
                info::answer(caller, arg, &facts, &self.shared.personality)
            }
            VFIO_IOMMU_MAP_DMA => self.map_dma(caller, arg),
            VFIO_IOMMU_UNMAP_DMA => self.unmap_dma(caller, arg),
            VFIO_IOMMU_DIRTY_PAGES => self.dirty_pages(caller, arg),
            request => Err(ContainerRefusal::UnknownRequest { request }.into()),
        }
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
