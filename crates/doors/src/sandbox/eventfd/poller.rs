//! The one thread that waits for watched eventfds to be signalled.
//!
//! It waits edge-triggered, so that each write to an eventfd wakes it whatever the counter was, as a write in Linux wakes a
//! `virqfd`. The thread starts with the first watch. Not for signalling: that is one write by whoever raises an interrupt.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use rustix::event::epoll;
use uvfio_vfio::caller::Watcher;

use super::{Facts, consume};

/// The waiting thread and what it waits for.
#[derive(Default)]
pub struct Poller {
    started: OnceLock<Option<Started>>,
    watched: Arc<Mutex<HashMap<u64, Watched>>>,
}

struct Started {
    epoll: Arc<OwnedFd>,
}

#[derive(Clone)]
struct Watched {
    file: Arc<OwnedFd>,
    watches: Arc<Watches>,
}

/// Who watches one eventfd.
#[derive(Default)]
pub struct Watches {
    slots: Mutex<Vec<Arc<Slot>>>,
    /// The counter when the first watch began, until its first wake-up: that one may only say that it was readable already.
    before: Mutex<Option<u64>>,
}

/// One watch. The lock is held during a call.
pub struct Slot {
    watcher: Mutex<Option<Arc<dyn Watcher>>>,
    ended: AtomicBool,
}

thread_local! {
    /// Whether this thread is in the call of a watcher.
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

impl Slot {
    fn call(&self) {
        let _calling = Calling::begin();
        let mut watcher = lock(&self.watcher);
        if let (Some(watcher), false) = (&*watcher, self.ended.load(Ordering::Acquire)) {
            watcher.signalled();
        }
        if self.ended.load(Ordering::Acquire) {
            *watcher = None;
        }
    }
}

/// This thread is in the call of a watcher.
struct Calling {
    before: bool,
}

impl Calling {
    fn begin() -> Self {
        Self { before: CALLING.replace(true) }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        CALLING.set(self.before);
    }
}

impl Watches {
    /// Call every watcher for a signal from this process, its counter set to 0. Whether there was one; from within the call of a
    /// watcher, whose lock it holds, there is none, and the thread that waits will see the signal.
    pub fn take_signal(&self, file: &OwnedFd) -> bool {
        let slots = lock(&self.slots).clone();
        if slots.is_empty() || CALLING.get() {
            return false;
        }
        consume(file);
        slots.iter().for_each(|slot| slot.call());
        true
    }
}

impl Poller {
    /// Call `watcher` whenever the eventfd is signalled from now on.
    pub fn watch(
        &self,
        id: u64,
        file: &Arc<OwnedFd>,
        watches: &Arc<Watches>,
        watcher: Arc<dyn Watcher>,
    ) -> Arc<Slot> {
        let slot = Arc::new(Slot { watcher: Mutex::new(Some(watcher)), ended: AtomicBool::new(false) });
        // Without a thread, which the system may refuse, nothing is ever signalled.
        let Some(started) = self.started.get_or_init(|| self.start().ok()) else { return slot };
        let mut watched = lock(&self.watched);
        let mut slots = lock(&watches.slots);
        slots.push(slot.clone());
        if slots.len() == 1 {
            *lock(&watches.before) = Facts::of(file).map(|facts| facts.count).filter(|&count| count > 0);
            watched.insert(id, Watched { file: file.clone(), watches: watches.clone() });
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            let _refused = epoll::add(&*started.epoll, &**file, epoll::EventData::new_u64(id), flags);
        }
        slot
    }

    /// End a watch: afterwards no call is made or, unless this is called from within one, under way.
    pub fn unwatch(&self, id: u64, file: &Arc<OwnedFd>, watches: &Arc<Watches>, slot: &Arc<Slot>) {
        slot.ended.store(true, Ordering::Release);
        let Some(Some(started)) = self.started.get() else { return };
        {
            let mut watched = lock(&self.watched);
            let mut slots = lock(&watches.slots);
            slots.retain(|other| !Arc::ptr_eq(other, slot));
            if slots.is_empty() && watched.remove(&id).is_some() {
                let _gone = epoll::delete(&*started.epoll, &**file);
            }
        }
        if !CALLING.get() {
            *lock(&slot.watcher) = None;
        }
    }

    fn start(&self) -> io::Result<Started> {
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        let (waiting, watched) = (epoll.clone(), Arc::downgrade(&self.watched));
        thread::Builder::new().name("eventfds".to_owned()).spawn(move || {
            let mut events = Vec::with_capacity(16);
            loop {
                events.clear();
                match epoll::wait(&*waiting, rustix::buffer::spare_capacity(&mut events), None) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => return,
                }
                for event in &events {
                    let Some(watched) = watched.upgrade() else { return };
                    let one = lock(&watched).get(&event.data.u64()).cloned();
                    if let Some(one) = one {
                        one.woken();
                    }
                }
            }
        })?;
        Ok(Started { epoll })
    }
}

impl Watched {
    fn woken(&self) {
        let before = lock(&self.watches.before).take();
        if let Some(before) = before
            && Facts::of(&self.file).is_some_and(|facts| facts.count == before || facts.count == 0)
        {
            // It was readable already, or that has been taken together with a signal since.
            return;
        }
        consume(&self.file);
        let slots = lock(&self.watches.slots).clone();
        slots.iter().for_each(|slot| slot.call());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
