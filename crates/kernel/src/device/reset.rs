//! A device and its reset lines: held by those that reach it, and moving those it drives.
//!
//! In hardware these are wires from one block's outputs to another's reset input; Linux never sees them. While a line that reaches a
//! device is asserted its registers read as 0 and take nothing, and it does no DMA. Which device moved a line, and why, is not known
//! here. One that drives lines is looked at after each access to it, and what changed goes out over the [`ResetNet`].

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::{Device, DeviceId};
use crate::hw::{Model, ResetFailed, ResetKind};
use crate::iommu::Hold;
use crate::irq::IrqLine;
use crate::provider::reset::drivers::Active;
use crate::provider::reset::{Line, Wiring};
use crate::sync::{Mutex, RwLock};

/// How many devices one change may go through: a controller may reset a controller, and two may reset each other.
const HOPS: usize = 1024;

/// What reset lines do to a device, and what it does to lines.
pub(super) struct ResetInput {
    /// Whether any line is asserted; what an access looks at. Set with the model's lock taken.
    held: AtomicBool,
    /// Whether its last reset failed; what a program's access looks at.
    failed: AtomicBool,
    state: Mutex<InputState>,
    /// Its own outputs as they were last; `None` for a device that drives no reset lines.
    outputs: Option<Mutex<Vec<bool>>>,
    /// Taken by whoever resets the device, and by whoever gives it to somebody.
    lock: Mutex<()>,
}

#[derive(Default)]
struct InputState {
    asserted: u32,
    hold: Option<Hold>,
    outcome: Option<Result<(), ResetFailed>>,
}

impl ResetInput {
    pub(super) fn of(model: &dyn Model) -> Self {
        let outputs = model.reset_lines().map(|lines| Mutex::new(vec![false; lines.count() as usize]));
        let (held, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { held, failed, state: Mutex::default(), outputs, lock: Mutex::new(()) }
    }

    pub(super) fn is_asserted(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Its reset failed.
    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// A reset succeeded, or somebody takes the device up as it is.
    pub(super) fn recover(&self) {
        self.failed.store(false, Ordering::Release);
    }
}

/// Keeps a device from being reset, or given to somebody, by others.
pub(crate) type ResetLock<'a> = crate::sync::MutexGuard<'a, ()>;

/// Keeps a device quiet: no DMA goes through, and no interrupt is delivered.
pub(crate) struct Quiet {
    _hold: Hold,
    lines: Vec<Arc<IrqLine>>,
}

impl From<Hold> for Quiet {
    fn from(hold: Hold) -> Self {
        Self { _hold: hold, lines: Vec::new() }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.lines.iter().for_each(|line| line.enable());
    }
}

impl Device {
    /// Whether a line that reaches it is asserted.
    #[must_use]
    pub fn is_held_in_reset(&self) -> bool {
        self.resets.is_asserted()
    }

    /// Whether it is as its manual says it is after reset; `None` where that is not known.
    #[must_use]
    pub fn is_reset(&self) -> Option<bool> {
        crate::lock(&self.model).is_reset()
    }

    /// How its last reset by a line went.
    #[must_use]
    pub fn line_reset(&self) -> Option<Result<(), ResetFailed>> {
        crate::lock(&self.resets.state).outcome
    }

    /// Stop its DMA, then mask its interrupts, until the guard goes. An access under way, or a handler that runs, is waited for.
    pub(crate) fn quiet(&self) -> Quiet {
        let hold = self.dma().hold();
        let lines = self.irqs().to_vec();
        lines.iter().for_each(|line| line.disable());
        Quiet { _hold: hold, lines }
    }

    /// Keep it quiet beyond this call, because a reset of it failed: no DMA, no interrupts, and registers as in reset.
    pub(crate) fn block(&self, quiet: Quiet) {
        self.resets.fail();
        let former = crate::write(&self.link).blocked.replace(quiet);
        drop(former);
    }

    /// Lift the block, because a reset of it succeeded.
    pub(crate) fn unblock(&self) {
        let former = crate::write(&self.link).blocked.take();
        drop(former);
        self.resets.recover();
    }

    /// Whether a reset of it failed and it is kept from doing anything.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        crate::read(&self.link).blocked.is_some()
    }

    /// Whether its last reset failed, and nobody has taken it up since.
    #[must_use]
    pub fn has_failed_reset(&self) -> bool {
        self.resets.has_failed()
    }

    /// Keep others from resetting it or giving it to somebody (`device_lock`, as `pci_dev_lock` takes it).
    pub(crate) fn lock_reset(&self) -> ResetLock<'_> {
        crate::lock(&self.resets.lock)
    }

