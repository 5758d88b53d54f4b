//! The machine: a board brought up, with its buses, devices, drivers and modules.
//!
//! In Linux this is what drivers/base keeps. Everything that changes who has which device goes through one lock here, the control
//! plane; register accesses, DMA and interrupts never take it. Drivers are called without it.

mod binding;
mod claims;
mod control;
mod cycles;
mod deferred;
mod dma;
mod facts;
mod functions;
#[cfg(test)]
mod handback_tests;
mod letgo;
mod links;
mod memory;
mod modules;
mod plug;
mod probe;
#[cfg(test)]
mod property;
mod refusal;
mod resets;
mod sets;
#[cfg(test)]
pub(crate) mod tests;
mod work;

use std::sync::Arc;
use std::time::Duration;

use uvfio_firmware as firmware;

use self::claims::Claims;
pub use self::control::Autoprobe;
use self::control::Control;
pub use self::links::{LinkKind, LinkOrder};
pub use self::refusal::Refusal;
use self::resets::Resets;
pub use self::sets::SetRefusal;
pub use self::work::Work;
use crate::device::{Bus, Deferral, Device, DeviceId, Driver, Scheduler};
use crate::hw::{Clock, Model, Wires};
use crate::module::{ModuleFacts, ModuleHold, ModuleName, Modules, Params, Setting};
use crate::sync::{Mutex, MutexGuard, RwLock};

/// Makes the model of a device. The command wires models to boards by `compatible`; a device without one gets a stand-in.
pub trait ModelMaker: Send + Sync {
    /// The model of this device, wired up. Called while the machine is being changed: it must not ask the machine anything.
    fn make(&self, device: &firmware::Device, wires: Wires) -> Box<dyn Model>;
}

/// What the firmware's references between devices are for (`fw_devlink=` on a kernel command line).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FwDevlink {
    /// Nothing is made of them.
    Off,
    /// Links are made and order nothing; they tell suppliers when all consumers have probed.
    Permissive,
    /// Consumers are probed after their suppliers.
    #[default]
    On,
}

/// Whether a device may be given to a driver by what it is, at run time (`new_id`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NewId {
    /// The files are not there.
    #[default]
    Absent,
    /// They are, for platform and AMBA drivers too, with the race that argues against them.
    Offered,
}

/// How the driver core behaves: what a kernel command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// `fw_devlink=`.
    pub fw_devlink: FwDevlink,
    /// `deferred_probe_timeout=`: how long a device waits for suppliers whose driver never came; `None` is for ever.
    pub deferred_probe_timeout: Option<Duration>,
    /// Modules that are not loaded when the machine is brought up.
    pub absent_modules: Vec<ModuleName>,
    /// Whether `new_id` is there.
    pub new_id: NewId,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fw_devlink: FwDevlink::default(),
            deferred_probe_timeout: Some(Duration::from_secs(10)),
            absent_modules: Vec::new(),
            new_id: NewId::default(),
        }
    }
}

/// What a machine is brought up with.
pub struct Setup {
    /// Makes the models.
    pub models: Arc<dyn ModelMaker>,
    /// The machine's time.
    pub clock: Arc<dyn Clock>,
    /// Continues the work of devices.
    pub scheduler: Arc<dyn Scheduler>,
    /// Settings of module parameters.
    pub params: Params,
    /// How the driver core behaves.
    pub options: Options,
}

/// Something worth knowing about a machine that was brought up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// These devices supply each other; their links order nothing.
    Cycle {
        /// Their names.
        devices: Vec<String>,
    },
    /// Two nodes give one name on one bus; the second is no device.
    NameTaken {
        /// The name.
        device: String,
        /// The second's node.
        path: String,
    },
    /// A module does not have this parameter.
    UnknownParam {
        /// What the command line says.
        setting: Setting,
    },
    /// A module was not loaded.
    ModuleAbsent {
        /// Its name.
        module: ModuleName,
        /// Why.
        why: crate::module::ModuleError,
    },
}

/// A board brought up.
pub struct Machine {
    board: RwLock<Arc<firmware::Board>>,
    control: Mutex<Control>,
    claims: Arc<Claims>,
    modules: Arc<Modules>,
    params: Params,
    models: Arc<dyn ModelMaker>,
    clock: Arc<dyn Clock>,
    scheduler: Arc<dyn Scheduler>,
    options: Options,
    resets: Resets,
}

