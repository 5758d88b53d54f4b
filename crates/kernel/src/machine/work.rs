//! How much the driver core has done, counted.
//!
//! A board ten times as large must not cost much more than ten times as much to bring up. Time says so only on a quiet machine; these
//! numbers are the same on every machine, so a test compares them. Linux has no counterpart.

/// What was done since the machine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Times a device was offered to a driver, whatever came of it.
    pub attempts: u64,
    /// Devices, drivers and links that were looked at on the way: candidates, suppliers, consumers, and whose turn it is.
    pub visits: u64,
}

impl Work {
    /// So many things more were looked at.
    pub(super) fn visit(&mut self, count: usize) {
        self.visits = self.visits.saturating_add(count as u64);
    }

    /// A device is offered to a driver.
    pub(super) fn attempt(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
    }
}
