//! A stand-in for a device that has no model: its register windows remember, its interrupt lines stay low.
//!
//! With it every device of every board can be bound, opened, mapped, read and handed back. It does nothing by itself and drives no
//! DMA; gt0 and gt1 of the recorded answers were such devices (plain memory, lines nobody drove).

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

use crate::memory::Memory;

/// A stand-in.
pub struct StandIn {
    memory: Memory,
}

impl StandIn {
    /// One with windows of these sizes in bytes.
    #[must_use]
    pub fn new(regions: Vec<u64>) -> Self {
        Self { memory: Memory::new(regions) }
    }
}

impl Model for StandIn {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        self.memory.read(region, offset, width)
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        self.memory.write(region, offset, width, value);
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.memory.clear();
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.memory.is_clear())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_what_lies_in_its_windows() {
        let mut device = StandIn::new(vec![0x1000, 0x18, 1 << 40]);
        device.write(0, 0xffc, Width::Double, 0x1122_3344_5566_7788);
        assert_eq!(device.read(0, 0xffc, Width::Double), 0x5566_7788);
        assert_eq!(device.read(0, 0xffe, Width::Half), 0x5566);
        device.write(2, (1 << 40) - 1, Width::Byte, 7);
        device.write(2, u64::MAX, Width::Double, u64::MAX);
        device.write(3, 0, Width::Word, 1);
        assert_eq!(device.read(2, (1 << 40) - 1, Width::Half), 7);
        assert_eq!(device.read(3, 0, Width::Word), 0);
        device.reset(ResetKind::Line).expect("it completes");
        assert_eq!(device.read(0, 0xffc, Width::Word), 0);
    }

    #[test]
    fn writing_everywhere_takes_a_bounded_amount_of_memory() {
        let mut device = StandIn::new(vec![u64::MAX]);
        for page in 0..10_000 {
            device.write(0, page * 4096, Width::Byte, 1);
        }
        assert_eq!(device.read(0, 0, Width::Byte), 1);
        assert_eq!(device.read(0, 9_999 * 4096, Width::Byte), 0);
    }
}
