//! Calxeda's XGMAC as far as handing it over goes: the registers that say whether it runs.
//!
//! `drivers/net/ethernet/calxeda/xgmac.c` names them; `drivers/vfio/platform/reset/vfio_platform_calxedaxgmac.c` stops the device
//! through three of them. It sends and receives nothing: frames would need a wire, and nothing here is at its other end.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

use crate::memory::Memory;

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
}

impl Xgmac {
    /// One with windows of these sizes in bytes.
    #[must_use]
    pub fn new(regions: Vec<u64>) -> Self {
        Self { memory: Memory::new(regions) }
    }
}

impl Model for Xgmac {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        self.memory.read(region, offset, width)
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        self.memory.write(region, offset, width, value);
        if self.memory.read(0, DMA_BUS_MODE, Width::Word) & SOFTWARE_RESET != 0 {
            self.memory.clear();
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
        let started = self.memory.read(0, DMA_CONTROL, Width::Word) & DMA_START != 0;
        let enabled = self.memory.read(0, CONTROL, Width::Word) & MAC_ENABLE != 0;
        Activity { running: started || enabled, interrupting: false }
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
        let mut device = Xgmac::new(vec![0x2000]);
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
}
