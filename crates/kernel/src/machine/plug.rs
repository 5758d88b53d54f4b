//! Devices coming and going: at boot from the board's description, later by hand.
//!
//! In Linux these are `device_add` and `device_del` (drivers/base/core.c): a device gets its links, its bus offers it to drivers,
//! and it goes only after its driver has left it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use uvfio_firmware as firmware;

use super::control::Control;
use super::links::{LinkKind, LinkOrder};
use super::{Autoprobe, FwDevlink, Machine, Note, Refusal};
use crate::device::{Bus, Device, DeviceId, Driver, HostDriver, Presence, Surroundings, taken_by};
use crate::hw::{Dma, Wires};
use crate::iommu::{DmaPort, Domain};
use crate::irq::IrqLine;
use crate::module::{ModuleName, ModuleSpec};
use crate::wait::Wait;

impl Machine {
    /// Make the board's devices and the drivers they have in Linux, and probe.
    pub(super) fn bring_up(self: &Arc<Self>) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut made = Vec::new();
        let board = self.board();
        let mut control = self.control();
        for description in &board.devices {
            match self.make(&mut control, description) {
                Ok(device) => made.push(device),
                Err(_) => notes.push(Note::NameTaken {
                    device: description.name.clone(),
                    path: description.path.to_string(),
                }),
            }
        }
        self.wire_resets(&control, &made);
        notes.extend(self.link(&mut control, &made));
        drop(control);
        for spec in self.host_modules(&board.devices, &self.functions_below(&board.devices)) {
            notes.extend(self.register_module(spec));
        }
        notes
    }

    /// Plug devices in: all of them, or none where one's name or node is taken. Returns what is worth knowing.
    ///
    /// # Errors
    /// `EEXIST` where a device of that name is there.
    pub fn plug(&self, descriptions: &[firmware::Device]) -> Result<(Vec<Arc<Device>>, Vec<Note>), Refusal> {
        let mut made: Vec<Arc<Device>> = Vec::new();
        let mut notes = {
            let mut control = self.control();
            for description in descriptions {
                match self.make(&mut control, description) {
                    Ok(device) => made.push(device),
                    Err(refusal) => {
                        made.iter().for_each(|device| control.remove_device(device));
                        return Err(refusal);
                    }
                }
            }
            self.wire_resets(&control, &made);
            self.link(&mut control, &made)
        };
        for spec in self.host_modules(descriptions, &self.functions_below(descriptions)) {
            notes.extend(self.register_module(spec));
        }
        {
            let mut control = self.control();
            for device in &made {
                if control.bus_mut(device.bus()).autoprobe == Autoprobe::On {
                    control.deferred.queue(device.id());
                }
            }
        }
        self.settle();
        Ok((made, notes))
    }

    /// Bring the machine to another description of its board, such as one an overlay was applied to or taken from: devices that
    /// are in it no more go, and those that are new come; a `status` that changed is one way to that (`of_reconfig_get_state_change`,
    /// drivers/of/dynamic.c). A device whose node stays is left alone whatever else the node says now, as by `of_platform_notify`
    /// (drivers/of/platform.c): its resources and its IOMMU were read when it was made. Returns what is worth knowing.
    ///
    /// # Errors
    /// As [`Machine::unplug_set`]; everything is then as it was.
    pub fn change_board(&self, board: firmware::Board, wait: &dyn Wait) -> Result<Vec<Note>, Refusal> {
        let wanted: BTreeSet<&str> = board.devices.iter().map(|device| device.path.as_ref()).collect();
        let old = self.board();
        let there: BTreeSet<&str> = old.devices.iter().map(|device| device.path.as_ref()).collect();
        let gone = old.devices.iter().filter(|device| !wanted.contains(device.path.as_ref()));
        let gone: Vec<(Bus, &str)> = gone
            .map(|device| (Bus::of(device.bus), device.name.as_str()))
            .filter(|(bus, name)| self.device(*bus, name).is_some())
            .collect();
        let new: Vec<firmware::Device> =
            board.devices.iter().filter(|device| !there.contains(device.path.as_ref())).cloned().collect();
        for device in &new {
            let bus = Bus::of(device.bus);
            let stays =
                self.device(bus, &device.name).is_some() && !gone.contains(&(bus, device.name.as_str()));
            if stays {
                return Err(Refusal::Exists { device: device.name.clone() });
            }
        }
        self.unplug_set(&gone, wait)?;
        *crate::write(&self.board) = Arc::new(board);
        let (_, notes) = self.plug(&new)?;
        Ok(notes)
    }

    /// Unplug a device and those below it: ask whoever uses them to let go, wait until their drivers have left them, and take
    /// them out.
    ///
    /// # Errors
    /// `ENODEV` where there is no such device, `EBUSY` where it is an IOMMU that devices still use, `EINTR` where `wait` was ended;
    /// all then stay as they are.
    pub fn unplug(&self, bus: Bus, name: &str, wait: &dyn Wait) -> Result<(), Refusal> {
        self.unplug_set(&[(bus, name)], wait)
    }

    /// Unplug several devices, and those below them: all or none.
    ///
    /// # Errors
    /// Likewise.
    pub fn unplug_set(&self, devices: &[(Bus, &str)], wait: &dyn Wait) -> Result<(), Refusal> {
        let going = self.with_those_below(devices)?;
        for device in &going {
            device.set_presence(Presence::Gone);
            if let Some(driver) = device.driver() {
                driver.ask_back(device);
            }
        }
        let result = self.take_out(&going, wait);
        if result.is_err() {
            let control = self.control();
            let stays = going.iter().filter(|device| control.devices.contains_key(&device.id()));
            stays.for_each(|device| device.set_presence(Presence::Here));
        }
        self.settle();
        result
    }

    fn take_out(&self, going: &[Arc<Device>], wait: &dyn Wait) -> Result<(), Refusal> {
        let still_there = || {
            let control = self.control();
            match going.iter().find(|device| !control.devices.contains_key(&device.id())) {
                None => Ok(going.to_vec()),
                Some(device) => {
                    Err(Refusal::NoDevice { bus: device.bus(), device: device.name().to_owned() })
                }
            }
        };
        let _claim = self.let_go(going, wait, still_there)?;
        let mut control = self.control();
        for device in going {
            self.leave(&mut control, device);
            control.remove_device(device);
            self.unwire_resets(device);
        }
        Ok(())
    }

    /// Devices and all below them, each once.
    fn with_those_below(&self, devices: &[(Bus, &str)]) -> Result<Vec<Arc<Device>>, Refusal> {
        let control = self.control();
        let mut found: BTreeMap<DeviceId, Arc<Device>> = BTreeMap::new();
        let mut next = Vec::new();
        for (bus, name) in devices {
            let no_device = || Refusal::NoDevice { bus: *bus, device: (*name).to_owned() };
            next.push(Arc::clone(control.device(*bus, name).ok_or_else(no_device)?));
        }
        while let Some(device) = next.pop() {
            next.extend(control.children(Some(device.id())).cloned());
            found.insert(device.id(), device);
        }
        Ok(found.into_values().collect())
    }

    /// Make one device and put it on its bus, without links and without a driver.
    pub(super) fn make(
        &self,
        control: &mut Control,
        description: &firmware::Device,
    ) -> Result<Arc<Device>, Refusal> {
        let bus = Bus::of(description.bus);
        if control.device(bus, &description.name).is_some() || control.device_at(&description.path).is_some()
        {
            return Err(Refusal::Exists { device: description.name.clone() });
        }
        let id = control.new_id();
        let between = if description.acpi.is_some() { '.' } else { '/' };
        let above = description.path.rsplit_once(between).map(|(above, _)| above);
        let parent = above.and_then(|above| control.device_behind(above)).cloned();
        let place = parent.as_ref().map_or("platform", |parent| parent.place());
        let around = Surroundings {
            place: format!("{place}/{}", description.name),
            parent: parent.map(|parent| parent.id()),
            dma: DmaPort::new(&description.name, Domain::direct(None)),
            lines: description.interrupts.iter().map(|interrupt| control.wire(interrupt)).collect(),
            scheduler: Arc::clone(&self.scheduler),
            resets: Arc::clone(&self.resets.net),
        };
        let dma: Arc<dyn Dma> = around.dma.clone();
        let lines = around.lines.iter().map(IrqLine::output).collect();
        let model = self.models.make(description, Wires { dma, lines, clock: Arc::clone(&self.clock) });
        let device = Arc::new(Device::new(id, description.clone(), around, model));
        control.add_device(&device);
        Ok(device)
    }

    /// Make the links of new devices, to their suppliers and from those who waited for them, and find cycles.
    pub(super) fn link(&self, control: &mut Control, devices: &[Arc<Device>]) -> Vec<Note> {
        let Some(order) = self.link_order_of_references() else { return Vec::new() };
        for device in devices {
            let references = references(device.facts());
            control.work.visit(references.len());
            for (kind, path) in references {
                match control.device_behind(path).map(|supplier| (supplier.id(), supplier.path().to_owned()))
                {
                    // A device that supplies itself or stands above its consumer is there whenever the consumer is.
                    Some((supplier, _)) if supplier == device.id() => {}
                    Some((_, above)) if below(&above, device.path()) => {}
                    // Nor does a device need what is below it (`fwnode_is_ancestor_of` in `fw_devlink_create_devlink`): a bridge does
                    // not wait for an IOMMU that is found on its own bus.
                    Some((_, under)) if below(device.path(), &under) => {}
                    Some((supplier, _)) => control.links.add(device.id(), supplier, kind, order),
                    None => control.links.wait_for(device.id(), path, kind),
                }
            }
            for (consumer, kinds) in control.links.awaiting(device.path()) {
                for kind in kinds {
                    control.links.add(consumer, device.id(), kind, order);
                }
            }
        }
        let cycles = control.links.break_cycles(devices.iter().map(|device| device.id()));
        for device in cycles.iter().flatten() {
            // One that waited for another of its cycle no longer has to.
            if control.deferred.waits(*device) {
                control.deferred.queue(*device);
            }
        }
        let name = |id: &DeviceId| control.devices.get(id).map(|device| device.name().to_owned());
        cycles.iter().map(|cycle| Note::Cycle { devices: cycle.iter().filter_map(name).collect() }).collect()
    }

    /// What links made of references order; `None` where none are made.
    pub(super) fn link_order_of_references(&self) -> Option<LinkOrder> {
        match self.options.fw_devlink {
            FwDevlink::Off => None,
            FwDevlink::Permissive => Some(LinkOrder::SyncStateOnly),
            FwDevlink::On => Some(LinkOrder::Enforced),
        }
    }

    /// The modules of the host drivers these devices need and nobody has made known yet: first those of devices that others refer
    /// to. In Linux drivers of interrupt controllers, clocks and IOMMUs come at an earlier initcall level than others, so that few
    /// devices are deferred.
    fn host_modules(&self, devices: &[firmware::Device], functions: &[firmware::Device]) -> Vec<ModuleSpec> {
        let devices = || devices.iter().chain(functions);
        let needed: HashSet<&str> = devices().flat_map(references).map(|(_, path)| path).collect();
        let mut early: BTreeSet<ModuleName> = BTreeSet::new();
        let mut modules: BTreeMap<ModuleName, BTreeMap<(Bus, String), HostDriver>> = BTreeMap::new();
        let mut kinds: BTreeMap<(Bus, &str), (&firmware::Device, Level)> = BTreeMap::new();
        for device in devices() {
            let bus = Bus::of(device.bus);
            let Some(word) = taken_by(bus, device.identities()) else { continue };
            let level = if needed.contains(&*device.path) { Level::Early } else { Level::Late };
            let kind = kinds.entry((bus, word)).or_insert((device, level));
            kind.1 = kind.1.min(level);
        }
        for ((bus, _), (device, level)) in kinds {
            let Some(driver) = HostDriver::of(bus, device.identities()) else { continue };
            let module = ModuleName::new(driver.module());
            if self.modules.has_driver(&module, bus, driver.name()) {
                continue;
            }
            if level == Level::Early {
                early.insert(module.clone());
            }
            let key = (bus, driver.name().to_owned());
            modules.entry(module).or_default().entry(key).or_insert(driver);
        }
        let shared = |driver| -> Arc<dyn Driver> { Arc::new(driver) };
        let spec = |(name, drivers): (ModuleName, BTreeMap<_, HostDriver>)| ModuleSpec {
            name,
            params: &[],
            uses: Vec::new(),
            drivers: drivers.into_values().map(shared).collect(),
        };
        let (first, then): (Vec<_>, Vec<_>) = modules.into_iter().partition(|(name, _)| early.contains(name));
        first.into_iter().chain(then).map(spec).collect()
    }
}

