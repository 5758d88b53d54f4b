//! A type1 container: what GET_INFO says and which mappings are taken. The cases on unmapping, moved memory, dirty pages and locked
//! memory are in files of their own; they run in this order on one container.

use crate::answer::{Answer, Hex, Section};
use crate::raw::{self, MAP_READ, MAP_RW, MAP_VADDR, MAP_WRITE, Mapping, PAGE, Page};
use crate::{dirty, memlock, unmap, vaddr};

/// Where most cases map.
pub const IOVA: u64 = 0x10_0000;

/// `struct vfio_iommu_type1_dma_map`.
#[repr(C)]
struct DmaMap {
    argsz: u32,
    flags: u32,
    vaddr: u64,
    iova: u64,
    size: u64,
}

/// `struct vfio_iommu_type1_dma_unmap`.
#[repr(C)]
struct DmaUnmap {
    argsz: u32,
    flags: u32,
    iova: u64,
    size: u64,
}

/// A container and the memory its cases map.
pub struct Type1 {
    /// Names of the cases.
    pub section: Section,
    /// The container.
    pub container: i32,
    /// 64 MiB of private memory.
    pub memory: Mapping,
}

impl Type1 {
    /// `MAP_DMA` with a size of the structure of one's own.
    pub fn map_sized(&self, argsz: u32, flags: u32, vaddr: u64, iova: u64, size: u64) -> Answer {
        let mut map = DmaMap { argsz, flags, vaddr, iova, size };
        raw::ioctl(self.container, raw::IOMMU_MAP_DMA, &mut map)
    }

    /// `MAP_DMA`.
    pub fn map(&self, flags: u32, vaddr: u64, iova: u64, size: u64) -> Answer {
        self.map_sized(32, flags, vaddr, iova, size)
    }

    /// `MAP_DMA` of the start of the memory, to read and write.
    pub fn map_rw(&self, iova: u64, size: u64) -> Answer {
        self.map(MAP_RW, self.memory.address, iova, size)
    }

    /// `UNMAP_DMA` with a size of the structure of one's own; the answer and the bytes it says were unmapped.
    pub fn unmap_sized(&self, argsz: u32, flags: u32, iova: u64, size: u64) -> (Answer, u64) {
        let mut unmap = DmaUnmap { argsz, flags, iova, size };
        let answer = raw::ioctl(self.container, raw::IOMMU_UNMAP_DMA, &mut unmap);
        (answer, unmap.size)
    }

    /// `UNMAP_DMA` whose answer is not a case.
    pub fn unmap(&self, flags: u32, iova: u64, size: u64) {
        self.unmap_sized(24, flags, iova, size);
    }

    /// `UNMAP_DMA` of everything, whose answer is not a case.
    pub fn unmap_all(&self) {
        self.unmap(raw::UNMAP_ALL, 0, 0);
    }

    /// A case of `MAP_DMA`.
    pub fn say(&self, case: &str, answer: Answer) {
        self.section.say(case, answer);
    }

    /// A case of `UNMAP_DMA`.
    pub fn say_unmap(&self, case: &str, flags: u32, iova: u64, size: u64) {
        self.say_unmapped(case, self.unmap_sized(24, flags, iova, size));
    }

    /// A case of `UNMAP_DMA` already made.
    pub fn say_unmapped(&self, case: &str, (answer, size): (Answer, u64)) {
        self.section.say_with(case, answer, format_args!("size={}", Hex(size)));
    }

    /// Mappings that may still be made, out of GET_INFO's chain.
    pub fn mappings_left(&self) -> i64 {
        let info = Info::ask(self.container, 512, 0);
        info.capabilities()
            .find(|capability| capability.id == 3)
            .map_or(-3, |capability| i64::from(info.word(capability.at + 8)))
    }
}

/// The bytes of one `IOMMU_GET_INFO`.
struct Info {
    answer: Answer,
    bytes: [u8; 1024],
}

/// Where a capability of the chain stands, and its header.
struct Capability {
    at: usize,
    id: u16,
    version: u16,
    next: u32,
}

