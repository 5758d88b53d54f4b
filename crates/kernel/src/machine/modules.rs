//! Loading and unloading modules: registering their drivers and taking them away.
//!
//! In Linux a module's init function calls `driver_register`, which offers the driver to every device without one, and its exit
//! function `driver_unregister`, which takes it from every device it has (drivers/base/driver.c, drivers/base/dd.c). A module that
//! is held or used is not unloaded (kernel/module/main.c).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::control::Removed;
use super::{Machine, Note, Refusal};
use crate::device::{Device, Driver};
use crate::module::{ModuleError, ModuleName, ModuleSpec, ModuleState, Setting};
use crate::wait::Wait;

impl Machine {
    /// Make a module known and load it, unless the machine was told to leave it out. Returns what is worth knowing.
    pub fn register_module(&self, spec: ModuleSpec) -> Vec<Note> {
        let name = spec.name.clone();
        let drivers = spec.drivers.clone();
        if self.modules.declare(spec) == ModuleState::Live {
            for driver in &drivers {
                self.control().add_driver(driver);
                self.attach_driver(driver);
            }
            self.settle();
            return Vec::new();
        }
        if self.options.absent_modules.contains(&name) {
            return Vec::new();
        }
        match self.load_module(name.as_str(), &[]) {
            Ok(unknown) => unknown.into_iter().map(|setting| Note::UnknownParam { setting }).collect(),
            Err(Refusal::Module(why)) => vec![Note::ModuleAbsent { module: name, why }],
            Err(_) => Vec::new(),
        }
    }

    /// Load a module: register its drivers, offer them devices, and probe what waited. Returns the settings that name no
    /// parameter of it, which Linux ignores with a warning.
    ///
    /// # Errors
    /// Where it is unknown, there already, needs another, or a parameter's value is wrong.
    pub fn load_module(&self, name: &str, arguments: &[Setting]) -> Result<Vec<Setting>, Refusal> {
        let spec = self.modules.begin_load(name)?;
        let unknown = match self.params.load(&spec.name, spec.params, arguments) {
            Ok(unknown) => unknown,
            Err(error) => {
                self.modules.settle(&spec.name, ModuleState::Absent);
                return Err(ModuleError::Param(error).into());
            }
        };
        for driver in &spec.drivers {
            self.control().add_driver(driver);
        }
        self.modules.settle(&spec.name, ModuleState::Live);
        for driver in &spec.drivers {
            self.attach_driver(driver);
        }
        // One without drivers changes nothing for devices that wait; it may be loaded while one of them is probed.
        if !spec.drivers.is_empty() {
            self.settle();
        }
        Ok(unknown)
    }

    /// Unload a module: take its drivers from their devices and away. Devices find no driver by this; they stay without one.
    ///
    /// # Errors
    /// Where it is unknown, not there, held or used, or where a driver of it could not leave a device before `wait` was ended;
    /// everything is then as before.
    pub fn unload_module(&self, name: &str, wait: &dyn Wait) -> Result<(), Refusal> {
        let spec = self.modules.begin_unload(name)?;
        match self.take_drivers_away(&spec, wait) {
            Ok(()) => {
                self.params.unload(&spec.name);
                self.modules.settle(&spec.name, ModuleState::Absent);
                self.settle();
                Ok(())
            }
            Err(refusal) => {
                self.modules.settle(&spec.name, ModuleState::Live);
                for driver in &spec.drivers {
                    self.attach_driver(driver);
                }
                self.settle();
                Err(match refusal {
                    Refusal::Interrupted(_) => ModuleError::Interrupted { module: spec.name }.into(),
                    other => other,
                })
            }
        }
    }

    /// Take the module's drivers from their devices and off their buses. A device that is plugged in meanwhile may still find one
    /// of them, and is let go as well.
    fn take_drivers_away(&self, spec: &ModuleSpec, wait: &dyn Wait) -> Result<(), Refusal> {
        loop {
            let of = |driver: &Arc<dyn Driver>| self.devices_of(driver.bus(), driver.name());
            let devices: Vec<Arc<Device>> = spec.drivers.iter().flat_map(of).collect();
            for device in &devices {
                if let Some(driver) = device.driver() {
                    driver.ask_back(device);
                }
            }
            let ours = |device: &&Arc<Device>| {
                device.driver().is_some_and(|bound| spec.drivers.iter().any(|own| Arc::ptr_eq(own, &bound)))
            };
            let claim = self.let_go(&devices, wait, || Ok(devices.iter().filter(ours).cloned().collect()))?;
            drop(claim);
            let removed = self.control().remove_idle_drivers(&spec.drivers);
            match removed {
                Removed::All => return Ok(()),
                Removed::HasDevice => {}
                Removed::Probing => self.claims.wait(wait, || !self.control().is_probing(&spec.drivers))?,
            }
        }
    }

    /// The command line's settings for modules nobody has made known: a mistake of whoever wrote them.
    #[must_use]
    pub fn unclaimed_settings(&self) -> Vec<Setting> {
        let known: BTreeSet<ModuleName> = self.modules.all().into_iter().map(|facts| facts.name).collect();
        self.params.settings().iter().filter(|setting| !known.contains(setting.module())).cloned().collect()
    }
}
