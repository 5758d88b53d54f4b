//! Sentences as people read them, and what they all have in common.

use uvfio_abi::Errno;
use uvfio_kernel::addr::{Iova, PhysAddr, UserAddr};
use uvfio_vfio::file::GroupId;
use uvfio_vfio::refusal::{
    ContainerRefusal, DeviceRefusal, GroupRefusal, Holder, IrqRefusal, MapField, MaskAction, OpenRefusal,
    Type1Refusal,
};

use super::*;

const GROUP: GroupId = GroupId(3);

#[test]
fn each_family_says_value_rule_and_holder() {
    let held = vec![("2b010000.hdlcd".to_owned(), "hdlcd".to_owned())];
    let cases: [(Refusal, &str); 7] = [
        (
            OpenRefusal::Busy { group: GROUP, holder: Holder::Devices(vec!["7ff00000.dma".into()]) }.into(),
            "no file of group 3 is open any more, but 7ff00000.dma of it is, through a descriptor or a mapping, and keeps it",
        ),
        (
            ContainerRefusal::InterruptsNotIsolated { group: GROUP }.into(),
            "a device of group 3 could raise any interrupt of the machine (its interrupts are not remapped); \
             vfio_iommu_type1.allow_unsafe_interrupts=1 allows it all the same",
        ),
        (
            GroupRefusal::NotViable { group: GROUP, held }.into(),
            "group 3 is not viable: 2b010000.hdlcd is still bound to hdlcd, and one IOMMU group can have only one owner; unbind \
             it, or bind it to a VFIO driver too",
        ),
        (
            Type1Refusal::MapUnaligned { field: MapField::Vaddr, value: 0x1234, page: 0x1000 }.into(),
            "vaddr 0x1234 is not a multiple of the IOMMU's smallest page, 0x1000",
        ),
        (
            DeviceRefusal::MapRegion { index: 1, base: PhysAddr(0x7c00_1000), size: 0x800 }.into(),
            "region 1 (0x7c001000..=0x7c0017ff) does not begin and end at a page, so a mapping would show what lies beside it; \
             use pread and pwrite",
        ),
        (
            IrqRefusal::EventFdBusy { index: 2, action: MaskAction::Unmask }.into(),
            "another eventfd unmasks interrupt 2 already; pass -1 first to take it away",
        ),
        (
            Refusal::Pointer { at: UserAddr(8) },
            "the program passed the address 0x8, where it has no memory that can be used this way",
        ),
    ];
    for (refused, sentence) in cases {
        assert_eq!(refusal(&refused), sentence);
    }
}

/// A sentence stands on one line of the trace, in brackets' company, so it has no end of its own.
#[test]
fn sentences_have_one_line_and_no_full_stop() {
    let some: [Refusal; 6] = [
        ContainerRefusal::Attach { group: GROUP, errno: Errno::EINVAL }.into(),
        ContainerRefusal::UnknownType { iommu: 77 }.into(),
        GroupRefusal::NoSuchDevice { group: GROUP, name: "x\n".into(), devices: vec![] }.into(),
        Type1Refusal::OutsideRanges {
            iova: Iova(1 << 60),
            size: 0x1000,
            ranges: vec![(Iova(0), Iova(0xffff))],
        }
        .into(),
        DeviceRefusal::NoRegion { index: 9, regions: 1 }.into(),
        IrqRefusal::NoIrq { index: 9, irqs: 0 }.into(),
    ];
    for refused in some {
        let sentence = refusal(&refused);
        assert!(!sentence.contains('\n') && !sentence.ends_with('.'), "{sentence}");
    }
}

#[test]
fn lists_and_ranges_read_as_people_write_them() {
    assert_eq!(list::<&str>(&[]), "none");
    assert_eq!(list(&["a"]), "a");
    assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    assert_eq!(range(0x1000, 0x1000), "0x1000..=0x1fff");
    assert_eq!(range(0, 0), "0x0 bytes at 0x0");
    assert_eq!(range(u64::MAX, 2), "0x2 bytes at 0xffffffffffffffff");
}
