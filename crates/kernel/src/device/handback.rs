//! Handing a device back after somebody used it, in the only order that is safe.
//!
//! In Linux `vfio_platform_close_device` (drivers/vfio/platform/vfio_platform_common.c) resets and powers off, and the IOMMU core
//! detaches the domain when the container goes. Here DMA is stopped first, so that nothing the device still does can reach memory
//! that is about to be somebody else's; then interrupts go, then the device is reset, then its power.

use std::sync::Arc;

use super::Device;
use crate::hw::{Activity, ResetFailed};

/// Whether a device has power (`pm_runtime`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Power {
    /// Nobody uses it.
    #[default]
    Suspended,
    /// Somebody does.
    Active,
}

/// How a device was when it was handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandedBack {
    /// What it was doing when the last user let go.
    pub before: Activity,
    /// How its reset went; `None` where it has none.
    pub reset: Option<Result<(), ResetFailed>>,
    /// What it was still doing afterwards. While it runs, or its reset has failed, its DMA stays blocked.
    pub after: Activity,
}

impl HandedBack {
    /// Whether the next user gets a device that does no DMA and raises no interrupt.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.after.running && !self.after.interrupting && self.reset != Some(Err(ResetFailed))
    }
}

impl Device {
    /// A user begins: the device has power, and a block left by a former user's device that would not stop is lifted.
    pub fn take_up(&self) {
        // Whoever resets it for somebody else first comes to the end of it.
        let _lock = self.lock_reset();
        let former = {
            let mut link = crate::write(&self.link);
            link.power = Power::Active;
            link.blocked.take()
        };
        drop(former);
        self.resets.recover();
    }

    /// The last user lets go. `detach` frees the interrupts, `reset` resets the device where it can be; both are called with DMA
    /// stopped.
    pub fn hand_back(
        self: &Arc<Self>,
        detach: impl FnOnce(),
        reset: impl FnOnce(&Arc<Self>) -> Option<Result<(), ResetFailed>>,
    ) -> HandedBack {
        let before = self.activity();
        let hold = self.dma().hold();
        detach();
        let reset = reset(self);
        let handed = HandedBack { before, reset, after: self.activity() };
        let mut link = crate::write(&self.link);
        link.power = Power::Suspended;
        let spare = if handed.is_quiet() { Some(hold.into()) } else { link.blocked.replace(hold.into()) };
        drop(link);
        drop(spare);
        handed
    }

    /// Whether it has power.
    #[must_use]
    pub fn power(&self) -> Power {
        crate::read(&self.link).power
    }

    /// What host drivers saw of the device so far.
    #[must_use]
    pub fn seen_by_host(&self) -> Seen {
        let now = self.done();
        let watch = crate::read(&self.link).watch;
        watch.until(now)
    }

    /// A host driver has a look at a device it gets.
    pub(super) fn look(&self) {
        let (activity, now) = (self.activity(), self.done());
        let watch = &mut crate::write(&self.link).watch;
        watch.seen.times += 1;
        watch.seen.running += u64::from(activity.running);
        watch.seen.interrupting += u64::from(activity.interrupting);
        watch.since = Some(now);
    }

    /// A host driver leaves a device.
    pub(super) fn look_away(&self) {
        let now = self.done();
        let watch = &mut crate::write(&self.link).watch;
        *watch = Watch { seen: watch.until(now), since: None };
    }

    /// What it has done so far, whoever had it.
    fn done(&self) -> Done {
        let transferred = self.dma().transferred();
        let raised = self.irqs().iter().map(|line| line.counts().raised).sum();
        Done { moved: transferred.read + transferred.written, raised }
    }
}

/// What the host drivers of a device saw of it. They do nothing with it, so that whatever it does under them, it was left doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often one got it.
    pub times: u64,
    /// How often it was running then.
    pub running: u64,
    /// How often it was interrupting then.
    pub interrupting: u64,
    /// Bytes it moved while one had it.
    pub moved: u64,
    /// Interrupts it raised while one had it.
    pub raised: u64,
}

/// A device under the eyes of its host drivers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    seen: Seen,
    /// What it had done when the one that has it got it.
    since: Option<Done>,
}

#[derive(Clone, Copy, Debug)]
struct Done {
    moved: u64,
    raised: u64,
}

impl Watch {
    fn until(&self, now: Done) -> Seen {
        let since = self.since.unwrap_or(now);
        Seen {
            moved: self.seen.moved + now.moved.saturating_sub(since.moved),
            raised: self.seen.raised + now.raised.saturating_sub(since.raised),
            ..self.seen
        }
    }
}
