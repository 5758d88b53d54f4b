//! Resetting devices: which ways a device has, what each would reach, whether it may happen, and how it happens.
//!
//! In Linux `vfio_platform_call_reset` (drivers/vfio/platform/vfio_platform_common.c) chooses: with ACPI `_RST` and nothing else, with
//! a device tree the reset driver for the first `compatible`; the reset controller would have come after it. Here the devices a reset
//! would reach are known before, each must be the asker's or nobody's, and while it goes on their DMA is stopped and their interrupts
//! are masked. A device whose reset fails stays like that.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use uvfio_firmware as firmware;

use super::Machine;
use super::control::Control;
use super::memory::ReachedByReset;
use crate::device::{Device, DeviceId, DmaOwner, Movable, Quiet, ResetLock, ResetNet};
use crate::hw::Width;
use crate::module::ModuleState;
use crate::provider::reset;
use crate::provider::reset::drivers::{Active, ResetDriver};
use crate::provider::reset::platform::ResetHandler;
use crate::provider::reset::{
    AcpiReset, Affected, Ask, Asker, BadMethod, Breadth, Holder, Line, Methods, Need, NoAcpi, Operation,
    Registers, Relation, ResetController, ResetCore, ResetError, ResetPlan, ResetRefusal, ResetSet, Scope,
    Share, decide, relation, sets,
};
use crate::sync::{Mutex, RwLock, ThreadId, current};

/// What a machine keeps for resets.
pub(super) struct Resets {
    pub(super) core: ResetCore,
    pub(super) net: Arc<ResetNet>,
    acpi: RwLock<Arc<dyn AcpiReset>>,
    /// What administrators chose; devices nobody chose for are not here.
    methods: Mutex<BTreeMap<DeviceId, Methods>>,
    /// Devices being reset or to be, and by which threads.
    under_way: Mutex<HashSet<(DeviceId, ThreadId)>>,
}

impl Default for Resets {
    fn default() -> Self {
        Self {
            core: ResetCore::new(),
            net: Arc::default(),
            acpi: RwLock::new(Arc::new(NoAcpi)),
            methods: Mutex::default(),
            under_way: Mutex::default(),
        }
    }
}

/// A device's registers, for the drivers in the kernel.
struct DeviceRegisters(Arc<Device>);

impl Registers for DeviceRegisters {
    fn load(&self, region: usize, offset: u64) -> u32 {
        // A load of 4 bytes gives no more.
        self.0.load_as_driver(region, offset, Width::Word) as u32
    }

    fn store(&self, region: usize, offset: u64, value: u32) {
        self.0.store_as_driver(region, offset, Width::Word, value.into());
    }
}

/// The reset lines a device wants.
fn wanted(device: &Device) -> Vec<firmware::Specifier> {
    reset::wanted(device.facts()).cloned().collect()
}

/// Bytes of a device's first window.
fn first_window(device: &Device) -> u64 {
    device.regions().first().map_or(0, |region| region.size)
}

impl Machine {
    /// The reset core: controllers and their lines.
    #[must_use]
    pub fn reset_core(&self) -> &ResetCore {
        &self.resets.core
    }

    /// Let the firmware's `_RST` methods be evaluated by this.
    pub fn set_acpi_reset(&self, acpi: Arc<dyn AcpiReset>) {
        *crate::write(&self.resets.acpi) = acpi;
    }

    /// Wire new devices to their reset lines.
    pub(super) fn wire_resets(&self, control: &Control, devices: &[Arc<Device>]) {
        let board = self.board();
        // Whoever is no device now, for instance because it was unplugged, is still described.
        let described: LazyCell<HashMap<&str, &Vec<String>>, _> =
            LazyCell::new(|| board.devices.iter().map(|it| (it.path.as_ref(), &it.compatible)).collect());
        let provider = |specifier: &firmware::Specifier| match control.device_at(&specifier.path) {
            Some(device) => device.facts().compatible.clone(),
            None => described.get(specifier.path.as_ref()).map(|it| it.to_vec()).unwrap_or_default(),
        };
        for device in devices {
            let wanted = wanted(device);
            let providers: Vec<Vec<String>> = wanted.iter().map(provider).collect();
            let known = providers.iter().all(|compatible| ResetDriver::of(compatible).is_some());
            let lines = wanted.iter().zip(&providers);
            let lines = lines.map(|(specifier, compatible)| Line::of(specifier, compatible)).collect();
            self.resets.net.add(device, lines, if known { Movable::Yes } else { Movable::No });
        }
    }

