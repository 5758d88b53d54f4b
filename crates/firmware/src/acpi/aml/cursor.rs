//! Places in bytecode: opcodes, lengths, names and constants as they follow one another (ACPI 6.5, section 20.2).

use std::sync::Arc;

use super::Failure;
use super::names::{Path, Seg};

/// From here on to an end.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    code: Arc<[u8]>,
    at: usize,
    end: usize,
}

impl Cursor {
    pub(super) fn new(code: Arc<[u8]>) -> Self {
        let end = code.len();
        Cursor { code, at: 0, end }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn peek(&self) -> Option<u8> {
        if self.is_at_end() { None } else { self.code.get(self.at).copied() }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&[u8], Failure> {
        if count > self.left() {
            return Err(Failure::CodeEnds);
        }
        let taken = self.code.get(self.at..self.at + count).ok_or(Failure::CodeEnds)?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Failure> {
        Ok(self.take(1)?[0])
    }

    /// A little-endian number of 1 to 8 bytes.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64, Failure> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// An opcode; those of two bytes have 0x5b in the upper half.
    pub(super) fn opcode(&mut self) -> Result<u16, Failure> {
        match self.byte()? {
            0x5b => Ok(0x5b00 | u16::from(self.byte()?)),
            one => Ok(one.into()),
        }
    }

    /// The opcode that comes next, if there is one.
    pub(super) fn peek_opcode(&self) -> Option<u16> {
        self.clone().opcode().ok()
    }

    /// A length, and how far it reaches: the rest of the package, which this cursor is put behind.
    pub(super) fn package(&mut self) -> Result<Cursor, Failure> {
        let start = self.at;
        let length = self.length()?;
        let end = start.checked_add(length).filter(|&end| end <= self.end && end >= self.at);
        let end = end.ok_or(Failure::CodeEnds)?;
        let inside = Cursor { code: Arc::clone(&self.code), at: self.at, end };
        self.at = end;
        Ok(inside)
    }

    /// A length as it stands.
    pub(super) fn length(&mut self) -> Result<usize, Failure> {
        let lead = usize::from(self.byte()?);
        let more = lead >> 6;
        if more == 0 {
            return Ok(lead & 0x3f);
        }
        let mut length = lead & 0xf;
        for byte in 0..more {
            length |= usize::from(self.byte()?) << (4 + 8 * byte);
        }
        Ok(length)
    }

    /// Text up to its closing zero.
    pub(super) fn text(&mut self) -> Result<Vec<u8>, Failure> {
        let rest = self.code.get(self.at..self.end).ok_or(Failure::CodeEnds)?;
        let length = rest.iter().position(|&byte| byte == 0).ok_or(Failure::CodeEnds)?;
        let text = rest[..length].to_vec();
        self.at += length + 1;
        Ok(text)
    }

    /// Whether a name comes next.
    pub(super) fn is_at_name(&self) -> bool {
        matches!(self.peek(), Some(b'\\' | b'^' | b'_' | b'A'..=b'Z' | 0x2e | 0x2f))
    }

    /// A segment of a name.
    pub(super) fn segment(&mut self) -> Result<Seg, Failure> {
        let taken = self.take(4)?;
        let segment: [u8; 4] = taken.try_into().map_err(|_| Failure::CodeEnds)?;
        let is_name = |&byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if segment.iter().all(is_name) && !segment[0].is_ascii_digit() {
            Ok(segment)
        } else {
            Err(Failure::NotAName)
        }
    }

    /// A name with all its segments.
    pub(super) fn path(&mut self) -> Result<Path, Failure> {
        let mut path = Path::default();
        match self.peek() {
            Some(b'\\') => {
                self.byte()?;
                path.from_root = true;
            }
            Some(b'^') => {
                while self.peek() == Some(b'^') {
                    self.byte()?;
                    path.up += 1;
                }
            }
            _ => {}
        }
        let count = match self.peek().ok_or(Failure::CodeEnds)? {
            0 => {
                self.byte()?;
                0
            }
            0x2e => {
                self.byte()?;
                2
            }
            0x2f => {
                self.byte()?;
                self.byte()?
            }
            _ => 1,
        };
        for _ in 0..count {
            path.segments.push(self.segment()?);
        }
        Ok(path)
    }
}
