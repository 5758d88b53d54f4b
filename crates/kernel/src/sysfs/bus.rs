//! `/sys/bus`: buses, their devices and their drivers (drivers/base/bus.c, drivers/base/driver.c).

use super::{Attribute, Directory, Entry, Named, Sysfs, directory, file};
use crate::device::{BindFiles, Bus, Device};
use crate::machine::{Autoprobe, NewId, Refusal};
use crate::module::ModuleName;
use crate::wait::Wait;

/// A file of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BusFile {
    /// `drivers_probe`.
    DriversProbe,
    /// `drivers_autoprobe`.
    DriversAutoprobe,
    /// `uevent`.
    Uevent,
}

impl BusFile {
    pub(super) fn mode(self) -> u16 {
        match self {
            BusFile::DriversProbe | BusFile::Uevent => 0o200,
            BusFile::DriversAutoprobe => 0o644,
        }
    }
}

/// A file of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriverFile {
    /// `bind`.
    Bind,
    /// `unbind`.
    Unbind,
    /// `uevent`.
    Uevent,
    /// `new_id`.
    NewId,
    /// `remove_id`.
    RemoveId,
}

pub(super) fn files(bus: Bus) -> Vec<Named> {
    vec![
        directory("devices", Directory::BusDevices(bus)),
        directory("drivers", Directory::BusDrivers(bus)),
        file("drivers_autoprobe", Attribute::Bus(bus, BusFile::DriversAutoprobe)),
        file("drivers_probe", Attribute::Bus(bus, BusFile::DriversProbe)),
        file("uevent", Attribute::Bus(bus, BusFile::Uevent)),
    ]
}

/// Whether a device is shown. PCI functions are not: what reads them expects their configuration space, which nothing has here.
pub(super) fn is_shown(device: &Device) -> bool {
    device.bus() != Bus::Pci
}

impl Sysfs {
    pub(super) fn bus_device(&self, bus: Bus, name: &str) -> Option<Entry> {
        let device = self.machine.device(bus, name).filter(|device| is_shown(device))?;
        let to = Directory::Device(device.id());
        self.link_target(&Directory::BusDevices(bus), &to).map(Entry::Link)
    }

    pub(super) fn bus_devices(&self, bus: Bus) -> Vec<Named> {
        let devices = self.machine.devices(bus).into_iter().filter(|device| is_shown(device));
        let named = |device: std::sync::Arc<crate::device::Device>| Named {
            name: device.name().to_owned(),
            entry: Entry::Link(format!("../../../devices/{}", device.place())),
        };
        devices.map(named).collect()
    }

    pub(super) fn bus_driver(&self, bus: Bus, name: &str) -> Option<Entry> {
        let driver = self.machine.driver(bus, name).filter(|driver| driver.bus() != Bus::Pci)?;
        Some(Entry::Directory(Directory::Driver(bus, driver.name().to_owned())))
    }

    pub(super) fn bus_drivers(&self, bus: Bus) -> Vec<Named> {
        let drivers = self.machine.drivers(bus).into_iter().filter(|driver| driver.bus() != Bus::Pci);
        drivers
            .map(|driver| directory(driver.name(), Directory::Driver(bus, driver.name().to_owned())))
            .collect()
    }

    pub(super) fn driver_entry(&self, bus: Bus, driver: &str, name: &str) -> Option<Entry> {
        let device = self.machine.device(bus, name);
        if let Some(device) =
            device.filter(|device| device.driver().is_some_and(|bound| bound.name() == driver))
        {
            let from = Directory::Driver(bus, driver.to_owned());
            return self.link_target(&from, &Directory::Device(device.id())).map(Entry::Link);
        }
        let fixed = self.driver_files(bus, driver)?;
        fixed.into_iter().find(|named| named.name == name).map(|named| named.entry)
    }

    pub(super) fn driver_entries(&self, bus: Bus, driver: &str) -> Vec<Named> {
        let Some(mut entries) = self.driver_files(bus, driver) else { return Vec::new() };
        for device in self.machine.devices_of(bus, driver) {
            let name = device.name().to_owned();
            entries
                .push(Named { name, entry: Entry::Link(format!("../../../../devices/{}", device.place())) });
        }
        entries
    }

    fn driver_files(&self, bus: Bus, name: &str) -> Option<Vec<Named>> {
        let driver = self.machine.driver(bus, name)?;
        let attribute = |which| Attribute::Driver(bus, name.to_owned(), which);
        let mut entries = vec![file("uevent", attribute(DriverFile::Uevent))];
        if driver.bind_files() == BindFiles::Shown {
            entries.push(file("bind", attribute(DriverFile::Bind)));
            entries.push(file("unbind", attribute(DriverFile::Unbind)));
        }
        if self.machine.options().new_id == NewId::Offered {
            entries.push(file("new_id", attribute(DriverFile::NewId)));
            entries.push(file("remove_id", attribute(DriverFile::RemoveId)));
        }
        let from = Directory::Driver(bus, name.to_owned());
        let module = Directory::Module(ModuleName::new(driver.module()));
        if let Some(target) = self.link_target(&from, &module) {
            entries.push(Named { name: "module".to_owned(), entry: Entry::Link(target) });
        }
        Some(entries)
    }

    pub(super) fn read_bus(&self, bus: Bus, file: BusFile) -> Option<String> {
        match file {
            BusFile::DriversAutoprobe => Some(match self.machine.autoprobe(bus) {
                Autoprobe::On => "1\n".to_owned(),
                Autoprobe::Off => "0\n".to_owned(),
            }),
            BusFile::DriversProbe | BusFile::Uevent => None,
        }
    }

    pub(super) fn write_bus(
        &self,
        bus: Bus,
        file: BusFile,
        text: &str,
        wait: &dyn Wait,
    ) -> Result<(), Refusal> {
        match file {
            BusFile::DriversProbe => self.machine.drivers_probe(bus, text, wait),
            BusFile::DriversAutoprobe => {
                let autoprobe = if text.starts_with('0') { Autoprobe::Off } else { Autoprobe::On };
                self.machine.set_autoprobe(bus, autoprobe);
                Ok(())
            }
            BusFile::Uevent => Ok(()),
        }
    }

    pub(super) fn write_driver(
        &self,
        bus: Bus,
        driver: &str,
        file: DriverFile,
        text: &str,
        wait: &dyn Wait,
    ) -> Result<(), Refusal> {
        match file {
            DriverFile::Bind => self.machine.bind(bus, driver, text, wait),
            DriverFile::Unbind => self.machine.unbind(bus, driver, text, wait),
            DriverFile::NewId => self.machine.new_id(bus, driver, text),
            DriverFile::RemoveId => self.machine.remove_id(bus, driver, text),
            DriverFile::Uevent => Ok(()),
        }
    }
}
