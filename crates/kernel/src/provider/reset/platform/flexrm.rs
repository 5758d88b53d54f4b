//! Broadcom's FlexRM ring manager.
//!
//! In Linux drivers/vfio/platform/reset/vfio_platform_bcmflexrm.c: every ring of the window that is there is stopped and flushed, and its
//! flush state cleared. All are tried; the first that hangs is what is told.

use super::super::controller::Registers;
use super::{HandlerFailed, poll};

/// Bytes from one ring to the next.
const RING: u64 = 0x1_0000;
/// The most rings that are looked for; the blocks have 32. A description may give any size.
const MOST: usize = 1024;
/// Version register, and what it reads where there is a ring.
const VER: u64 = 0x000;
const VER_MAGIC: u32 = 0x7630_3031;
/// Control register, and in it: flush.
const CONTROL: u64 = 0x034;
const FLUSH: u32 = 1 << 5;
/// Flush done register, and in it: done.
const FLUSH_DONE: u64 = 0x038;
const DONE: u32 = 1;
/// How often a ring is asked; Linux waits 1 ms between.
const POLLS: u32 = 1000;

pub(super) fn reset(registers: &dyn Registers, size: u64) -> Result<(), HandlerFailed> {
    let starts = (0..size).step_by(RING as usize).take(MOST);
    let there = starts.filter(|start| registers.load(0, start + VER) == VER_MAGIC);
    let mut result = Ok(());
    for (ring, start) in (0..).zip(there) {
        if !shut_down(registers, start) {
            result = result.and(Err(HandlerFailed::Ring { ring }));
        }
    }
    result
}

fn shut_down(registers: &dyn Registers, ring: u64) -> bool {
    let done = |wanted: u32| poll(POLLS, || registers.load(0, ring + FLUSH_DONE) & DONE == wanted);
    registers.store(0, ring + CONTROL, 0);
    registers.store(0, ring + CONTROL, FLUSH);
    if !done(DONE) {
        return false;
    }
    registers.store(0, ring + CONTROL, 0);
    done(0)
}
