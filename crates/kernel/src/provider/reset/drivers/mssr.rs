//! Renesas' clock pulse generator with module standby and software reset (CPG/MSSR).
//!
//! In Linux `cpg_mssr_reset_ops` of drivers/clk/renesas/renesas-cpg-mssr.c; the registers are in the R-Car Gen3 manual, section 8A. A
//! one in SRCRn asserts, a one in SRSTCLRn releases, zeros do nothing. A specifier is `100 * n + bit`.

use std::sync::Arc;

use super::super::controller::{OpFailed, Registers, ResetController};
use super::super::error::Operation;

/// Software reset registers.
const SRCR: [u64; 12] = [0x0a0, 0x0a8, 0x0b0, 0x0b8, 0x0bc, 0x0c4, 0x1c8, 0x1cc, 0x920, 0x924, 0x928, 0x92c];
/// Software reset clearing registers, in a row.
const SRSTCLR: u64 = 0x940;

/// The reset lines of a CPG/MSSR.
pub struct MssrReset {
    registers: Arc<dyn Registers>,
}

/// `cpg_mssr_reset_xlate`: decimal to a row of 32 bits each.
pub(super) fn translate(cells: &[u32]) -> Option<u32> {
    let &[number] = cells else { return None };
    let (register, bit) = (number / 100, number % 100);
    (bit < 32 && (register as usize) < SRCR.len()).then_some(register * 32 + bit)
}

impl MssrReset {
    /// With the registers of the block.
    pub fn new(registers: Arc<dyn Registers>) -> Self {
        Self { registers }
    }

    /// Which register, at which offset, which bit.
    fn at(line: u32) -> Option<(u64, u64, u32)> {
        let index = u64::from(line / 32);
        let register = SRCR.get(usize::try_from(index).ok()?)?;
        Some((*register, SRSTCLR + 4 * index, 1 << (line % 32)))
    }
}

impl ResetController for MssrReset {
    fn translate(&self, cells: &[u32]) -> Option<u32> {
        translate(cells)
    }

    fn has(&self, _: Operation) -> bool {
        true
    }

    fn reset(&self, line: u32) -> Result<(), OpFailed> {
        self.assert(line)?;
        self.deassert(line)
    }

    fn assert(&self, line: u32) -> Result<(), OpFailed> {
        if let Some((register, _, bit)) = Self::at(line) {
            self.registers.store(0, register, bit);
        }
        Ok(())
    }

    fn deassert(&self, line: u32) -> Result<(), OpFailed> {
        if let Some((_, clearing, bit)) = Self::at(line) {
            self.registers.store(0, clearing, bit);
        }
        Ok(())
    }

    fn status(&self, line: u32) -> Result<bool, OpFailed> {
        Ok(Self::at(line).is_some_and(|(register, _, bit)| self.registers.load(0, register) & bit != 0))
    }
}
