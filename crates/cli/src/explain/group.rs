//! What opening a group, and the open group, refuse, in words.

use uvfio_vfio::refusal::{GroupRefusal as R, Holder, OpenRefusal};

use super::list;

/// Why a node of `/dev/vfio` was not opened.
pub fn open(refusal: &OpenRefusal) -> String {
    match refusal {
        OpenRefusal::NoGroup { group } => {
            format!(
                "no device of group {group} is bound to a VFIO driver; bind one through driver_override and drivers_probe"
            )
        }
        OpenRefusal::Busy { group, holder: Holder::Group } => {
            format!(
                "group {group} is open already, and only one file of a group may be; close it or pass it on"
            )
        }
        OpenRefusal::Busy { group, holder: Holder::Devices(devices) } => format!(
            "no file of group {group} is open any more, but {} of it is, through a descriptor or a mapping, and keeps it",
            list(devices)
        ),
        OpenRefusal::NoRawio { group } => {
            format!(
                "group {group} has no IOMMU, so its devices reach all memory; only a process with CAP_SYS_RAWIO may open it"
            )
        }
    }
}

/// Why a call on a group was refused.
pub fn group(refusal: &R) -> String {
    match refusal {
        R::NotViable { group, held } => {
            let held: Vec<String> =
                held.iter().map(|(device, driver)| format!("{device} is still bound to {driver}")).collect();
            format!(
                "group {group} is not viable: {}, and one IOMMU group can have only one owner; unbind it, or bind it to a \
                 VFIO driver too",
                list(&held)
            )
        }
        R::Gone { group } => format!("the last device of group {group} has left its VFIO driver"),
        R::BadFd { fd } => format!("{fd} is not an open file descriptor"),
        R::NotAContainer { fd } => format!("file descriptor {fd} is not a container (/dev/vfio/vfio)"),
        R::AlreadySet { group } => {
            format!("group {group} has a container already; VFIO_GROUP_UNSET_CONTAINER comes first")
        }
        R::Mixed { group } => {
            format!(
                "group {group} and the groups in the container are not alike: with and without an IOMMU cannot share one"
            )
        }
        R::NoRawio { group } => {
            format!("group {group} has no IOMMU, so its devices reach all memory; this needs CAP_SYS_RAWIO")
        }
        R::NoContainer { group } => {
            format!("group {group} has no container; VFIO_GROUP_SET_CONTAINER comes first")
        }
        R::NoIommu { group } => {
            format!("the container of group {group} has no IOMMU driver; VFIO_SET_IOMMU comes first")
        }
        R::DevicesOpen { group, devices } => {
            format!("{} of group {group} is still open, and would be left without a container", list(devices))
        }
        R::NoSuchDevice { group, name, devices } if devices.is_empty() => {
            format!("group {group} has no device bound to a VFIO driver, so not {name:?} either")
        }
        R::NoSuchDevice { group, name, devices } => {
            format!("group {group} has no device {name:?} bound to a VFIO driver; it has {}", list(devices))
        }
        R::NameTooLong => "the device name has no end within a page".to_owned(),
        R::UnknownRequest { request } => format!("request {request:#x} is none that a group knows"),
        R::Transfer => "a group holds no bytes; it answers only ioctls".to_owned(),
        R::Mmap => "a group holds no memory; it answers only ioctls".to_owned(),
    }
}
