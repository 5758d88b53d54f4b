//! Calls and answers in words: the names of vfio.h for requests and flags, numbers in the base people read them in.

use uvfio_abi::vfio as abi;
use uvfio_vfio::file::{Mmap, Sharing};
use uvfio_vfio::observe::{Answer, Call, Subject};

/// Offsets of a device file have the region above this bit (`VFIO_PLATFORM_OFFSET_SHIFT`).
const REGION_SHIFT: u32 = 40;

/// The file a call is made on.
pub fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Node(node) => format!("/dev/vfio/{node}:"),
        Subject::Container(number) => format!("container {number}:"),
        Subject::Group(group) => format!("group {group}:"),
        Subject::Device(name) => format!("{name}:"),
    }
}

/// The call's name, and its arguments in parentheses.
pub fn call(call: &Call, subject: &Subject) -> (&'static str, String) {
    match call {
        Call::Open => ("open", "()".to_owned()),
        Call::GetApiVersion => ("VFIO_GET_API_VERSION", "()".to_owned()),
        Call::CheckExtension { extension } => {
            ("VFIO_CHECK_EXTENSION", format!("({})", extension_name(*extension)))
        }
        Call::SetIommu { iommu } => ("VFIO_SET_IOMMU", format!("({})", extension_name(*iommu))),
        Call::GroupGetStatus => ("VFIO_GROUP_GET_STATUS", "()".to_owned()),
        Call::GroupSetContainer { fd } => ("VFIO_GROUP_SET_CONTAINER", format!("(fd {fd})")),
        Call::GroupUnsetContainer => ("VFIO_GROUP_UNSET_CONTAINER", "()".to_owned()),
        Call::GroupGetDeviceFd { name } => ("VFIO_GROUP_GET_DEVICE_FD", format!("({name:?})")),
        Call::DeviceGetInfo => ("VFIO_DEVICE_GET_INFO", "()".to_owned()),
        Call::DeviceGetRegionInfo { index } => ("VFIO_DEVICE_GET_REGION_INFO", format!("(index {index})")),
        Call::DeviceGetIrqInfo { index } => ("VFIO_DEVICE_GET_IRQ_INFO", format!("(index {index})")),
        Call::DeviceSetIrqs { flags, index, start, count, datum } => {
            let datum = match datum {
                Some(datum) if flags & abi::VFIO_IRQ_SET_DATA_EVENTFD != 0 => format!(", eventfd {datum}"),
                Some(datum) => format!(", {datum}"),
                None => String::new(),
            };
            let flags = names(*flags, IRQ_SET_FLAGS);
            ("VFIO_DEVICE_SET_IRQS", format!("({flags}, index {index}, start {start}, count {count}{datum})"))
        }
        Call::DeviceReset => ("VFIO_DEVICE_RESET", "()".to_owned()),
        Call::DeviceGetHotResetInfo => ("VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", "()".to_owned()),
        Call::DeviceHotReset { count } => ("VFIO_DEVICE_PCI_HOT_RESET", format!("(count {count})")),
        Call::DeviceFeature { flags } => {
            let feature = flags & abi::VFIO_DEVICE_FEATURE_MASK;
            let flags = names(flags & !abi::VFIO_DEVICE_FEATURE_MASK, FEATURE_FLAGS);
            ("VFIO_DEVICE_FEATURE", format!("({flags}, feature {feature})"))
        }
        Call::IommuGetInfo => ("VFIO_IOMMU_GET_INFO", "()".to_owned()),
        Call::MapDma { flags, vaddr, iova, size } => {
            let flags = names(*flags, MAP_FLAGS);
            ("VFIO_IOMMU_MAP_DMA", format!("({flags}, vaddr {vaddr}, iova {iova}, size {size:#x})"))
        }
        Call::UnmapDma { flags, iova, size } => {
            let flags = names(*flags, UNMAP_FLAGS);
            ("VFIO_IOMMU_UNMAP_DMA", format!("({flags}, iova {iova}, size {size:#x})"))
        }
        Call::DirtyPages { flags } => ("VFIO_IOMMU_DIRTY_PAGES", format!("({})", names(*flags, DIRTY_FLAGS))),
        Call::Unreadable { request, arg } => {
            ("ioctl", format!("(request {request:#x}, bad pointer {arg:#x})"))
        }
        Call::Unknown { request, arg } => ("ioctl", format!("(request {request:#x}, {arg:#x})")),
        Call::Read { offset, len } => ("pread", format!("({}, {len} bytes)", place(*offset, subject))),
        Call::Write { offset, len } => ("pwrite", format!("({}, {len} bytes)", place(*offset, subject))),
        Call::Mmap(mmap) => ("mmap", mapping(mmap, subject)),
        Call::Release => ("close", String::new()),
    }
}

