//! What `/sys` shows of the machine, as typed nodes that a door renders.
//!
//! In Linux this is sysfs (fs/sysfs, Documentation/ABI/stable/sysfs-*, testing/sysfs-*). Nothing here is a tree in memory: a
//! directory is a value that says which one it is, and each component of a path is looked up when somebody asks, at a cost that
//! does not grow with what is not touched. Files of the real machine's `/sys` are none of this module's business.

mod acpi;
mod bus;
mod class;
mod device;
mod iommu;
mod module;
mod path;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::Arc;

pub use class::ClassDevice;

use crate::device::{Bus, Deferral, DeviceId};
use crate::iommu::GroupId;
use crate::machine::{Machine, Refusal};
use crate::module::ModuleName;
use crate::wait::Wait;

/// What one attribute can show or take in one go.
pub const PAGE_SIZE: usize = 4096;

/// A directory of the machine's part of `/sys`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Directory {
    /// `/sys` itself.
    Root,
    /// `/sys/bus`.
    Buses,
    /// `/sys/bus/BUS`.
    Bus(Bus),
    /// `/sys/bus/BUS/devices`.
    BusDevices(Bus),
    /// `/sys/bus/BUS/drivers`.
    BusDrivers(Bus),
    /// `/sys/bus/BUS/drivers/DRIVER`.
    Driver(Bus, String),
    /// `/sys/devices`.
    Devices,
    /// `/sys/devices/platform`.
    Platform,
    /// A device's own, below `/sys/devices/platform`.
    Device(DeviceId),
    /// `DEVICE/power`.
    Power(DeviceId),
    /// `DEVICE/iommu`, where the device is an IOMMU.
    DeviceIommus(DeviceId),
    /// `DEVICE/iommu/NAME`.
    Iommu(DeviceId),
    /// `DEVICE/iommu/NAME/devices`.
    IommuDevices(DeviceId),
    /// `/sys/devices/LNXSYSTM:00`, what ACPI's namespace begins with.
    AcpiSystem,
    /// `/sys/devices/LNXSYSTM:00/LNXSYBUS:00`, its `\_SB_`.
    AcpiBus,
    /// A device as it is in the namespace, below that.
    AcpiDevice(DeviceId),
    /// `/sys/devices/virtual`.
    Virtual,
    /// `/sys/devices/virtual/devlink`.
    Devlinks,
    /// A link between two devices.
    Devlink {
        /// Who is needed.
        supplier: DeviceId,
        /// Who needs it.
        consumer: DeviceId,
    },
    /// `/sys/devices/virtual/CLASS`.
    VirtualClass(String),
    /// `/sys/devices/virtual/CLASS/NAME`.
    ClassDevice(String, String),
    /// `/sys/class`.
    Classes,
    /// `/sys/class/CLASS`.
    Class(String),
    /// `/sys/firmware`.
    Firmware,
    /// `/sys/firmware/devicetree`.
    DeviceTree,
    /// The node at this path, below `/sys/firmware/devicetree/base`.
    Node(String),
    /// `/sys/kernel`.
    Kernel,
    /// `/sys/kernel/debug`.
    Debug,
    /// `/sys/kernel/iommu_groups`.
    Groups,
    /// `/sys/kernel/iommu_groups/N`.
    Group(GroupId),
    /// `/sys/kernel/iommu_groups/N/devices`.
    GroupDevices(GroupId),
    /// `/sys/module`.
    Modules,
    /// `/sys/module/MODULE`.
    Module(ModuleName),
    /// `/sys/module/MODULE/parameters`.
    Parameters(ModuleName),
    /// `/sys/module/MODULE/holders`.
    Holders(ModuleName),
    /// `/sys/module/MODULE/drivers`.
    ModuleDrivers(ModuleName),
}

/// A file of the machine's part of `/sys`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// A bus's.
    Bus(Bus, bus::BusFile),
    /// A driver's.
    Driver(Bus, String, bus::DriverFile),
    /// A device's.
    Device(DeviceId, device::DeviceFile),
    /// A device's, as it is in the namespace of ACPI.
    Acpi(DeviceId, acpi::AcpiFile),
    /// A device link's.
    Devlink {
        /// Who is needed.
        supplier: DeviceId,
        /// Who needs it.
        consumer: DeviceId,
        /// Which file.
        file: class::DevlinkFile,
    },
    /// A class device's.
    ClassDevice(String, String, class::ClassFile),
    /// A group's.
    Group(GroupId, iommu::GroupFile),
    /// A module's.
    Module(ModuleName, module::ModuleFile),
    /// A module parameter.
    Parameter(ModuleName, String),
    /// A property of the node at this path.
    Property(String, String),
    /// `/sys/kernel/debug/devices_deferred`.
    DevicesDeferred,
}

