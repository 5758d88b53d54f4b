//! AMD's XGBE.
//!
//! In Linux drivers/vfio/platform/reset/vfio_platform_amdxgbe.c, after the driver of the network device: reset the phy through MDIO, stop
//! auto-negotiation and its interrupt, reset the MAC. There a reset that does not end is a warning; here it is an error, because
//! the device may still be at work.

use super::super::controller::Registers;
use super::{HandlerFailed, poll};

/// The windows of the MAC and of the XPCS.
const MAC: usize = 0;
const XPCS: usize = 1;
/// In the XPCS: which block of 256 registers the rest of the window shows.
const SELECT: u64 = 0xff << 2;
/// MDIO manageable devices (IEEE 802.3 clause 45): the physical coding sublayer, and auto-negotiation.
const PCS: u32 = 3;
const AN: u32 = 7;
/// Control register 1, and in it: reset; auto-negotiation enable.
const CTRL1: u32 = 0;
const CTRL1_RESET: u32 = 1 << 15;
const CTRL1_AN_ENABLE: u32 = 1 << 12;
/// Auto-negotiation interrupt mask and interrupts.
const AN_INTMASK: u32 = 0x8001;
const AN_INT: u32 = 0x8002;
/// DMA mode register; its lowest bit resets the MAC.
const DMA_MR: u64 = 0x3000;
/// How often the phy and the MAC are asked; Linux waits 20 ms and 0.5 ms between.
const PHY_POLLS: u32 = 50;
const MAC_POLLS: u32 = 2000;

pub(super) fn reset(registers: &dyn Registers) -> Result<(), HandlerFailed> {
    let control = mdio_read(registers, PCS, CTRL1);
    mdio_write(registers, PCS, CTRL1, control | CTRL1_RESET);
    let phy = poll(PHY_POLLS, || mdio_read(registers, PCS, CTRL1) & CTRL1_RESET == 0);
    let control = mdio_read(registers, AN, CTRL1);
    mdio_write(registers, AN, CTRL1, control & !CTRL1_AN_ENABLE);
    mdio_write(registers, AN, AN_INTMASK, 0);
    mdio_write(registers, AN, AN_INT, 0);
    let mode = registers.load(MAC, DMA_MR);
    registers.store(MAC, DMA_MR, mode | 1);
    let mac = poll(MAC_POLLS, || registers.load(MAC, DMA_MR) & 1 == 0);
    match (phy, mac) {
        (true, true) => Ok(()),
        (_, false) => Err(HandlerFailed::Mac),
        (false, true) => Err(HandlerFailed::Phy),
    }
}

/// Show the block of a register, and say where in the window it is.
fn show(registers: &dyn Registers, device: u32, register: u32) -> u64 {
    let address = (device << 16) | register;
    registers.store(XPCS, SELECT, address >> 8);
    u64::from(address & 0xff) << 2
}

fn mdio_read(registers: &dyn Registers, device: u32, register: u32) -> u32 {
    let at = show(registers, device, register);
    registers.load(XPCS, at)
}

fn mdio_write(registers: &dyn Registers, device: u32, register: u32, value: u32) {
    let at = show(registers, device, register);
    registers.store(XPCS, at, value);
}