/// What a call answered; `None` where there is nothing to say.
pub fn answer(answer: &Answer, call: &Call) -> Option<String> {
    Some(match answer {
        Answer::Value(_) if matches!(call, Call::Release | Call::Open) => return None,
        Answer::Value(value) => value.to_string(),
        Answer::Container(number) => format!("container {number}"),
        Answer::Device(name) => format!("device {name}"),
        Answer::GroupStatus { flags } => names(*flags, GROUP_FLAGS),
        Answer::DeviceInfo { flags, regions, irqs } => {
            format!("{}, {regions} regions, {irqs} interrupts", names(*flags, DEVICE_FLAGS))
        }
        Answer::RegionInfo { flags, size, offset } => {
            format!("{}, size {size:#x}, offset {offset:#x}", names(*flags, REGION_FLAGS))
        }
        Answer::IrqInfo { flags, count } => format!("{}, count {count}", names(*flags, IRQ_FLAGS)),
        Answer::IommuInfo { flags, pgsizes, argsz } => {
            format!("{}, page sizes {pgsizes:#x}, argsz {argsz}", names(*flags, IOMMU_FLAGS))
        }
        Answer::Unmapped { size } => format!("0, {size:#x} bytes unmapped"),
    })
}

fn place(offset: u64, subject: &Subject) -> String {
    match subject {
        Subject::Device(_) => {
            let region = offset >> REGION_SHIFT;
            format!("region {region} + {:#x}", offset & ((1 << REGION_SHIFT) - 1))
        }
        _ => format!("offset {offset:#x}"),
    }
}

fn mapping(mmap: &Mmap, subject: &Subject) -> String {
    let mut prot = String::new();
    for (allowed, letter) in [(mmap.prot.read, 'r'), (mmap.prot.write, 'w'), (mmap.prot.exec, 'x')] {
        prot.push(if allowed { letter } else { '-' });
    }
    let sharing = match mmap.sharing {
        Sharing::Shared => "shared",
        Sharing::Private => "private",
    };
    format!("({}, {:#x} bytes, {prot}, {sharing})", place(mmap.offset, subject), mmap.len)
}

fn extension_name(number: u64) -> String {
    let found = EXTENSIONS.iter().find(|(value, _)| u64::from(*value) == number);
    found.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

type Names = &'static [(u32, &'static str)];

/// Flags as `A|B`, unknown bits as a number at the end, `0` where there are none.
fn names(flags: u32, known: Names) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = flags;
    for (bit, name) in known.iter().filter(|(bit, _)| flags & bit != 0) {
        words.push((*name).to_owned());
        rest &= !bit;
    }
    if rest != 0 || words.is_empty() {
        words.push(if rest == 0 { "0".to_owned() } else { format!("{rest:#x}") });
    }
    words.join("|")
}

const EXTENSIONS: Names = &[
    (abi::VFIO_TYPE1_IOMMU, "VFIO_TYPE1_IOMMU"),
    (abi::VFIO_SPAPR_TCE_IOMMU, "VFIO_SPAPR_TCE_IOMMU"),
    (abi::VFIO_TYPE1V2_IOMMU, "VFIO_TYPE1v2_IOMMU"),
    (abi::VFIO_DMA_CC_IOMMU, "VFIO_DMA_CC_IOMMU"),
    (abi::VFIO_EEH, "VFIO_EEH"),
    (abi::VFIO_TYPE1_NESTING_IOMMU, "VFIO_TYPE1_NESTING_IOMMU"),
    (abi::VFIO_SPAPR_TCE_V2_IOMMU, "VFIO_SPAPR_TCE_v2_IOMMU"),
    (abi::VFIO_NOIOMMU_IOMMU, "VFIO_NOIOMMU_IOMMU"),
    (abi::VFIO_UNMAP_ALL, "VFIO_UNMAP_ALL"),
    (abi::VFIO_UPDATE_VADDR, "VFIO_UPDATE_VADDR"),
];

