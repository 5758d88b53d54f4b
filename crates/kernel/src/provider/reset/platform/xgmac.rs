//! Calxeda's XGMAC.
//!
//! In Linux drivers/vfio/platform/reset/vfio_platform_calxedaxgmac.c, after the driver of the network device: interrupts off, then both
//! directions of the DMA engine and of the MAC. Nothing else of the device changes, and nothing is waited for.

use super::super::controller::Registers;

/// MAC configuration.
const CONTROL: u64 = 0x0000;
/// In it: transmitter and receiver.
const ENABLES: u32 = 0x0000_000c;
/// DMA operation mode.
const DMA_CONTROL: u64 = 0x0f18;
/// In it: start transmission, start reception.
const STARTS: u32 = 0x0000_2002;
/// DMA interrupt enable.
const DMA_INTR_ENA: u64 = 0x0f1c;

pub(super) fn reset(registers: &dyn Registers) {
    registers.store(0, DMA_INTR_ENA, 0);
    for (offset, bits) in [(DMA_CONTROL, STARTS), (CONTROL, ENABLES)] {
        let value = registers.load(0, offset);
        registers.store(0, offset, value & !bits);
    }
}
