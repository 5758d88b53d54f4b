//! The tables of the control plane: which devices and drivers each bus has, indexed so that no question scans them all.
//!
//! In Linux these are the klists of `struct subsys_private` (drivers/base/bus.c), which are walked; a board of ten thousand
//! devices must come up in time linear in its size, so here a device's candidates are found by its `compatible` strings.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use uvfio_firmware as firmware;

use super::Refusal;
use super::deferred::Deferred;
use super::dma::Iommus;
use super::links::Links;
use super::work::Work;
use crate::device::{Bus, Device, DeviceId, Driver};
use crate::irq::{IrqLine, Trigger};
use crate::sysfs::ClassDevice;

/// Whether a bus gives devices to drivers by itself (`drivers_autoprobe`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Autoprobe {
    /// A new device or driver finds its match at once.
    #[default]
    On,
    /// Only a write to `bind` or `drivers_probe` does.
    Off,
}

/// Whether `deferred_probe_timeout` has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Expired {
    #[default]
    No,
    Yes,
}

/// Whether drivers were taken off their buses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// All of them.
    All,
    /// None, because one has a device.
    HasDevice,
    /// None, because one is being given a device.
    Probing,
}

#[derive(Default)]
pub(super) struct Control {
    pub(super) devices: BTreeMap<DeviceId, Arc<Device>>,
    by_path: HashMap<String, DeviceId>,
    children: BTreeMap<Option<DeviceId>, BTreeMap<(String, Bus), DeviceId>>,
    /// The inputs of interrupt controllers that devices are wired to, by controller and number: one wire may be shared.
    wires: HashMap<(String, u32), Weak<IrqLine>>,
    buses: BTreeMap<Bus, BusTable>,
    pub(super) deferred: Deferred,
    pub(super) links: Links,
    pub(super) iommus: Iommus,
    pub(super) classes: BTreeMap<String, BTreeMap<String, ClassDevice>>,
    /// Devices that are leaving their drivers.
    pub(super) leaving: BTreeSet<DeviceId>,
    /// Devices that are getting a driver.
    probing: BTreeSet<DeviceId>,
    /// Devices that some driver has wanted.
    matched: BTreeSet<DeviceId>,
    /// Why devices have no driver although one was asked to take them.
    pub(super) refused: BTreeMap<DeviceId, Refusal>,
    /// The time in which suppliers may come is over.
    pub(super) expired: Expired,
    pub(super) work: Work,
    last_id: u64,
}

#[derive(Default)]
pub(super) struct BusTable {
    pub(super) devices: BTreeMap<String, Arc<Device>>,
    pub(super) drivers: BTreeMap<String, DriverEntry>,
    pub(super) autoprobe: Autoprobe,
    by_compatible: HashMap<String, BTreeSet<DeviceId>>,
    by_override: HashMap<String, BTreeSet<DeviceId>>,
    takers: HashMap<String, BTreeSet<String>>,
    /// Drivers without a table: the only ones that must be asked about every device.
    others: BTreeSet<String>,
    /// How many drivers came so far.
    came: u64,
}

pub(super) struct DriverEntry {
    pub(super) driver: Arc<dyn Driver>,
    /// How many came before it.
    order: u64,
    pub(super) devices: BTreeMap<String, Arc<Device>>,
    /// What `new_id` added to its table.
    pub(super) new_ids: BTreeSet<String>,
    /// How many of its probes are under way: it stays until they have ended.
    pub(super) probing: usize,
}

impl Control {
    /// A number for a device to come.
    pub(super) fn new_id(&mut self) -> DeviceId {
        self.last_id += 1;
        DeviceId(self.last_id)
    }

    pub(super) fn bus(&self, bus: Bus) -> Option<&BusTable> {
        self.buses.get(&bus)
    }

    pub(super) fn bus_mut(&mut self, bus: Bus) -> &mut BusTable {
        self.buses.entry(bus).or_default()
    }

