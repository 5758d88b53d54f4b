//! `/sys/class` and `/sys/devices/virtual`: device links, and devices that exist only as a node of `/dev`.
//!
//! Links are drivers/base/core.c (`devlink_class`). A class device is what `device_create()` makes: VFIO makes one for each of its
//! group files, and a door that wants to know which files `/dev/vfio` holds asks here too.

use super::bus::is_shown;
use super::{Attribute, Directory, Entry, Named, Sysfs, directory, file};
use crate::device::{Device, DeviceId};
use crate::machine::LinkOrder;

/// A device of a class with no hardware of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassDevice {
    /// The class, such as `vfio`.
    pub class: String,
    /// The name, such as `12`.
    pub name: String,
    /// Its node below `/dev`, such as `vfio/12`.
    pub node: String,
    /// Major and minor number.
    pub number: (u32, u32),
}

/// A file of a class device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClassFile {
    /// `dev`.
    Dev,
    /// `uevent`.
    Uevent,
}

impl ClassFile {
    pub(super) fn mode(self) -> u16 {
        match self {
            ClassFile::Dev => 0o444,
            ClassFile::Uevent => 0o644,
        }
    }
}

/// A file of a device link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DevlinkFile {
    /// `auto_remove_on`.
    AutoRemoveOn,
    /// `runtime_pm`.
    RuntimePm,
    /// `status`.
    Status,
    /// `sync_state_only`.
    SyncStateOnly,
}

const DEVLINK: &str = "devlink";
const IOMMU: &str = "iommu";

/// How a link names one of its ends.
pub(super) fn end_name(device: &Device) -> String {
    format!("{}:{}", device.bus(), device.name())
}

impl Sysfs {
    pub(super) fn devlink_name(&self, supplier: DeviceId, consumer: DeviceId) -> Option<String> {
        let supplier = self.machine.device_by_id(supplier).filter(|device| is_shown(device))?;
        let consumer = self.machine.device_by_id(consumer).filter(|device| is_shown(device))?;
        Some(format!("{}--{}", end_name(&supplier), end_name(&consumer)))
    }

    pub(super) fn devlink(&self, name: &str) -> Option<Entry> {
        let end = |name: &str| {
            let (bus, name) = name.split_once(':')?;
            let device = self.machine.device(bus.parse().ok()?, name);
            Some(device.filter(|device| is_shown(device))?.id())
        };
        // A device's name may hold the two dashes as well.
        let mut splits =
            name.match_indices("--").map(|(at, dashes)| (&name[..at], &name[at + dashes.len()..]));
        let (supplier, consumer) = splits.find_map(|(supplier, consumer)| {
            let (supplier, consumer) = (end(supplier)?, end(consumer)?);
            self.machine.link_order(supplier, consumer).map(|_| (supplier, consumer))
        })?;
        Some(Entry::Directory(Directory::Devlink { supplier, consumer }))
    }

    pub(super) fn devlinks(&self) -> Vec<Named> {
        let links = self.machine.device_links().into_iter();
        let named = |(supplier, consumer): (DeviceId, DeviceId)| {
            Some(directory(self.devlink_name(supplier, consumer)?, Directory::Devlink { supplier, consumer }))
        };
        links.filter_map(named).collect()
    }

    pub(super) fn devlink_entries(&self, supplier: DeviceId, consumer: DeviceId) -> Vec<Named> {
        let here = Directory::Devlink { supplier, consumer };
        let attribute = |which| Attribute::Devlink { supplier, consumer, file: which };
        let mut entries = vec![
            file("auto_remove_on", attribute(DevlinkFile::AutoRemoveOn)),
            file("runtime_pm", attribute(DevlinkFile::RuntimePm)),
            file("status", attribute(DevlinkFile::Status)),
            file("sync_state_only", attribute(DevlinkFile::SyncStateOnly)),
        ];
        let ends = [
            ("consumer", Directory::Device(consumer)),
            ("supplier", Directory::Device(supplier)),
            ("subsystem", Directory::Class(DEVLINK.to_owned())),
        ];
        for (name, to) in ends {
            let target = self.link_target(&here, &to).map(Entry::Link);
            entries.extend(target.map(|entry| Named { name: name.to_owned(), entry }));
        }
        entries
    }