const GROUP_FLAGS: Names =
    &[(abi::VFIO_GROUP_FLAGS_VIABLE, "VIABLE"), (abi::VFIO_GROUP_FLAGS_CONTAINER_SET, "CONTAINER_SET")];

const DEVICE_FLAGS: Names = &[
    (abi::VFIO_DEVICE_FLAGS_RESET, "RESET"),
    (abi::VFIO_DEVICE_FLAGS_PCI, "PCI"),
    (abi::VFIO_DEVICE_FLAGS_PLATFORM, "PLATFORM"),
    (abi::VFIO_DEVICE_FLAGS_AMBA, "AMBA"),
    (abi::VFIO_DEVICE_FLAGS_CAPS, "CAPS"),
];

const REGION_FLAGS: Names = &[
    (abi::VFIO_REGION_INFO_FLAG_READ, "READ"),
    (abi::VFIO_REGION_INFO_FLAG_WRITE, "WRITE"),
    (abi::VFIO_REGION_INFO_FLAG_MMAP, "MMAP"),
    (abi::VFIO_REGION_INFO_FLAG_CAPS, "CAPS"),
];

const IRQ_FLAGS: Names = &[
    (abi::VFIO_IRQ_INFO_EVENTFD, "EVENTFD"),
    (abi::VFIO_IRQ_INFO_MASKABLE, "MASKABLE"),
    (abi::VFIO_IRQ_INFO_AUTOMASKED, "AUTOMASKED"),
    (abi::VFIO_IRQ_INFO_NORESIZE, "NORESIZE"),
];

const IRQ_SET_FLAGS: Names = &[
    (abi::VFIO_IRQ_SET_DATA_NONE, "DATA_NONE"),
    (abi::VFIO_IRQ_SET_DATA_BOOL, "DATA_BOOL"),
    (abi::VFIO_IRQ_SET_DATA_EVENTFD, "DATA_EVENTFD"),
    (abi::VFIO_IRQ_SET_ACTION_MASK, "ACTION_MASK"),
    (abi::VFIO_IRQ_SET_ACTION_UNMASK, "ACTION_UNMASK"),
    (abi::VFIO_IRQ_SET_ACTION_TRIGGER, "ACTION_TRIGGER"),
];

const FEATURE_FLAGS: Names = &[
    (abi::VFIO_DEVICE_FEATURE_GET, "GET"),
    (abi::VFIO_DEVICE_FEATURE_SET, "SET"),
    (abi::VFIO_DEVICE_FEATURE_PROBE, "PROBE"),
];

const IOMMU_FLAGS: Names = &[(abi::VFIO_IOMMU_INFO_PGSIZES, "PGSIZES"), (abi::VFIO_IOMMU_INFO_CAPS, "CAPS")];

const MAP_FLAGS: Names = &[
    (abi::VFIO_DMA_MAP_FLAG_READ, "READ"),
    (abi::VFIO_DMA_MAP_FLAG_WRITE, "WRITE"),
    (abi::VFIO_DMA_MAP_FLAG_VADDR, "VADDR"),
];

const UNMAP_FLAGS: Names = &[
    (abi::VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, "GET_DIRTY_BITMAP"),
    (abi::VFIO_DMA_UNMAP_FLAG_ALL, "ALL"),
    (abi::VFIO_DMA_UNMAP_FLAG_VADDR, "VADDR"),
];

const DIRTY_FLAGS: Names = &[
    (abi::VFIO_IOMMU_DIRTY_PAGES_FLAG_START, "START"),
    (abi::VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, "STOP"),
    (abi::VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, "GET_BITMAP"),
];