/// When a driver comes at boot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// With those of devices that others need.
    Early,
    /// After them.
    Late,
}

/// What a device refers to, in the order Linux looks at it (`of_supplier_bindings`, drivers/of/property.c).
pub(super) fn references(device: &firmware::Device) -> Vec<(LinkKind, &str)> {
    let specifiers = [
        (LinkKind::Clock, &device.clocks),
        (LinkKind::Iommu, &device.iommus),
        (LinkKind::PowerDomain, &device.power_domains),
        (LinkKind::Reset, &device.resets),
    ];
    let mut found: Vec<(LinkKind, &str)> = specifiers
        .into_iter()
        .flat_map(|(kind, list)| list.iter().map(move |specifier| (kind, specifier.path.as_ref())))
        .collect();
    // A bridge needs the IOMMUs of those behind it (`parse_iommu_maps`).
    let rows = device.iommu_map.rows.iter();
    found.extend(rows.map(|row| (LinkKind::Iommu, row.path.as_ref())));
    // The interrupt controller of ACPI is no device and has no path.
    let interrupts = device.interrupts.iter().filter(|interrupt| !interrupt.path.is_empty());
    found.extend(interrupts.map(|interrupt| (LinkKind::Interrupt, interrupt.path.as_ref())));
    found
}

/// Whether a path is below another.
fn below(above: &str, path: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}