    pub(super) fn read_devlink(
        &self,
        supplier: DeviceId,
        consumer: DeviceId,
        file: DevlinkFile,
    ) -> Option<String> {
        let order = self.machine.link_order(supplier, consumer)?;
        let bound = |id| self.machine.device_by_id(id).is_some_and(|device| device.driver().is_some());
        Some(match file {
            DevlinkFile::AutoRemoveOn => "never\n".to_owned(),
            DevlinkFile::RuntimePm => "0\n".to_owned(),
            DevlinkFile::SyncStateOnly => match order {
                LinkOrder::Enforced => "0\n".to_owned(),
                LinkOrder::SyncStateOnly => "1\n".to_owned(),
            },
            DevlinkFile::Status => match (bound(supplier), bound(consumer)) {
                (_, true) => "active\n".to_owned(),
                (true, false) => "available\n".to_owned(),
                (false, false) => "not tracked\n".to_owned(),
            },
        })
    }

    pub(super) fn virtual_classes(&self) -> Vec<Named> {
        let mut entries = vec![directory(DEVLINK, Directory::Devlinks)];
        let classes = self.machine.classes().into_iter();
        entries.extend(classes.map(|class| directory(class.clone(), Directory::VirtualClass(class))));
        entries
    }

    pub(super) fn class_device(&self, class: &str, name: &str) -> Option<Entry> {
        let device = self.machine.class_device(class, name)?;
        Some(Entry::Directory(Directory::ClassDevice(device.class, device.name)))
    }

    pub(super) fn class_devices(&self, class: &str) -> Vec<Named> {
        let named = |device: ClassDevice| {
            directory(device.name.clone(), Directory::ClassDevice(device.class, device.name))
        };
        self.machine.class_devices(class).into_iter().map(named).collect()
    }

    pub(super) fn class_device_entries(&self, class: &str, name: &str) -> Vec<Named> {
        if self.machine.class_device(class, name).is_none() {
            return Vec::new();
        }
        let attribute = |which| Attribute::ClassDevice(class.to_owned(), name.to_owned(), which);
        vec![
            file("dev", attribute(ClassFile::Dev)),
            file("uevent", attribute(ClassFile::Uevent)),
            Named { name: "subsystem".to_owned(), entry: Entry::Link(format!("../../../../class/{class}")) },
        ]
    }

    pub(super) fn read_class_device(&self, class: &str, name: &str, file: ClassFile) -> Option<String> {
        let device = self.machine.class_device(class, name)?;
        let (major, minor) = device.number;
        Some(match file {
            ClassFile::Dev => format!("{major}:{minor}\n"),
            ClassFile::Uevent => format!("MAJOR={major}\nMINOR={minor}\nDEVNAME={}\n", device.node),
        })
    }

    pub(super) fn classes(&self) -> Vec<Named> {
        let own = [DEVLINK.to_owned(), IOMMU.to_owned()];
        let classes = own.into_iter().chain(self.machine.classes());
        classes.map(|class| directory(class.clone(), Directory::Class(class))).collect()
    }

    pub(super) fn class_entry(&self, class: &str, name: &str) -> Option<Entry> {
        match class {
            DEVLINK => {
                self.devlink(name)?;
                Some(Entry::Link(format!("../../devices/virtual/devlink/{name}")))
            }
            IOMMU => self
                .class_entries(class)
                .into_iter()
                .find(|named| named.name == name)
                .map(|named| named.entry),
            _ => {
                self.machine.class_device(class, name)?;
                Some(Entry::Link(format!("../../devices/virtual/{class}/{name}")))
            }
        }
    }

    pub(super) fn class_entries(&self, class: &str) -> Vec<Named> {
        let link = |named: Named| Named {
            entry: Entry::Link(format!("../../devices/virtual/{class}/{}", named.name)),
            name: named.name,
        };
        match class {
            DEVLINK => self.devlinks().into_iter().map(link).collect(),
            IOMMU => self.iommu_class(),
            _ => self.class_devices(class).into_iter().map(link).collect(),
        }
    }
}
