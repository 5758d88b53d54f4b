//! Calxeda's XGMAC as far as handing it over goes: the registers that say whether it runs.
//!
//! `drivers/net/ethernet/calxeda/xgmac.c` names them; `drivers/vfio/platform/reset/vfio_platform_calxedaxgmac.c` stops the device
//! through three of them. It sends and receives nothing: frames would need a wire, and nothing here is at its other end.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

use crate::memory::Memory;
use crate::stuck::OwnReset;

/// MAC configuration.
const CONTROL: u64 = 0x000;
/// In it: transmitter and receiver enabled.
const MAC_ENABLE: u64 = 1 << 3 | 1 << 2;
/// DMA bus mode.
const DMA_BUS_MODE: u64 = 0xf00;
/// In it: software reset, clear again when that is done.
const SOFTWARE_RESET: u64 = 1;
/// DMA operation mode.
const DMA_CONTROL: u64 = 0xf18;
/// In it: transmission and reception started.
const DMA_START: u64 = 1 << 13 | 1 << 1;

/// An XGMAC.
pub struct Xgmac {
    memory: Memory,
    own_reset: OwnReset,
}

impl Xgmac {
    /// One with windows of these sizes in bytes.
    #[must_use]
    pub fn new(regions: Vec<u64>, own_reset: OwnReset) -> Self {
        Self { memory: Memory::new(regions), own_reset }
    }

    /// Engines that cannot be stopped keep the bits that started them.
    fn keep_running(&mut self, before: [u64; 2]) {
        for (offset, bits) in [CONTROL, DMA_CONTROL].into_iter().zip(before) {
            let now = self.memory.read(0, offset, Width::Word);
            self.memory.write(0, offset, Width::Word, now | bits);
        }
    }

    fn started(&self) -> [u64; 2] {
        [(CONTROL, MAC_ENABLE), (DMA_CONTROL, DMA_START)]
            .map(|(offset, bits)| self.memory.read(0, offset, Width::Word) & bits)
    }
}

impl Model for Xgmac {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        self.memory.read(region, offset, width)
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        let before = self.started();
        self.memory.write(region, offset, width, value);
        let mode = self.memory.read(0, DMA_BUS_MODE, Width::Word);
        match (mode & SOFTWARE_RESET != 0, self.own_reset) {
            (false, OwnReset::Completes) => {}
            (true, OwnReset::Completes) => self.memory.clear(),
            (_, OwnReset::Hangs) => self.keep_running(before),
            (_, OwnReset::Fails) => {
                self.keep_running(before);
                self.memory.write(0, DMA_BUS_MODE, Width::Word, mode & !SOFTWARE_RESET);
            }
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
        Activity { running: self.started() != [0, 0], interrupting: false }
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.memory.is_clear())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_writes_to_reset_it_stops_it() {
        let mut device = Xgmac::new(vec![0x2000], OwnReset::Completes);
        device.write(0, DMA_CONTROL, Width::Word, DMA_START);
        device.write(0, CONTROL, Width::Word, MAC_ENABLE | 1);
        assert!(device.activity().running);
        device.write(0, DMA_CONTROL, Width::Word, 0);
        assert!(device.activity().running);
        device.write(0, CONTROL, Width::Word, 1);
        assert!(!device.activity().running);
        device.write(0, DMA_BUS_MODE, Width::Word, SOFTWARE_RESET);
        assert_eq!(device.read(0, CONTROL, Width::Word), 0);
        assert_eq!(device.read(0, DMA_BUS_MODE, Width::Word), 0);
    }

    #[test]
    fn what_cannot_be_stopped_goes_on() {
        for (own_reset, left) in [(OwnReset::Hangs, SOFTWARE_RESET), (OwnReset::Fails, 0)] {
            let mut device = Xgmac::new(vec![0x2000], own_reset);
            device.write(0, DMA_CONTROL, Width::Word, 2);
            device.write(0, DMA_CONTROL, Width::Word, 0);
            device.write(0, DMA_BUS_MODE, Width::Word, SOFTWARE_RESET);
            assert_eq!((device.started(), device.read(0, DMA_BUS_MODE, Width::Word)), ([0, 2], left));
        }
    }
}
