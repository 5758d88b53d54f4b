//! Dirty page tracking: which pages of a range devices may have written since tracking began.
//!
//! In Linux this is `vfio_iommu_type1_dirty_pages` and `update_user_bitmap` of `drivers/vfio/vfio_iommu_type1.c`. An IOMMU group
//! may write any page it can reach without saying so, hence while one is attached every mapped page is dirty, always.

use uvfio_abi::vfio::{
    Bitmap, DirtyBitmap, DirtyBitmapGet, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
    VFIO_IOMMU_DIRTY_PAGES_FLAG_START, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP,
};
use uvfio_kernel::addr::{Iova, UserAddr};

use super::{State, Type1};
use crate::caller::Caller;
use crate::refusal::{BitmapFact, Refusal, Type1Refusal};
use crate::sync::lock;
use crate::user;

/// The largest bitmap, bytes: one bit for each of 2^31 - 1 pages, in words of 64 (`DIRTY_BITMAP_SIZE_MAX`).
pub(super) const MAX_BITMAP: u64 = 1 << 28;

/// Addresses from here on are not a process's (`access_ok`).
const END_OF_USER: u64 = 1 << 47;

/// How many bytes of ones are written at a time.
const STEP: usize = 1 << 16;

impl Type1 {
    /// `VFIO_IOMMU_DIRTY_PAGES`.
    pub(super) fn dirty_pages(&self, caller: &dyn Caller, arg: u64) -> Result<(), Refusal> {
        if !self.is_v2() {
            return Err(Type1Refusal::DirtyV1.into());
        }
        let dirty: DirtyBitmap = user::read(caller, arg)?;
        user::at_least(dirty.argsz, size_of::<DirtyBitmap>())?;
        match dirty.flags {
            VFIO_IOMMU_DIRTY_PAGES_FLAG_START => lock(&self.state).tracking = true,
            VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP => lock(&self.state).tracking = false,
            VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP => {
                user::at_least(dirty.argsz, size_of::<DirtyBitmap>() + size_of::<DirtyBitmapGet>())?;
                let range = user::read(caller, user::after(arg, size_of::<DirtyBitmap>()))?;
                self.get_bitmap(caller, &range)?;
            }
            flags => return Err(Type1Refusal::DirtyFlags { flags }.into()),
        }
        Ok(())
    }

    fn get_bitmap(&self, caller: &dyn Caller, range: &DirtyBitmapGet) -> Result<(), Refusal> {
        let iova = Iova(range.iova);
        let bad_range = Type1Refusal::DirtyRange { iova, size: range.size };
        if iova.checked_add(range.size).is_none() {
            return Err(bad_range.into());
        }
        check_bitmap(&range.bitmap, range.size)?;
        let state = lock(&self.state);
        let page = state.smallest_page();
        if range.bitmap.pgsize != page {
            return Err(Type1Refusal::DirtyPage { asked: range.bitmap.pgsize, page }.into());
        }
        if !(range.iova | range.size).is_multiple_of(page) || range.size == 0 {
            return Err(bad_range.into());
        }
        if !state.tracking {
            return Err(Type1Refusal::DirtyOff.into());
        }
        let last = Iova(range.iova + (range.size - 1));
        if let Some(held) = state.mappings.cut_by(iova, last) {
            let refusal =
                Type1Refusal::DirtyCuts { iova, size: range.size, held: held.iova, held_size: held.size };
            return Err(refusal.into());
        }
        state.mappings.beginning_in(iova, last).try_for_each(|(at, mapping)| {
            report(caller, UserAddr(range.bitmap.data), iova, at, mapping.size, page)
        })
    }
}

impl State {
    /// Check what an unmap that asks for a bitmap passes, as far as it depends on the container.
    pub(super) fn check_unmap_bitmap(&self, bitmap: &Bitmap) -> Result<(), Type1Refusal> {
        if !self.tracking {
            return Err(Type1Refusal::DirtyOff);
        }
        let page = self.smallest_page();
        if bitmap.pgsize != page {
            return Err(Type1Refusal::DirtyPage { asked: bitmap.pgsize, page });
        }
        Ok(())
    }
}

/// Check that a bitmap is in the process and fits a range (`verify_bitmap_size`).
pub(super) fn check_bitmap(bitmap: &Bitmap, size: u64) -> Result<(), Type1Refusal> {
    let refuse = |fact| Err(Type1Refusal::DirtyBitmap { bytes: bitmap.size, fact });
    if bitmap.data.checked_add(bitmap.size).is_none_or(|end| end > END_OF_USER) {
        return refuse(BitmapFact::NotAnAddress);
    }
    let pages = size.checked_shr(bitmap.pgsize.trailing_zeros()).unwrap_or(0);
    let needed = pages.div_ceil(64).saturating_mul(8);
    match bitmap.size {
        _ if pages == 0 => refuse(BitmapFact::NoPages),
        0 => refuse(BitmapFact::NoBytes),
        bytes if bytes > MAX_BITMAP => refuse(BitmapFact::TooLarge),
        bytes if bytes < needed => refuse(BitmapFact::TooSmall { needed }),
        _ => Ok(()),
    }
}

/// Mark a mapping's pages in a bitmap whose first bit is the page at `base`. The bits before the first page in its word stay.
pub(super) fn report(
    caller: &dyn Caller,
    data: UserAddr,
    base: Iova,
    iova: Iova,
    size: u64,
    page: u64,
) -> Result<(), Refusal> {
    let first = (iova.0 - base.0) / page;
    let mut at = data.0.wrapping_add(first / 64 * 8);
    let mut clear = first % 64;
    let mut left = size / page + clear;
    let mut kept = 0;
    if clear > 0 {
        let mut bytes = [0; 8];
        caller.read(UserAddr(at), &mut bytes)?;
        kept = u64::from_le_bytes(bytes) & low_bits(clear);
    }
    let mut words = Vec::new();
    while left > 0 {
        words.clear();
        while left > 0 && words.len() < STEP {
            let bits = left.min(64);
            let word = low_bits(bits) & !low_bits(clear) | kept;
            words.extend_from_slice(&word.to_le_bytes());
            (kept, clear) = (0, 0);
            left -= bits;
        }
        caller.write(UserAddr(at), &words)?;
        at = at.wrapping_add(words.len() as u64);
    }
    Ok(())
}

/// A word with its `count` lowest bits set.
const fn low_bits(count: u64) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}
