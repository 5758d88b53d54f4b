//! type1 against a naive model, over random sequences of maps, unmaps, limits and faults; and what the model does not cover.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::test_runner::Config;
use uvfio_abi::Errno;
use uvfio_abi::vfio::{self as abi, Bitmap, DirtyBitmapGet, DmaMap, DmaUnmap};
use uvfio_kernel::addr::Iova;
use uvfio_kernel::device::Bus;
use uvfio_kernel::hw::Access;
use uvfio_kernel::iommu::Group;

use super::*;
use crate::caller::Capability;
use crate::testing::{Bench, MEMORY, Opened, Process, READ_ONLY, call};

const PAGE_SIZE: u64 = 4096;
/// Pages of device addresses the sequences play in.
const PAGES: u64 = 16;
/// Mappings that may be made.
const ENTRIES: usize = 4;
/// Pages that may be locked.
const LOCKED: u64 = 10;

#[derive(Clone, Copy, Debug)]
enum Step {
    Map { iova: u64, vaddr: u64, pages: u64, flags: u32 },
    Unmap { iova: u64, pages: u64, flags: u32 },
    NewVaddr { iova: u64, pages: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let map = (0..PAGES, 56..68_u64, 0..5_u64, 0..4_u32).prop_map(|(iova, vaddr, pages, flags)| Step::Map {
        iova,
        vaddr,
        pages,
        flags,
    });
    let flags = prop_oneof![8 => Just(0), 1 => Just(2_u32), 2 => Just(4_u32)];
    let unmap =
        (0..PAGES, 0..9_u64, flags).prop_map(|(iova, pages, flags)| Step::Unmap { iova, pages, flags });
    let vaddr = (0..PAGES, 1..5_u64).prop_map(|(iova, pages)| Step::NewVaddr { iova, pages });
    proptest::collection::vec(prop_oneof![4 => map, 3 => unmap, 1 => vaddr], 0..40)
}

/// Mappings as a list of pages.
#[derive(Clone, Copy)]
struct Entry {
    iova: u64,
    pages: u64,
    flags: u32,
    invalid: bool,
}

struct Naive {
    v2: bool,
    entries: Vec<Entry>,
}

impl Naive {
    fn overlapping(&self, iova: u64, pages: u64) -> Vec<Entry> {
        let hit = |entry: &&Entry| entry.iova < iova + pages && iova < entry.iova + entry.pages;
        let mut hits: Vec<Entry> = self.entries.iter().filter(hit).copied().collect();
        hits.sort_by_key(|entry| entry.iova);
        hits
    }

    fn map(&mut self, iova: u64, vaddr: u64, pages: u64, flags: u32) -> Result<u64, Errno> {
        if flags == 0 || pages == 0 {
            return Err(Errno::EINVAL);
        }
        if !self.overlapping(iova, pages).is_empty() {
            return Err(Errno::EEXIST);
        }
        if self.entries.len() == ENTRIES {
            return Err(Errno::ENOSPC);
        }
        let mut locked: u64 = self.entries.iter().map(|entry| entry.pages).sum();
        // 64 pages may be written, the next only read, and behind it is nothing.
        for page in vaddr..vaddr + pages {
            if page > 64 || page == 64 && flags & 2 != 0 {
                return Err(Errno::EFAULT);
            }
            locked += 1;
            if locked > LOCKED {
                return Err(Errno::ENOMEM);
            }
        }
        self.entries.push(Entry { iova, pages, flags, invalid: false });
        Ok(0)
    }

