//! Several reset lines as one.
//!
//! In Linux this is `struct reset_control_array` (drivers/reset/core.c): a consumer that does not care which line is which. Holding
//! and letting go are all or nothing; pulses go out one after the other.

use super::control::ResetControl;
use super::error::ResetError;

/// Lines of one consumer.
#[derive(Debug)]
pub struct ResetArray {
    controls: Vec<ResetControl>,
}

impl ResetArray {
    pub(super) fn new(controls: Vec<ResetControl>) -> Self {
        Self { controls }
    }

    /// The lines.
    #[must_use]
    pub fn controls(&self) -> &[ResetControl] {
        &self.controls
    }

    /// Pulse each.
    ///
    /// # Errors
    /// The first that fails; those after it were not tried.
    pub fn reset(&self) -> Result<(), ResetError> {
        self.controls.iter().try_for_each(ResetControl::reset)
    }

    /// Let each be pulsed again.
    ///
    /// # Errors
    /// The first that fails.
    pub fn rearm(&self) -> Result<(), ResetError> {
        self.controls.iter().try_for_each(ResetControl::rearm)
    }

    /// Hold all.
    ///
    /// # Errors
    /// The first that fails; those before it are let go again.
    pub fn assert(&self) -> Result<(), ResetError> {
        self.all_or_none(ResetControl::assert, |control| drop(control.deassert()))
    }

    /// Let go of all.
    ///
    /// # Errors
    /// The first that fails; those before it are held again.
    pub fn deassert(&self) -> Result<(), ResetError> {
        self.all_or_none(ResetControl::deassert, |control| drop(control.assert()))
    }

    /// Acquire all.
    ///
    /// # Errors
    /// The first that another has; those before it are released again.
    pub fn acquire(&self) -> Result<(), ResetError> {
        self.all_or_none(ResetControl::acquire, ResetControl::release)
    }

    /// Release all.
    pub fn release(&self) {
        self.controls.iter().for_each(ResetControl::release);
    }

    /// There is none.
    ///
    /// # Errors
    /// Always.
    pub fn status(&self) -> Result<bool, ResetError> {
        Err(ResetError::StatusOfArray)
    }

    fn all_or_none(
        &self,
        act: impl Fn(&ResetControl) -> Result<(), ResetError>,
        undo: impl Fn(&ResetControl),
    ) -> Result<(), ResetError> {
        for (at, control) in self.controls.iter().enumerate() {
            if let Err(error) = act(control) {
                self.controls[..at].iter().rev().for_each(undo);
                return Err(error);
            }
        }
        Ok(())
    }
}
