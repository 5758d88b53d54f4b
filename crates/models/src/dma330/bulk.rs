//! Copy loops in large steps.
//!
//! A driver's memory copy is a loop, or a loop in a loop, around pairs of DMALD and DMAST (`_loop` in Linux's `drivers/dma/pl330.c`).
//! Executed one by one that is thousands of small transfers; here the rest of such a loop becomes one copy of the whole range. Each
//! instruction in it stands in the instruction cache when this is asked, so nothing has to be fetched; registers, memory and faults
//! come out as if each had been executed. What is not exactly such a loop is left to the interpreter.

use uvfio_kernel::addr::Iova;
use uvfio_kernel::hw::Access;

use super::channel::{Channel, Origin};
use super::decode::{Instruction, When};
use super::mfifo::Room;
use super::model::Dma330;
use super::spec::ChannelFault;

/// The most bytes one step copies, so that a program's registers are never busy for long.
const LARGEST: u64 = 1 << 20;
/// Bytes of a copy that count as one step of work.
const BYTES_PER_STEP: u64 = 4096;

/// A recognised loop, seen from the first instruction of its innermost body.
struct Loop {
    /// Where the body begins.
    start: u32,
    /// Where its DMALPEND is.
    end: u32,
    /// DMALD and DMAST pairs in the body.
    pairs: u64,
    /// Bytes that each instruction of a pair moves.
    bytes: u64,
    inner: usize,
    /// The loop around it: its counter, and what DMALP puts into the inner one each time.
    outer: Option<(usize, u8)>,
}

impl Dma330 {
    /// A channel has jumped back from the DMALPEND at `end`, to where its program counter is now. Do what is left of the loop but
    /// its last pass, if it is a copy loop. Answers the steps of work this was.
    pub(super) fn copy_loop(&mut self, index: usize, inner: usize, end: u32) -> u32 {
        if !self.recognises() {
            return 0;
        }
        let Some((copy, passes)) = self.recognise(index, inner, end) else { return 0 };
        let channel = &mut self.channels[index];
        let total = passes * copy.pairs * copy.bytes;
        let (from, to) = (Iova(channel.source.into()), Iova(channel.destination.into()));
        let (moved, fault) = match self.wires.dma.copy(from, to, total, copy.bytes) {
            Ok(()) => (total, None),
            Err((moved, fault)) => (moved.min(total - 1), Some(fault.access)),
        };
        let pairs = moved / copy.bytes;
        copy.pass(channel, pairs / copy.pairs);
        let whole = (pairs * copy.bytes) as u32;
        channel.source = channel.source.wrapping_add(whole);
        channel.destination = channel.destination.wrapping_add(whole);
        if let Some(access) = fault {
            copy.fault(channel, (pairs % copy.pairs) as usize, access);
        }
        (moved / BYTES_PER_STEP) as u32
    }

    /// The copy loop that ends at `end`, and how many passes of it can be done at once.
    fn recognise(&self, index: usize, inner: usize, end: u32) -> Option<(Loop, u64)> {
        let channel = &self.channels[index];
        let control = channel.control();
        let bytes = control.source.bytes(channel.source);
        let plain = control.source.incrementing
            && control.destination.incrementing
            && control.swap == 1
            && bytes == control.source.size * control.source.beats
            && bytes == control.destination.bytes(channel.destination)
            && bytes == control.destination.size * control.destination.beats
            && self.mfifo.held(index) == 0
            && self.mfifo.room(index, bytes, channel.destination) == Room::Now;
        if !plain {
            return None;
        }
        let pairs = body(channel, channel.pc, end)?;
        let outer = around(channel, inner, end);
        let copy = Loop { start: channel.pc, end, pairs, bytes: bytes.into(), inner, outer };
        let pass = copy.pairs * copy.bytes;
        let (source, destination) = (u64::from(channel.source), u64::from(channel.destination));
        // Neither address wraps, and no byte is read that the same step has written: there the order would matter.
        let room = (1 << 32) - source.max(destination);
        let apart = source.abs_diff(destination);
        let passes =
            (copy.left(channel) - 1).min(LARGEST.max(pass) / pass).min(room / pass).min(apart / pass);
        (passes > 1).then_some((copy, passes))
    }
}