    /// A device goes.
    pub(super) fn unwire_resets(&self, device: &Device) {
        self.resets.net.remove(device.id());
        self.resets.core.unregister(device.path());
        crate::lock(&self.resets.methods).remove(&device.id());
    }

    /// A driver has a device: where it is a reset controller and the driver the kernel's, its lines can be had.
    pub(super) fn reset_controller_came(&self, device: &Arc<Device>, owner: DmaOwner) {
        if let (DmaOwner::Kernel, Some(driver)) = (owner, ResetDriver::of(device.facts().identities())) {
            let registers = Arc::new(DeviceRegisters(Arc::clone(device)));
            let controller = driver.make(registers, first_window(device));
            self.release_low_pins(device.path(), driver, &*controller);
            self.resets.core.register(device.path(), controller);
        }
    }

    /// A pin that resets while it is low is high when the kernel starts: the boot firmware has let go of it.
    fn release_low_pins(&self, provider: &str, driver: &ResetDriver, controller: &dyn ResetController) {
        let consumers = self.resets.net.on_low_pins_of(provider);
        for specifier in consumers.iter().flat_map(|device| wanted(device)).filter(|it| *it.path == *provider)
        {
            let low = driver.output(&specifier.cells).is_some_and(|(_, active)| active == Active::Low);
            if let (true, Some(line)) = (low, controller.translate(&specifier.cells)) {
                // A pin that cannot be driven resets nothing, and whoever asks for it is told.
                let _ = controller.deassert(line);
            }
        }
    }

    /// A device has no driver any more.
    pub(super) fn reset_controller_went(&self, device: &Device) {
        self.resets.core.unregister(device.path());
    }

    /// The reset methods of a device (`reset_method`), those in use in order of preference.
    #[must_use]
    pub fn reset_methods(&self, device: &Device) -> Methods {
        let available = self.available(device);
        match crate::lock(&self.resets.methods).get_mut(&device.id()) {
            Some(methods) => {
                methods.set_available(available);
                methods.clone()
            }
            None => Methods::new(available),
        }
    }

    /// Choose a device's reset methods and their order, as a write to `reset_method` does.
    ///
    /// # Errors
    /// A name that is none, or of a method the device does not have.
    pub fn set_reset_methods(&self, device: &Device, text: &str) -> Result<(), BadMethod> {
        let available = self.available(device);
        let mut all = crate::lock(&self.resets.methods);
        let methods = all.entry(device.id()).or_default();
        methods.set_available(available);
        methods.store(text)
    }

    fn available(&self, device: &Device) -> Vec<Scope> {
        let acpi = Arc::clone(&crate::read(&self.resets.acpi));
        if acpi.describes_machine() {
            return if acpi.has(device.name()) { vec![Scope::Acpi] } else { Vec::new() };
        }
        let first = device.facts().compatible.first();
        let handler = first.and_then(|first| ResetHandler::of(first));
        let handler = handler.filter(|handler| self.is_loaded(handler)).map(|_| Scope::DeviceSpecific);
        let movable = self.resets.net.is_movable(device.id());
        let described = !wanted(device).is_empty() || device.facts().lost_resets > 0;
        let controller = (movable && described).then_some(Scope::Controller);
        handler.into_iter().chain(controller).collect()
    }

    /// Whether a reset driver's module is there. A machine that does not know it as a module has it built in.
    fn is_loaded(&self, handler: &ResetHandler) -> bool {
        self.modules.facts(handler.module).is_none_or(|facts| facts.state == ModuleState::Live)
    }

    /// Devices that share reset lines, set by set.
    #[must_use]
    pub fn reset_sets(&self) -> Vec<ResetSet<DeviceId>> {
        sets(&self.resets.net.wiring())
    }

    /// Why two devices are on one line.
    #[must_use]
    pub fn reset_relation(&self, one: &Device, other: &Device) -> Relation {
        relation(one.facts(), other.facts(), reset::phys)
    }

