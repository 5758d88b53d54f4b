//! One interrupt of an open device: what its line, its eventfds and the program's requests make of each other.
//!
//! In Linux this is `struct vfio_platform_irq` of `drivers/vfio/platform/vfio_platform_irq.c` with `drivers/vfio/virqfd.c`. The
//! line is requested disabled when the device is opened; a trigger enables it; `masked` is a further disable nested within. A
//! level-triggered interrupt is masked by its handler before it is signalled. Whether a request is well-formed is not decided
//! here.

use std::sync::Arc;

use uvfio_kernel::irq::{IrqHandler, IrqLine};

use crate::caller::{Caller, EventFd, NoEventFd, Watch, Watcher};
use crate::refusal::{IrqRefusal, MaskAction};
use crate::sync::{Mutex, lock};

/// Whether a handler masks what it signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Level-triggered: maskable, and masked by each signal.
    Automasked,
    /// Edge-triggered: neither.
    Plain,
}

/// One interrupt.
pub(crate) struct Irq {
    index: u32,
    kind: Kind,
    line: Arc<IrqLine>,
    masked: Mutex<bool>,
    trigger: Mutex<Option<Arc<dyn EventFd>>>,
    mask_by: Mutex<Option<Registration>>,
    unmask_by: Mutex<Option<Registration>>,
}

/// An eventfd that masks or unmasks.
struct Registration {
    eventfd: Arc<dyn EventFd>,
    _watch: Box<dyn Watch>,
}

impl Irq {
    /// An interrupt whose line is disabled and requested by nobody yet.
    pub(crate) fn new(index: u32, kind: Kind, line: Arc<IrqLine>) -> Arc<Self> {
        Arc::new(Self {
            index,
            kind,
            line,
            masked: Mutex::new(false),
            trigger: Mutex::new(None),
            mask_by: Mutex::new(None),
            unmask_by: Mutex::new(None),
        })
    }

    /// Whether it can be masked.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether an eventfd is set.
    pub(crate) fn is_armed(&self) -> bool {
        lock(&self.trigger).is_some()
    }

    /// Signal as if the line had been raised (the loopback trigger), through the same handler.
    pub(crate) fn raise(&self) {
        if self.kind == Kind::Automasked && !self.mask() {
            return;
        }
        let trigger = lock(&self.trigger).clone();
        if let Some(trigger) = trigger {
            trigger.signal();
        }
    }

    /// Mask. Returns whether it was not masked before.
    pub(crate) fn mask(&self) -> bool {
        let mut masked = lock(&self.masked);
        if *masked {
            return false;
        }
        *masked = true;
        self.line.disable_nosync();
        true
    }

    /// Unmask. Where the line is still high this signals again.
    pub(crate) fn unmask(&self) {
        let was_masked = std::mem::replace(&mut *lock(&self.masked), false);
        if was_masked {
            self.line.enable();
        }
    }

    /// Set the eventfd that is signalled, or none with a negative descriptor (`vfio_set_trigger`). The old one is gone even
    /// where the new one is refused.
    pub(crate) fn set_trigger(&self, caller: &dyn Caller, fd: i32) -> Result<(), IrqRefusal> {
        if self.is_armed() {
            self.line.disable();
            *lock(&self.trigger) = None;
        }
        if fd < 0 {
            return Ok(());
        }
        let eventfd = eventfd(caller, fd)?;
        *lock(&self.trigger) = Some(eventfd);
        self.line.enable();
        Ok(())
    }

    /// Let an eventfd mask or unmask, or none with a negative descriptor (`vfio_virqfd_enable`).
    pub(crate) fn set_masker(
        self: &Arc<Self>,
        caller: &dyn Caller,
        action: MaskAction,
        fd: i32,
    ) -> Result<(), IrqRefusal> {
        let slot = match action {
            MaskAction::Mask => &self.mask_by,
            MaskAction::Unmask => &self.unmask_by,
        };
        if fd < 0 {
            drop(lock(slot).take());
            return Ok(());
        }
        let eventfd = eventfd(caller, fd)?;
        let mut slot = lock(slot);
        if slot.as_ref().is_some_and(|registration| registration.eventfd.is_held()) {
            return Err(IrqRefusal::EventFdBusy { index: self.index, action });
        }
        let pending = eventfd.is_readable();
        let masker = Arc::new(Masker { irq: self.clone(), action });
        *slot = Some(Registration { eventfd: eventfd.clone(), _watch: eventfd.watch(masker.clone()) });
        drop(slot);
        if pending {
            masker.signalled();
        }
        Ok(())
    }

    /// The device is closed: forget every eventfd. The line must have been freed before.
    pub(crate) fn close(&self) {
        drop(lock(&self.mask_by).take());
        drop(lock(&self.unmask_by).take());
        *lock(&self.trigger) = None;
    }
}

impl IrqHandler for Irq {
    fn interrupt(&self, _: &IrqLine) {
        self.raise();
    }
}

/// What an eventfd does when it is signalled.
struct Masker {
    irq: Arc<Irq>,
    action: MaskAction,
}

impl Watcher for Masker {
    fn signalled(&self) {
        match self.action {
            MaskAction::Mask => {
                self.irq.mask();
            }
            MaskAction::Unmask => self.irq.unmask(),
        }
    }
}

fn eventfd(caller: &dyn Caller, fd: i32) -> Result<Arc<dyn EventFd>, IrqRefusal> {
    caller.eventfd(fd).map_err(|why| match why {
        NoEventFd::Closed => IrqRefusal::BadFd { fd },
        NoEventFd::NotAnEventFd => IrqRefusal::NotAnEventFd { fd },
    })
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
