//! Goes on with the work of devices after the access that started it has returned: on a board, the devices' own clock.
//!
//! One thread for all devices, started when the first has something left to do, so that nothing runs before it is needed. A device
//! gets a share of work at a time, in turn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uvfio_kernel::device::{Device, DeviceId, Scheduler};
use uvfio_kernel::hw::{Clock, Progress};

/// How many steps a device does before the next one's turn.
const SHARE: u32 = 65_536;

/// The thread that runs devices.
pub struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    plan: Mutex<Plan>,
    changed: Condvar,
}

#[derive(Default)]
struct Plan {
    running: Running,
    soon: VecDeque<Arc<Device>>,
    later: BTreeMap<(Duration, DeviceId), Arc<Device>>,
}

#[derive(Default, PartialEq, Eq)]
enum Running {
    #[default]
    NotYet,
    Yes,
}

impl Worker {
    /// A worker that reads this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Worker { shared: Arc::new(Shared { clock, plan: Mutex::default(), changed: Condvar::new() }) }
    }

    /// Put a device on the plan, and start the thread where there is none yet.
    fn add(&self, put: impl FnOnce(&mut Plan)) {
        let mut plan = self.shared.plan();
        put(&mut plan);
        if plan.running == Running::NotYet {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name("devices".to_owned()).spawn(move || shared.work());
            // Without a thread a device goes on at its next access; the next request tries to start one again.
            if started.is_ok() {
                plan.running = Running::Yes;
            }
        }
        drop(plan);
        self.shared.changed.notify_one();
    }
}

impl Scheduler for Worker {
    fn soon(&self, device: &Arc<Device>) {
        self.add(|plan| plan.soon(device));
    }

    fn at(&self, device: &Arc<Device>, time: Duration) {
        self.add(|plan| plan.at(device, time));
    }
}

impl Plan {
    fn soon(&mut self, device: &Arc<Device>) {
        if !self.soon.iter().any(|other| other.id() == device.id()) {
            self.soon.push_back(Arc::clone(device));
        }
    }

    fn at(&mut self, device: &Arc<Device>, time: Duration) {
        self.later.insert((time, device.id()), Arc::clone(device));
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let device = self.next();
            match device.run(SHARE) {
                Progress::Idle => {}
                Progress::More => self.plan().soon(&device),
                Progress::At(time) => self.plan().at(&device, time),
            }
        }
    }

    /// Wait until a device is due.
    fn next(&self) -> Arc<Device> {
        let mut plan = self.plan();
        loop {
            let now = self.clock.now();
            while let Some(entry) = plan.later.first_entry().filter(|entry| entry.key().0 <= now) {
                let device = entry.remove();
                plan.soon(&device);
            }
            if let Some(device) = plan.soon.pop_front() {
                return device;
            }
            plan = match plan.later.keys().next() {
                Some((time, _)) => {
                    let wait = time.saturating_sub(now);
                    self.changed.wait_timeout(plan, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(plan).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}
