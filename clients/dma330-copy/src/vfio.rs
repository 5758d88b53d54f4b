//! The calls of linux/vfio.h that a driver for a platform or AMBA device makes.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use crate::Failure;
use crate::memory::Memory;

const fn request(number: u64) -> u64 {
    0x3b00 | (100 + number)
}

const GET_API_VERSION: u64 = request(0);
const CHECK_EXTENSION: u64 = request(1);
const SET_IOMMU: u64 = request(2);
const GROUP_GET_STATUS: u64 = request(3);
const GROUP_SET_CONTAINER: u64 = request(4);
const GROUP_GET_DEVICE_FD: u64 = request(6);
const DEVICE_GET_INFO: u64 = request(7);
const DEVICE_GET_REGION_INFO: u64 = request(8);
const DEVICE_GET_IRQ_INFO: u64 = request(9);
const DEVICE_SET_IRQS: u64 = request(10);
const DEVICE_RESET: u64 = request(11);
const IOMMU_MAP_DMA: u64 = request(13);
const IOMMU_UNMAP_DMA: u64 = request(14);

const TYPE1V2: u64 = 3;
const VIABLE: u32 = 1;

const DATA_NONE: u32 = 1;
const DATA_EVENTFD: u32 = 1 << 2;
const ACTION_UNMASK: u32 = 1 << 4;
const ACTION_TRIGGER: u32 = 1 << 5;

/// What a mapping allows the device.
pub mod allow {
    /// The device may read (and fetch its programs).
    pub const READ: u32 = 1;
    /// The device may write.
    pub const WRITE: u32 = 2;
}

/// `struct vfio_device_info`.
#[repr(C)]
#[derive(Debug, Default)]
pub struct DeviceInfo {
    argsz: u32,
    /// What it is.
    pub flags: u32,
    /// Regions.
    pub regions: u32,
    /// Interrupts.
    pub irqs: u32,
}

/// `struct vfio_region_info`.
#[repr(C)]
#[derive(Debug, Default)]
pub struct RegionInfo {
    argsz: u32,
    /// READ, WRITE, MMAP.
    pub flags: u32,
    index: u32,
    cap_offset: u32,
    /// Bytes.
    pub size: u64,
    /// Where it begins in the device's file.
    pub offset: u64,
}

/// `struct vfio_irq_info`.
#[repr(C)]
#[derive(Debug, Default)]
pub struct IrqInfo {
    argsz: u32,
    /// EVENTFD, MASKABLE, AUTOMASKED.
    pub flags: u32,
    index: u32,
    /// Interrupts of this index.
    pub count: u32,
}

/// AUTOMASKED of [`IrqInfo::flags`].
pub const AUTOMASKED: u32 = 1 << 2;

#[repr(C)]
struct GroupStatus {
    argsz: u32,
    flags: u32,
}

#[repr(C)]
struct Map {
    argsz: u32,
    flags: u32,
    vaddr: u64,
    iova: u64,
    size: u64,
}

#[repr(C)]
struct Unmap {
    argsz: u32,
    flags: u32,
    iova: u64,
    size: u64,
}

#[repr(C)]
struct IrqSet {
    argsz: u32,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    eventfd: i32,
}

/// A container with one group.
pub struct Container {
    container: File,
    group: File,
}

impl Container {
    /// Open the group of a device, give it a container, and set up its IOMMU.
    ///
    /// # Errors
    /// The first step that is refused.
    pub fn of(device: &str) -> Result<Self, Failure> {
        let number = group_of(device)?;
        let container = open("/dev/vfio/vfio")?;
        let version = by_value(&container, GET_API_VERSION, 0, "VFIO_GET_API_VERSION")?;
        if version != 0 {
            return Err(Failure::new("VFIO_GET_API_VERSION", format!("version {version} is not 0")));
        }
        if by_value(&container, CHECK_EXTENSION, TYPE1V2, "VFIO_CHECK_EXTENSION")? != 1 {
            return Err(Failure::new("VFIO_CHECK_EXTENSION", "no type1 v2"));
        }
        let group = open(&format!("/dev/vfio/{number}"))?;
        let mut status = GroupStatus { argsz: 8, flags: 0 };
        by_pointer(&group, GROUP_GET_STATUS, &mut status, "VFIO_GROUP_GET_STATUS")?;
        if status.flags & VIABLE == 0 {
            return Err(Failure::new(
                format!("group {number}"),
                "is not viable: bind all its devices to VFIO",
            ));
        }
        let mut fd = container.as_raw_fd();
        by_pointer(&group, GROUP_SET_CONTAINER, &mut fd, "VFIO_GROUP_SET_CONTAINER")?;
        by_value(&container, SET_IOMMU, TYPE1V2, "VFIO_SET_IOMMU")?;
        Ok(Container { container, group })
    }

