//! Broadcom's FlexRM ring manager as far as handing it over goes.
//!
//! `drivers/mailbox/bcm-flexrm-mailbox.c` names the registers; `drivers/vfio/platform/reset/vfio_platform_bcmflexrm.c` flushes each ring and waits for it.
//! Each 64 KiB of the window are one ring. No ring moves anything.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

use crate::memory::Memory;
use crate::stuck::OwnReset;
use crate::words;

/// Bytes of a ring's registers.
const RING: u64 = 0x1_0000;
/// The most rings there are.
const MOST: u64 = 256;
/// Version, by which a driver knows a ring.
const VERSION: u64 = 0x000;
/// "v001".
const MAGIC: u32 = 0x7630_3031;
/// Control.
const CONTROL: u64 = 0x034;
/// In it: the ring is at work.
const ACTIVE: u32 = 1 << 4;
/// In it: flush.
const FLUSH: u32 = 1 << 5;
/// Its lowest bit says that the flush is done.
const FLUSH_DONE: u64 = 0x038;

/// A FlexRM.
pub struct FlexRm {
    memory: Memory,
    rings: u64,
    own_reset: OwnReset,
}

impl FlexRm {
    /// One with windows of these sizes in bytes.
    #[must_use]
    pub fn new(regions: Vec<u64>, own_reset: OwnReset) -> Self {
        let rings = regions.first().map_or(0, |size| size / RING).min(MOST);
        Self { memory: Memory::new(regions), rings, own_reset }
    }

    fn control(&self, ring: u64) -> u32 {
        self.memory.read(0, ring * RING + CONTROL, Width::Word) as u32
    }
}

impl Model for FlexRm {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        words::load(offset, width, |at| match (region, at / RING, at % RING) {
            (0, ring, VERSION) if ring < self.rings => MAGIC,
            (0, ring, FLUSH_DONE) if ring < self.rings => {
                u32::from(self.control(ring) & FLUSH != 0 && self.own_reset != OwnReset::Hangs)
            }
            _ => self.memory.read(region, at, Width::Word) as u32,
        })
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        let ring = offset / RING;
        let active = if region == 0 && ring < self.rings { self.control(ring) & ACTIVE } else { 0 };
        self.memory.write(region, offset, width, value);
        if self.own_reset == OwnReset::Fails && active != 0 {
            let control = self.control(ring) | ACTIVE;
            self.memory.write(0, ring * RING + CONTROL, Width::Word, control.into());
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.memory.clear();
        Ok(())
    }

    fn activity(&self) -> Activity {
        let running = (0..self.rings).any(|ring| self.control(ring) & ACTIVE != 0);
        Activity { running, interrupting: false }
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.memory.is_clear())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_is_done_or_hangs() {
        for (own_reset, done) in [(OwnReset::Completes, 1), (OwnReset::Hangs, 0)] {
            let mut device = FlexRm::new(vec![2 * RING], own_reset);
            assert_eq!(device.read(0, RING, Width::Word), u64::from(MAGIC));
            assert_eq!(device.read(0, 2 * RING, Width::Word), 0);
            device.write(0, RING + CONTROL, Width::Word, ACTIVE.into());
            assert!(device.activity().running);
            device.write(0, RING + CONTROL, Width::Word, FLUSH.into());
            assert_eq!(device.read(0, RING + FLUSH_DONE, Width::Word), done);
            assert_eq!(device.read(0, FLUSH_DONE, Width::Word), 0, "the other ring is not flushed");
            device.write(0, RING + CONTROL, Width::Word, 0);
            assert_eq!(
                (device.read(0, RING + FLUSH_DONE, Width::Word), device.activity().running),
                (0, false)
            );
        }
    }
}
