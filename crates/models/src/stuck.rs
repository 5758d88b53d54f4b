//! A device whose reset never completes, or has no effect.
//!
//! Hardware does both; a driver polls and gives up (`-ETIMEDOUT`), or never notices. What VFIO makes of it has to be seen too.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, ResetLines, Width};

/// What becomes of a device's resets, those by its own registers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnReset {
    /// At once.
    #[default]
    Completes,
    /// Never: bits that should clear stay as they are.
    Hangs,
    /// They end, and have changed nothing.
    Fails,
}

/// A model that works as it is but for its reset input.
pub struct Stuck {
    device: Box<dyn Model>,
    own_reset: OwnReset,
}

impl Stuck {
    /// `device`, with these resets.
    #[must_use]
    pub fn new(device: Box<dyn Model>, own_reset: OwnReset) -> Self {
        Self { device, own_reset }
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

    fn reset(&mut self, kind: ResetKind) -> Result<(), ResetFailed> {
        match self.own_reset {
            OwnReset::Completes => self.device.reset(kind),
            OwnReset::Hangs => Err(ResetFailed),
            OwnReset::Fails => Ok(()),
        }
    }

    fn activity(&self) -> Activity {
        self.device.activity()
    }

    fn is_reset(&self) -> Option<bool> {
        match self.own_reset {
            OwnReset::Hangs => Some(false),
            OwnReset::Completes | OwnReset::Fails => self.device.is_reset(),
        }
    }

    fn reset_lines(&self) -> Option<&dyn ResetLines> {
        self.device.reset_lines()
    }
}