    /// Give the device `memory` at `iova`.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn map(&self, memory: &Memory, iova: u64, flags: u32) -> Result<(), Failure> {
        let mut map = Map { argsz: 32, flags, vaddr: memory.address(), iova, size: memory.len() };
        by_pointer(&self.container, IOMMU_MAP_DMA, &mut map, "VFIO_IOMMU_MAP_DMA").map(drop)
    }

    /// Take it back.
    ///
    /// # Errors
    /// Where it is refused, or less was mapped.
    pub fn unmap(&self, iova: u64, size: u64) -> Result<(), Failure> {
        let mut unmap = Unmap { argsz: 24, flags: 0, iova, size };
        by_pointer(&self.container, IOMMU_UNMAP_DMA, &mut unmap, "VFIO_IOMMU_UNMAP_DMA")?;
        if unmap.size == size { Ok(()) } else { Err(Failure::new("VFIO_IOMMU_UNMAP_DMA", "less was mapped")) }
    }

    /// Open the device.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn device(&self, name: &str) -> Result<Device, Failure> {
        let mut text = name.as_bytes().to_vec();
        text.push(0);
        // SAFETY: the text is terminated and outlives the call.
        let fd = unsafe { libc::ioctl(self.group.as_raw_fd(), GROUP_GET_DEVICE_FD, text.as_ptr()) };
        if fd < 0 {
            return Err(Failure::system("VFIO_GROUP_GET_DEVICE_FD"));
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Device { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }
}

/// An open device.
pub struct Device {
    /// Its file.
    pub fd: OwnedFd,
}

impl Device {
    /// What it has.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn info(&self) -> Result<DeviceInfo, Failure> {
        let mut info = DeviceInfo { argsz: size_of::<DeviceInfo>() as u32, ..DeviceInfo::default() };
        by_pointer(&self.fd, DEVICE_GET_INFO, &mut info, "VFIO_DEVICE_GET_INFO")?;
        Ok(info)
    }

    /// One region.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn region(&self, index: u32) -> Result<RegionInfo, Failure> {
        let mut info = RegionInfo { argsz: size_of::<RegionInfo>() as u32, index, ..RegionInfo::default() };
        by_pointer(&self.fd, DEVICE_GET_REGION_INFO, &mut info, "VFIO_DEVICE_GET_REGION_INFO")?;
        Ok(info)
    }

    /// One interrupt.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn irq(&self, index: u32) -> Result<IrqInfo, Failure> {
        let mut info = IrqInfo { argsz: size_of::<IrqInfo>() as u32, index, ..IrqInfo::default() };
        by_pointer(&self.fd, DEVICE_GET_IRQ_INFO, &mut info, "VFIO_DEVICE_GET_IRQ_INFO")?;
        Ok(info)
    }

    /// Return it to the state it has after power on.
    ///
    /// # Errors
    /// Where it is refused, or does not work.
    pub fn reset(&self) -> Result<(), Failure> {
        by_value(&self.fd, DEVICE_RESET, 0, "VFIO_DEVICE_RESET").map(drop)
    }

    /// Let an interrupt signal `eventfd`; -1 lets it signal nothing.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn trigger(&self, index: u32, eventfd: RawFd) -> Result<(), Failure> {
        let flags = DATA_EVENTFD | ACTION_TRIGGER;
        let mut set = IrqSet { argsz: 24, flags, index, start: 0, count: 1, eventfd };
        by_pointer(&self.fd, DEVICE_SET_IRQS, &mut set, "VFIO_DEVICE_SET_IRQS").map(drop)
    }

    /// Let an automasked interrupt through again.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn unmask(&self, index: u32) -> Result<(), Failure> {
        let flags = DATA_NONE | ACTION_UNMASK;
        let mut set = IrqSet { argsz: 20, flags, index, start: 0, count: 1, eventfd: 0 };
        by_pointer(&self.fd, DEVICE_SET_IRQS, &mut set, "VFIO_DEVICE_SET_IRQS").map(drop)
    }
}

/// The number of a device's IOMMU group, from /sys.
fn group_of(device: &str) -> Result<String, Failure> {
    for bus in ["amba", "platform"] {
        let link = Path::new("/sys/bus").join(bus).join("devices").join(device).join("iommu_group");
        if let Ok(target) = std::fs::read_link(&link) {
            let name = target.file_name().unwrap_or_default();
            return Ok(name.to_string_lossy().into_owned());
        }
    }
    Err(Failure::new("iommu_group", "/sys has no such device, or it is in no IOMMU group"))
}

fn open(path: &str) -> Result<File, Failure> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|error| Failure::new(path, error.to_string()))
}

fn by_value(file: &impl AsRawFd, request: u64, value: u64, name: &str) -> Result<i32, Failure> {
    // SAFETY: these requests take a number and touch no memory.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), request, value) };
    if answer < 0 { Err(Failure::system(name)) } else { Ok(answer) }
}

fn by_pointer<T>(file: &impl AsRawFd, request: u64, argument: &mut T, name: &str) -> Result<i32, Failure> {
    // SAFETY: `T` is the structure of this request, and its argsz says how long it is.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), request, argument as *mut T) };
    if answer < 0 { Err(Failure::system(name)) } else { Ok(answer) }
}
