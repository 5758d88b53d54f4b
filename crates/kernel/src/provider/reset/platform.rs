//! The reset drivers of VFIO's platform devices.
//!
//! In Linux each is a module under drivers/vfio/platform/reset, found by the device's first `compatible` and loaded on demand
//! (`vfio_platform_lookup_reset`, `MODULE_ALIAS("vfio-reset:...")`). They know their device's registers and return it to a state in which
//! it does nothing. Waiting is by polling a bounded number of times, as there; the model's time passes with its accesses.

mod flexrm;
mod xgbe;
mod xgmac;

use super::controller::Registers;
use crate::errno::{self, Errno};

/// A reset driver.
pub struct ResetHandler {
    /// The module it comes in.
    pub module: &'static str,
    /// What the device's first `compatible` must be.
    pub compatible: &'static str,
    reset: fn(&dyn Registers, u64) -> Result<(), HandlerFailed>,
}

/// A reset driver waited as long as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerFailed {
    /// The phy did not come out of reset.
    #[error("the phy did not complete its reset")]
    Phy,
    /// The MAC did not come out of reset.
    #[error("the mac did not complete its reset")]
    Mac,
    /// A ring did not flush, or did not end flushing.
    #[error("ring {ring} did not complete its shutdown")]
    Ring {
        /// Counted from 0 among the rings that are there.
        ring: u32,
    },
}

impl HandlerFailed {
    /// What the handler answers.
    #[must_use]
    pub const fn errno(self) -> Errno {
        errno::ETIMEDOUT
    }
}

static HANDLERS: [ResetHandler; 3] = [
    ResetHandler {
        module: "vfio_platform_calxedaxgmac",
        compatible: "calxeda,hb-xgmac",
        reset: |registers, _| {
            xgmac::reset(registers);
            Ok(())
        },
    },
    ResetHandler {
        module: "vfio_platform_amdxgbe",
        compatible: "amd,xgbe-seattle-v1a",
        reset: |registers, _| xgbe::reset(registers),
    },
    ResetHandler {
        module: "vfio_platform_bcmflexrm",
        compatible: "brcm,iproc-flexrm-mbox",
        reset: flexrm::reset,
    },
];

impl ResetHandler {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [ResetHandler] {
        &HANDLERS
    }

    /// The driver for a device whose first `compatible` is this.
    #[must_use]
    pub fn of(compatible: &str) -> Option<&'static Self> {
        HANDLERS.iter().find(|handler| handler.compatible == compatible)
    }

    /// Reset a device whose first window has `size` bytes.
    ///
    /// # Errors
    /// Where the device does not come to the end of it within the driver's bound.
    pub fn reset(&self, registers: &dyn Registers, size: u64) -> Result<(), HandlerFailed> {
        (self.reset)(registers, size)
    }
}

/// Ask up to `times` times whether something has come true.
fn poll(times: u32, mut ready: impl FnMut() -> bool) -> bool {
    (0..times).any(|_| ready())
}

#[cfg(test)]
mod tests;
