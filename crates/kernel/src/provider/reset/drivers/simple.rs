//! A bank of reset bits, 32 in each register.
//!
//! In Linux `reset_simple_ops` of drivers/reset/reset-simple.c. Lines are held and let go; a pulse is not supported, because the driver
//! would have to know how long it lasts (`reset_us`).

use std::sync::Arc;

use super::super::controller::{OpFailed, Registers, ResetController};
use super::super::error::Operation;
use super::Active;
use crate::errno;
use crate::sync::{self, Mutex};

/// The reset lines of a bank.
pub struct SimpleReset {
    registers: Arc<dyn Registers>,
    lines: u64,
    active: Active,
    /// A bit is changed by loading and storing its register.
    changing: Mutex<()>,
}

/// `of_reset_simple_xlate`.
pub(super) fn translate(cells: &[u32]) -> Option<u32> {
    match cells {
        &[line] => Some(line),
        _ => None,
    }
}

impl SimpleReset {
    /// With the registers of a block of `size` bytes.
    pub fn new(registers: Arc<dyn Registers>, size: u64, active: Active) -> Self {
        Self { registers, lines: size.saturating_mul(8), active, changing: Mutex::new(()) }
    }

    fn set(&self, line: u32, asserted: bool) {
        let (offset, bit) = (u64::from(line / 32) * 4, 1u32 << (line % 32));
        let _changing = sync::lock(&self.changing);
        let old = self.registers.load(0, offset);
        let new = if asserted == (self.active == Active::High) { old | bit } else { old & !bit };
        self.registers.store(0, offset, new);
    }
}

impl ResetController for SimpleReset {
    fn translate(&self, cells: &[u32]) -> Option<u32> {
        translate(cells).filter(|line| u64::from(*line) < self.lines)
    }

    fn has(&self, _: Operation) -> bool {
        true
    }

    fn reset(&self, _: u32) -> Result<(), OpFailed> {
        Err(OpFailed(errno::ENOTSUPP))
    }

    fn assert(&self, line: u32) -> Result<(), OpFailed> {
        self.set(line, true);
        Ok(())
    }

    fn deassert(&self, line: u32) -> Result<(), OpFailed> {
        self.set(line, false);
        Ok(())
    }

    fn status(&self, line: u32) -> Result<bool, OpFailed> {
        let register = self.registers.load(0, u64::from(line / 32) * 4);
        Ok((register & 1 << (line % 32) != 0) == (self.active == Active::High))
    }
}
