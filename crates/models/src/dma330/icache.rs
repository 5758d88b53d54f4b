//! What a thread has fetched of its program.
//!
//! The DMA-330 fetches whole lines and keeps some (ARM DDI 0424, section 2.3.3), so a program that changes under a running thread may
//! or may not be seen. Here each thread has the configured cache to itself, emptied when it starts, when it ends, and by DMAWFE
//! with the invalid bit: what a program could tell from a shared one is only who evicts whom.

use uvfio_kernel::addr::Iova;
use uvfio_kernel::hw::{Dma, DmaFault};

use super::decode::{self, Instruction, Undefined};
use super::spec::LONGEST;

/// The longest line there is, in bytes.
const LONGEST_LINE: usize = 32;

#[derive(Clone, Copy)]
struct Line {
    base: u32,
    bytes: [u8; LONGEST_LINE],
}

/// A thread's instruction cache, direct mapped.
pub(super) struct Cache {
    line_bytes: u32,
    lines: Vec<Option<Line>>,
}

/// An instruction and its length in bytes, or why there is none.
pub(super) type Fetched = Result<(Instruction, u32), Undefined>;

impl Cache {
    /// An empty one of `lines` lines of `line_bytes` bytes, a power of two of at most 32.
    pub fn new(line_bytes: usize, lines: usize) -> Self {
        Self { line_bytes: line_bytes.min(LONGEST_LINE) as u32, lines: vec![None; lines] }
    }

    /// Forget everything.
    pub fn invalidate(&mut self) {
        self.lines.fill(None);
    }

    /// The instruction at `pc`, fetching the lines it stands in where they are not here.
    ///
    /// # Errors
    /// The fetch failed.
    pub fn fetch(&mut self, pc: u32, dma: &dyn Dma) -> Result<Fetched, DmaFault> {
        self.fill(pc, dma)?;
        let Some(length) = self.byte(pc).and_then(decode::length) else { return Ok(Err(Undefined::Opcode)) };
        self.fill(pc.wrapping_add(length as u32 - 1), dma)?;
        Ok(self.peek(pc).unwrap_or(Err(Undefined::Opcode)))
    }

    /// The instruction at `pc` if all of it is here.
    pub fn peek(&self, pc: u32) -> Option<Fetched> {
        let Some(length) = decode::length(self.byte(pc)?) else { return Some(Err(Undefined::Opcode)) };
        let mut bytes = [0; LONGEST];
        for (at, byte) in bytes.iter_mut().enumerate().take(length) {
            *byte = self.byte(pc.wrapping_add(at as u32))?;
        }
        Some(decode::decode(&bytes).map(|instruction| (instruction, length as u32)))
    }

    fn slot(&self, base: u32) -> usize {
        (base / self.line_bytes) as usize % self.lines.len()
    }

    fn byte(&self, at: u32) -> Option<u8> {
        let base = at & !(self.line_bytes - 1);
        let line = self.lines[self.slot(base)].filter(|line| line.base == base)?;
        Some(line.bytes[(at - base) as usize])
    }

    fn fill(&mut self, at: u32, dma: &dyn Dma) -> Result<(), DmaFault> {
        if self.byte(at).is_some() {
            return Ok(());
        }
        let base = at & !(self.line_bytes - 1);
        let mut line = Line { base, bytes: [0; LONGEST_LINE] };
        dma.fetch(Iova(base.into()), &mut line.bytes[..self.line_bytes as usize])?;
        let slot = self.slot(base);
        self.lines[slot] = Some(line);
        Ok(())
    }
}
