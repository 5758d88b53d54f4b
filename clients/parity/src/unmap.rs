//! Unmapping: the arguments, the cuts that v1 and v2 treat differently, and everything at once.

use crate::answer::Answer;
use crate::raw::{self, PAGE, UNMAP_ALL, UNMAP_GET_DIRTY};
use crate::type1::{IOVA, Type1};

/// The cases from `unmap.null` to `unmap_all.cleanup`, with four pages mapped at [`IOVA`] and neighbours of their own.
pub fn ask(type1: &Type1) {
    arguments(type1);
    cuts(type1);
    all(type1);
}

fn arguments(type1: &Type1) {
    let last = u64::MAX - PAGE + 1;
    type1.say("unmap.null", raw::ioctl_value(type1.container, raw::IOMMU_UNMAP_DMA, 0));
    for argsz in [0, 23] {
        type1.say_unmapped(&format!("unmap.argsz{argsz}"), type1.unmap_sized(argsz, 0, IOVA, 4 * PAGE));
    }
    for (case, flags, iova, size) in [
        ("unknown_flag8", 8, IOVA, 4 * PAGE),
        ("size0", 0, IOVA, 0),
        ("size_unaligned", 0, IOVA, PAGE + 1),
        ("iova_unaligned", 0, IOVA + 1, PAGE),
        ("wrap", 0, last, 2 * PAGE),
        ("size_huge63", 0, 0x4000_0000, 1 << 63),
        ("nothing_there", 0, 0x4000_0000, PAGE),
    ] {
        type1.say_unmap(&format!("unmap.{case}"), flags, iova, size);
    }
}

fn cuts(type1: &Type1) {
    for (case, iova, pages) in [
        ("partial_head", IOVA, 1),
        ("partial_tail", IOVA + 3 * PAGE, 1),
        ("partial_mid", IOVA + PAGE, 2),
        ("straddle_two", IOVA + 2 * PAGE, 3),
        ("exact_mid", IOVA, 4),
        ("again", IOVA, 4),
        ("cover_holes", IOVA - PAGE, 64),
    ] {
        type1.say_unmap(&format!("unmap.{case}"), 0, iova, pages * PAGE);
    }
    type1.section.say_with("dma_avail_after_cover", Answer::DONE, format_args!("{}", type1.mappings_left()));
}

fn all(type1: &Type1) {
    for mapping in 0..5 {
        type1.map_rw(IOVA + 2 * mapping * PAGE, PAGE);
    }
    for (case, flags, iova, size) in [
        ("with_iova", UNMAP_ALL, IOVA, 0),
        ("with_size", UNMAP_ALL, 0, PAGE),
        ("with_dirty", UNMAP_ALL | UNMAP_GET_DIRTY, 0, 0),
        ("five", UNMAP_ALL, 0, 0),
        ("none_left", UNMAP_ALL, 0, 0),
    ] {
        type1.say_unmap(&format!("unmap_all.{case}"), flags, iova, size);
    }
    type1.map_rw(IOVA, PAGE);
    type1.say_unmap("unmap.whole_space_iova0_size_max_aligned", 0, 0, u64::MAX - PAGE + 1);
    type1.map_rw(IOVA, PAGE);
    type1.say_unmap("unmap.whole_space_size_2^63", 0, 0, 1 << 63);
    type1.say_unmap("unmap_all.cleanup", UNMAP_ALL, 0, 0);
}
