//! The thread that goes on with the work of devices after the access that started it has returned.
//!
//! Hardware works beside the processor; a model works when it is called ([`Device::run`]). Whatever does not fit into the access
//! that started it comes here, as kernel work comes to a kworker. The thread starts with the first such work that comes when there
//! may be threads, and devices take
//! turns, so that one that never ends delays no other for long.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use uvfio_kernel::device::{Device, DeviceId, Scheduler};
use uvfio_kernel::hw::{Clock, Progress};

/// Steps a device does in one turn.
const TURN: u32 = 16 << 10;

/// Continues the work of devices.
pub struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Whether there may be a thread.
    begun: bool,
    started: bool,
    closed: bool,
    soon: VecDeque<Arc<Device>>,
    /// By device: the time and who it is for. A device waits for one time only, its last word.
    later: BTreeMap<DeviceId, (Duration, Weak<Device>)>,
}

impl Worker {
    /// A worker whose times are those of `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::new(Shared { clock, queue: Mutex::default(), changed: Condvar::new() }) }
    }

    /// From now on there may be a thread, and what has come so far is done. Before, a process that is about to fork has none.
    pub fn begin(&self) {
        self.post(|queue| queue.begun = true);
    }

    /// Change the queue and let the thread look at it.
    fn post(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.shared.lock();
        change(&mut queue);
        if queue.begun && !queue.started && queue.has_work() {
            let shared = self.shared.clone();
            // Where the system refuses a thread, the work goes on with the next access and the next try.
            queue.started =
                thread::Builder::new().name("devices".to_owned()).spawn(move || shared.work()).is_ok();
        }
        drop(queue);
        self.shared.changed.notify_one();
    }
}

impl Scheduler for Worker {
    fn soon(&self, device: &Arc<Device>) {
        self.post(|queue| queue.soon(device));
    }

    fn at(&self, device: &Arc<Device>, time: Duration) {
        self.post(|queue| queue.at(device, time));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
    }
}

impl Queue {
    fn has_work(&self) -> bool {
        !self.soon.is_empty() || !self.later.is_empty()
    }

    fn soon(&mut self, device: &Arc<Device>) {
        self.later.remove(&device.id());
        if !self.soon.iter().any(|other| other.id() == device.id()) {
            self.soon.push_back(device.clone());
        }
    }

    fn at(&mut self, device: &Arc<Device>, time: Duration) {
        self.later.insert(device.id(), (time, Arc::downgrade(device)));
    }

    /// Move what is due by `now` to the front; say when the next is due.
    fn due(&mut self, now: Duration) -> Option<Duration> {
        let mut next = None;
        let mut due = Vec::new();
        self.later.retain(|_, (time, device)| {
            if *time > now {
                next = Some(next.map_or(*time, |next: Duration| next.min(*time)));
                return device.strong_count() > 0;
            }
            due.extend(device.upgrade());
            false
        });
        for device in due {
            self.soon(&device);
        }
        next
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        while !queue.closed {
            let now = self.clock.now();
            let next = queue.due(now);
            if let Some(device) = queue.soon.pop_front() {
                drop(queue);
                let progress = device.run(TURN);
                queue = self.lock();
                match progress {
                    Progress::Idle => {}
                    Progress::More => queue.soon(&device),
                    Progress::At(time) => queue.at(&device, time),
                }
                continue;
            }
            queue = match next {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let wait = time.saturating_sub(now);
                    self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
