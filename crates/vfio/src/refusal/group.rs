//! Why a group refuses (`drivers/vfio/group.c`).

use super::refusals;
use crate::file::GroupId;

/// What keeps a group open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A group file.
    Group,
    /// No group file any more, but files of these devices.
    Devices(Vec<String>),
}

refusals! {
    /// Why a node of `/dev/vfio` could not be opened.
    pub enum OpenRefusal {
        /// No device of this group is bound to a VFIO driver, so it has no node.
        "open.no_group", "group {group} has no device bound to a vfio driver" => NoGroup {
            /// The group.
            group: GroupId,
        };
        /// Only one group file may be open, and an open device keeps it.
        "open.busy", "group {group} is open already" => Busy {
            /// The group.
            group: GroupId,
            /// Who holds it.
            holder: Holder,
        };
        /// Only a process with `CAP_SYS_RAWIO` may open a noiommu group.
        "open.noiommu.capability", "noiommu group {group} needs CAP_SYS_RAWIO" => NoRawio {
            /// The group.
            group: GroupId,
        };
    }
}

refusals! {
    /// Why a call on a group was refused.
    pub enum GroupRefusal {
        /// A member is bound to a host driver, which owns the group's DMA.
        "group.viable", "a device of group {group} belongs to a host driver" => NotViable {
            /// The group.
            group: GroupId,
            /// Members with a host driver: device and driver.
            held: Vec<(String, String)>,
        };
        /// The last device left the group's VFIO driver while the group was open.
        "group.gone", "group {group} has no device left" => Gone {
            /// The group.
            group: GroupId,
        };
        /// The number passed is not an open file.
        "group.set_container.fd", "file descriptor {fd} is not open" => BadFd {
            /// The number passed.
            fd: i32,
        };
        /// The file passed is not a container.
        "group.set_container.kind", "file descriptor {fd} is not a container" => NotAContainer {
            /// The number passed.
            fd: i32,
        };
        /// The group has a container already.
        "group.set_container.already", "group {group} has a container already" => AlreadySet {
            /// The group.
            group: GroupId,
        };
        /// Groups with and without an IOMMU cannot share a container.
        "group.set_container.mixed", "groups with and without an iommu cannot share a container" => Mixed {
            /// The group.
            group: GroupId,
        };
        /// Only a process with `CAP_SYS_RAWIO` may use noiommu.
        "group.noiommu.capability", "noiommu needs CAP_SYS_RAWIO" => NoRawio {
            /// The group.
            group: GroupId,
        };
        /// The group has no container.
        "group.no_container", "group {group} has no container" => NoContainer {
            /// The group.
            group: GroupId,
        };
        /// The group's container has no IOMMU driver yet.
        "group.no_iommu", "the container of group {group} has no iommu driver" => NoIommu {
            /// The group.
            group: GroupId,
        };
        /// Devices of the group are open.
        "group.unset_container.busy", "devices of group {group} are open" => DevicesOpen {
            /// The group.
            group: GroupId,
            /// Their names.
            devices: Vec<String>,
        };
        /// No device of that name is in the group and bound to a VFIO driver.
        "group.device.unknown", "group {group} has no device {name:?}" => NoSuchDevice {
            /// The group.
            group: GroupId,
            /// The name asked for.
            name: String,
            /// The names there are.
            devices: Vec<String>,
        };
        /// The name is not terminated within a page.
        "group.device.name", "the name is longer than a page" => NameTooLong;
        /// A request that groups do not know.
        "group.unknown_request", "groups do not know request {request:#x}" => UnknownRequest {
            /// The request.
            request: u32,
        };
        /// A group cannot be read or written.
        "group.transfer", "a group cannot be read or written" => Transfer;
        /// A group cannot be mapped.
        "group.mmap", "a group cannot be mapped" => Mmap;
    }
}
