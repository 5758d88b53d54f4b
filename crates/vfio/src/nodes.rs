//! The nodes of `/dev/vfio` as devices of a class, which is how sysfs and `/dev` get to know of them.
//!
//! In Linux `device_create` in `drivers/vfio/group.c`, and the misc device of `drivers/vfio/container.c`. Group nodes have a major
//! number that is given out at run time and the lowest free minor.

use uvfio_kernel::iommu::GroupId;
use uvfio_kernel::machine::Machine;
use uvfio_kernel::sysfs::ClassDevice;

use crate::container::Protection;
use crate::file::Node;

const CLASS: &str = "vfio";

/// The first of the numbers Linux gives out at run time when the low ones are taken (`CHRDEV_MAJOR_DYN_EXT_START`).
const GROUP_MAJOR: u32 = 511;

/// `/dev/vfio/vfio` is misc device 196 (`VFIO_MINOR`, include/linux/miscdevice.h).
const CONTAINER_NUMBER: (u32, u32) = (10, 196);

/// The node of a group.
pub(crate) const fn of_group(id: GroupId, protection: Protection) -> Node {
    match protection {
        Protection::Iommu => Node::Group(id),
        Protection::Noiommu => Node::NoiommuGroup(id),
    }
}

/// Make the container's node known.
pub(crate) fn add_container(machine: &Machine) {
    machine.add_class_device(ClassDevice {
        class: "misc".to_owned(),
        name: "vfio".to_owned(),
        node: "vfio/vfio".to_owned(),
        number: CONTAINER_NUMBER,
    });
}

/// Make a group's node known.
pub(crate) fn add(machine: &Machine, node: Node) {
    let taken: Vec<u32> = machine.class_devices(CLASS).iter().map(|device| device.number.1).collect();
    let minor = (0..).find(|minor| !taken.contains(minor)).unwrap_or(u32::MAX);
    machine.add_class_device(ClassDevice {
        class: CLASS.to_owned(),
        name: node.to_string(),
        node: format!("vfio/{node}"),
        number: (GROUP_MAJOR, minor),
    });
}

/// A group's node is gone.
pub(crate) fn remove(machine: &Machine, node: Node) {
    machine.remove_class_device(CLASS, &node.to_string());
}