/// How many pairs of an unconditional DMALD and DMAST the body from `start` up to `end` consists of, if of nothing else.
fn body(channel: &Channel, start: u32, end: u32) -> Option<u64> {
    let (mut at, mut pairs, mut loaded) = (start, 0, false);
    while at != end {
        let (instruction, length) = channel.cache.peek(at)?.ok()?;
        match instruction {
            Instruction::Load(When::Always) if !loaded => loaded = true,
            Instruction::Store(When::Always) if loaded => {
                loaded = false;
                pairs += 1;
            }
            Instruction::Nop | Instruction::ReadBarrier | Instruction::WriteBarrier => {}
            _ => return None,
        }
        // A loop is at most 255 bytes long, so this ends even where `end` is stepped over.
        at = at.wrapping_add(length);
        if end.wrapping_sub(at) > 255 {
            return None;
        }
    }
    (pairs > 0 && !loaded).then_some(pairs)
}

/// The loop that has nothing in it but the one from the channel's program counter to `end` and the DMALP in front.
fn around(channel: &Channel, inner: usize, end: u32) -> Option<(usize, u8)> {
    let head = channel.pc.wrapping_sub(2);
    let Instruction::Loop(counter, again) = channel.cache.peek(head)?.ok()?.0 else { return None };
    let tail = end.wrapping_add(2);
    match channel.cache.peek(tail)?.ok()?.0 {
        Instruction::LoopEnd { counter: outer, when: When::Always, back }
            if counter == inner && outer != inner && tail.wrapping_sub(back.into()) == head =>
        {
            Some((outer, again))
        }
        _ => None,
    }
}

impl Loop {
    /// Passes left, the one that is about to begin included.
    fn left(&self, channel: &Channel) -> u64 {
        let here = u64::from(channel.counters[self.inner]) + 1;
        let outside = self
            .outer
            .map_or(0, |(outer, again)| u64::from(channel.counters[outer]) * (u64::from(again) + 1));
        here + outside
    }

    /// Set the counters to where they are after `passes` more, fewer than are left.
    fn pass(&self, channel: &mut Channel, passes: u64) {
        let here = u64::from(channel.counters[self.inner]);
        match (passes.checked_sub(here + 1), self.outer) {
            (Some(beyond), Some((outer, again))) => {
                let round = u64::from(again) + 1;
                let rounds = beyond / round + 1;
                channel.counters[outer] = u64::from(channel.counters[outer]).saturating_sub(rounds) as u8;
                channel.counters[self.inner] = (round - 1 - beyond % round) as u8;
            }
            _ => channel.counters[self.inner] = here.saturating_sub(passes) as u8,
        }
    }

    /// The load or the store of a pair of the pass that was begun failed.
    fn fault(&self, channel: &mut Channel, pair: usize, access: Access) {
        let written = access == Access::Write;
        let mut at = self.start;
        let mut before = pair;
        while at != self.end {
            let Some(Ok((instruction, length))) = channel.cache.peek(at) else { break };
            at = at.wrapping_add(length);
            match instruction {
                Instruction::Load(_) if before == 0 && !written => break,
                Instruction::Store(_) if before == 0 => break,
                Instruction::Store(_) => before -= 1,
                _ => {}
            }
        }
        channel.pc = at;
        channel.source = channel.source.wrapping_add(self.bytes as u32);
        if written {
            channel.destination = channel.destination.wrapping_add(self.bytes as u32);
        }
        let fault = if written { ChannelFault::DataWrite } else { ChannelFault::DataRead };
        channel.fail(fault, Origin::Program);
    }
}
