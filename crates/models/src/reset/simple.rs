//! A bank of reset bits and nothing else, what Linux's `reset-simple` drives.
//!
//! `drivers/reset/reset-simple.c`: line `32 * n + bit` is that bit of the n-th register. In some blocks a one asserts, in others a zero.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, ResetLines, Width};

use crate::words;

/// The most registers a bank has, 64 KiB of them.
const MOST: u64 = 16384;

/// Which value of a bit asserts its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// A one.
    ActiveHigh,
    /// A zero.
    ActiveLow,
}

/// A bank.
pub struct SimpleReset {
    registers: Vec<u32>,
    polarity: Polarity,
}

impl SimpleReset {
    /// One whose window has `size` bytes, all lines released.
    #[must_use]
    pub fn new(size: u64, polarity: Polarity) -> Self {
        let released = match polarity {
            Polarity::ActiveHigh => 0,
            Polarity::ActiveLow => u32::MAX,
        };
        Self { registers: vec![released; (size / 4).min(MOST) as usize], polarity }
    }
}

impl ResetLines for SimpleReset {
    fn count(&self) -> u32 {
        32 * self.registers.len() as u32
    }

    fn is_asserted(&self, line: u32) -> bool {
        let Some(bits) = self.registers.get(line as usize / 32) else { return false };
        (bits & (1 << (line % 32)) != 0) == (self.polarity == Polarity::ActiveHigh)
    }
}

impl Model for SimpleReset {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        words::load(offset, width, |at| match usize::try_from(at / 4) {
            Ok(index) if region == 0 => self.registers.get(index).copied().unwrap_or(0),
            _ => 0,
        })
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        words::store(offset, width, value, |store| {
            let index = usize::try_from(store.offset / 4).unwrap_or(usize::MAX);
            if let Some(bits) = self.registers.get_mut(index).filter(|_| region == 0) {
                *bits = store.over(*bits);
            }
        });
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        *self = Self::new(self.registers.len() as u64 * 4, self.polarity);
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
    fn bits_are_lines() {
        for (polarity, on, off) in
            [(Polarity::ActiveHigh, 0x10, 0), (Polarity::ActiveLow, 0xffff_ffef, 0xffff_ffff)]
        {
            let mut bank = SimpleReset::new(8, polarity);
            assert_eq!(bank.count(), 64);
            assert!((0..100).all(|line| !bank.is_asserted(line)));
            bank.write(0, 4, Width::Word, on);
            assert_eq!((0..100).filter(|line| bank.is_asserted(*line)).collect::<Vec<_>>(), [36]);
            bank.write(0, 4, Width::Word, off);
            assert!(!bank.is_asserted(36));
            bank.write(0, 8, Width::Double, 0);
            bank.write(0, u64::MAX, Width::Double, 0);
        }
    }
}