    fn unmap(&mut self, iova: u64, pages: u64, flags: u32) -> Result<u64, Errno> {
        let (iova, pages) = match (flags & 2 != 0, iova, pages) {
            (true, 0, 0) => (0, PAGES * 2),
            (true, ..) | (false, _, 0) => return Err(Errno::EINVAL),
            (false, iova, pages) => (iova, pages),
        };
        let mut hits = self.overlapping(iova, pages);
        let cut = |entry: &Entry| entry.iova < iova || entry.iova + entry.pages > iova + pages;
        if self.v2 && hits.iter().any(cut) {
            return Err(Errno::EINVAL);
        }
        if hits.first().is_some_and(|first| first.iova < iova) {
            hits.clear();
        }
        let unmapped = hits.iter().map(|entry| entry.pages * PAGE_SIZE).sum();
        let hit = |entry: &Entry| hits.iter().any(|hit| hit.iova == entry.iova);
        if flags & 4 == 0 {
            self.entries.retain(|entry| !hit(entry));
        } else if hits.iter().any(|entry| entry.invalid) {
            return Err(Errno::EINVAL);
        } else {
            self.entries.iter_mut().filter(|entry| hit(entry)).for_each(|entry| entry.invalid = true);
        }
        Ok(unmapped)
    }

    fn new_vaddr(&mut self, iova: u64, pages: u64) -> Result<u64, Errno> {
        if self.overlapping(iova, pages).is_empty() {
            return Err(Errno::ENOENT);
        }
        let same = |entry: &&mut Entry| entry.iova == iova && entry.pages == pages && entry.invalid;
        let entry = self.entries.iter_mut().find(same).ok_or(Errno::EINVAL)?;
        entry.invalid = false;
        Ok(0)
    }

    fn allows(&self, page: u64, access: Access) -> bool {
        let bit = if access == Access::Write { 2 } else { 1 };
        self.overlapping(page, 1).iter().any(|entry| entry.flags & bit != 0)
    }
}

struct Real {
    process: Process,
    opened: Opened,
    group: Arc<Group>,
}

impl Real {
    fn new(bench: &Bench, version: u32) -> Self {
        let process = Process::new();
        process.limit(LOCKED * PAGE_SIZE + 1);
        let opened = bench.open(&process, "a", version);
        let group = bench.machine.device(Bus::Platform, "a").and_then(|device| device.group());
        Self { process, opened, group: group.expect("it has a group") }
    }

    fn map(&self, iova: u64, vaddr: u64, size: u64, flags: u32) -> Result<u64, Errno> {
        let map = DmaMap { argsz: 32, flags, vaddr, iova, size };
        let at = self.process.put(&map);
        call(&self.process, &self.opened.container, abi::VFIO_IOMMU_MAP_DMA, at).map(|value| value as u64)
    }

    fn unmap(&self, iova: u64, size: u64, flags: u32) -> Result<u64, Errno> {
        let at = self.process.put(&DmaUnmap { argsz: 24, flags, iova, size });
        call(&self.process, &self.opened.container, abi::VFIO_IOMMU_UNMAP_DMA, at)?;
        Ok(self.process.get::<DmaUnmap>(at).size)
    }

    fn step(&self, step: Step) -> Result<u64, Errno> {
        match step {
            Step::Map { iova, vaddr, pages, flags } => {
                self.map(iova * PAGE_SIZE, MEMORY + vaddr * PAGE_SIZE, pages * PAGE_SIZE, flags)
            }
            Step::Unmap { iova, pages, flags } => self.unmap(iova * PAGE_SIZE, pages * PAGE_SIZE, flags),
            Step::NewVaddr { iova, pages } => self.map(iova * PAGE_SIZE, MEMORY, pages * PAGE_SIZE, 4),
        }
    }

