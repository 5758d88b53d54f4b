//! Aspeed's system control unit (AST2400, AST2500) as far as resets go.
//!
//! `drivers/clk/clk-aspeed.c` is Linux's driver: a one in SCU04 or SCUD4 asserts. One of the lines resets all 14 I2C buses together. The
//! unit is locked until the protection key is written to SCU00; what is written while it is locked is lost.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, ResetLines, Width};

use crate::memory::Memory;
use crate::words::{self, Store};

/// Protection key register: reads 1 while unlocked.
const SCU00: u64 = 0x00;
/// The key.
const KEY: u32 = 0x1688_a8a8;
/// System reset control, lines 0 to 31.
const SCU04: u64 = 0x04;
/// Silicon revision.
const SCU7C: u64 = 0x7c;
/// The AST2500's.
const REVISION: u32 = 0x0403_0303;
/// System reset control 2, lines 32 to 63.
const SCUD4: u64 = 0xd4;

/// A system control unit. Lines are bits of SCU04, then of SCUD4; which of them a specifier's number means is the driver's table.
pub struct AspeedScu {
    resets: [u32; 2],
    rest: Memory,
    /// The key was the last thing written to SCU00.
    unlocked: bool,
}

impl AspeedScu {
    /// One with windows of these sizes in bytes, unlocked by the boot firmware, all lines released.
    #[must_use]
    pub fn new(regions: Vec<u64>) -> Self {
        Self { resets: [0; 2], rest: Memory::new(regions), unlocked: true }
    }

    fn register(&self, offset: u64) -> u32 {
        match offset {
            SCU00 => self.unlocked.into(),
            SCU04 => self.resets[0],
            SCUD4 => self.resets[1],
            SCU7C => REVISION,
            _ => self.rest.read(0, offset, Width::Word) as u32,
        }
    }

    fn set_register(&mut self, store: Store) {
        match store.offset {
            SCU00 => self.unlocked = store.value == KEY,
            _ if !self.unlocked => {}
            SCU04 => self.resets[0] = store.over(self.resets[0]),
            SCUD4 => self.resets[1] = store.over(self.resets[1]),
            offset => {
                let old = self.rest.read(0, offset, Width::Word) as u32;
                self.rest.write(0, offset, Width::Word, store.over(old).into());
            }
        }
    }
}

impl ResetLines for AspeedScu {
    fn count(&self) -> u32 {
        64
    }

    fn is_asserted(&self, line: u32) -> bool {
        self.resets.get(line as usize / 32).is_some_and(|bits| bits & (1 << (line % 32)) != 0)
    }
}

impl Model for AspeedScu {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != 0 {
            return self.rest.read(region, offset, width);
        }
        words::load(offset, width, |at| self.register(at))
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        if region == 0 {
            words::store(offset, width, value, |store| self.set_register(store));
        } else {
            self.rest.write(region, offset, width, value);
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.resets = [0; 2];
        self.unlocked = true;
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
    fn a_locked_unit_takes_nothing() {
        let mut scu = AspeedScu::new(vec![0x1000]);
        scu.write(0, SCU04, Width::Word, 1 << 2);
        assert!(scu.is_asserted(2), "I2C");
        scu.write(0, SCU00, Width::Word, 0);
        scu.write(0, SCU04, Width::Word, 0);
        assert!(scu.is_asserted(2));
        scu.write(0, SCU00, Width::Word, KEY.into());
        assert_eq!(scu.read(0, SCU00, Width::Word), 1);
        scu.write(0, SCU04, Width::Word, 0);
        scu.write(0, SCUD4, Width::Word, 1 << 5);
        assert_eq!((0..70).filter(|line| scu.is_asserted(*line)).collect::<Vec<_>>(), [37], "CRT1");
    }
}
