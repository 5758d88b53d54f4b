//! The reset lines of Aspeed's system control unit (AST2400, AST2500).
//!
//! In Linux `aspeed_reset_ops` of drivers/clk/clk-aspeed.c, with the numbers of dt-bindings/clock/aspeed-clock.h: they are names, not bits.
//! One of them resets all I2C buses. A one in SCU04 or SCUD4 asserts. There is no pulse.

use std::sync::Arc;

use super::super::controller::{OpFailed, Registers, ResetController};
use super::super::error::Operation;
use crate::sync::{self, Mutex};

/// System reset control registers.
const SCU: [u64; 2] = [0x04, 0xd4];
/// The bit of each number: XDMA, MCTP, ADC, JTAG master, MIC, PWM, PECI, I2C, AHB, CRT1. Bits from 32 on are in the second register.
const BITS: [u32; 10] = [25, 24, 23, 22, 18, 9, 10, 2, 1, 37];

/// The reset lines of a system control unit.
pub struct AspeedReset {
    registers: Arc<dyn Registers>,
    changing: Mutex<()>,
}

/// `of_reset_simple_xlate`, and the driver's table.
pub(super) fn translate(cells: &[u32]) -> Option<u32> {
    match cells {
        &[number] => BITS.get(usize::try_from(number).ok()?).copied(),
        _ => None,
    }
}

impl AspeedReset {
    /// With the registers of the unit.
    pub fn new(registers: Arc<dyn Registers>) -> Self {
        Self { registers, changing: Mutex::new(()) }
    }

    fn at(line: u32) -> (u64, u32) {
        (if line < 32 { SCU[0] } else { SCU[1] }, 1 << (line % 32))
    }

    fn change(&self, line: u32, to: impl Fn(u32, u32) -> u32) {
        let (offset, bit) = Self::at(line);
        let _changing = sync::lock(&self.changing);
        self.registers.store(0, offset, to(self.registers.load(0, offset), bit));
    }
}

impl ResetController for AspeedReset {
    fn translate(&self, cells: &[u32]) -> Option<u32> {
        translate(cells)
    }

    fn has(&self, operation: Operation) -> bool {
        operation != Operation::Reset
    }

    fn assert(&self, line: u32) -> Result<(), OpFailed> {
        self.change(line, |old, bit| old | bit);
        Ok(())
    }

    fn deassert(&self, line: u32) -> Result<(), OpFailed> {
        self.change(line, |old, bit| old & !bit);
        Ok(())
    }

    fn status(&self, line: u32) -> Result<bool, OpFailed> {
        let (offset, bit) = Self::at(line);
        Ok(self.registers.load(0, offset) & bit != 0)
    }
}
