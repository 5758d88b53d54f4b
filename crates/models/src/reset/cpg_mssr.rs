//! Renesas' clock pulse generator with module standby and software reset (CPG/MSSR) of R-Car Gen2, Gen3 and RZ/G.
//!
//! The R-Car Gen3 manual, section 8A; `drivers/clk/renesas/renesas-cpg-mssr.c` is Linux's driver. A one written to a bit of SRCRn asserts that
//! module's reset, a one written to the same bit of SRSTCLRn releases it; zeros do nothing. Clocks are remembered, not generated.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, ResetLines, Width};

use crate::memory::Memory;
use crate::words::{self, Store};

/// Software reset registers, one bit a module.
const SRCR: [u64; 12] = [0x0a0, 0x0a8, 0x0b0, 0x0b8, 0x0bc, 0x0c4, 0x1c8, 0x1cc, 0x920, 0x924, 0x928, 0x92c];
/// Software reset clearing registers, in a row.
const SRSTCLR: u64 = 0x940;
/// System module stop control registers.
const SMSTPCR: [u64; 12] =
    [0x130, 0x134, 0x138, 0x13c, 0x140, 0x144, 0x148, 0x14c, 0x990, 0x994, 0x998, 0x99c];
/// Module stop status registers: the same at once, as no clock takes time here.
const MSTPSR: [u64; 12] =
    [0x030, 0x038, 0x040, 0x048, 0x04c, 0x03c, 0x1c0, 0x1c4, 0x9a0, 0x9a4, 0x9a8, 0x9ac];

/// A CPG/MSSR. Line `32 * n + bit` is that bit of SRCRn; a device tree writes it `100 * n + bit`.
pub struct CpgMssr {
    asserted: [u32; 12],
    /// Everything that is no reset register.
    rest: Memory,
}

impl CpgMssr {
    /// One with windows of these sizes in bytes, all lines released.
    #[must_use]
    pub fn new(regions: Vec<u64>) -> Self {
        Self { asserted: [0; 12], rest: Memory::new(regions) }
    }

    fn register(&self, offset: u64) -> u32 {
        if let Some(index) = SRCR.iter().position(|at| *at == offset) {
            return self.asserted[index];
        }
        let offset = MSTPSR.iter().position(|at| *at == offset).map_or(offset, |index| SMSTPCR[index]);
        self.rest.read(0, offset, Width::Word) as u32
    }

    fn set_register(&mut self, store: Store) {
        if let Some(index) = SRCR.iter().position(|at| *at == store.offset) {
            self.asserted[index] |= store.value;
            return;
        }
        let clearing = store.offset.checked_sub(SRSTCLR).map(|at| (at / 4) as usize);
        if let Some(bits) = clearing.and_then(|index| self.asserted.get_mut(index)) {
            *bits &= !store.value;
        } else {
            let old = self.rest.read(0, store.offset, Width::Word) as u32;
            self.rest.write(0, store.offset, Width::Word, store.over(old).into());
        }
    }
}

impl ResetLines for CpgMssr {
    fn count(&self) -> u32 {
        32 * SRCR.len() as u32
    }

    fn is_asserted(&self, line: u32) -> bool {
        self.asserted.get(line as usize / 32).is_some_and(|bits| bits & (1 << (line % 32)) != 0)
    }
}

impl Model for CpgMssr {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != 0 {
            return self.rest.read(region, offset, width);
        }
        words::load(offset, width, |at| self.register(at))
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        if region != 0 {
            self.rest.write(region, offset, width, value);
            return;
        }
        words::store(offset, width, value, |store| self.set_register(store));
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.asserted = [0; 12];
        self.rest.clear();
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }

    fn reset_lines(&self) -> Option<&dyn ResetLines> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_asserted_by_one_register_and_released_by_another() {
        let mut cpg = CpgMssr::new(vec![0x1000]);
        assert_eq!(cpg.count(), 384);
        // The PWM channels of R-Car H3: line 523.
        let line = 5 * 32 + 23;
        cpg.write(0, 0x0c4, Width::Word, 1 << 23);
        cpg.write(0, 0x0c4, Width::Word, 1 << 4);
        assert!(cpg.is_asserted(line) && cpg.is_asserted(5 * 32 + 4));
        assert_eq!(cpg.read(0, 0x0c4, Width::Word), 1 << 23 | 1 << 4);
        cpg.write(0, 0x940 + 5 * 4, Width::Word, 1 << 23);
        assert!(!cpg.is_asserted(line) && cpg.is_asserted(5 * 32 + 4));
        cpg.reset(ResetKind::Power).expect("it completes");
        assert!((0..=400).all(|line| !cpg.is_asserted(line)));
    }

    #[test]
    fn clocks_follow_their_control_registers() {
        let mut cpg = CpgMssr::new(vec![0x1000]);
        cpg.write(0, 0x144, Width::Word, 0xffff_fffe);
        assert_eq!(cpg.read(0, 0x03c, Width::Word), 0xffff_fffe);
    }
}