    /// What a reset would do. Nothing happens.
    ///
    /// # Errors
    /// Where the device has no such way, or the way does not fit.
    pub fn plan_reset(
        &self,
        device: &Arc<Device>,
        ask: Ask,
        breadth: Breadth,
    ) -> Result<ResetPlan, ResetRefusal> {
        if let Ask::Only(scope) = ask
            && scope.is_pci()
        {
            return Err(ResetRefusal::NotAvailable { scope });
        }
        let name = || device.name().to_owned();
        let scope = self.reset_methods(device).pick(ask);
        let scope = scope.ok_or_else(|| ResetRefusal::NoMethod { device: name() })?;
        let mut plan = ResetPlan {
            device: Arc::clone(device),
            scope,
            lines: Vec::new(),
            affected: vec![Arc::clone(device)],
        };
        if scope == Scope::Controller {
            if device.facts().lost_resets > 0 {
                return Err(ResetError::Unreadable { consumer: name() }.into());
            }
            let (lines, reached) = self.resets.net.reach(device.id());
            let others = reached.into_iter().filter(|id| *id != device.id());
            plan.affected.extend(others.filter_map(|id| self.device_by_id(id)));
            plan.lines = lines;
            if breadth == Breadth::Dedicated {
                self.check_dedicated(&plan)?;
            }
            wanted(device).iter().try_for_each(|specifier| self.resets.core.line(specifier).map(drop))?;
        }
        Ok(plan)
    }

    fn check_dedicated(&self, plan: &ResetPlan) -> Result<(), ResetRefusal> {
        let device = plan.device.name().to_owned();
        // A device's own phy goes where the device goes; the line is theirs together.
        let another = |other: &&Arc<Device>| self.reset_relation(&plan.device, other) != Relation::Phy;
        match (plan.lines.as_slice(), plan.affected.iter().skip(1).find(another)) {
            ([_], None) => Ok(()),
            ([line], Some(other)) => {
                let provider = line.provider.clone();
                let cells =
                    wanted(&plan.device).into_iter().next().map(|it| it.cells.to_vec()).unwrap_or_default();
                Err(ResetRefusal::NotDedicated { device, provider, cells, other: other.name().to_owned() })
            }
            (lines, _) => Err(ResetRefusal::NotOneLine { device, lines: lines.len() }),
        }
    }

    /// In whose hands a device is.
    #[must_use]
    pub fn holder(&self, device: &Device) -> Holder {
        if let Some(owner) = device.group().and_then(|group| group.owner()) {
            return Holder::User(owner);
        }
        if let Some(driver) = device.driver() {
            return Holder::Host { driver: driver.name().to_owned() };
        }
        let activity = device.activity();
        if activity.running || activity.interrupting { Holder::NobodyAtWork } else { Holder::Nobody }
    }

    /// Likewise, for somebody who may have shown the device itself.
    pub(super) fn holder_for(&self, device: &Device, asker: &Asker) -> Holder {
        let host = device.driver().is_some_and(|driver| driver.dma_owner() == DmaOwner::Kernel);
        if !host && asker.devices.contains(&device.id()) { Holder::Asker } else { self.holder(device) }
    }

    /// Whose the devices are that a reset would reach.
    #[must_use]
    pub fn affected(&self, plan: &ResetPlan, asker: &Asker) -> Vec<Affected> {
        let affected = |device: &Arc<Device>| {
            let holder = self.holder_for(device, asker);
            Affected { device: device.name().to_owned(), holder }
        };
        plan.affected.iter().map(affected).collect()
    }

    /// Whether a reset may happen now, as far as it is a question of whom it would reach. Nothing happens.
    ///
    /// # Errors
    /// Names the first device it would reach that is not the asker's.
    pub fn may_reset(&self, plan: &ResetPlan, asker: &Asker) -> Result<(), ResetRefusal> {
        Ok(decide(asker, &self.affected(plan, asker))?)
    }

    /// Reset as planned: stop DMA, mask interrupts, reset, and look whether the devices are as they should be.
    ///
    /// # Errors
    /// Where it would reach a device that is not the asker's, nothing is done. Where the reset fails, all devices it reached stay
    /// without DMA and interrupts until one succeeds or they are taken up anew.
    pub fn reset(&self, plan: &ResetPlan, asker: &Asker) -> Result<(), ResetRefusal> {
        let _under_way = self.begin(plan)?;
        let _locks = lock_all(&plan.affected);
        self.is_current(plan)?;
        self.may_reset(plan, asker)?;
        let quiet: Vec<Quiet> = plan.affected.iter().map(|device| device.quiet()).collect();
        let result = self.perform(plan, asker).and_then(|()| check(plan));
        for (device, quiet) in plan.affected.iter().zip(quiet) {
            match &result {
                Ok(()) => device.unblock(),
                Err(refusal) if refusal.before_anything() => drop(quiet),
                Err(_) => device.block(quiet),
            }
        }
        result
    }

