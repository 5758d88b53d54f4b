//! Waiting for something in the kernel to become true, in a way that the waiting program can end.
//!
//! Unbinding a VFIO device waits until its last file is closed (`vfio_unregister_group_dev`, drivers/vfio/vfio_main.c), and a
//! signal to the program that wrote to `unbind` ends the wait (`wait_event_interruptible`, include/linux/wait.h). A [`Gate`] is
//! the wait queue, a [`Wait`] the task that sleeps. Not for sleeping until a time: there is no clock here.

use std::sync::{Arc, Weak};

use crate::sync::{Condvar, Mutex, PoisonError};

/// The wait was ended from outside before its condition came true (`-ERESTARTSYS`, which a program sees as `EINTR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Who waits: asked whether it still may, and told which gate to wake when it may no longer.
pub trait Wait: Send + Sync {
    /// Whether the wait has been ended.
    fn interrupted(&self) -> bool;
    /// Wake this gate when the wait is ended.
    fn wakes(&self, gate: &Arc<Gate>);
}

/// A queue of waiters: whoever changes what they wait for opens it, and each looks again.
#[derive(Debug, Default)]
pub struct Gate {
    changes: Mutex<u64>,
    changed: Condvar,
}

impl Gate {
    /// A gate nobody waits at.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Let every waiter look again (`wake_up_all`). Call it after the change, without the lock the condition takes.
    pub fn open(&self) {
        let mut changes = crate::lock(&self.changes);
        *changes = changes.wrapping_add(1);
        drop(changes);
        self.changed.notify_all();
    }

    /// Block until `ready` gives a value. It is called without any lock of the gate.
    ///
    /// # Errors
    /// Where `wait` was ended first.
    pub fn wait<T>(
        self: &Arc<Self>,
        wait: &dyn Wait,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T, Interrupted> {
        let mut registered = false;
        loop {
            let seen = *crate::lock(&self.changes);
            if let Some(value) = ready() {
                return Ok(value);
            }
            if !registered {
                wait.wakes(self);
                registered = true;
            }
            if wait.interrupted() {
                return Err(Interrupted);
            }
            let changes = crate::lock(&self.changes);
            drop(
                self.changed.wait_while(changes, |now| *now == seen).unwrap_or_else(PoisonError::into_inner),
            );
        }
    }
}

/// A wait that another thread may end: what a door makes for each blocking request of a program.
#[derive(Debug, Default)]
pub struct Interruptible {
    state: Mutex<InterruptibleState>,
}

#[derive(Debug, Default)]
struct InterruptibleState {
    interrupted: bool,
    gates: Vec<Weak<Gate>>,
}

impl Interruptible {
    /// End the wait, now or when it begins.
    pub fn interrupt(&self) {
        let gates = {
            let mut state = crate::lock(&self.state);
            state.interrupted = true;
            std::mem::take(&mut state.gates)
        };
        gates.iter().filter_map(Weak::upgrade).for_each(|gate| gate.open());
    }
}

impl Wait for Interruptible {
    fn interrupted(&self) -> bool {
        crate::lock(&self.state).interrupted
    }

    fn wakes(&self, gate: &Arc<Gate>) {
        crate::lock(&self.state).gates.push(Arc::downgrade(gate));
    }
}

/// A wait that nobody ends (`TASK_UNINTERRUPTIBLE`).
#[derive(Clone, Copy, Debug)]
pub struct Uninterruptible;

impl Wait for Uninterruptible {
    fn interrupted(&self) -> bool {
        false
    }

    fn wakes(&self, _: &Arc<Gate>) {}
}

/// A caller that cannot wait at all: whatever would block is interrupted at once.
#[derive(Clone, Copy, Debug)]
pub struct NoWait;

impl Wait for NoWait {
    fn interrupted(&self) -> bool {
        true
    }

    fn wakes(&self, _: &Arc<Gate>) {}
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_change_ends_the_wait() {
        let gate = Gate::new();
        let done = Arc::new(AtomicBool::new(false));
        let thread = {
            let (gate, done) = (gate.clone(), done.clone());
            std::thread::spawn(move || {
                gate.wait(&Uninterruptible, || done.load(Ordering::SeqCst).then_some(7))
            })
        };
        done.store(true, Ordering::SeqCst);
        gate.open();
        assert_eq!(thread.join().expect("the waiter does not panic"), Ok(7));
    }

    #[test]
    fn an_interrupt_ends_the_wait_before_and_during_it() {
        let gate = Gate::new();
        assert_eq!(gate.wait(&NoWait, || None::<()>), Err(Interrupted));
        let wait = Arc::new(Interruptible::default());
        let thread = {
            let (gate, wait) = (gate.clone(), wait.clone());
            std::thread::spawn(move || gate.wait(&*wait, || None::<()>))
        };
        wait.interrupt();
        assert_eq!(thread.join().expect("the waiter does not panic"), Err(Interrupted));
    }

    #[test]
    fn what_is_ready_is_not_interrupted() {
        assert_eq!(Gate::new().wait(&NoWait, || Some(1)), Ok(1));
    }
}
