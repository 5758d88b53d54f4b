//! A device opened the usual way: container, group, IOMMU, device.

use crate::answer::Answer;
use crate::raw;

/// Where the device under test is.
pub struct Place {
    /// The group's file, `/dev/vfio/N`.
    pub group: String,
    /// The device's name in sysfs.
    pub device: String,
}

impl Place {
    /// Open the group.
    pub fn open_group(&self) -> Answer {
        raw::open(&self.group, libc::O_RDWR)
    }

    /// Ask a group for a device by name.
    pub fn device_of(group: i32, name: &str) -> Answer {
        let mut name =
            std::ffi::CString::new(name).expect("case names have no zero bytes").into_bytes_with_nul();
        raw::ioctl(group, raw::GROUP_GET_DEVICE_FD, name.as_mut_slice())
    }
}

/// Open a container.
pub fn open_container() -> Answer {
    raw::open("/dev/vfio/vfio", libc::O_RDWR)
}

/// A descriptor, closed when dropped.
pub struct Descriptor(i32);

impl Descriptor {
    /// Take over the descriptor a call returned; a refused call gives one that is not open.
    pub fn from_answer(answer: Answer) -> Descriptor {
        Descriptor(answer.0.map_or(-1, |fd| fd as i32))
    }

    /// Its number, -1 where the call was refused.
    pub fn number(&self) -> i32 {
        self.0
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.0 >= 0 {
            raw::close(self.0);
        }
    }
}

/// A device ready for use. Fields close in the order device, group, container.
pub struct Opened {
    /// The device.
    pub device: Descriptor,
    /// Its group, only kept open.
    _group: Descriptor,
    /// The container with its IOMMU set.
    pub container: Descriptor,
}

impl Opened {
    /// Open everything, with IOMMU interface `iommu`.
    ///
    /// # Errors
    /// The step that was refused; `errno` says why.
    pub fn new(place: &Place, iommu: i64) -> Result<Opened, &'static str> {
        let step = |answer: Answer, name| {
            if answer.is_ok() { Ok(Descriptor::from_answer(answer)) } else { Err(name) }
        };
        let container = step(open_container(), "open /dev/vfio/vfio")?;
        let group = step(place.open_group(), "open the group")?;
        let mut number = container.number();
        if !raw::ioctl(group.number(), raw::GROUP_SET_CONTAINER, &mut number).is_ok() {
            return Err("VFIO_GROUP_SET_CONTAINER");
        }
        if !raw::ioctl_value(container.number(), raw::SET_IOMMU, iommu as u64).is_ok() {
            return Err("VFIO_SET_IOMMU");
        }
        let device = step(Place::device_of(group.number(), &place.device), "VFIO_GROUP_GET_DEVICE_FD")?;
        Ok(Opened { device, _group: group, container })
    }
}
