//! AMD's XGBE Ethernet of Seattle as far as handing it over goes.
//!
//! `drivers/net/ethernet/amd/xgbe` names the registers; `drivers/vfio/platform/reset/vfio_platform_amdxgbe.c` resets the PHY through the XPCS
//! window, stops auto-negotiation, then resets the MAC. It sends and receives nothing.

use std::collections::BTreeMap;

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

use crate::memory::Memory;
use crate::stuck::OwnReset;
use crate::words::{self, Store};

/// The window of the MAC.
const MAC: usize = 0;
/// The window of the XPCS.
const XPCS: usize = 1;
/// MAC transmit and receive configuration; their lowest bit enables.
const MAC_ENABLES: [u64; 2] = [0x0000, 0x0004];
/// DMA mode register; its lowest bit resets the MAC and is clear again when that is done.
const DMA_MR: u64 = 0x3000;
/// In the XPCS window: which block of 256 registers the rest of the window shows.
const MMD_SELECT: u64 = 0xff << 2;
/// Control register 1 of the PCS (MMD 3, register 0).
const PCS_CTRL1: u32 = 3 << 16;
/// In it: reset, clear again when that is done.
const PCS_RESET: u32 = 1 << 15;
/// Registers of the XPCS that may be remembered.
const MOST: usize = 4096;

/// An XGBE.
pub struct Xgbe {
    memory: Memory,
    select: u32,
    phy: BTreeMap<u32, u32>,
    own_reset: OwnReset,
}

impl Xgbe {
    /// One with windows of these sizes in bytes.
    #[must_use]
    pub fn new(regions: Vec<u64>, own_reset: OwnReset) -> Self {
        Self { memory: Memory::new(regions), select: 0, phy: BTreeMap::new(), own_reset }
    }

    /// The register of the XPCS that a place in its window shows.
    fn phy_register(&self, offset: u64) -> u32 {
        self.select << 8 | (offset >> 2) as u32 & 0xff
    }

    fn set_phy(&mut self, store: Store) {
        if store.offset == MMD_SELECT {
            self.select = store.over(self.select);
            return;
        }
        let register = self.phy_register(store.offset);
        let value = store.over(self.phy.get(&register).copied().unwrap_or(0));
        let resets = register == PCS_CTRL1 && value & PCS_RESET != 0;
        if resets && self.own_reset == OwnReset::Completes {
            self.phy.clear();
        } else if resets && self.own_reset == OwnReset::Fails {
            self.phy.insert(register, value & !PCS_RESET);
        } else if self.phy.len() < MOST || self.phy.contains_key(&register) {
            self.phy.insert(register, value);
        }
    }
}

impl Model for Xgbe {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != XPCS {
            return self.memory.read(region, offset, width);
        }
        words::load(offset, width, |at| match at {
            MMD_SELECT => self.select,
            _ => self.phy.get(&self.phy_register(at)).copied().unwrap_or(0),
        })
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        if region == XPCS {
            words::store(offset, width, value, |store| self.set_phy(store));
            return;
        }
        self.memory.write(region, offset, width, value);
        let mode = self.memory.read(MAC, DMA_MR, Width::Word);
        let resetting = mode & 1 != 0;
        match self.own_reset {
            OwnReset::Completes if resetting => self.memory.clear(),
            OwnReset::Fails if resetting => self.memory.write(MAC, DMA_MR, Width::Word, mode & !1),
            _ => {}
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.memory.clear();
        self.phy.clear();
        self.select = 0;
        Ok(())
    }

    fn activity(&self) -> Activity {
        let enabled = |offset: &u64| self.memory.read(MAC, *offset, Width::Word) & 1 != 0;
        Activity { running: MAC_ENABLES.iter().any(enabled), interrupting: false }
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.memory.is_clear() && self.phy.values().all(|value| *value == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phy(device: &mut Xgbe, register: u32, value: u32) -> u32 {
        device.write(XPCS, MMD_SELECT, Width::Word, u64::from(register >> 8));
        let at = u64::from(register & 0xff) << 2;
        device.write(XPCS, at, Width::Word, value.into());
        device.read(XPCS, at, Width::Word) as u32
    }

    #[test]
    fn both_resets_complete_or_hang() {
        for (own_reset, left) in [(OwnReset::Completes, 0), (OwnReset::Hangs, 1)] {
            let mut device = Xgbe::new(vec![0x8000, 0x1000], own_reset);
            assert_eq!(phy(&mut device, 7 << 16 | 0x8001, 9), 9);
            assert_eq!(phy(&mut device, PCS_CTRL1, PCS_RESET), left << 15);
            device.write(MAC, 0, Width::Word, 1);
            assert!(device.activity().running);
            device.write(MAC, DMA_MR, Width::Word, 1);
            assert_eq!(device.read(MAC, DMA_MR, Width::Word), u64::from(left));
            assert_eq!(device.activity().running, left != 0);
        }
    }
}
