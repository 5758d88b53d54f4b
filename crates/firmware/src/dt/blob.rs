//! The flattened form: a header, a block of tokens and a block of names (Devicetree Specification v0.4, 5.2 to 5.5).
//!
//! Damage is reported and what was read before it is kept: a tree whose last node is cut off still has the others. Linux is as lenient
//! (`drivers/of/fdt.c`); only a blob that does not say where its tokens are is refused.

use crate::diagnostic::{Diagnostic, Problem};

/// The bytes are not a device tree at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADeviceTree {
    /// There are fewer bytes than a header has.
    #[error("{have} bytes are too few for a device tree header")]
    TooShort {
        /// Bytes there are.
        have: usize,
    },
    /// The first four bytes are not those of a device tree.
    #[error("the first four bytes are {magic:#010x}, not 0xd00dfeed")]
    Magic {
        /// What they are.
        magic: u32,
    },
    /// The layout is one this reader cannot read.
    #[error("version {version} (compatible with {compatible}) is not one of 16 and 17")]
    Version {
        /// Version of the layout.
        version: u32,
        /// Oldest version it can be read as.
        compatible: u32,
    },
    /// The block of tokens is not within the bytes.
    #[error("the structure block starts at {offset}, outside {have} bytes")]
    Structure {
        /// Where it should start.
        offset: u32,
        /// Bytes there are.
        have: usize,
    },
}

/// The header's fields that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole blob, as it says.
    pub total_size: u32,
    /// Version of the layout.
    pub version: u32,
    /// Where the tokens are.
    pub structure: (u32, u32),
    /// Where the property names are.
    pub strings: (u32, u32),
}

const MAGIC: u32 = 0xd00d_feed;
const HEADER: usize = 40;
/// Real files go a little beyond the specification's 31 bytes; nothing goes near this.
const LONGEST_NAME: usize = 1024;

/// A big-endian word at `at`.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

impl Header {
    /// Read the header. Sizes that reach past the end are cut to what there is, and reported.
    ///
    /// # Errors
    /// Where there is no telling where the tokens are.
    pub fn read(bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Result<Header, NotADeviceTree> {
        let have = bytes.len();
        let field = |at: usize| word(bytes, at).unwrap_or(0);
        if have < HEADER {
            return Err(NotADeviceTree::TooShort { have });
        }
        let (magic, version, compatible) = (field(0), field(20), field(24));
        if magic != MAGIC {
            return Err(NotADeviceTree::Magic { magic });
        }
        if version < 16 || compatible > 17 {
            return Err(NotADeviceTree::Version { version, compatible });
        }
        let total_size = field(4);
        if total_size as usize > have {
            diagnostics.push(Diagnostic::of_blob(Problem::Truncated { claimed: total_size, have }));
        }
        let offset = field(8);
        if offset as usize >= have {
            return Err(NotADeviceTree::Structure { offset, have });
        }
        // Version 16 does not say how long the tokens are: they end with a token of their own.
        let length = if version >= 17 { field(36) } else { u32::MAX };
        let structure = clip(offset, length, have);
        let strings = clip(field(12), field(32), have);
        Ok(Header { total_size, version, structure, strings })
    }
}

/// Start and end of a block, within `have` bytes.
fn clip(offset: u32, length: u32, have: usize) -> (u32, u32) {
    let have = u32::try_from(have).unwrap_or(u32::MAX);
    let start = offset.min(have);
    (start, start.saturating_add(length).min(have))
}

/// One token of the structure block; ranges are bytes of the blob.
pub(super) enum Token {
    /// A node starts; where its name stands.
    Begin((u32, u32)),
    /// The node ends.
    End,
    /// A property: where its name and its value stand.
    Property((u32, u32), (u32, u32)),
    /// The tree ends.
    Finish,
}

/// Reads the tokens one after the other.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
    strings: (usize, usize),
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8], header: &Header) -> Tokens<'a> {
        Tokens {
            bytes,
            at: header.structure.0 as usize,
            end: header.structure.1 as usize,
            strings: (header.strings.0 as usize, header.strings.1 as usize),
        }
    }

    /// Bytes from the start of the blob to the next token.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next token.
    ///
    /// # Errors
    /// What is wrong; there is no going on after it.
    pub(super) fn next(&mut self) -> Result<Token, Problem> {
        loop {
            let at = self.at;
            let token = word(&self.bytes[..self.end], at).ok_or(Problem::StructureEnds { at })?;
            self.at += 4;
            match token {
                1 => {
                    let name = self.text(self.at, self.end).ok_or(Problem::StructureEnds { at })?;
                    self.at = (name.1 as usize + 1).next_multiple_of(4);
                    return Ok(Token::Begin(name));
                }
                2 => return Ok(Token::End),
                3 => return self.property(at),
                4 => {}
                9 => return Ok(Token::Finish),
                token => return Err(Problem::UnknownToken { at, token }),
            }
        }
    }

    fn property(&mut self, at: usize) -> Result<Token, Problem> {
        let ends = Problem::StructureEnds { at };
        let bytes = &self.bytes[..self.end];
        let length = word(bytes, self.at).ok_or(ends)? as usize;
        let name = word(bytes, self.at + 4).ok_or(ends)? as usize;
        let start = self.at + 8;
        let stop = start.checked_add(length).filter(|&stop| stop <= self.end).ok_or(ends)?;
        self.at = stop.next_multiple_of(4);
        // A name outside the block of names leaves the property without one; its value is skipped with it.
        let name = self.strings.0.checked_add(name).and_then(|from| self.text(from, self.strings.1));
        Ok(Token::Property(name.unwrap_or((0, 0)), (start as u32, stop as u32)))
    }

    /// A text that ends with a zero before `end`. Names have a bound, so that a blob whose every property points at one endless name
    /// is still read in linear time.
    fn text(&self, from: usize, end: usize) -> Option<(u32, u32)> {
        let rest = self.bytes.get(from..end.min(from.saturating_add(LONGEST_NAME)))?;
        let length = rest.iter().position(|&byte| byte == 0)?;
        Some((u32::try_from(from).ok()?, u32::try_from(from + length).ok()?))
    }
}
