//! Memory for one instruction: plain bytes at the addresses the traced child has them at, and a list of what was accessed.

use std::ops::Range;

use uvfio_kernel::hw::Width;

use super::super::{Direction, Fault, FaultKind, Memory};

/// Where memory begins: below 4 GiB, so that 32-bit addresses reach it.
pub const BASE: u64 = 0x1000_0000;
/// Where the instruction is.
pub const CODE: u64 = 0x2000_0000;
/// How much memory there is.
pub const LEN: usize = 0x3000;

/// Plain memory.
pub struct Bench {
    bytes: Vec<u8>,
    /// What was accessed, in order.
    pub accesses: Vec<(Direction, u64, Width)>,
    /// Which of it is a device's.
    pub device: Range<u64>,
}

impl Bench {
    /// Memory of [`LEN`] bytes, all of it a device's.
    pub fn new(bytes: Vec<u8>) -> Self {
        assert_eq!(bytes.len(), LEN);
        Self { bytes, accesses: Vec::new(), device: 0..u64::MAX }
    }

    /// What it holds now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn range(&self, at: u64, len: u64, direction: Direction) -> Result<Range<usize>, Fault> {
        let start = at.wrapping_sub(BASE);
        match start.checked_add(len) {
            Some(end) if end <= LEN as u64 => Ok(start as usize..end as usize),
            _ => Err(Fault { at, direction, kind: FaultKind::NotMapped }),
        }
    }
}

impl Memory for Bench {
    fn load(&mut self, at: u64, width: Width) -> Result<u64, Fault> {
        let range = self.range(at, width.bytes(), Direction::Load)?;
        self.accesses.push((Direction::Load, at, width));
        let mut value = [0; 8];
        value[..range.len()].copy_from_slice(&self.bytes[range]);
        Ok(u64::from_le_bytes(value))
    }

    fn store(&mut self, at: u64, width: Width, value: u64) -> Result<(), Fault> {
        assert_eq!(value & !width.mask(), 0, "a store has no bits above its width");
        let range = self.range(at, width.bytes(), Direction::Store)?;
        self.accesses.push((Direction::Store, at, width));
        let len = range.len();
        self.bytes[range].copy_from_slice(&value.to_le_bytes()[..len]);
        Ok(())
    }

    fn check(&mut self, at: u64, len: u64, direction: Direction) -> Result<(), Fault> {
        self.range(at, len, direction).map(|_| ())
    }

    fn is_device(&mut self, at: u64) -> bool {
        self.device.contains(&at)
    }
}