    /// Likewise, unless somebody does already.
    pub(crate) fn try_lock_reset(&self) -> Option<ResetLock<'_>> {
        crate::sync::try_lock(&self.resets.lock)
    }

    /// A line that reaches it moved.
    fn line_moved(&self, level: LineLevel) {
        match level {
            LineLevel::Asserted => {
                let hold = self.dma().hold();
                let mut model = crate::lock(&self.model);
                let mut state = crate::lock(&self.resets.state);
                state.asserted += 1;
                if state.asserted == 1 {
                    state.outcome = Some(model.reset(ResetKind::Line));
                    state.hold = Some(hold);
                    self.resets.held.store(true, Ordering::Release);
                }
            }
            LineLevel::Released => {
                let mut state = crate::lock(&self.resets.state);
                state.asserted = state.asserted.saturating_sub(1);
                let hold = if state.asserted == 0 { state.hold.take() } else { None };
                self.resets.held.store(state.asserted > 0, Ordering::Release);
                drop(state);
                drop(hold);
            }
        }
    }

    /// The outputs that changed since this was last asked.
    fn moved_outputs(&self) -> Vec<(u32, bool)> {
        let Some(outputs) = &self.resets.outputs else { return Vec::new() };
        let model = crate::lock(&self.model);
        let Some(lines) = model.reset_lines() else { return Vec::new() };
        let mut outputs = crate::lock(outputs);
        let mut moved = Vec::new();
        for (output, last) in (0u32..).zip(outputs.iter_mut()) {
            let now = lines.is_asserted(output);
            if now != *last {
                *last = now;
                moved.push((output, now));
            }
        }
        moved
    }

    /// Tell the net what an access changed.
    pub(super) fn move_lines(self: &Arc<Self>) {
        if self.resets.outputs.is_some() {
            self.around.resets.settle(self);
        }
    }
}

/// What a line does now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineLevel {
    Asserted,
    Released,
}

/// Whether a driver is known for every controller of a device's lines; one that is not can never move them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Movable {
    Yes,
    No,
}

/// The wires of all reset lines of a machine.
#[derive(Default)]
pub(crate) struct ResetNet {
    ends: RwLock<Ends>,
    /// One change goes out at a time, so that every device sees them in their order.
    moving: Mutex<()>,
}

#[derive(Default)]
struct Ends {
    wiring: Wiring<DeviceId>,
    devices: HashMap<DeviceId, End>,
    /// Devices on a line that resets while it is low, by the line's provider.
    low: HashMap<String, BTreeSet<DeviceId>>,
}

struct End {
    device: Weak<Device>,
    movable: Movable,
    active: HashMap<Line, Active>,
}

impl ResetNet {
    /// A device comes, with the lines it names.
    pub(crate) fn add(&self, device: &Arc<Device>, lines: Vec<(Line, Active)>, movable: Movable) {
        let mut ends = crate::write(&self.ends);
        ends.wiring.add(device.id(), lines.iter().map(|(line, _)| line.clone()));
        for (line, _) in lines.iter().filter(|(_, active)| *active == Active::Low) {
            ends.low.entry(line.provider.clone()).or_default().insert(device.id());
        }
        let end = End { device: Arc::downgrade(device), movable, active: lines.into_iter().collect() };
        ends.devices.insert(device.id(), end);
    }

    /// A device goes.
    pub(crate) fn remove(&self, device: DeviceId) {
        let mut ends = crate::write(&self.ends);
        ends.wiring.remove(&device);
        let Some(end) = ends.devices.remove(&device) else { return };
        for line in end.active.keys() {
            if let Some(others) = ends.low.get_mut(&line.provider) {
                others.remove(&device);
                if others.is_empty() {
                    ends.low.remove(&line.provider);
                }
            }
        }
    }

    /// Whether there are drivers for all controllers of a device's lines.
    pub(crate) fn is_movable(&self, device: DeviceId) -> bool {
        crate::read(&self.ends).devices.get(&device).is_some_and(|end| end.movable == Movable::Yes)
    }

    /// The devices on lines of a provider that reset while they are low, in the order they came.
    pub(crate) fn on_low_pins_of(&self, provider: &str) -> Vec<Arc<Device>> {
        let ends = crate::read(&self.ends);
        let devices = ends.low.get(provider).into_iter().flatten();
        devices.filter_map(|id| ends.devices.get(id)?.device.upgrade()).collect()
    }

    /// Which devices are on which lines.
    pub(crate) fn wiring(&self) -> Wiring<DeviceId> {
        crate::read(&self.ends).wiring.clone()
    }

    /// The lines of a device, and all that moving them would reach.
    pub(crate) fn reach(&self, device: DeviceId) -> (Vec<Line>, Vec<DeviceId>) {
        let ends = crate::read(&self.ends);
        (ends.wiring.lines(&device).to_vec(), ends.wiring.reached(&device))
    }

    /// Move the lines whose outputs changed, and those of controllers that were reset by that.
    fn settle(&self, device: &Arc<Device>) {
        let _moving = crate::lock(&self.moving);
        let mut next = vec![Arc::clone(device)];
        for _ in 0..HOPS {
            let Some(controller) = next.pop() else { return };
            for (output, high) in controller.moved_outputs() {
                for (device, active) in self.ends_of(&Line::at(controller.path(), output)) {
                    let asserted = high == (active == Active::High);
                    device.line_moved(if asserted { LineLevel::Asserted } else { LineLevel::Released });
                    next.push(device);
                }
            }
        }
    }

    fn ends_of(&self, line: &Line) -> Vec<(Arc<Device>, Active)> {
        let ends = crate::read(&self.ends);
        let end = |id: &DeviceId| {
            let end = ends.devices.get(id)?;
            Some((end.device.upgrade()?, *end.active.get(line)?))
        };
        ends.wiring.devices(line).iter().filter_map(end).collect()
    }
}
