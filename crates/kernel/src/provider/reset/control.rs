//! A consumer's handle of a reset line.
//!
//! In Linux this is `struct reset_control` with `reset_control_reset`, `_assert`, `_deassert`, `_status`, `_acquire`, `_release` and
//! `_rearm` (drivers/reset/core.c). Of a shared line only the first deassert and the last assert reach the hardware, and only the
//! first reset; the two ways of using it must not be mixed. Dropping the handle gives the line back, in the state it has.

use std::fmt;
use std::sync::Arc;

use super::controller::{OpFailed, ResetController};
use super::core::{Controls, Hold, Presence, Registered};
use super::error::{Operation, ResetError};
use crate::errno;
use crate::sync;

/// A reset line in somebody's hands.
pub struct ResetControl {
    registered: Arc<Registered>,
    id: u64,
    line: u32,
}

impl ResetControl {
    pub(super) fn new(registered: Arc<Registered>, id: u64, line: u32) -> Self {
        Self { registered, id, line }
    }

    /// The controller's node.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.registered.provider
    }

    /// The line's number at the controller.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Pulse the line. Of a shared one, only the first call does until [`ResetControl::rearm`].
    ///
    /// # Errors
    /// The controller cannot, or the handle may not.
    pub fn reset(&self) -> Result<(), ResetError> {
        self.with(Operation::Reset, |control, hold| {
            control.supported(Operation::Reset)?;
            let pulse = || control.done(Operation::Reset, control.controller().reset(control.line));
            match hold {
                Hold::Shared { deasserted: 1.., .. } => Err(control.unbalanced(Operation::Reset)),
                Hold::Shared { triggered: already @ 1.., .. } => {
                    *already = already.saturating_add(1);
                    Ok(())
                }
                Hold::Shared { triggered, .. } => {
                    pulse()?;
                    *triggered = 1;
                    Ok(())
                }
                Hold::Exclusive { acquired: false } => Err(control.not_acquired()),
                Hold::Exclusive { acquired: true } => pulse(),
            }
        })
    }

    /// Let a shared line be pulsed again, once everybody who had it pulsed says so.
    ///
    /// # Errors
    /// It was not pulsed, or the handle may not.
    pub fn rearm(&self) -> Result<(), ResetError> {
        self.with(Operation::Reset, |control, hold| match hold {
            Hold::Shared { deasserted: 0, triggered: triggered @ 1.. } => {
                *triggered -= 1;
                Ok(())
            }
            Hold::Shared { .. } => Err(control.unbalanced(Operation::Reset)),
            Hold::Exclusive { acquired: false } => Err(control.not_acquired()),
            Hold::Exclusive { acquired: true } => Ok(()),
        })
    }

    /// Hold the line. Of a shared one, the last of those who let go of it does.
    ///
    /// # Errors
    /// The controller cannot, or the handle may not.
    pub fn assert(&self) -> Result<(), ResetError> {
        self.with(Operation::Assert, |control, hold| {
            let exists = control.controller().has(Operation::Assert);
            let pull = || control.done(Operation::Assert, control.controller().assert(control.line));
            match hold {
                Hold::Shared { triggered: 1.., .. } | Hold::Shared { deasserted: 0, .. } => {
                    Err(control.unbalanced(Operation::Assert))
                }
                Hold::Shared { deasserted, .. } => {
                    *deasserted -= 1;
                    // A shared line may be in any state after this: a controller that cannot hold it need not.
                    if *deasserted == 0 && exists { pull() } else { Ok(()) }
                }
                Hold::Exclusive { .. } if !exists => control.supported(Operation::Assert),
                Hold::Exclusive { acquired: false } => Err(control.not_acquired()),
                Hold::Exclusive { acquired: true } => pull(),
            }
        })
    }

    /// Let go of the line. Of a shared one, the first who does.
    ///
    /// # Errors
    /// The controller cannot, or the handle may not. A controller without the operation is taken for one whose lines let go by
    /// themselves.
    pub fn deassert(&self) -> Result<(), ResetError> {
        self.with(Operation::Deassert, |control, hold| {
            match hold {
                Hold::Shared { triggered: 1.., .. } => return Err(control.unbalanced(Operation::Deassert)),
                Hold::Shared { deasserted, .. } => {
                    *deasserted = deasserted.saturating_add(1);
                    if *deasserted > 1 {
                        return Ok(());
                    }
                }
                Hold::Exclusive { acquired: false } => return Err(control.not_acquired()),
                Hold::Exclusive { acquired: true } => {}
            }
            if !control.controller().has(Operation::Deassert) {
                return Ok(());
            }
            control.done(Operation::Deassert, control.controller().deassert(control.line))
        })
    }

    /// Whether the line is asserted.
    ///
    /// # Errors
    /// The controller cannot say.
    pub fn status(&self) -> Result<bool, ResetError> {
        self.with(Operation::Status, |control, _| {
            control.supported(Operation::Status)?;
            control.done(Operation::Status, control.controller().status(control.line))
        })
    }

    /// Take a line that was had released, or released since. Taking it again does nothing.
    ///
    /// # Errors
    /// Another handle has acquired it.
    pub fn acquire(&self) -> Result<(), ResetError> {
        let mut controls = self.here()?;
        let takes = |id: &u64, line: u32, hold: Hold| {
            *id != self.id && line == self.line && hold == Hold::Exclusive { acquired: true }
        };
        let mine = controls.entries.get(&self.id).map(|entry| entry.hold);
        let taken = controls.entries.iter().any(|(id, entry)| takes(id, entry.line, entry.hold));
        match mine {
            Some(Hold::Exclusive { acquired: false }) if taken => {
                Err(ResetError::Busy { provider: self.provider().to_owned(), line: self.line })
            }
            _ => {
                self.set_acquired(&mut controls, true);
                Ok(())
            }
        }
    }

    /// Let another handle acquire the line.
    pub fn release(&self) {
        self.set_acquired(&mut sync::lock(&self.registered.controls), false);
    }

    fn set_acquired(&self, controls: &mut Controls, now: bool) {
        if let Some(Hold::Exclusive { acquired }) =
            controls.entries.get_mut(&self.id).map(|entry| &mut entry.hold)
        {
            *acquired = now;
        }
    }

    fn here(&self) -> Result<sync::MutexGuard<'_, Controls>, ResetError> {
        let controls = sync::lock(&self.registered.controls);
        match controls.presence {
            Presence::Here => Ok(controls),
            Presence::Gone => Err(ResetError::Gone { provider: self.provider().to_owned() }),
        }
    }

    /// Do something with how the line is held, with all of the controller's handles standing still.
    fn with<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&Self, &mut Hold) -> Result<T, ResetError>,
    ) -> Result<T, ResetError> {
        let mut controls = self.here()?;
        match controls.entries.get_mut(&self.id) {
            Some(entry) => act(self, &mut entry.hold),
            None => Err(self.unbalanced(operation)),
        }
    }

    fn controller(&self) -> &dyn ResetController {
        &*self.registered.controller
    }

    fn supported(&self, operation: Operation) -> Result<(), ResetError> {
        match self.controller().has(operation) {
            true => Ok(()),
            false => Err(ResetError::NotSupported { provider: self.provider().to_owned(), operation }),
        }
    }

    fn done<T>(&self, operation: Operation, answer: Result<T, OpFailed>) -> Result<T, ResetError> {
        let provider = || self.provider().to_owned();
        answer.map_err(|OpFailed(errno)| match errno {
            errno::ENOTSUPP => ResetError::NotSupported { provider: provider(), operation },
            errno => ResetError::Failed { provider: provider(), line: self.line, operation, errno },
        })
    }

    fn not_acquired(&self) -> ResetError {
        ResetError::NotAcquired { provider: self.provider().to_owned(), line: self.line }
    }

    fn unbalanced(&self, operation: Operation) -> ResetError {
        ResetError::Unbalanced { provider: self.provider().to_owned(), line: self.line, operation }
    }
}

impl Drop for ResetControl {
    fn drop(&mut self) {
        let mut controls = sync::lock(&self.registered.controls);
        if let Some(entry) = controls.entries.get_mut(&self.id) {
            entry.handles -= 1;
            if entry.handles == 0 {
                controls.entries.remove(&self.id);
            }
        }
    }
}

impl fmt::Debug for ResetControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResetControl({}:{})", self.provider(), self.line)
    }
}