    pub(super) fn device(&self, bus: Bus, name: &str) -> Option<&Arc<Device>> {
        self.bus(bus)?.devices.get(name)
    }

    pub(super) fn device_at(&self, path: &str) -> Option<&Arc<Device>> {
        self.devices.get(self.by_path.get(path)?)
    }

    /// The device of a node, or of the nearest node above it that is one: who stands behind a reference to that node.
    pub(super) fn device_behind(&self, path: &str) -> Option<&Arc<Device>> {
        let mut path = path;
        loop {
            if let Some(device) = self.device_at(path) {
                return Some(device);
            }
            path = path.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| !parent.is_empty())?;
        }
    }

    pub(super) fn driver(&self, bus: Bus, name: &str) -> Option<&DriverEntry> {
        self.bus(bus)?.drivers.get(name)
    }

    /// The wire to an interrupt controller's input.
    pub(super) fn wire(&mut self, interrupt: &firmware::Interrupt) -> Arc<IrqLine> {
        let input = self.wires.entry((interrupt.path.to_string(), interrupt.number)).or_default();
        input.upgrade().unwrap_or_else(|| {
            let is_level = interrupt.trigger.is_level();
            let line = IrqLine::new(if is_level { Trigger::Level } else { Trigger::Edge });
            *input = Arc::downgrade(&line);
            line
        })
    }

    /// The devices below one, or those that are below none, by name.
    pub(super) fn children(&self, parent: Option<DeviceId>) -> impl Iterator<Item = &Arc<Device>> {
        let children = self.children.get(&parent).into_iter().flat_map(BTreeMap::values);
        children.filter_map(|id| self.devices.get(id))
    }

    /// A device comes.
    pub(super) fn add_device(&mut self, device: &Arc<Device>) {
        self.devices.insert(device.id(), Arc::clone(device));
        self.by_path.insert(device.path().to_owned(), device.id());
        let siblings = self.children.entry(device.parent()).or_default();
        siblings.insert((device.name().to_owned(), device.bus()), device.id());
        let table = self.bus_mut(device.bus());
        table.devices.insert(device.name().to_owned(), Arc::clone(device));
        for compatible in device.facts().identities() {
            table.by_compatible.entry(compatible.clone()).or_default().insert(device.id());
        }
        if !self.candidates(device).is_empty() {
            self.set_matched(device.id());
        }
    }

    /// A device goes.
    pub(super) fn remove_device(&mut self, device: &Device) {
        self.devices.remove(&device.id());
        self.by_path.remove(device.path());
        if let Some(siblings) = self.children.get_mut(&device.parent()) {
            siblings.remove(&(device.name().to_owned(), device.bus()));
        }
        self.links.remove(device.id(), device.path());
        self.deferred.forget(device.id());
        self.deferred.went(device.path());
        self.matched.remove(&device.id());
        self.refused.remove(&device.id());
        let table = self.bus_mut(device.bus());
        table.devices.remove(device.name());
        for compatible in device.facts().identities() {
            drop_from(&mut table.by_compatible, compatible, &device.id());
        }
        if let Some(name) = device.driver_override() {
            drop_from(&mut table.by_override, &name, &device.id());
        }
    }

    /// Set or clear the name of the only driver that may have a device.
    pub(super) fn set_override(&mut self, device: &Device, name: Option<String>) {
        let table = self.bus_mut(device.bus());
        if let Some(old) = device.driver_override() {
            drop_from(&mut table.by_override, &old, &device.id());
        }
        if let Some(new) = &name {
            table.by_override.entry(new.clone()).or_default().insert(device.id());
        }
        device.set_driver_override(name);
    }

    /// The drivers that would take a device, the one for its most specific `compatible` first, and of several the one that came first:
    /// that is the order Linux asks in (`bus_for_each_drv`).
    pub(super) fn candidates(&self, device: &Device) -> Vec<Arc<dyn Driver>> {
        let Some(table) = self.bus(device.bus()) else { return Vec::new() };
        if let Some(name) = device.driver_override() {
            return table.drivers.get(&name).map(|entry| Arc::clone(&entry.driver)).into_iter().collect();
        }
        let by_table =
            device.facts().identities().iter().filter_map(|compatible| table.takers.get(compatible));
        let mut found: Vec<Arc<dyn Driver>> = Vec::new();
        for names in by_table.chain([&table.others]) {
            let mut entries: Vec<&DriverEntry> =
                names.iter().filter_map(|name| table.drivers.get(name)).collect();
            entries.sort_by_key(|entry| entry.order);
            for entry in entries {
                let seen = found.iter().any(|driver| driver.name() == entry.driver.name());
                if !seen && entry.takes(device) {
                    found.push(Arc::clone(&entry.driver));
                }
            }
        }
        found
    }

    /// A driver comes to its bus. Devices it would take are worth waiting for from now on.
    pub(super) fn add_driver(&mut self, driver: &Arc<dyn Driver>) {
        self.bus_mut(driver.bus()).add_driver(Arc::clone(driver));
        let candidates = self.candidates_for(&**driver);
        self.matched.extend(candidates);
    }

    /// Whether the driver of an IOMMU that has none may still come (`driver_deferred_probe_check_state`). One on the bus of a host
    /// bridge is no device before the bridge has its driver.
    pub(super) fn iommu_may_come(&self, path: &str) -> bool {
        let pending = match self.device_at(path) {
            Some(iommu) => !self.is_ready(iommu),
            None => {
                let above = self.device_behind(path);
                above.is_some_and(|above| above.facts().pci.is_some() && !self.is_ready(above))
            }
        };
        self.expired == Expired::No && pending
    }

    /// Some driver wants a device (`can_match`).
    pub(super) fn set_matched(&mut self, id: DeviceId) {
        self.matched.insert(id);
    }

    /// Whether some driver has wanted a device since it came.
    pub(super) fn was_matched(&self, id: DeviceId) -> bool {
        self.matched.contains(&id)
    }

    /// Whether a device has a driver or is getting one.
    pub(super) fn has_driver(&self, id: DeviceId) -> bool {
        let bound = self.devices.get(&id).is_some_and(|device| device.driver().is_some());
        bound || self.probing.contains(&id)
    }

    /// Whether a device has a driver and keeps it.
    pub(super) fn is_ready(&self, device: &Device) -> bool {
        device.driver().is_some() && !self.leaving.contains(&device.id())
    }

    /// A driver is about to probe a device. Neither it nor the device's suppliers go meanwhile.
    pub(super) fn begin_probe(&mut self, device: &Device, driver: &Arc<dyn Driver>) -> Result<(), Refusal> {
        let entry = self.bus_mut(driver.bus()).drivers.get_mut(driver.name());
        match entry.filter(|entry| Arc::ptr_eq(&entry.driver, driver)) {
            Some(entry) => {
                entry.probing += 1;
                self.probing.insert(device.id());
                Ok(())
            }
            None => Err(Refusal::NoDriver { bus: driver.bus(), driver: driver.name().to_owned() }),
        }
    }

    /// It has.
    pub(super) fn end_probe(&mut self, device: &Device, driver: &Arc<dyn Driver>) {
        self.probing.remove(&device.id());
        if let Some(entry) = self.bus_mut(driver.bus()).drivers.get_mut(driver.name()) {
            entry.probing -= 1;
        }
    }

    /// Whether any of these drivers is being given a device.
    pub(super) fn is_probing(&self, drivers: &[Arc<dyn Driver>]) -> bool {
        let mut entries = drivers.iter().filter_map(|driver| self.driver(driver.bus(), driver.name()));
        entries.any(|entry| entry.probing > 0)
    }

    /// Take drivers off their buses, unless one of them has a device.
    pub(super) fn remove_idle_drivers(&mut self, drivers: &[Arc<dyn Driver>]) -> Removed {
        if self.is_probing(drivers) {
            return Removed::Probing;
        }
        let mut entries = drivers.iter().filter_map(|driver| self.driver(driver.bus(), driver.name()));
        if entries.any(|entry| !entry.devices.is_empty()) {
            return Removed::HasDevice;
        }
        for driver in drivers {
            self.bus_mut(driver.bus()).remove_driver(driver.name());
        }
        Removed::All
    }

    /// The devices without a driver that a driver might take.
    pub(super) fn candidates_for(&self, driver: &dyn Driver) -> BTreeSet<DeviceId> {
        let Some(table) = self.bus(driver.bus()) else { return BTreeSet::new() };
        let Some(entry) = table.drivers.get(driver.name()) else { return BTreeSet::new() };
        let compatibles = driver.table().iter().chain(&entry.new_ids);
        let mut found: BTreeSet<DeviceId> = compatibles
            .filter_map(|compatible| table.by_compatible.get(compatible))
            .flatten()
            .copied()
            .collect();
        found.extend(table.by_override.get(driver.name()).into_iter().flatten());
        if driver.table().is_empty() {
            found.extend(
                table.devices.values().filter(|device| driver.matches(device)).map(|device| device.id()),
            );
        }
        found.retain(|id| self.devices.get(id).is_some_and(|device| device.driver().is_none()));
        found
    }
}

