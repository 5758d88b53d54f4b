//! What an administrator writes to sysfs: bind, unbind, drivers_probe, driver_override, drivers_autoprobe, new_id.
//!
//! Each answers as drivers/base/bus.c, drivers/base/dd.c and drivers/base/driver.c (`driver_set_override`) do, with the reason as
//! data. Names are taken as written, without a newline at the end (`sysfs_streq`).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Autoprobe, Machine, NewId, Refusal};
use crate::device::{BindFiles, Bus, Device, Driver};
use crate::wait::Wait;

/// What sysfs can show of one attribute, newline and end included.
const PAGE_SIZE: usize = 4096;

impl Machine {
    /// Give a device to a driver (`bind_store`).
    ///
    /// # Errors
    /// `ENODEV` where there is no such device or driver or the two do not match, `EBUSY` where the device has a driver or a
    /// program owns its group, `EAGAIN` where it must wait for a supplier, or the driver's own answer.
    pub fn bind(&self, bus: Bus, driver: &str, device: &str, wait: &dyn Wait) -> Result<(), Refusal> {
        let (device, driver) = self.pair(bus, driver, device)?;
        let claim = self.claims.claim(BTreeSet::from([device.id()]), wait)?;
        let matched = {
            let control = self.control();
            match control.driver(bus, driver.name()) {
                None => Err(Refusal::NoDriver { bus, driver: driver.name().to_owned() }),
                Some(entry) if entry.takes(&device) => Ok(()),
                Some(_) => Err(Refusal::NoMatch {
                    device: device.name().to_owned(),
                    driver: driver.name().to_owned(),
                    driver_override: device.driver_override(),
                }),
            }
        };
        let result = matched.and_then(|()| self.probe(&device, &driver).map_err(|failure| failure.refusal()));
        drop(claim);
        self.settle();
        result
    }

    /// Take a device from a driver (`unbind_store`), and from the drivers of its consumers first. Blocks while it is used.
    ///
    /// # Errors
    /// `ENODEV` where there is no such device or driver or the driver does not have it, `EINTR` where `wait` was ended.
    pub fn unbind(&self, bus: Bus, driver: &str, device: &str, wait: &dyn Wait) -> Result<(), Refusal> {
        let (device, driver) = self.pair(bus, driver, device)?;
        let theirs = || match device.driver() {
            Some(bound) if bound.name() == driver.name() => Ok(vec![Arc::clone(&device)]),
            other => Err(Refusal::NotBoundTo {
                device: device.name().to_owned(),
                driver: driver.name().to_owned(),
                bound: other.map(|bound| bound.name().to_owned()),
            }),
        };
        // What is not this driver's is refused before anybody waits for it.
        let result =
            theirs().and_then(|_| self.let_go(std::slice::from_ref(&device), wait, theirs)).map(drop);
        self.settle();
        result
    }

    /// Let the bus find a driver for a device (`drivers_probe_store`). No driver, or one whose probe fails, is no error.
    ///
    /// # Errors
    /// `ENODEV` where there is no such device, `EINVAL` where what comes before a driver's probe failed.
    pub fn drivers_probe(&self, bus: Bus, device: &str, wait: &dyn Wait) -> Result<(), Refusal> {
        let device = self.find(bus, device)?;
        let claim = self.claims.claim(BTreeSet::from([device.id()]), wait)?;
        let result = self.attach(&device).map_err(|refusal| Refusal::Rescan(Box::new(refusal)));
        drop(claim);
        self.settle();
        result
    }

    /// Write a device's override as sysfs takes it: up to a newline; nothing, or only a newline, clears it
    /// (`driver_set_override`). No driver is bound or unbound by this.
    ///
    /// # Errors
    /// `ENODEV` where there is no such device, `EINVAL` where the text does not fit.
    pub fn set_driver_override(&self, bus: Bus, device: &str, text: &str) -> Result<(), Refusal> {
        let device = self.find(bus, device)?;
        if text.len() >= PAGE_SIZE - 1 {
            return Err(Refusal::NotAName { length: text.len() });
        }
        let text = text.split(['\n', '\0']).next().unwrap_or_default();
        let name = (!text.is_empty()).then(|| text.to_owned());
        self.control().set_override(&device, name);
        Ok(())
    }