    fn allows(&self, page: u64, access: Access) -> bool {
        self.group.domain().table().translate(Iova(page * PAGE_SIZE), access).is_ok()
    }
}

fn agree(version: u32, steps: &[Step]) {
    let bench = Bench::with(
        &[
            "vfio-platform.reset_required=0",
            "vfio_iommu_type1.allow_unsafe_interrupts=1",
            "vfio_iommu_type1.dma_entry_limit=4",
        ],
        "linux-6.12",
    );
    let real = Real::new(&bench, version);
    let mut naive = Naive { v2: version == abi::VFIO_TYPE1V2_IOMMU, entries: Vec::new() };
    for (number, step) in steps.iter().enumerate() {
        let expected = match *step {
            Step::Map { iova, vaddr, pages, flags } => naive.map(iova, vaddr, pages, flags),
            Step::Unmap { iova, pages, flags } => naive.unmap(iova, pages, flags),
            Step::NewVaddr { iova, pages } => naive.new_vaddr(iova, pages),
        };
        assert_eq!(real.step(*step), expected, "step {number}, {step:?}");
        for page in 0..PAGES + 8 {
            for access in [Access::Read, Access::Write] {
                assert_eq!(real.allows(page, access), naive.allows(page, access), "page {page}, {access:?}");
            }
        }
    }
    [&real.opened.device, &real.opened.group].iter().for_each(|file| file.release());
    assert_eq!(bench.vfio.shared().ledger.locked(real.process.space.number()), 0);
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 128, ..Config::default() })]

    #[test]
    fn v1_agrees_with_the_naive_model(steps in steps()) {
        agree(abi::VFIO_TYPE1_IOMMU, &steps);
    }

    #[test]
    fn v2_agrees_with_the_naive_model(steps in steps()) {
        agree(abi::VFIO_TYPE1V2_IOMMU, &steps);
    }

    /// Whatever a program passes, it gets an answer.
    #[test]
    fn any_request_is_answered(request in 100..125_u32, bytes in any::<[u8; 48]>(), arg in any::<u64>()) {
        let bench = Bench::new();
        let real = Real::new(&bench, abi::VFIO_TYPE1V2_IOMMU);
        let at = real.process.put(&bytes);
        for file in [&real.opened.container, &real.opened.group, &real.opened.device] {
            let _ = file.ioctl(&real.process, (u32::from(b';') << 8) | request, at);
            let _ = file.ioctl(&real.process, (u32::from(b';') << 8) | request, arg);
        }
    }
}

#[test]
fn numbers_are_checked_in_linux_s_order() {
    let bench = Bench::new();
    let real = Real::new(&bench, abi::VFIO_TYPE1V2_IOMMU);
    let (at, page, top) = (0x10_0000, PAGE_SIZE, 0_u64.wrapping_sub(PAGE_SIZE));
    for (expected, flags, vaddr, iova, size) in [
        (Errno::EINVAL, 3 | 8, MEMORY, at, page),
        (Errno::EINVAL, 3 | 4, MEMORY, at, page),
        (Errno::EINVAL, 3, MEMORY + 1, at, page),
        (Errno::EINVAL, 3, MEMORY, at + 2048, page),
        (Errno::EINVAL, 3, MEMORY, at, page + 1),
        (Errno::EINVAL, 3, top, at, 2 * page),
        (Errno::EINVAL, 3, MEMORY, top, 2 * page),
        (Errno::EINVAL, 3, MEMORY, 1 << 48, page),
        (Errno::EINVAL, 3, MEMORY, 0x800_0000, page),
        (Errno::EFAULT, 3, 0, at, page),
        (Errno::EFAULT, 3, READ_ONLY, at, page),
        (Errno::ENOENT, 4, MEMORY, at, page),
    ] {
        assert_eq!(
            real.map(iova, vaddr, size, flags),
            Err(expected),
            "{flags:#x} {vaddr:#x} {iova:#x} {size:#x}"
        );
    }
    assert_eq!(real.map(at, READ_ONLY, page, 1), Ok(0));
    let wrapping = real.unmap(top, 2 * page, 0);
    assert_eq!(wrapping, Err(Errno::EINVAL));
    assert_eq!(real.unmap(0, top, 0), Ok(page));
}

#[test]
fn a_capability_lifts_the_limit() {
    let bench = Bench::new();
    let real = Real::new(&bench, abi::VFIO_TYPE1V2_IOMMU);
    assert_eq!(real.map(0, MEMORY, (LOCKED + 1) * PAGE_SIZE, 3), Err(Errno::ENOMEM));
    real.process.grant(Capability::IpcLock);
    assert_eq!(real.map(0, MEMORY, (LOCKED + 1) * PAGE_SIZE, 3), Ok(0));
}

