//! Lines of the trace, as people read them.

use uvfio_kernel::addr::{Iova, UserAddr};
use uvfio_kernel::device::Bus;
use uvfio_kernel::machine;
use uvfio_vfio::caller::Pid;
use uvfio_vfio::file::GroupId;
use uvfio_vfio::observe::{Answer, Call, Subject};
use uvfio_vfio::refusal::{Refusal, Type1Refusal};

use super::*;

fn line(subject: &Subject, made: &Call, result: Result<&Answer, &Refusal>) -> String {
    let record = CallRecord { pid: Some(Pid(7)), subject, call: made, result };
    anstream::adapter::strip_str(&call(&record, &Personality::default())).to_string()
}

#[test]
fn a_call_has_names_and_values() {
    let map =
        Call::MapDma { flags: 3, vaddr: UserAddr(0x7f00_0000_0000), iova: Iova(0x1000), size: 0x10_0000 };
    assert_eq!(
        line(&Subject::Container(1), &map, Ok(&Answer::Value(0))),
        "[7] container 1: VFIO_IOMMU_MAP_DMA(READ|WRITE, vaddr 0x7f0000000000, iova 0x1000, size 0x100000) = 0\n"
    );
    assert_eq!(
        line(&Subject::Group(GroupId(3)), &Call::GroupGetStatus, Ok(&Answer::GroupStatus { flags: 1 })),
        "[7] group 3: VFIO_GROUP_GET_STATUS() = VIABLE\n"
    );
    assert_eq!(
        line(
            &Subject::Device("7ff00000.dma".into()),
            &Call::Read { offset: (1 << 40) + 0x20, len: 4 },
            Ok(&Answer::Value(4))
        ),
        "[7] 7ff00000.dma: pread(region 1 + 0x20, 4 bytes) = 4\n"
    );
}

#[test]
fn a_refusal_has_a_sentence_and_its_rule() {
    let map = Call::MapDma { flags: 1, vaddr: UserAddr(0x1000), iova: Iova(0), size: 0x2000 };
    let refusal: Refusal =
        Type1Refusal::Overlap { iova: Iova(0), size: 0x2000, held: Iova(0x1000), held_size: 0x1000 }.into();
    assert_eq!(
        line(&Subject::Container(1), &map, Err(&refusal)),
        "[7] container 1: VFIO_IOMMU_MAP_DMA(READ, vaddr 0x1000, iova 0x0, size 0x2000) = -1 EEXIST\n\
         \x20     0x0..=0x1fff overlaps the mapping at 0x1000..=0x1fff; unmap that first [type1.map.overlap]\n"
    );
}

#[test]
fn a_refused_write_to_sysfs_is_explained() {
    let refusal = machine::Refusal::NoDevice { bus: Bus::Amba, device: "7ff0.dma".into() };
    let write = Write {
        pid: Some(Pid(7)),
        path: "bus/amba/drivers/vfio-amba/bind",
        bytes: b"7ff0.dma\n",
        result: Err(&refusal),
    };
    assert_eq!(
        anstream::adapter::strip_str(&sysfs(&write)).to_string(),
        "[7] /sys/bus/amba/drivers/vfio-amba/bind: write(\"7ff0.dma\") = -1 ENODEV\n\
         \x20     bus amba has no device \"7ff0.dma\" [bus.no-device]\n"
    );
}
