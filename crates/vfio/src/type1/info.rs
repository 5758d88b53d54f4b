//! `VFIO_IOMMU_GET_INFO`: page sizes and the chain of capabilities.
//!
//! In Linux this is `vfio_iommu_type1_get_info` of `drivers/vfio/vfio_iommu_type1.c` over `vfio_info_cap_add` of
//! `drivers/vfio/vfio_main.c`. The chain is migration, DMA_AVAIL, IOVA ranges. A structure too small for it is told how much room
//! it takes, and succeeds.

use uvfio_abi::vfio::{
    CapDmaAvail, CapIovaRange, CapMigration, InfoCapHeader, IovaRange, Type1Info, VFIO_IOMMU_INFO_CAPS,
    VFIO_IOMMU_INFO_PGSIZES, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
    VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
};
use uvfio_kernel::addr::{Iova, UserAddr};
use zerocopy::IntoBytes;

use super::dirty::MAX_BITMAP;
use super::memlock::PAGE;
use crate::caller::Caller;
use crate::personality::{self, Personality};
use crate::refusal::Refusal;
use crate::user;

/// Bytes every version of the structure had (`offsetofend(.., iova_pgsizes)`).
const LEAST: usize = 16;

/// What the answer says.
pub(super) struct Facts {
    /// Bitmap of page sizes.
    pub(super) pgsizes: u64,
    /// Mappings that may still be made.
    pub(super) avail: u32,
    /// Ranges that may be mapped.
    pub(super) ranges: Vec<(Iova, Iova)>,
}

/// Answer the call.
pub(super) fn answer(
    caller: &dyn Caller,
    arg: u64,
    facts: &Facts,
    kernel: &Personality,
) -> Result<(), Refusal> {
    let mut info: Type1Info = user::read_prefix(caller, arg, LEAST)?;
    user::at_least(info.argsz, LEAST)?;
    let room = info.argsz as usize;
    let written = written_bytes(room, kernel);
    info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
    info.iova_pgsizes = facts.pgsizes;
    let chain = chain(facts, kernel);
    let whole = size_of::<Type1Info>() + chain.len();
    if room < whole {
        info.argsz = u32::try_from(whole).unwrap_or(u32::MAX);
    } else {
        caller.write(UserAddr(user::after(arg, size_of::<Type1Info>())), &chain)?;
        info.cap_offset = size_of::<Type1Info>() as u32;
    }
    user::write_prefix(caller, arg, &info, written)
}

/// How much of the structure itself is written: kernels that know of its padding write it too.
fn written_bytes(room: usize, kernel: &Personality) -> usize {
    if kernel.holds(&personality::INFO_PAD) {
        room.min(size_of::<Type1Info>())
    } else if room >= 20 {
        20
    } else {
        LEAST
    }
}

/// The chain as it stands in memory behind the structure.
fn chain(facts: &Facts, kernel: &Personality) -> Vec<u8> {
    let mut chain = Chain { bytes: Vec::new(), last: None, aligned: kernel.holds(&personality::CAP_ALIGN) };
    chain.add(
        CapMigration {
            header: header(VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION),
            pgsize_bitmap: PAGE,
            max_dirty_bitmap_size: MAX_BITMAP,
            ..CapMigration::default()
        }
        .as_bytes(),
    );
    chain.add(CapDmaAvail { header: header(VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL), avail: facts.avail }.as_bytes());
    if !facts.ranges.is_empty() {
        let cap = CapIovaRange {
            header: header(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE),
            nr_iovas: u32::try_from(facts.ranges.len()).unwrap_or(u32::MAX),
            reserved: 0,
        };
        let mut bytes = cap.as_bytes().to_vec();
        for (start, end) in &facts.ranges {
            bytes.extend_from_slice(IovaRange { start: start.0, end: end.0 }.as_bytes());
        }
        chain.add(&bytes);
    }
    chain.bytes
}

fn header(id: u16) -> InfoCapHeader {
    InfoCapHeader { id, version: 1, next: 0 }
}

/// A chain under construction.
struct Chain {
    bytes: Vec<u8>,
    last: Option<usize>,
    aligned: bool,
}

impl Chain {
    fn add(&mut self, capability: &[u8]) {
        let at = self.bytes.len();
        if let Some(last) = self.last {
            let next = (size_of::<Type1Info>() + at) as u32;
            self.bytes[last + 4..last + 8].copy_from_slice(&next.to_ne_bytes());
        }
        self.bytes.extend_from_slice(capability);
        if self.aligned {
            self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        }
        self.last = Some(at);
    }
}