    /// Whether a bus gives devices to drivers by itself.
    #[must_use]
    pub fn autoprobe(&self, bus: Bus) -> Autoprobe {
        self.control().bus(bus).map(|table| table.autoprobe).unwrap_or_default()
    }

    /// Change that. What is bound stays bound.
    pub fn set_autoprobe(&self, bus: Bus, autoprobe: Autoprobe) {
        self.control().bus_mut(bus).autoprobe = autoprobe;
    }

    /// Let a driver take every device that says it is compatible with this, now and later (`new_id_store`). This is how a device
    /// plugged in later is taken by surprise, so it is only there where the machine was told to offer it.
    ///
    /// # Errors
    /// `EACCES` where it is not offered, `ENODEV` where there is no such driver, `EINVAL` for an empty or overlong text.
    pub fn new_id(&self, bus: Bus, driver: &str, compatible: &str) -> Result<(), Refusal> {
        let (driver, compatible) = self.new_id_arguments(bus, driver, compatible)?;
        self.control().bus_mut(bus).add_new_id(driver.name(), compatible);
        self.attach_driver(&driver);
        self.settle();
        Ok(())
    }

    /// Take that back (`remove_id_store`). What is bound stays bound.
    ///
    /// # Errors
    /// Likewise, and `ENODEV` where it was not given.
    pub fn remove_id(&self, bus: Bus, driver: &str, compatible: &str) -> Result<(), Refusal> {
        let (driver, compatible) = self.new_id_arguments(bus, driver, compatible)?;
        if self.control().bus_mut(bus).remove_new_id(driver.name(), compatible) {
            Ok(())
        } else {
            Err(Refusal::NoDevice { bus, device: compatible.to_owned() })
        }
    }

    fn new_id_arguments<'a>(
        &self,
        bus: Bus,
        driver: &str,
        compatible: &'a str,
    ) -> Result<(Arc<dyn Driver>, &'a str), Refusal> {
        let no_driver = || Refusal::NoDriver { bus, driver: driver.to_owned() };
        let found = self.driver(bus, driver).ok_or_else(no_driver)?;
        if self.options.new_id == NewId::Absent {
            return Err(Refusal::BindSuppressed { driver: driver.to_owned() });
        }
        let compatible = compatible.strip_suffix('\n').unwrap_or(compatible);
        if compatible.is_empty() || compatible.len() >= PAGE_SIZE - 1 {
            return Err(Refusal::NotAName { length: compatible.len() });
        }
        Ok((found, compatible))
    }

    /// Offer a driver the devices without one that it takes (`driver_attach`).
    pub(super) fn attach_driver(&self, driver: &Arc<dyn Driver>) {
        let mut control = self.control();
        let candidates = control.candidates_for(&**driver);
        control.work.visit(candidates.len());
        for device in candidates {
            control.deferred.queue(device);
        }
    }

    fn find(&self, bus: Bus, device: &str) -> Result<Arc<Device>, Refusal> {
        let name = device.strip_suffix('\n').unwrap_or(device);
        self.device(bus, name).ok_or_else(|| Refusal::NoDevice { bus, device: name.to_owned() })
    }

    /// A device and a driver that can be bound by hand.
    fn pair(&self, bus: Bus, driver: &str, device: &str) -> Result<(Arc<Device>, Arc<dyn Driver>), Refusal> {
        let no_driver = || Refusal::NoDriver { bus, driver: driver.to_owned() };
        let driver = self.driver(bus, driver).ok_or_else(no_driver)?;
        if driver.bind_files() == BindFiles::Suppressed {
            return Err(Refusal::BindSuppressed { driver: driver.name().to_owned() });
        }
        Ok((self.find(bus, device)?, driver))
    }
}