impl Info {
    fn ask(container: i32, argsz: u32, filler: u8) -> Info {
        let mut bytes = [filler; 1024];
        bytes[..4].copy_from_slice(&argsz.to_ne_bytes());
        bytes[4..8].fill(0);
        let answer = raw::ioctl(container, raw::IOMMU_GET_INFO, &mut bytes);
        Info { answer, bytes }
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn double(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    fn capabilities(&self) -> impl Iterator<Item = Capability> {
        let mut at = self.word(16) as usize;
        std::iter::from_fn(move || {
            if at == 0 || at >= 512 {
                return None;
            }
            let header = self.word(at);
            let capability =
                Capability { at, id: header as u16, version: (header >> 16) as u16, next: self.word(at + 4) };
            at = capability.next as usize;
            Some(capability)
        })
        .take(16)
    }
}

/// The section `t1` or `t1v2`.
pub fn ask(name: &str, container: i32) {
    let memory = Mapping::memory(64 << 20, libc::PROT_READ | libc::PROT_WRITE);
    let type1 = Type1 { section: Section::new(name), container, memory };
    info(&type1);
    flags_and_sizes(&type1);
    addresses(&type1);
    protections(&type1);
    overlaps(&type1);
    unmap::ask(&type1);
    vaddr::ask(&type1);
    dirty::ask(&type1);
    type1.say("enable_ioctl", raw::ioctl_value(container, raw::IOMMU_ENABLE, 0));
    type1.say("disable_ioctl", raw::ioctl_value(container, raw::IOMMU_DISABLE, 0));
    // The number is also IOMMU_GET_INFO's: with an argsz left from before, the call succeeds.
    let mut spapr = [0u8; 1024];
    spapr[..4].copy_from_slice(&512u32.to_ne_bytes());
    type1.say("spapr_get_info", raw::ioctl(container, raw::IOMMU_GET_INFO, &mut spapr));
    type1.say("unknown_iommu_ioctl", raw::ioctl_value(container, raw::request(21), 0));
    memlock::ask(&type1);
    of_a_child(&type1);
    entry_limit(&type1);
}

/// GET_INFO with every size of the structure, and the chain.
fn info(type1: &Type1) {
    for argsz in [0, 4, 8, 15, 16, 17, 20, 23, 24, 32, 64, 80, 103, 104, 120, 128, 256, 512] {
        let info = Info::ask(type1.container, argsz, 0xee);
        let cap_offset = if argsz >= 20 { info.word(16) } else { 0 };
        type1.section.say_with(
            format_args!("get_info.argsz{argsz}"),
            info.answer,
            format_args!(
                "argsz={} flags={} pgsizes={} cap_offset={}",
                info.word(0),
                Hex(info.word(4).into()),
                Hex(info.double(8)),
                Hex(cap_offset.into())
            ),
        );
        if argsz == 512 {
            chain(type1, &info);
        }
    }
    type1.say("get_info.null", raw::ioctl_value(type1.container, raw::IOMMU_GET_INFO, 0));
}

fn chain(type1: &Type1, info: &Info) {
    for Capability { at, id, version, next } in info.capabilities() {
        let case = format!("get_info.cap@{at}");
        let header = format!("id={id} ver={version} next={next}");
        let say =
            |fields: String| type1.section.say_with(&case, Answer::DONE, format_args!("{header}{fields}"));
        match id {
            1 => {
                let count = info.word(at + 8) as usize;
                say(format!(" nr={count}"));
                for range in 0..count {
                    let at = at + 16 + 16 * range;
                    let (start, end) = (info.double(at), info.double(at + 8));
                    type1.section.say_with(
                        format_args!("get_info.cap.iova{range}"),
                        Answer::DONE,
                        format_args!("{}-{}", Hex(start), Hex(end)),
                    );
                }
            }
            2 => say(format!(
                " flags={} pgsize={} maxbitmap={}",
                Hex(info.word(at + 8).into()),
                Hex(info.double(at + 16)),
                Hex(info.double(at + 24))
            )),
            3 => say(format!(" avail={}", info.word(at + 8))),
            _ => say(String::new()),
        }
    }
}

fn flags_and_sizes(type1: &Type1) {
    let va = type1.memory.address;
    type1.say("map.null", raw::ioctl_value(type1.container, raw::IOMMU_MAP_DMA, 0));
    for argsz in [0, 31, 4096] {
        type1.say(&format!("map.argsz{argsz}"), type1.map_sized(argsz, MAP_RW, va, IOVA, PAGE));
    }
    type1.say_unmap("unmap.exact", 0, IOVA, PAGE);
    for (case, flags) in [
        ("noflags", 0),
        ("flag_exec4", MAP_RW | 4),
        ("flag_unknown8", MAP_RW | 8),
        ("flag_unknown31", MAP_RW | 1 << 31),
        ("vaddr_flag_only", MAP_VADDR),
        ("vaddr_flag_rw", MAP_VADDR | MAP_RW),
    ] {
        type1.say(&format!("map.{case}"), type1.map(flags, va, IOVA, PAGE));
    }
    type1.unmap(0, IOVA, PAGE);
    for (case, size) in [("size0", 0), ("size1", 1), ("size_pg+1", PAGE + 1), ("size_unaligned512", 512)] {
        type1.say(&format!("map.{case}"), type1.map_rw(IOVA, size));
    }
    type1.say("map.iova_unaligned", type1.map_rw(IOVA + 1, PAGE));
    type1.say("map.vaddr_unaligned", type1.map(MAP_RW, va + 1, IOVA, PAGE));
    type1.say("map.iova_unaligned2k", type1.map_rw(IOVA + 2048, PAGE));
}

fn addresses(type1: &Type1) {
    let last = u64::MAX - PAGE + 1;
    type1.say("map.vaddr_null_pages", type1.map(MAP_RW, 0, IOVA, PAGE));
    type1.say("map.vaddr_unmapped", type1.map(MAP_RW, 0x1000_0000, IOVA, PAGE));
    type1.say("map.vaddr_kernel", type1.map(MAP_RW, 0xffff_8000_0000_0000, IOVA, PAGE));
    type1.say("map.vaddr_wrap", type1.map(MAP_RW, last, IOVA, 2 * PAGE));
    type1.say("map.iova_wrap", type1.map_rw(last, 2 * PAGE));
    type1.say("map.iova_last_page", type1.map_rw(last, PAGE));
    type1.say("map.iova_huge_48", type1.map_rw(1 << 48, PAGE));
    type1.say("map.iova_huge_56", type1.map_rw(1 << 56, PAGE));
    type1.say("map.size_huge", type1.map_rw(IOVA, 1 << 63));
    type1.say("map.size_wrap_neg", type1.map_rw(IOVA, last));
    type1.say("map.iova_39", type1.map_rw(1 << 39, PAGE));
    type1.say_unmap("unmap.iova_39", 0, 1 << 39, PAGE);
    // Where x86 and this board's SMMU keep their interrupt messages.
    for (case, window) in [("map.iova_msi_fee00000", 0xfee0_0000), ("map.iova_msi_8000000", 0x800_0000)] {
        type1.say(case, type1.map_rw(window, PAGE));
        type1.unmap(0, window, PAGE);
    }
}

fn protections(type1: &Type1) {
    let read_only = Mapping::memory(PAGE, libc::PROT_READ);
    let none = Mapping::memory(PAGE, libc::PROT_NONE);
    type1.say("map.ro_vma_rw", type1.map(MAP_RW, read_only.address, IOVA, PAGE));
    type1.say("map.ro_vma_r", type1.map(MAP_READ, read_only.address, IOVA, PAGE));
    type1.unmap(0, IOVA, PAGE);
    type1.say("map.ro_vma_w", type1.map(MAP_WRITE, read_only.address, IOVA, PAGE));
    type1.say("map.none_vma", type1.map(MAP_READ, none.address, IOVA, PAGE));
    type1.memory.set_page(1, Page::Gone);
    type1.say("map.hole_in_vaddr", type1.map_rw(IOVA, 4 * PAGE));
    type1.say_unmap("map.hole_in_vaddr.unmap_after", 0, IOVA, 4 * PAGE);
    type1.memory.set_page(1, Page::Fresh);
    type1.say("map.iova0", type1.map_rw(0, PAGE));
    type1.say_unmap("unmap.iova0", 0, 0, PAGE);
    type1.say("map.r_only", type1.map(MAP_READ, type1.memory.address, IOVA, PAGE));
    type1.say("map.w_only_next", type1.map(MAP_WRITE, type1.memory.address, IOVA + PAGE, PAGE));
    type1.say_unmap("unmap.both_in_one", 0, IOVA, 2 * PAGE);
    // The recorded run kept both mappings to its end.
    std::mem::forget((read_only, none));
}

fn overlaps(type1: &Type1) {
    for (case, iova, pages) in [
        ("4pg", IOVA, 4),
        ("same_again", IOVA, 4),
        ("overlap_head", IOVA - PAGE, 2),
        ("overlap_tail", IOVA + 3 * PAGE, 2),
        ("overlap_inside", IOVA + PAGE, 1),
        ("overlap_cover", IOVA - PAGE, 6),
        ("adjacent_below", IOVA - PAGE, 1),
        ("adjacent_above", IOVA + 4 * PAGE, 1),
        ("same_vaddr_other_iova", IOVA + 16 * PAGE, 4),
    ] {
        type1.say(&format!("map.{case}"), type1.map_rw(iova, pages * PAGE));
    }
    type1.section.say_with("dma_avail_with_4", Answer::DONE, format_args!("{}", type1.mappings_left()));
}

/// A mapping made by a child process that is gone.
fn of_a_child(type1: &Type1) {
    raw::in_child(|| {
        type1.map_rw(IOVA, PAGE);
    });
    type1.say_unmap("childmap.parent_unmap", 0, IOVA, PAGE);
}

/// How many mappings there may be.
fn entry_limit(type1: &Type1) {
    let mut count: u64 = 0;
    let mut refused = "OK".to_owned();
    while count < 70_000 {
        if let Answer(Err(errno)) = type1.map_rw(0x1000_0000 + count * PAGE, PAGE) {
            refused = format!("{errno:?}");
            break;
        }
        count += 1;
    }
    let left = type1.mappings_left();
    type1.section.say_with(
        "entry_limit",
        Answer::DONE,
        format_args!("n={count} errno={refused} avail={left}"),
    );
    type1.say_unmap("entry_limit.unmap_all", raw::UNMAP_ALL, 0, 0);
}
