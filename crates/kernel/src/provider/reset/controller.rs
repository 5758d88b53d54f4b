//! What a reset controller's driver offers: its lines, and the operations it has for them.
//!
//! In Linux these are `struct reset_controller_dev` and `struct reset_control_ops` (include/linux/reset-controller.h). Which
//! operations there are differs: some blocks only pulse, some only hold, few can be asked.

use super::error::Operation;
use crate::errno::{self, Errno};

/// An operation that did not work, with the driver's error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed with error {0}")]
pub struct OpFailed(pub Errno);

/// What the operations a driver does not have answer; nobody calls them.
const MISSING: OpFailed = OpFailed(errno::ENOTSUPP);

/// The registers of a block, as its driver in the kernel reaches them.
pub trait Registers: Send + Sync {
    /// Load 32 bits.
    fn load(&self, region: usize, offset: u64) -> u32;
    /// Store 32 bits.
    fn store(&self, region: usize, offset: u64, value: u32);
}

/// A reset controller.
pub trait ResetController: Send + Sync {
    /// Cells of a specifier (`of_reset_n_cells`).
    fn cells(&self) -> usize {
        1
    }

    /// The line a specifier means (`of_xlate`), where there is one. As many cells as [`ResetController::cells`] says.
    fn translate(&self, cells: &[u32]) -> Option<u32>;

    /// Whether the driver has an operation at all.
    fn has(&self, operation: Operation) -> bool;

    /// Pulse a line.
    ///
    /// # Errors
    /// It did not work, or there is no such operation for this line (`ENOTSUPP`).
    fn reset(&self, _line: u32) -> Result<(), OpFailed> {
        Err(MISSING)
    }

    /// Hold a line asserted.
    ///
    /// # Errors
    /// It did not work, or there is no such operation for this line (`ENOTSUPP`).
    fn assert(&self, _line: u32) -> Result<(), OpFailed> {
        Err(MISSING)
    }

    /// Let go of a line.
    ///
    /// # Errors
    /// It did not work, or there is no such operation for this line (`ENOTSUPP`).
    fn deassert(&self, _line: u32) -> Result<(), OpFailed> {
        Err(MISSING)
    }

    /// Whether a line is asserted.
    ///
    /// # Errors
    /// It did not work, or there is no such operation for this line (`ENOTSUPP`).
    fn status(&self, _line: u32) -> Result<bool, OpFailed> {
        Err(MISSING)
    }
}