/// What a name in a directory stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A directory.
    Directory(Directory),
    /// A symbolic link with this relative target.
    Link(String),
    /// A file.
    Attribute(Attribute),
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub entry: Entry,
}

fn directory(name: impl Into<String>, directory: Directory) -> Named {
    Named { name: name.into(), entry: Entry::Directory(directory) }
}

fn file(name: impl Into<String>, attribute: Attribute) -> Named {
    Named { name: name.into(), entry: Entry::Attribute(attribute) }
}

/// The machine's part of `/sys`.
#[derive(Clone)]
pub struct Sysfs {
    machine: Arc<Machine>,
}

impl Sysfs {
    /// Of this machine.
    #[must_use]
    pub fn new(machine: Arc<Machine>) -> Self {
        Self { machine }
    }

    /// What a name in a directory stands for, now.
    #[must_use]
    pub fn lookup(&self, directory: &Directory, name: &str) -> Option<Entry> {
        match directory {
            Directory::BusDevices(bus) => self.bus_device(*bus, name),
            Directory::BusDrivers(bus) => self.bus_driver(*bus, name),
            Directory::Platform => self.platform_device(name),
            Directory::Device(id) => self.device_entry(*id, name),
            Directory::AcpiBus => self.acpi_device(name),
            Directory::Devlinks => self.devlink(name),
            Directory::Class(class) => self.class_entry(class, name),
            Directory::VirtualClass(class) => self.class_device(class, name),
            Directory::Groups => self.group(name),
            Directory::GroupDevices(group) => self.group_device(*group, name),
            Directory::Modules => self.module(name),
            Directory::Driver(bus, driver) => self.driver_entry(*bus, driver, name),
            Directory::Node(path) => self.tree_entry(path, name),
            small => self.list(small).into_iter().find(|named| named.name == name).map(|named| named.entry),
        }
    }

    /// What is in a directory, now. Empty where it is gone.
    #[must_use]
    pub fn list(&self, directory: &Directory) -> Vec<Named> {
        match directory {
            Directory::Root => vec![
                self::directory("bus", Directory::Buses),
                self::directory("class", Directory::Classes),
                self::directory("devices", Directory::Devices),
                self::directory("firmware", Directory::Firmware),
                self::directory("kernel", Directory::Kernel),
                self::directory("module", Directory::Modules),
            ],
            Directory::Firmware if self.is_acpi() => Vec::new(),
            Directory::Firmware => vec![self::directory("devicetree", Directory::DeviceTree)],
            Directory::DeviceTree => vec![self::directory("base", Directory::Node("/".to_owned()))],
            Directory::Node(path) => self.tree_entries(path),
            Directory::Kernel => vec![
                self::directory("debug", Directory::Debug),
                self::directory("iommu_groups", Directory::Groups),
            ],
            Directory::Debug => vec![file("devices_deferred", Attribute::DevicesDeferred)],
            Directory::Devices => self.roots(),
            Directory::AcpiSystem => vec![self::directory("LNXSYBUS:00", Directory::AcpiBus)],
            Directory::AcpiBus => self.acpi_devices(),
            Directory::AcpiDevice(id) => self.acpi_entries(*id),
            Directory::Buses => Bus::ALL.map(|bus| self::directory(bus.name(), Directory::Bus(bus))).into(),
            Directory::Bus(bus) => bus::files(*bus),
            Directory::BusDevices(bus) => self.bus_devices(*bus),
            Directory::BusDrivers(bus) => self.bus_drivers(*bus),
            Directory::Driver(bus, driver) => self.driver_entries(*bus, driver),
            Directory::Platform => self.platform_devices(),
            Directory::Device(id) => self.device_entries(*id),
            Directory::Power(id) => device::power_files(*id),
            Directory::DeviceIommus(id) => self.device_iommus(*id),
            Directory::Iommu(id) => self.iommu_entries(*id),
            Directory::IommuDevices(id) => self.iommu_devices(*id),
            Directory::Virtual => self.virtual_classes(),
            Directory::Devlinks => self.devlinks(),
            Directory::Devlink { supplier, consumer } => self.devlink_entries(*supplier, *consumer),
            Directory::VirtualClass(class) => self.class_devices(class),
            Directory::ClassDevice(class, name) => self.class_device_entries(class, name),
            Directory::Classes => self.classes(),
            Directory::Class(class) => self.class_entries(class),
            Directory::Groups => self.groups(),
            Directory::Group(group) => iommu::group_files(*group),
            Directory::GroupDevices(group) => self.group_devices(*group),
            Directory::Modules => self.modules(),
            Directory::Module(module) => self.module_entries(module),
            Directory::Parameters(module) => self.parameters(module),
            Directory::Holders(module) => self.holders(module),
            Directory::ModuleDrivers(module) => self.module_drivers(module),
        }
    }

