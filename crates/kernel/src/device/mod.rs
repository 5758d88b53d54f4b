//! A device of the machine: its description, its model behind its own lock, its wires, and which driver has it.
//!
//! In Linux this is `struct device` with the resources of `struct platform_device`. Register accesses take only the device's own
//! lock; which driver has it is changed by the machine alone and may be read by anybody.

mod bus;
mod driver;
mod handback;
mod host;
mod reset;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use bus::{Bus, NoSuchBus};
pub use driver::{BindFiles, Deferral, DmaOwner, Driver, ProbeError, Reason};
pub use handback::{HandedBack, Power, Seen};
pub use host::HostDriver;
pub(crate) use host::taken_by;
pub(crate) use reset::{Movable, Quiet, ResetLock, ResetNet};
use uvfio_firmware as firmware;

use crate::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};
use crate::iommu::{DmaPort, Group};
use crate::irq::IrqLine;
use crate::module::ModuleHold;
use crate::sync::{Mutex, RwLock};

/// How many steps of pending work a device does on the thread that accessed it.
const STEPS_PER_ACCESS: u32 = 4096;

/// A device's number: given in the order devices come, and never to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u64);

/// Continues a device's work after the access that started it has returned. A door hands one in that has a thread; without one,
/// work goes on at the next access.
pub trait Scheduler: Send + Sync {
    /// The device has work left: call [`Device::run`] soon.
    fn soon(&self, device: &Arc<Device>);
    /// The device has nothing to do before this time of the machine's clock: call [`Device::run`] then.
    fn at(&self, device: &Arc<Device>, time: Duration);
}

/// Nobody continues the work of devices.
#[derive(Clone, Copy, Debug)]
pub struct NoScheduler;

impl Scheduler for NoScheduler {
    fn soon(&self, _: &Arc<Device>) {}
    fn at(&self, _: &Arc<Device>, _: Duration) {}
}

/// What a device is wired to, and where it stands.
pub(crate) struct Surroundings {
    /// The device above it.
    pub(crate) parent: Option<DeviceId>,
    /// Its directory, from `/sys/devices` on.
    pub(crate) place: String,
    /// Its way to memory.
    pub(crate) dma: Arc<DmaPort>,
    /// Its interrupt lines in the order of the description.
    pub(crate) lines: Vec<Arc<IrqLine>>,
    /// Who continues its work.
    pub(crate) scheduler: Arc<dyn Scheduler>,
    /// The reset lines of the machine.
    pub(crate) resets: Arc<ResetNet>,
}

/// A device.
pub struct Device {
    id: DeviceId,
    bus: Bus,
    facts: firmware::Device,
    around: Surroundings,
    model: Mutex<Box<dyn Model>>,
    resets: reset::ResetInput,
    link: RwLock<Link>,
}

/// What the machine decides about a device.
#[derive(Default)]
struct Link {
    driver: Option<Arc<dyn Driver>>,
    driver_override: Option<String>,
    presence: Presence,
    membership: Option<Membership>,
    /// The group of whose default domain its driver has a share.
    shared: Option<Arc<Group>>,
    power: Power,
    /// Keeps a device that would not stop from reaching anything.
    blocked: Option<Quiet>,
    watch: handback::Watch,
}

/// A device's place behind an IOMMU.
pub(crate) struct Membership {
    /// The group it is in.
    pub(crate) group: Arc<Group>,
    /// The IOMMU's driver cannot go while devices are behind it.
    pub(crate) _module: ModuleHold,
}

/// Whether a device is still part of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It is.
    #[default]
    Here,
    /// It is being removed, or has been: no driver gets it any more.
    Gone,
}

impl Device {
    pub(crate) fn new(
        id: DeviceId,
        facts: firmware::Device,
        around: Surroundings,
        model: Box<dyn Model>,
    ) -> Self {
        let bus = Bus::of(facts.bus);
        let resets = reset::ResetInput::of(&*model);
        Self { id, bus, facts, around, model: Mutex::new(model), resets, link: RwLock::default() }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// Linux's name for it, unique on its bus.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// The bus it is on.
    #[must_use]
    pub fn bus(&self) -> Bus {
        self.bus
    }

    /// The path of its node.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.facts.path
    }

    /// Its description.
    #[must_use]
    pub fn facts(&self) -> &firmware::Device {
        &self.facts
    }

    /// Its register windows in the order of `reg`.
    #[must_use]
    pub fn regions(&self) -> &[firmware::Region] {
        &self.facts.regions
    }

    /// The device above it, such as the bus it is on.
    #[must_use]
    pub fn parent(&self) -> Option<DeviceId> {
        self.around.parent
    }

