//! The mappings of a container, by address, and the questions asked about ranges of them.
//!
//! In Linux this is the red-black tree of `struct vfio_dma` in `drivers/vfio/vfio_iommu_type1.c`. Mappings never overlap.

use std::collections::BTreeMap;
use std::sync::Arc;

use uvfio_kernel::addr::{Iova, UserAddr};
use uvfio_kernel::iommu::Prot;

use crate::caller::AddressSpace;

/// One mapping.
pub(crate) struct Mapping {
    /// Bytes.
    pub(crate) size: u64,
    /// Where it is in the process.
    pub(crate) vaddr: UserAddr,
    /// What devices may do there.
    pub(crate) prot: Prot,
    /// The process's memory.
    pub(crate) space: Arc<dyn AddressSpace>,
    /// Pages counted against the address space.
    pub(crate) locked: u64,
    /// Whether the program took the address away and has not given a new one (`VFIO_DMA_UNMAP_FLAG_VADDR`).
    pub(crate) vaddr_invalid: bool,
}

/// A range of addresses that a mapping has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// First address.
    pub(crate) iova: Iova,
    /// Bytes.
    pub(crate) size: u64,
}

/// All mappings of a container.
#[derive(Default)]
pub(crate) struct Mappings {
    by_iova: BTreeMap<u64, Mapping>,
}

impl Mappings {
    /// The mapping that contains an address.
    pub(crate) fn containing(&self, at: Iova) -> Option<Held> {
        let (&iova, mapping) = self.by_iova.range(..=at.0).next_back()?;
        (at.0 - iova < mapping.size).then_some(Held { iova: Iova(iova), size: mapping.size })
    }

    /// The lowest mapping that shares an address with the range, whose last address is `last`.
    pub(crate) fn first_in(&self, iova: Iova, last: Iova) -> Option<Held> {
        self.containing(iova).or_else(|| {
            let (&iova, mapping) = self.by_iova.range(iova.0..=last.0).next()?;
            Some(Held { iova: Iova(iova), size: mapping.size })
        })
    }

    /// The mapping that a range, whose last address is `last`, would cut in two.
    pub(crate) fn cut_by(&self, iova: Iova, last: Iova) -> Option<Held> {
        let begins_inside = self.containing(iova).filter(|held| held.iova != iova);
        begins_inside.or_else(|| self.containing(last).filter(|held| held.iova.0 + (held.size - 1) != last.0))
    }

    /// The mappings that begin within a range, whose last address is `last`, in order.
    pub(crate) fn beginning_in(&self, iova: Iova, last: Iova) -> impl Iterator<Item = (Iova, &Mapping)> {
        self.by_iova.range(iova.0..=last.0).map(|(&iova, mapping)| (Iova(iova), mapping))
    }

    /// Every mapping, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Iova, &Mapping)> {
        self.by_iova.iter().map(|(&iova, mapping)| (Iova(iova), mapping))
    }

    /// The mapping that begins at an address.
    pub(crate) fn get_mut(&mut self, iova: Iova) -> Option<&mut Mapping> {
        self.by_iova.get_mut(&iova.0)
    }

    /// Add a mapping, which overlaps no other.
    pub(crate) fn insert(&mut self, iova: Iova, mapping: Mapping) {
        self.by_iova.insert(iova.0, mapping);
    }

    /// Take a mapping out.
    pub(crate) fn remove(&mut self, iova: Iova) -> Option<Mapping> {
        self.by_iova.remove(&iova.0)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_iova.len()
    }
}
