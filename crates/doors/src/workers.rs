//! Threads that go on with what devices have begun, and do what a machine has to do at a time.
//!
//! A register access does a device's work as far as a budget reaches and leaves the rest here. In hardware the device would simply
//! go on. Nothing is done before [`Workers::start`]: until then the process must not have threads.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use uvfio_kernel::device::{Device, DeviceId, Scheduler};
use uvfio_kernel::hw::{Clock, Progress};
use uvfio_kernel::machine::Machine;

/// How much of one device's work is done before another gets its turn.
const STEPS: u32 = 1 << 16;

/// As many devices work at once; more than that only wait longer.
const MOST: usize = 8;

/// The threads.
pub struct Workers {
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    changed: Condvar,
    itself: Weak<Workers>,
}

#[derive(Default)]
struct Queue {
    soon: VecDeque<Arc<Device>>,
    /// Devices in `soon`, or being worked on.
    busy: HashSet<DeviceId>,
    /// Devices that asked for more work while they were worked on.
    again: HashSet<DeviceId>,
    at: BTreeMap<(Duration, DeviceId), Arc<Device>>,
    machine: Option<Weak<Machine>>,
    threads: usize,
    idle: usize,
    state: State,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    NotYet,
    Started,
    Stopped,
}

/// What there is to do.
enum Job {
    Run(Arc<Device>),
    Timers(Arc<Machine>),
    Nothing,
}

impl Workers {
    /// Workers that do nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new_cyclic(|itself| Self {
            clock,
            queue: Mutex::default(),
            changed: Condvar::new(),
            itself: itself.clone(),
        })
    }

    /// Begin to work, on what has come so far too, and on the machine's timers.
    pub fn start(&self, machine: &Arc<Machine>) {
        let mut queue = self.queue();
        queue.state = State::Started;
        queue.machine = Some(Arc::downgrade(machine));
        self.call(&mut queue);
    }

    /// Stop: what is being done is done to the end of its turn, nothing new is begun.
    pub fn stop(&self) {
        self.queue().state = State::Stopped;
        self.changed.notify_all();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See to it that somebody looks at the queue.
    fn call(&self, queue: &mut Queue) {
        if queue.state != State::Started {
            return;
        }
        if queue.idle > 0 || queue.threads == MOST {
            self.changed.notify_one();
            return;
        }
        let Some(workers) = self.itself.upgrade() else { return };
        // Where no thread can be had, those there are do more, and without any a device goes on at its next access.
        let started = thread::Builder::new().name("device".to_owned()).spawn(move || workers.work());
        queue.threads += usize::from(started.is_ok());
    }

    fn work(&self) {
        let mut queue = self.queue();
        loop {
            match self.next(&mut queue) {
                _ if queue.state == State::Stopped => break,
                Job::Run(device) => {
                    drop(queue);
                    let progress = device.run(STEPS);
                    queue = self.queue();
                    self.ran(&mut queue, device, progress);
                }
                Job::Timers(machine) => {
                    drop(queue);
                    machine.run_timers();
                    drop(machine);
                    queue = self.queue();
                }
                Job::Nothing => queue = self.rest(queue),
            }
        }
        queue.threads -= 1;
    }

    fn next(&self, queue: &mut Queue) -> Job {
        let now = self.clock.now();
        while let Some(entry) = queue.at.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let device = entry.remove();
            queue.push(device);
        }
        if let Some(device) = queue.soon.pop_front() {
            return Job::Run(device);
        }
        let machine = queue.machine.as_ref().and_then(Weak::upgrade);
        match machine.filter(|machine| machine.next_timer().is_some_and(|time| time <= now)) {
            Some(machine) => Job::Timers(machine),
            None => Job::Nothing,
        }
    }

    fn rest<'a>(&'a self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let timer = queue.machine.as_ref().and_then(Weak::upgrade).and_then(|machine| machine.next_timer());
        let first = queue.at.first_key_value().map(|((time, _), _)| *time);
        queue.idle += 1;
        let mut queue = match timer.into_iter().chain(first).min() {
            Some(time) => {
                let left = time.saturating_sub(self.clock.now());
                self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
        };
        queue.idle -= 1;
        queue
    }

    fn ran(&self, queue: &mut Queue, device: Arc<Device>, progress: Progress) {
        let id = device.id();
        queue.busy.remove(&id);
        let again = queue.again.remove(&id);
        match progress {
            Progress::More => queue.push(device),
            _ if again => queue.push(device),
            Progress::At(time) => _ = queue.at.insert((time, id), device),
            Progress::Idle => {}
        }
    }
}

impl Queue {
    fn push(&mut self, device: Arc<Device>) {
        if self.busy.insert(device.id()) {
            self.soon.push_back(device);
        } else {
            self.again.insert(device.id());
        }
    }
}

impl Scheduler for Workers {
    fn soon(&self, device: &Arc<Device>) {
        let mut queue = self.queue();
        queue.push(device.clone());
        self.call(&mut queue);
    }

    fn at(&self, device: &Arc<Device>, time: Duration) {
        let mut queue = self.queue();
        queue.at.insert((time, device.id()), device.clone());
        self.call(&mut queue);
    }
}
