//! Which pages a device may have written (`VFIO_IOMMU_DIRTY_PAGES`, and the bitmap that UNMAP_DMA returns).

use crate::answer::{Answer, Hex};
use crate::raw::{self, PAGE, UNMAP_GET_DIRTY};
use crate::type1::{IOVA, Type1};

/// `struct vfio_iommu_type1_dirty_bitmap` followed by `struct vfio_iommu_type1_dirty_bitmap_get`.
#[repr(C)]
#[derive(Default)]
struct DirtyPages {
    argsz: u32,
    flags: u32,
    iova: u64,
    size: u64,
    page_size: u64,
    bitmap_size: u64,
    bitmap: u64,
}

/// `struct vfio_iommu_type1_dma_unmap` followed by `struct vfio_bitmap`.
#[repr(C)]
struct UnmapWithBitmap {
    argsz: u32,
    flags: u32,
    iova: u64,
    size: u64,
    page_size: u64,
    bitmap_size: u64,
    bitmap: u64,
}

const START: u32 = 1;
const STOP: u32 = 2;
const GET_BITMAP: u32 = 4;

/// One question for a bitmap; every case changes a field or two.
#[derive(Clone, Copy)]
struct Query {
    argsz: u32,
    iova: u64,
    size: u64,
    page_size: u64,
    bitmap_size: u64,
}

const WHOLE: Query = Query { argsz: 48, iova: IOVA, size: 16 * PAGE, page_size: PAGE, bitmap_size: 8 };

fn control(type1: &Type1, flags: u32) -> Answer {
    let mut pages = DirtyPages { argsz: 8, flags, ..DirtyPages::default() };
    raw::ioctl(type1.container, raw::IOMMU_DIRTY_PAGES, &mut pages)
}

fn get(type1: &Type1, query: Query, bitmap: u64) -> Answer {
    let Query { argsz, iova, size, page_size, bitmap_size } = query;
    let mut pages = DirtyPages { argsz, flags: GET_BITMAP, iova, size, page_size, bitmap_size, bitmap };
    raw::ioctl(type1.container, raw::IOMMU_DIRTY_PAGES, &mut pages)
}

/// The cases `dirty.*`.
pub fn ask(type1: &Type1) {
    // The kernel writes whole words of the bitmap; there is room for more than any case asks for.
    let mut words = [0u64; 8];
    let bitmap = words.as_mut_ptr() as u64;
    let first_word = || {
        // SAFETY: (1) `words` lives to the end of this function; (2) the kernel has written it through the address, so it is read
        // through the same address, volatile.
        unsafe { std::ptr::read_volatile(bitmap as *const u64) }
    };
    let clear = || {
        // SAFETY: (1) as above; the write stays within `words`.
        unsafe { std::ptr::write_bytes(bitmap as *mut u64, 0, 8) }
    };

    for (case, flags) in [("flags0", 0), ("flags3", 3), ("flags8", 8), ("stop_before_start", STOP)] {
        type1.say(&format!("dirty.{case}"), control(type1, flags));
    }
    type1.map_rw(IOVA, 16 * PAGE);
    type1.say("dirty.get_before_start", get(type1, WHOLE, bitmap));
    type1.say("dirty.start", control(type1, START));
    type1.say("dirty.start_again", control(type1, START));
    clear();
    let answer = get(type1, WHOLE, bitmap);
    type1.section.say_with("dirty.get", answer, format_args!("bm={}", Hex(first_word())));
    for (case, query) in [
        ("argsz_small", Query { argsz: 8, ..WHOLE }),
        ("pgsize0", Query { page_size: 0, ..WHOLE }),
        ("pgsize_2M", Query { page_size: 2 << 20, ..WHOLE }),
        ("size0", Query { size: 0, ..WHOLE }),
        ("iova_unaligned", Query { iova: IOVA + 1, ..WHOLE }),
        ("bitmap_size0", Query { bitmap_size: 0, ..WHOLE }),
        ("bitmap_size1", Query { bitmap_size: 1, ..WHOLE }),
        ("partial", Query { iova: IOVA + PAGE, size: PAGE, ..WHOLE }),
        ("unmapped", Query { iova: IOVA + 64 * PAGE, size: PAGE, ..WHOLE }),
    ] {
        type1.say(&format!("dirty.get_{case}"), get(type1, query, bitmap));
    }
    type1.say("dirty.get_badptr", get(type1, WHOLE, 16));
    clear();
    let answer = get(type1, WHOLE, bitmap);
    type1.section.say_with("dirty.get_second", answer, format_args!("bm={}", Hex(first_word())));

    clear();
    let mut unmap = UnmapWithBitmap {
        argsz: 48,
        flags: UNMAP_GET_DIRTY,
        iova: IOVA,
        size: 16 * PAGE,
        page_size: PAGE,
        bitmap_size: 8,
        bitmap,
    };
    let answer = raw::ioctl(type1.container, raw::IOMMU_UNMAP_DMA, &mut unmap);
    let fields = format!("size={} bm={}", Hex(unmap.size), Hex(first_word()));
    type1.section.say_with("dirty.unmap_get", answer, format_args!("{fields}"));
    type1.say("dirty.stop", control(type1, STOP));
    type1.say("dirty.stop_again", control(type1, STOP));
    type1.unmap_all();
}
