//! What a view of the machine asks: links, children, groups, class devices. Each answer is taken under the lock and is a copy.

use std::sync::Arc;

use super::{LinkOrder, Machine};
use crate::device::{Bus, Device, DeviceId};
use crate::iommu::{Group, GroupId};
use crate::sysfs::ClassDevice;

impl Machine {
    /// The devices below one, or those that are below none, by name.
    #[must_use]
    pub fn children(&self, parent: Option<DeviceId>) -> Vec<Arc<Device>> {
        self.control().children(parent).cloned().collect()
    }

    /// The device of this name below one.
    #[must_use]
    pub fn child(&self, parent: DeviceId, name: &str) -> Option<Arc<Device>> {
        let control = self.control();
        let mut found = Bus::ALL.into_iter().filter_map(|bus| control.device(bus, name));
        found.find(|device| device.parent() == Some(parent)).cloned()
    }

    /// Whom a device needs.
    #[must_use]
    pub fn suppliers(&self, consumer: DeviceId) -> Vec<DeviceId> {
        self.control()
            .links
            .suppliers(consumer)
            .filter(|(_, link)| link.is_shown())
            .map(|(id, _)| id)
            .collect()
    }

    /// Who needs a device.
    #[must_use]
    pub fn consumers(&self, supplier: DeviceId) -> Vec<DeviceId> {
        self.control()
            .links
            .consumers(supplier)
            .filter(|(_, link)| link.is_shown())
            .map(|(id, _)| id)
            .collect()
    }

    /// All links: supplier, consumer.
    #[must_use]
    pub fn device_links(&self) -> Vec<(DeviceId, DeviceId)> {
        let control = self.control();
        let shown = control.links.all().filter(|(_, _, link)| link.is_shown());
        shown.map(|(consumer, supplier, _)| (supplier, consumer)).collect()
    }

    /// Whether two devices are linked, and what the link orders.
    #[must_use]
    pub fn link_order(&self, supplier: DeviceId, consumer: DeviceId) -> Option<LinkOrder> {
        self.control().links.get(consumer, supplier).map(|link| link.order)
    }

    /// Whether a device refers to a node that is no device yet.
    #[must_use]
    pub fn waits_for_supplier(&self, device: DeviceId) -> bool {
        self.control().links.waits(device)
    }

    /// Whether all consumers of a device have probed.
    #[must_use]
    pub fn is_synced(&self, device: DeviceId) -> bool {
        self.control().links.is_synced(device)
    }

    /// The groups, by number.
    #[must_use]
    pub fn groups(&self) -> Vec<Arc<Group>> {
        self.control().iommus.groups().cloned().collect()
    }

    /// A group by its number.
    #[must_use]
    pub fn group(&self, id: GroupId) -> Option<Arc<Group>> {
        self.control().iommus.group(id).cloned()
    }

    /// A group's members, by the order they came to the machine.
    #[must_use]
    pub fn members(&self, group: GroupId) -> Vec<Arc<Device>> {
        let control = self.control();
        control.iommus.members(group).filter_map(|id| control.devices.get(&id).cloned()).collect()
    }

    /// The device that is the IOMMU a device is behind.
    #[must_use]
    pub fn iommu_device_of(&self, device: &Device) -> Option<Arc<Device>> {
        self.device_at(device.group()?.iommu().path())
    }

    /// Whether a device is an IOMMU and its driver is there.
    #[must_use]
    pub fn is_iommu(&self, device: &Device) -> bool {
        self.control().iommus.has(device.path())
    }

    /// The devices that are IOMMUs and whose driver is there.
    #[must_use]
    pub fn iommu_devices(&self) -> Vec<Arc<Device>> {
        let control = self.control();
        control.iommus.paths().filter_map(|path| control.device_at(path).cloned()).collect()
    }

    /// A device that exists only as a node of `/dev` comes.
    pub fn add_class_device(&self, device: ClassDevice) {
        let mut control = self.control();
        let class = control.classes.entry(device.class.clone()).or_default();
        class.insert(device.name.clone(), device);
    }

    /// It goes.
    pub fn remove_class_device(&self, class: &str, name: &str) {
        if let Some(class) = self.control().classes.get_mut(class) {
            class.remove(name);
        }
    }

    /// The classes with devices of their own.
    #[must_use]
    pub fn classes(&self) -> Vec<String> {
        self.control().classes.keys().cloned().collect()
    }

    /// The devices of a class, by name.
    #[must_use]
    pub fn class_devices(&self, class: &str) -> Vec<ClassDevice> {
        let control = self.control();
        control.classes.get(class).map(|class| class.values().cloned().collect()).unwrap_or_default()
    }

    /// One of them.
    #[must_use]
    pub fn class_device(&self, class: &str, name: &str) -> Option<ClassDevice> {
        self.control().classes.get(class)?.get(name).cloned()
    }
}