impl BusTable {
    /// A driver comes.
    pub(super) fn add_driver(&mut self, driver: Arc<dyn Driver>) {
        let name = driver.name().to_owned();
        for compatible in driver.table() {
            self.takers.entry(compatible.clone()).or_default().insert(name.clone());
        }
        if driver.table().is_empty() {
            self.others.insert(name.clone());
        }
        self.came += 1;
        self.drivers.insert(
            name,
            DriverEntry {
                driver,
                order: self.came,
                devices: BTreeMap::new(),
                new_ids: BTreeSet::new(),
                probing: 0,
            },
        );
    }

    /// A driver goes.
    fn remove_driver(&mut self, name: &str) {
        let Some(entry) = self.drivers.remove(name) else { return };
        self.others.remove(name);
        for compatible in entry.driver.table().iter().chain(&entry.new_ids) {
            drop_from(&mut self.takers, compatible, name);
        }
    }

    /// Let a driver take one more `compatible` from now on.
    pub(super) fn add_new_id(&mut self, driver: &str, compatible: &str) {
        if let Some(entry) = self.drivers.get_mut(driver) {
            entry.new_ids.insert(compatible.to_owned());
            self.takers.entry(compatible.to_owned()).or_default().insert(driver.to_owned());
        }
    }

    /// Take that back. Answers whether it was there.
    pub(super) fn remove_new_id(&mut self, driver: &str, compatible: &str) -> bool {
        let Some(entry) = self.drivers.get_mut(driver) else { return false };
        let was_there = entry.new_ids.remove(compatible);
        if was_there && !entry.driver.table().iter().any(|own| own == compatible) {
            drop_from(&mut self.takers, compatible, driver);
        }
        was_there
    }
}

impl DriverEntry {
    /// Whether it takes a device without an override, or with one that names it (`platform_match`, `amba_match`).
    pub(super) fn takes(&self, device: &Device) -> bool {
        match device.driver_override() {
            Some(name) => name == self.driver.name(),
            None => {
                let by_new_id = || device.facts().identities().iter().any(|word| self.new_ids.contains(word));
                self.driver.matches(device) || (!self.new_ids.is_empty() && by_new_id())
            }
        }
    }
}

fn drop_from<T, Q>(index: &mut HashMap<String, BTreeSet<T>>, key: &str, value: &Q)
where
    T: Ord + std::borrow::Borrow<Q>,
    Q: Ord + ?Sized,
{
    if let Some(set) = index.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            index.remove(key);
        }
    }
}
