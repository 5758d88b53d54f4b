//! What the reset drivers do to registers that behave as little as they must.

use std::collections::HashMap;

use super::*;
use crate::sync::{self, Mutex};

/// Words of memory by window and offset.
type Memory = HashMap<(usize, u64), u32>;

/// What a store does.
type React = fn(&mut Memory, (usize, u64), u32);

/// Words of memory, with what happens when one is stored to.
struct Block {
    words: Mutex<Memory>,
    react: React,
}

impl Block {
    fn new(react: React) -> Self {
        Self { words: Mutex::default(), react }
    }
}

impl Registers for Block {
    fn load(&self, region: usize, offset: u64) -> u32 {
        sync::lock(&self.words).get(&(region, offset)).copied().unwrap_or(0)
    }

    fn store(&self, region: usize, offset: u64, value: u32) {
        (self.react)(&mut sync::lock(&self.words), (region, offset), value);
    }
}

fn keep(words: &mut Memory, at: (usize, u64), value: u32) {
    words.insert(at, value);
}

fn reset(compatible: &str, block: &Block, size: u64) -> Result<(), HandlerFailed> {
    ResetHandler::of(compatible).unwrap().reset(block, size)
}

#[test]
fn xgmac_stops_both_directions_and_its_interrupts() {
    let block = Block::new(keep);
    for (offset, value) in [(0x0, 0xff), (0xf18, 0xffff), (0xf1c, 7)] {
        block.store(0, offset, value);
    }
    assert_eq!(reset("calxeda,hb-xgmac", &block, 0x1000), Ok(()));
    assert_eq!([0x0, 0xf18, 0xf1c].map(|at| block.load(0, at)), [0xf3, 0xdffd, 0]);
}

#[test]
fn xgbe_says_what_hangs() {
    // Registers that keep what is written never come out of reset.
    assert_eq!(reset("amd,xgbe-seattle-v1a", &Block::new(keep), 0x8000), Err(HandlerFailed::Mac));
    let mac_only = Block::new(|words, at, value| keep(words, at, if at == (0, 0x3000) { 0 } else { value }));
    assert_eq!(reset("amd,xgbe-seattle-v1a", &mac_only, 0x8000), Err(HandlerFailed::Phy));
    let both = Block::new(|words, at, value| {
        keep(words, at, if at == (0, 0x3000) || at == (1, 0) { 0 } else { value });
    });
    assert_eq!(reset("amd,xgbe-seattle-v1a", &both, 0x8000), Ok(()));
    assert_eq!(both.load(1, 0xff << 2), 0x780);
}

#[test]
fn flexrm_shuts_every_ring_down() {
    let flushes = |words: &mut Memory, at: (usize, u64), value: u32| {
        keep(words, at, value);
        // The second ring of those that are there hangs.
        if at.1 & 0xffff == 0x34 && at.1 >> 16 != 2 {
            keep(words, (0, at.1 + 4), value >> 5 & 1);
        }
    };
    let block = Block::new(flushes);
    for ring in [0, 2, 3] {
        block.store(0, ring << 16, 0x7630_3031);
        block.store(0, (ring << 16) + 0x34, 1 << 4);
    }
    let failed = reset("brcm,iproc-flexrm-mbox", &block, 4 << 16).unwrap_err();
    assert_eq!((failed, failed.errno()), (HandlerFailed::Ring { ring: 1 }, errno::ETIMEDOUT));
    assert_eq!(block.load(0, (3 << 16) + 0x34), 0, "those after it were shut down too");
    assert_eq!(reset("brcm,iproc-flexrm-mbox", &block, 2 << 16), Ok(()));
}

#[test]
fn the_first_compatible_decides() {
    assert!(ResetHandler::of("generic-ehci").is_none());
    assert_eq!(ResetHandler::of("calxeda,hb-xgmac").map(|it| it.module), Some("vfio_platform_calxedaxgmac"));
}