impl Machine {
    /// Bring a board up: make its devices, load the modules of their drivers, and probe.
    #[must_use]
    pub fn new(board: firmware::Board, setup: Setup) -> (Arc<Self>, Vec<Note>) {
        let machine = Arc::new(Self {
            control: Mutex::default(),
            claims: Arc::default(),
            modules: Arc::default(),
            params: setup.params,
            models: setup.models,
            clock: setup.clock,
            scheduler: setup.scheduler,
            options: setup.options,
            resets: Resets::default(),
            board: RwLock::new(Arc::new(board)),
        });
        let notes = machine.bring_up();
        (machine, notes)
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        crate::lock(&self.control)
    }

    /// The board as it is described now.
    #[must_use]
    pub fn board(&self) -> Arc<firmware::Board> {
        Arc::clone(&crate::read(&self.board))
    }

    /// The machine's time.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How the driver core behaves.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The parameters of all modules.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// A device by its name.
    #[must_use]
    pub fn device(&self, bus: Bus, name: &str) -> Option<Arc<Device>> {
        self.control().device(bus, name).cloned()
    }

    /// A device by its number.
    #[must_use]
    pub fn device_by_id(&self, id: DeviceId) -> Option<Arc<Device>> {
        self.control().devices.get(&id).cloned()
    }

    /// The device made from a node.
    #[must_use]
    pub fn device_at(&self, path: &str) -> Option<Arc<Device>> {
        self.control().device_at(path).cloned()
    }

    /// The devices of a bus by name.
    #[must_use]
    pub fn devices(&self, bus: Bus) -> Vec<Arc<Device>> {
        self.control().bus(bus).map(|table| table.devices.values().cloned().collect()).unwrap_or_default()
    }

    /// The drivers of a bus by name.
    #[must_use]
    pub fn drivers(&self, bus: Bus) -> Vec<Arc<dyn Driver>> {
        let control = self.control();
        let Some(table) = control.bus(bus) else { return Vec::new() };
        table.drivers.values().map(|entry| Arc::clone(&entry.driver)).collect()
    }

    /// A driver by its name.
    #[must_use]
    pub fn driver(&self, bus: Bus, name: &str) -> Option<Arc<dyn Driver>> {
        self.control().driver(bus, name).map(|entry| Arc::clone(&entry.driver))
    }

    /// The devices a driver has, by name.
    #[must_use]
    pub fn devices_of(&self, bus: Bus, driver: &str) -> Vec<Arc<Device>> {
        let control = self.control();
        control.driver(bus, driver).map(|entry| entry.devices.values().cloned().collect()).unwrap_or_default()
    }

    /// Who waits for what, in the order the devices came.
    #[must_use]
    pub fn deferred(&self) -> Vec<(Arc<Device>, Deferral)> {
        let control = self.control();
        let named =
            |(id, why): (DeviceId, &Deferral)| Some((Arc::clone(control.devices.get(&id)?), why.clone()));
        control.deferred.all().filter_map(named).collect()
    }

    /// Why a device has no driver, where one was asked to take it since it lost its last.
    #[must_use]
    pub fn refusal(&self, device: &Device) -> Option<Refusal> {
        self.control().refused.get(&device.id()).filter(|_| device.driver().is_none()).cloned()
    }

    /// What a device waits for.
    #[must_use]
    pub fn deferral(&self, device: &Device) -> Option<Deferral> {
        self.control().deferred.reason(device.id()).cloned()
    }

    /// How much the driver core has done so far.
    #[must_use]
    pub fn work(&self) -> Work {
        self.control().work
    }

    /// The modules that are known, loaded or not.
    #[must_use]
    pub fn modules(&self) -> Vec<ModuleFacts> {
        self.modules.all()
    }

    /// One of them.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<ModuleFacts> {
        self.modules.facts(name)
    }

    /// Keep a module from being unloaded; it is loaded first where it is not there, unless the machine was told to leave it out
    /// (`request_module`, then `try_module_get`). For modules without drivers of their own.
    #[must_use]
    pub fn request_module(&self, name: &str) -> Option<ModuleHold> {
        let held = self.modules.hold(name);
        held.or_else(|| {
            if self.options.absent_modules.contains(&ModuleName::new(name)) {
                return None;
            }
            self.load_module(name, &[]).ok()?;
            self.modules.hold(name)
        })
    }

    /// Keep a module from being unloaded, where it is there.
    #[must_use]
    pub fn hold_module(&self, name: &str) -> Option<ModuleHold> {
        self.modules.hold(name)
    }
}
