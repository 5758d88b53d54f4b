//! A device whose reset never completes.
//!
//! Hardware does that; a driver polls and gives up (`-ETIMEDOUT`). What VFIO makes of it has to be seen too.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, ResetLines, Width};

/// Whether a device's resets complete, those by its own registers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnReset {
    /// At once.
    #[default]
    Completes,
    /// Never: bits that should clear stay as they are.
    Hangs,
}

/// A model that works as it is but for its reset input.
pub struct Stuck {
    device: Box<dyn Model>,
}

impl Stuck {
    /// `device`, never coming out of reset.
    #[must_use]
    pub fn new(device: Box<dyn Model>) -> Self {
        Self { device }
    }
}

impl Model for Stuck {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        self.device.read(region, offset, width)
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        self.device.write(region, offset, width, value);
    }

    fn run(&mut self, steps: u32) -> Progress {
        self.device.run(steps)
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        Err(ResetFailed)
    }

    fn activity(&self) -> Activity {
        self.device.activity()
    }

    fn is_reset(&self) -> Option<bool> {
        Some(false)
    }

    fn reset_lines(&self) -> Option<&dyn ResetLines> {
        self.device.reset_lines()
    }
}