    /// Permissions of a file, as `stat` shows them.
    #[must_use]
    pub fn mode(&self, attribute: &Attribute) -> u16 {
        match attribute {
            Attribute::Bus(_, file) => file.mode(),
            Attribute::Driver(..) => 0o200,
            Attribute::Device(_, file) => file.mode(),
            Attribute::ClassDevice(_, _, file) => file.mode(),
            Attribute::Module(_, file) => file.mode(),
            Attribute::Parameter(module, name) => self.parameter_mode(module, name),
            Attribute::Devlink { .. }
            | Attribute::Acpi(..)
            | Attribute::Group(..)
            | Attribute::Property(..)
            | Attribute::DevicesDeferred => 0o444,
        }
    }

    /// What reading a file gives: all of it, at most a page except for `devices_deferred` and properties of nodes. `None` where what it is about is gone
    /// (`ENODEV`) or where it cannot be read.
    #[must_use]
    pub fn read(&self, attribute: &Attribute) -> Option<Vec<u8>> {
        match attribute {
            Attribute::Property(path, name) => self.read_property(path, name),
            _ => self.read_text(attribute).map(String::into_bytes),
        }
    }

    fn read_text(&self, attribute: &Attribute) -> Option<String> {
        match attribute {
            Attribute::Bus(bus, file) => self.read_bus(*bus, *file),
            Attribute::Driver(..) | Attribute::Property(..) => None,
            Attribute::Device(id, file) => self.read_device(*id, *file),
            Attribute::Acpi(id, file) => self.read_acpi(*id, *file),
            Attribute::Devlink { supplier, consumer, file } => self.read_devlink(*supplier, *consumer, *file),
            Attribute::ClassDevice(class, name, file) => self.read_class_device(class, name, *file),
            Attribute::Group(group, file) => self.read_group(*group, *file),
            Attribute::Module(module, file) => self.read_module(module, *file),
            Attribute::Parameter(module, name) => {
                self.machine.params().get(module.as_str(), name).map(crate::module::Value::show)
            }
            Attribute::DevicesDeferred => Some(self.devices_deferred()),
        }
    }

    /// Write to a file. Like the kernel, at most a page is looked at; the caller reports all of it as written.
    ///
    /// # Errors
    /// What the file's own operation answers.
    pub fn write(&self, attribute: &Attribute, bytes: &[u8], wait: &dyn Wait) -> Result<(), Refusal> {
        let bytes = bytes.get(..PAGE_SIZE).unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes);
        match attribute {
            Attribute::Bus(bus, file) => self.write_bus(*bus, *file, &text, wait),
            Attribute::Driver(bus, driver, file) => self.write_driver(*bus, driver, *file, &text, wait),
            Attribute::Device(id, file) => self.write_device(*id, *file, &text),
            Attribute::Parameter(module, name) => {
                Ok(self.machine.params().write(module.as_str(), name, &text)?)
            }
            Attribute::ClassDevice(..) | Attribute::Module(..) => Ok(()),
            Attribute::Devlink { .. }
            | Attribute::Acpi(..)
            | Attribute::Group(..)
            | Attribute::Property(..)
            | Attribute::DevicesDeferred => Err(Refusal::ReadOnly),
        }
    }

    /// `/sys/kernel/debug/devices_deferred`: each device that waits, and after a tab for what, where whoever put it off said so
    /// (`deferred_devs_show`, drivers/base/dd.c; `dev_err_probe`, drivers/base/core.c).
    fn devices_deferred(&self) -> String {
        let line = |(device, why): (Arc<crate::device::Device>, Deferral)| match why {
            Deferral::Supplier { .. } | Deferral::Iommu { .. } => {
                format!("{}\t{}: {why}\n", device.name(), device.bus())
            }
            Deferral::Unspecified => format!("{}\t\n", device.name()),
        };
        self.machine.deferred().into_iter().map(line).collect()
    }
}
