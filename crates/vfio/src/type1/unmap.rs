//! `VFIO_IOMMU_UNMAP_DMA`: removing mappings, and taking their addresses away.
//!
//! In Linux `vfio_dma_do_unmap` of `drivers/vfio/vfio_iommu_type1.c`; the order of the checks is Linux's.

use uvfio_abi::vfio::{
    Bitmap, DmaUnmap, VFIO_DMA_UNMAP_FLAG_ALL, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
    VFIO_DMA_UNMAP_FLAG_VADDR,
};
use uvfio_kernel::addr::{Iova, UserAddr};

use super::dirty;
use super::{State, Type1};
use crate::caller::Caller;
use crate::personality;
use crate::refusal::{MapField, Refusal, Type1Refusal};
use crate::sync::lock;
use crate::user;

const KNOWN: u32 = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP | VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR;

/// A range to unmap; `None` where it holds nothing by definition.
type Range = Option<(Iova, Iova)>;

impl Type1 {
    pub(super) fn unmap_dma(&self, caller: &dyn Caller, arg: u64) -> Result<(), Refusal> {
        let mut unmap: DmaUnmap = user::read(caller, arg)?;
        user::at_least(unmap.argsz, size_of::<DmaUnmap>())?;
        if unmap.flags & !KNOWN != 0 {
            return Err(Type1Refusal::UnmapFlags { unknown: unmap.flags & !KNOWN }.into());
        }
        let bitmap = self.bitmap_of(caller, arg, &unmap)?;
        let size = {
            let mut state = lock(&self.state);
            let range = self.check_unmap(&state, &unmap, bitmap.as_ref())?;
            match range {
                None => 0,
                Some((iova, last)) if unmap.flags & VFIO_DMA_UNMAP_FLAG_VADDR != 0 => {
                    self.take_vaddr(&mut state, iova, last)?
                }
                Some((iova, last)) => self.remove_range(&mut state, caller, iova, last, bitmap.as_ref())?,
            }
        };
        unmap.size = size;
        user::write(caller, arg, &unmap)
    }

    /// The bitmap the request asks for, checked as far as it can be without the container.
    fn bitmap_of(&self, caller: &dyn Caller, arg: u64, unmap: &DmaUnmap) -> Result<Option<Bitmap>, Refusal> {
        if unmap.flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP == 0 {
            return Ok(None);
        }
        if unmap.flags & (VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR) != 0 {
            return Err(Type1Refusal::DirtyWithAll { flags: unmap.flags }.into());
        }
        user::at_least(unmap.argsz, size_of::<DmaUnmap>() + size_of::<Bitmap>())?;
        let bitmap: Bitmap = user::read(caller, user::after(arg, size_of::<DmaUnmap>()))?;
        dirty::check_bitmap(&bitmap, unmap.size)?;
        Ok(Some(bitmap))
    }

    /// Check a request against the container. Returns the first and last address.
    fn check_unmap(
        &self,
        state: &State,
        unmap: &DmaUnmap,
        bitmap: Option<&Bitmap>,
    ) -> Result<Range, Type1Refusal> {
        let (iova, size, page) = (Iova(unmap.iova), unmap.size, state.smallest_page());
        let unaligned = |field, value| Type1Refusal::UnmapUnaligned { field, value, page };
        if !unmap.iova.is_multiple_of(page) {
            return Err(unaligned(MapField::Iova, unmap.iova));
        }
        if unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL != 0 {
            if unmap.iova != 0 || size != 0 {
                return Err(Type1Refusal::AllWithRange { iova, size });
            }
            return Ok(Some((Iova(0), Iova(u64::MAX))));
        }
        if size == 0 {
            return Err(Type1Refusal::UnmapEmpty);
        }
        if !size.is_multiple_of(page) {
            return Err(unaligned(MapField::Size, size));
        }
        let last = iova.checked_add(size - 1).ok_or(Type1Refusal::UnmapWraps { iova, size })?;
        if let Some(bitmap) = bitmap {
            state.check_unmap_bitmap(bitmap)?;
        }
        if self.is_v2()
            && let Some(held) = state.mappings.cut_by(iova, last)
        {
            return Err(Type1Refusal::Cuts { iova, size, held: held.iova, held_size: held.size });
        }
        if last.0 == u64::MAX && !self.shared.personality.holds(&personality::UNMAP_LAST_ADDRESS) {
            return Ok(None);
        }
        // The lowest mapping decides for v1: if the range begins inside it, nothing at all is unmapped.
        let begins_inside = state.mappings.containing(iova).is_some_and(|held| held.iova != iova);
        Ok((!begins_inside).then_some((iova, last)))
    }

    /// Take the addresses of all mappings in a range away, or of none. Returns the bytes of them.
    fn take_vaddr(&self, state: &mut State, iova: Iova, last: Iova) -> Result<u64, Type1Refusal> {
        let mut found = Vec::new();
        let mut size = 0;
        for (at, mapping) in state.mappings.beginning_in(iova, last) {
            if mapping.vaddr_invalid {
                return Err(Type1Refusal::VaddrTwice { held: at });
            }
            found.push(at);
            size += mapping.size;
        }
        for at in &found {
            if let Some(mapping) = state.mappings.get_mut(*at) {
                mapping.vaddr_invalid = true;
            }
        }
        state.vaddr_invalid += found.len();
        Ok(size)
    }

    /// Remove all mappings in a range. Returns the bytes of them.
    ///
    /// # Errors
    /// Where a bitmap cannot be written; mappings before that one are gone already.
    fn remove_range(
        &self,
        state: &mut State,
        caller: &dyn Caller,
        iova: Iova,
        last: Iova,
        bitmap: Option<&Bitmap>,
    ) -> Result<u64, Refusal> {
        let page = state.smallest_page();
        let found: Vec<(Iova, u64)> =
            state.mappings.beginning_in(iova, last).map(|(at, mapping)| (at, mapping.size)).collect();
        let mut removed = 0;
        for (at, size) in found {
            if let Some(bitmap) = bitmap {
                dirty::report(caller, UserAddr(bitmap.data), iova, at, size, page)?;
            }
            self.remove(state, at);
            removed += size;
        }
        Ok(removed)
    }

    /// Remove one mapping (`vfio_remove_dma`).
    pub(super) fn remove(&self, state: &mut State, iova: Iova) {
        let Some(mapping) = state.mappings.remove(iova) else { return };
        let mut never_used = true;
        for attached in &state.attached {
            never_used &= attached.domain.unmap(iova, mapping.size).unused > 0;
        }
        if mapping.vaddr_invalid {
            state.vaddr_invalid -= 1;
        }
        self.shared.ledger.refund(mapping.space.id(), mapping.locked);
        if never_used {
            self.shared.never_used(iova, mapping.size);
        }
    }
}