    /// A plan is of no use any more when the lines it moves have come to reach another device.
    fn is_current(&self, plan: &ResetPlan) -> Result<(), ResetRefusal> {
        if plan.scope != Scope::Controller {
            return Ok(());
        }
        let (_, reached) = self.resets.net.reach(plan.device.id());
        let known = |id: &DeviceId| plan.affected.iter().any(|device| device.id() == *id);
        match reached.iter().find(|id| !known(id)).and_then(|id| self.device_by_id(*id)) {
            Some(other) => {
                let device = plan.device.name().to_owned();
                Err(ResetRefusal::Stale { device, other: other.name().to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Refuse a reset from within one that reaches the same device.
    fn begin(&self, plan: &ResetPlan) -> Result<UnderWay<'_>, ResetRefusal> {
        let me = current().id();
        let mut under_way = crate::lock(&self.resets.under_way);
        let mine = |device: &&Arc<Device>| under_way.contains(&(device.id(), me));
        if let Some(device) = plan.affected.iter().find(mine) {
            return Err(ResetRefusal::UnderWay { device: device.name().to_owned() });
        }
        let marks: Vec<_> = plan.affected.iter().map(|device| (device.id(), me)).collect();
        under_way.extend(&marks);
        drop(under_way);
        Ok(UnderWay { resets: &self.resets, marks })
    }

    fn perform(&self, plan: &ResetPlan, asker: &Asker) -> Result<(), ResetRefusal> {
        let device = || plan.device.name().to_owned();
        match plan.scope {
            Scope::DeviceSpecific => {
                let first = plan.device.facts().compatible.first();
                let handler = first.and_then(|first| ResetHandler::of(first));
                let handler = handler.ok_or_else(|| ResetRefusal::NoMethod { device: device() })?;
                let registers = DeviceRegisters(Arc::clone(&plan.device));
                let done = handler.reset(&registers, first_window(&plan.device));
                done.map_err(|why| ResetRefusal::Handler { device: device(), why })
            }
            Scope::Acpi => {
                let acpi = Arc::clone(&crate::read(&self.resets.acpi));
                let memory = ReachedByReset::new(self, asker, &plan.device);
                acpi.evaluate(plan.device.name(), &memory)
                    .map_err(|why| ResetRefusal::Acpi { device: device(), why })
            }
            Scope::Controller => Ok(self.pulse(&wanted(&plan.device))?),
            scope => Err(ResetRefusal::NotAvailable { scope }),
        }
    }

    /// Pulse all lines of a consumer at once: by holding and letting go, or by the controller's own pulse where it has only that.
    fn pulse(&self, resets: &[firmware::Specifier]) -> Result<(), ResetError> {
        let Some(lines) = self.resets.core.get_all(resets, Share::Exclusive, Need::Required)? else {
            return Ok(());
        };
        match lines.assert() {
            Err(ResetError::NotSupported { operation: Operation::Assert, .. }) => lines.reset(),
            Err(error) => Err(error),
            Ok(()) => lines.deassert(),
        }
    }
}

/// Devices marked as being reset by a thread.
struct UnderWay<'a> {
    resets: &'a Resets,
    marks: Vec<(DeviceId, ThreadId)>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut under_way = crate::lock(&self.resets.under_way);
        for mark in &self.marks {
            under_way.remove(mark);
        }
    }
}

/// Take the reset locks of devices in the order of their numbers, so that two resets cannot wait for each other.
fn lock_all(devices: &[Arc<Device>]) -> Vec<ResetLock<'_>> {
    let ordered: BTreeMap<DeviceId, &Arc<Device>> =
        devices.iter().map(|device| (device.id(), device)).collect();
    ordered.into_values().map(|device| device.lock_reset()).collect()
}

/// Whether the devices are as they should be: after a line moved, as their manuals say; after a device's own reset, at rest.
fn check(plan: &ResetPlan) -> Result<(), ResetRefusal> {
    for device in &plan.affected {
        let name = || device.name().to_owned();
        if plan.scope == Scope::Controller
            && (device.is_held_in_reset()
                || device.line_reset() == Some(Err(crate::hw::ResetFailed))
                || device.is_reset() == Some(false))
        {
            return Err(ResetRefusal::NotReset { device: name() });
        }
        let activity = device.activity();
        if activity.running || activity.interrupting {
            return Err(ResetRefusal::StillAtWork { device: name() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