#[test]
fn info_has_the_recorded_length_and_chain() {
    for (kernel, length, offsets) in [("linux-6.12", 120, [24, 56, 72]), ("linux-6.1", 116, [24, 56, 68])] {
        let bench = Bench::with(&["vfio_iommu_type1.allow_unsafe_interrupts=1"], kernel);
        let process = Process::new();
        let opened = bench.open(&process, "g", abi::VFIO_TYPE1V2_IOMMU);
        let info = |argsz: u32| {
            let mut bytes = [0xee_u8; 128];
            bytes[..4].copy_from_slice(&argsz.to_ne_bytes());
            let at = process.put(&bytes);
            call(&process, &opened.container, abi::VFIO_IOMMU_GET_INFO, at).expect("it answers");
            process.get::<[u8; 128]>(at)
        };
        let word =
            |bytes: &[u8; 128], at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let short = info(24);
        assert_eq!((word(&short, 0), word(&short, 16)), (length, 0));
        let whole = info(length);
        let nexts = [word(&whole, 16), word(&whole, offsets[0] + 4), word(&whole, offsets[1] + 4)];
        assert_eq!(nexts.map(|next| next as usize), offsets);
        assert_eq!(word(&whole, offsets[2] + 4), 0);
    }
}

#[test]
fn every_mapped_page_is_dirty() {
    let bench = Bench::new();
    let real = Real::new(&bench, abi::VFIO_TYPE1V2_IOMMU);
    let dirty = |argsz: u32, flags: u32, get: DirtyBitmapGet| {
        let mut bytes = [0_u8; 48];
        bytes[..4].copy_from_slice(&argsz.to_ne_bytes());
        bytes[4..8].copy_from_slice(&flags.to_ne_bytes());
        bytes[8..].copy_from_slice(zerocopy::IntoBytes::as_bytes(&get));
        let at = real.process.put(&bytes);
        call(&real.process, &real.opened.container, abi::VFIO_IOMMU_DIRTY_PAGES, at)
    };
    let data = MEMORY + 0x2000;
    let range = |page: u64, pages: u64, size: u64| DirtyBitmapGet {
        iova: page * PAGE_SIZE,
        size: pages * PAGE_SIZE,
        bitmap: Bitmap { pgsize: PAGE_SIZE, size, data },
    };
    let bits = || real.process.get::<[u64; 2]>(data);
    assert_eq!(dirty(8, 1, range(0, 0, 0)), Ok(0));
    real.map(3 * PAGE_SIZE, MEMORY, 2 * PAGE_SIZE, 3).expect("it maps");
    real.map(62 * PAGE_SIZE, MEMORY, 4 * PAGE_SIZE, 3).expect("it maps");
    assert_eq!(dirty(48, 4, range(0, 80, 16)), Ok(0));
    assert_eq!(bits(), [3 << 62 | 3 << 3, 3]);
    assert_eq!(dirty(48, 4, range(4, 8, 8)), Err(Errno::EINVAL), "it would cut a mapping");
    assert_eq!(dirty(48, 4, range(0, 80, 8)), Err(Errno::EINVAL), "too small a bitmap");
    assert_eq!(dirty(8, 3, range(0, 0, 0)), Err(Errno::EINVAL));
    assert_eq!(dirty(8, 2, range(0, 0, 0)), Ok(0));
    assert_eq!(dirty(48, 4, range(0, 80, 16)), Err(Errno::EINVAL), "tracking has stopped");
}

#[test]
fn the_series_of_2014_has_executable_mappings() {
    for (kernel, flags, executable) in [("rfc-v4", 3, false), ("rfc-v4", 7, true), ("linux-6.12", 3, true)] {
        let params = ["vfio-platform.reset_required=0", "vfio_iommu_type1.allow_unsafe_interrupts=1"];
        let bench = Bench::with(&params, kernel);
        let real = Real::new(&bench, abi::VFIO_TYPE1_IOMMU);
        real.map(0, MEMORY, PAGE_SIZE, flags).expect("it maps");
        assert_eq!(real.allows(0, Access::Execute), executable, "{kernel} {flags}");
    }
}