    /// Its directory, from `/sys/devices` on.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.around.place
    }

    /// Its way to memory.
    #[must_use]
    pub fn dma(&self) -> &Arc<DmaPort> {
        &self.around.dma
    }

    /// Its interrupt lines in the order of the description.
    #[must_use]
    pub fn irqs(&self) -> &[Arc<IrqLine>] {
        &self.around.lines
    }

    /// One of them.
    #[must_use]
    pub fn irq(&self, index: usize) -> Option<&Arc<IrqLine>> {
        self.around.lines.get(index)
    }

    /// The group it is in, once its IOMMU's driver has put it in one.
    #[must_use]
    pub fn group(&self) -> Option<Arc<Group>> {
        crate::read(&self.link).membership.as_ref().map(|membership| Arc::clone(&membership.group))
    }

    /// Record a share of a group's default domain, or that there is none any more. Returns the former one.
    pub(crate) fn set_shared(&self, group: Option<Arc<Group>>) -> Option<Arc<Group>> {
        std::mem::replace(&mut crate::write(&self.link).shared, group)
    }

    pub(crate) fn set_membership(&self, membership: Option<Membership>) {
        // What the former one held is let go after the lock.
        let _former = std::mem::replace(&mut crate::write(&self.link).membership, membership);
    }

    /// The driver that has it.
    #[must_use]
    pub fn driver(&self) -> Option<Arc<dyn Driver>> {
        crate::read(&self.link).driver.clone()
    }

    /// The name of the only driver that may have it, where somebody set one.
    #[must_use]
    pub fn driver_override(&self) -> Option<String> {
        crate::read(&self.link).driver_override.clone()
    }

    /// Whether it is still part of the machine.
    #[must_use]
    pub fn presence(&self) -> Presence {
        crate::read(&self.link).presence
    }

    pub(crate) fn set_presence(&self, presence: Presence) {
        crate::write(&self.link).presence = presence;
    }

    pub(crate) fn set_driver(&self, driver: Option<Arc<dyn Driver>>) {
        crate::write(&self.link).driver = driver;
    }

    pub(crate) fn set_driver_override(&self, name: Option<String>) {
        crate::write(&self.link).driver_override = name;
    }

    /// Load a register: `offset` in window `region`. What the load sets going is done as far as the step budget reaches. A device
    /// in reset reads as 0, and so does one that did not come out of its reset.
    pub fn load(self: &Arc<Self>, region: usize, offset: u64, width: Width) -> u64 {
        if self.resets.has_failed() { 0 } else { self.load_as_driver(region, offset, width) }
    }

    /// Store to a register, likewise. Bits of `value` above `width` are not seen by the device.
    pub fn store(self: &Arc<Self>, region: usize, offset: u64, width: Width, value: u64) {
        if !self.resets.has_failed() {
            self.store_as_driver(region, offset, width, value);
        }
    }

    /// The load of a driver in the kernel, which reaches a device that did not come out of its reset: it may try once more.
    pub(crate) fn load_as_driver(self: &Arc<Self>, region: usize, offset: u64, width: Width) -> u64 {
        let mut model = crate::lock(&self.model);
        if self.resets.is_asserted() {
            return 0;
        }
        let value = model.read(region, offset, width);
        let progress = model.run(STEPS_PER_ACCESS);
        drop(model);
        self.go_on(progress);
        self.move_lines();
        value
    }

    /// Its store, likewise.
    pub(crate) fn store_as_driver(self: &Arc<Self>, region: usize, offset: u64, width: Width, value: u64) {
        let mut model = crate::lock(&self.model);
        if self.resets.is_asserted() {
            return;
        }
        model.write(region, offset, width, value & width.mask());
        let progress = model.run(STEPS_PER_ACCESS);
        drop(model);
        self.go_on(progress);
        self.move_lines();
    }

    /// Do at most about `steps` steps of pending work. For a scheduler, which must call again as the answer says.
    pub fn run(&self, steps: u32) -> Progress {
        crate::lock(&self.model).run(steps)
    }

    /// Reset the device itself.
    ///
    /// # Errors
    /// Where it does not complete its reset.
    pub fn reset(&self, kind: ResetKind) -> Result<(), ResetFailed> {
        crate::lock(&self.model).reset(kind)
    }

    /// What it is doing now.
    #[must_use]
    pub fn activity(&self) -> Activity {
        crate::lock(&self.model).activity()
    }

    fn go_on(self: &Arc<Self>, progress: Progress) {
        match progress {
            Progress::Idle => {}
            Progress::More => self.around.scheduler.soon(self),
            Progress::At(time) => self.around.scheduler.at(self, time),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({}:{})", self.bus, self.name())
    }
}
