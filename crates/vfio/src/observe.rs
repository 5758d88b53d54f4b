//! What an onlooker is told: each call decoded, its answer, and what a program left behind.
//!
//! A real kernel has tracepoints and `strace` for this. Decoding happens only where an [`Observer`] is given; counters for the
//! report are kept always. Nothing here changes an answer.

use uvfio_kernel::addr::{Iova, UserAddr};

use crate::caller::Pid;
use crate::file::{GroupId, Mmap, Node};
use crate::refusal::Refusal;

/// The file a call was made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// No file yet: an open.
    Node(Node),
    /// A container; the number tells several apart.
    Container(u64),
    /// A group.
    Group(GroupId),
    /// A device, by name.
    Device(String),
}

/// A call with its arguments, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `open`.
    Open,
    /// `VFIO_GET_API_VERSION`.
    GetApiVersion,
    /// `VFIO_CHECK_EXTENSION`.
    CheckExtension {
        /// The number asked about.
        extension: u64,
    },
    /// `VFIO_SET_IOMMU`.
    SetIommu {
        /// The type asked for.
        iommu: u64,
    },
    /// `VFIO_GROUP_GET_STATUS`.
    GroupGetStatus,
    /// `VFIO_GROUP_SET_CONTAINER`.
    GroupSetContainer {
        /// The container's descriptor.
        fd: i32,
    },
    /// `VFIO_GROUP_UNSET_CONTAINER`.
    GroupUnsetContainer,
    /// `VFIO_GROUP_GET_DEVICE_FD`.
    GroupGetDeviceFd {
        /// The device's name.
        name: String,
    },
    /// `VFIO_DEVICE_GET_INFO`.
    DeviceGetInfo,
    /// `VFIO_DEVICE_GET_REGION_INFO`.
    DeviceGetRegionInfo {
        /// The region.
        index: u32,
    },
    /// `VFIO_DEVICE_GET_IRQ_INFO`.
    DeviceGetIrqInfo {
        /// The interrupt.
        index: u32,
    },
    /// `VFIO_DEVICE_SET_IRQS`.
    DeviceSetIrqs {
        /// `VFIO_IRQ_SET_*`.
        flags: u32,
        /// The interrupt.
        index: u32,
        /// First within it.
        start: u32,
        /// How many.
        count: u32,
        /// The first datum: an eventfd's descriptor or a bool.
        datum: Option<i32>,
    },
    /// `VFIO_DEVICE_RESET`.
    DeviceReset,
    /// `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`.
    DeviceGetHotResetInfo,
    /// `VFIO_DEVICE_PCI_HOT_RESET`.
    DeviceHotReset {
        /// How many groups are shown.
        count: u32,
    },
    /// `VFIO_DEVICE_FEATURE`.
    DeviceFeature {
        /// Index and `VFIO_DEVICE_FEATURE_*`.
        flags: u32,
    },
    /// `VFIO_IOMMU_GET_INFO`.
    IommuGetInfo,
    /// `VFIO_IOMMU_MAP_DMA`.
    MapDma {
        /// `VFIO_DMA_MAP_FLAG_*`.
        flags: u32,
        /// Address in the process.
        vaddr: UserAddr,
        /// Address for the device.
        iova: Iova,
        /// Bytes.
        size: u64,
    },
    /// `VFIO_IOMMU_UNMAP_DMA`.
    UnmapDma {
        /// `VFIO_DMA_UNMAP_FLAG_*`.
        flags: u32,
        /// Address for the device.
        iova: Iova,
        /// Bytes.
        size: u64,
    },
    /// `VFIO_IOMMU_DIRTY_PAGES`.
    DirtyPages {
        /// `VFIO_IOMMU_DIRTY_PAGES_FLAG_*`.
        flags: u32,
    },
    /// A known request whose structure could not be read.
    Unreadable {
        /// The request.
        request: u32,
        /// The pointer passed.
        arg: u64,
    },
    /// A request that VFIO has no name for here.
    Unknown {
        /// The request.
        request: u32,
        /// Its argument.
        arg: u64,
    },
    /// `pread` or `read`.
    Read {
        /// Offset in the file.
        offset: u64,
        /// Bytes asked for.
        len: usize,
    },
    /// `pwrite` or `write`.
    Write {
        /// Offset in the file.
        offset: u64,
        /// Bytes.
        len: usize,
    },
    /// `mmap`.
    Mmap(Mmap),
    /// The last reference went away.
    Release,
}

/// What a call answered, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The value the call returned.
    Value(i64),
    /// A new container; the number tells several apart.
    Container(u64),
    /// A new file for this device.
    Device(String),
    /// `struct vfio_group_status`.
    GroupStatus {
        /// `VFIO_GROUP_FLAGS_*`.
        flags: u32,
    },
    /// `struct vfio_device_info`.
    DeviceInfo {
        /// `VFIO_DEVICE_FLAGS_*`.
        flags: u32,
        /// Regions.
        regions: u32,
        /// Interrupts.
        irqs: u32,
    },
    /// `struct vfio_region_info`.
    RegionInfo {
        /// `VFIO_REGION_INFO_FLAG_*`.
        flags: u32,
        /// Bytes.
        size: u64,
        /// Offset in the file.
        offset: u64,
    },
    /// `struct vfio_irq_info`.
    IrqInfo {
        /// `VFIO_IRQ_INFO_*`.
        flags: u32,
        /// Interrupts in this index.
        count: u32,
    },
    /// `struct vfio_iommu_type1_info`.
    IommuInfo {
        /// `VFIO_IOMMU_INFO_*`.
        flags: u32,
        /// Bitmap of page sizes.
        pgsizes: u64,
        /// Bytes the whole answer has.
        argsz: u32,
    },
    /// `VFIO_IOMMU_UNMAP_DMA`: bytes that were mapped.
    Unmapped {
        /// Bytes.
        size: u64,
    },
}

/// One call, its arguments and its answer.
pub struct CallRecord<'a> {
    /// The process that made it; `None` for a release, which no process makes.
    pub pid: Option<Pid>,
    /// The file it was made on.
    pub subject: &'a Subject,
    /// The call.
    pub call: &'a Call,
    /// The answer.
    pub result: Result<&'a Answer, &'a Refusal>,
}

/// Who wants to see every call.
pub trait Observer: Send + Sync {
    /// A call was answered.
    fn called(&self, record: &CallRecord<'_>);
}

/// Something a program left wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// The last close of a device found it still running.
    DeviceRunning {
        /// The device.
        device: String,
    },
    /// The last close of a device found an eventfd still set.
    InterruptArmed {
        /// The device.
        device: String,
        /// The interrupt.
        index: u32,
    },
    /// Mappings went away without any device having used them. All of them are one entry.
    MappingsNeverUsed {
        /// How many.
        count: u64,
        /// Their bytes, all in all.
        bytes: u64,
        /// The first address of the first of them.
        first: Iova,
    },
}

/// What happened so far, for the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Calls answered, refused ones included.
    pub calls: u64,
    /// Calls refused, by rule id.
    pub refusals: std::collections::BTreeMap<&'static str, u64>,
    /// What was left wrong, the first few.
    pub leftovers: Vec<Leftover>,
    /// How much more was left wrong.
    pub more_leftovers: u64,
    /// Devices in noiommu groups: each taints the kernel.
    pub tainted_by: Vec<String>,
}
