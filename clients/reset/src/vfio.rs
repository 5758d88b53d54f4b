//! The calls of linux/vfio.h that the program makes. All fail with an error number.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::session::errno_of;

const fn request(number: u64) -> u64 {
    0x3b00 | (100 + number)
}

const SET_IOMMU: u64 = request(2);
const GROUP_SET_CONTAINER: u64 = request(4);
const GROUP_GET_DEVICE_FD: u64 = request(6);
const DEVICE_GET_INFO: u64 = request(7);
const DEVICE_GET_REGION_INFO: u64 = request(8);
const DEVICE_RESET: u64 = request(11);
const DEVICE_PCI_HOT_RESET: u64 = request(13);

const TYPE1V2: u64 = 3;
const FLAGS_RESET: u32 = 1;

#[repr(C)]
#[derive(Default)]
struct DeviceInfo {
    argsz: u32,
    flags: u32,
    regions: u32,
    irqs: u32,
}

#[repr(C)]
#[derive(Default)]
struct RegionInfo {
    argsz: u32,
    flags: u32,
    index: u32,
    cap_offset: u32,
    size: u64,
    offset: u64,
}

/// A new container.
pub fn container() -> Result<File, i32> {
    open("/dev/vfio/vfio")
}

/// The file of a group.
pub fn open_group(number: &str) -> Result<File, i32> {
    open(&format!("/dev/vfio/{number}"))
}

/// Put a group into a container, which gets its IOMMU driver with the first.
pub fn join(group: &File, container: &File) -> Result<(), i32> {
    let mut fd = container.as_raw_fd();
    by_pointer(group, GROUP_SET_CONTAINER, &mut fd)?;
    match by_value(container, SET_IOMMU, TYPE1V2) {
        // It has it already.
        Err(libc::EINVAL) => Ok(()),
        other => other,
    }
}

/// Open a device of a group.
pub fn device(group: &File, name: &str) -> Result<OwnedFd, i32> {
    let mut text = name.as_bytes().to_vec();
    text.push(0);
    // SAFETY: the text is terminated and outlives the call.
    let fd = unsafe { libc::ioctl(group.as_raw_fd(), GROUP_GET_DEVICE_FD, text.as_ptr()) };
    if fd < 0 {
        return Err(errno_of(std::io::Error::last_os_error()));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether a device says that it can be reset.
pub fn can_reset(device: &OwnedFd) -> Result<bool, i32> {
    let mut info = DeviceInfo { argsz: size_of::<DeviceInfo>() as u32, ..DeviceInfo::default() };
    by_pointer(device, DEVICE_GET_INFO, &mut info)?;
    Ok(info.flags & FLAGS_RESET != 0)
}

/// Reset a device.
pub fn reset(device: &OwnedFd) -> Result<(), i32> {
    by_value(device, DEVICE_RESET, 0)
}

/// Reset a device and all that is reset with it, showing descriptors of groups.
pub fn hot_reset(device: &OwnedFd, groups: &[RawFd]) -> Result<(), i32> {
    // argsz, flags, count, and the descriptors.
    let words = 3 + groups.len() as u32;
    let mut call: Vec<u32> = vec![words * 4, 0, groups.len() as u32];
    call.extend(groups.iter().map(|fd| fd.cast_unsigned()));
    // SAFETY: the words are the structure of this request, and the first says how long it is.
    done(unsafe { libc::ioctl(device.as_raw_fd(), DEVICE_PCI_HOT_RESET, call.as_mut_ptr()) })
}

/// Load a register of the first region.
pub fn load(device: &OwnedFd, offset: u64) -> Result<u32, i32> {
    let (file, start) = first_region(device)?;
    let mut bytes = [0; 4];
    file.read_exact_at(&mut bytes, start + offset).map_err(errno_of)?;
    Ok(u32::from_le_bytes(bytes))
}

/// Store to a register of the first region.
pub fn store(device: &OwnedFd, offset: u64, value: u32) -> Result<(), i32> {
    let (file, start) = first_region(device)?;
    file.write_all_at(&value.to_le_bytes(), start + offset).map_err(errno_of)
}

/// The device as a file, and where its first region begins there.
fn first_region(device: &OwnedFd) -> Result<(File, u64), i32> {
    let mut info = RegionInfo { argsz: size_of::<RegionInfo>() as u32, ..RegionInfo::default() };
    by_pointer(device, DEVICE_GET_REGION_INFO, &mut info)?;
    Ok((File::from(device.try_clone().map_err(errno_of)?), info.offset))
}

/// The number of a device's IOMMU group, from /sys.
pub fn group_of(device: &str) -> Result<String, i32> {
    for bus in ["platform", "amba"] {
        let link = Path::new("/sys/bus").join(bus).join("devices").join(device).join("iommu_group");
        if let Ok(target) = std::fs::read_link(&link) {
            return Ok(target.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Err(libc::ENODEV)
}

fn open(path: &str) -> Result<File, i32> {
    OpenOptions::new().read(true).write(true).open(path).map_err(errno_of)
}

fn by_value(file: &impl AsRawFd, request: u64, value: u64) -> Result<(), i32> {
    // SAFETY: these requests take a number and touch no memory.
    done(unsafe { libc::ioctl(file.as_raw_fd(), request, value) })
}

fn by_pointer<T>(file: &impl AsRawFd, request: u64, argument: &mut T) -> Result<(), i32> {
    // SAFETY: `T` is the structure of this request, and its argsz says how long it is.
    done(unsafe { libc::ioctl(file.as_raw_fd(), request, argument as *mut T) })
}

fn done(answer: i32) -> Result<(), i32> {
    if answer < 0 { Err(errno_of(std::io::Error::last_os_error())) } else { Ok(()) }
}
