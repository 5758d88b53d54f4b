//! The flattened form of a device tree: a header, a block of tokens and a block of names.
//!
//! The format is chapter 5 of the Devicetree Specification (v0.4). These are checked views on bytes: nothing panics or reads outside,
//! and each token costs a bounded number of steps. What the tokens add up to is for `tree` to say.

/// The bytes are not a device tree that can be read at all.
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
    /// The layout is one that Linux does not read either.
    #[error("version {version}, readable as {compatible}, is neither 16 nor 17")]
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

/// Some bytes of the blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl Span {
    /// The bytes of `blob` it stands for; none where they are not there.
    pub(super) fn of(self, blob: &[u8]) -> &[u8] {
        let start = self.start as usize;
        blob.get(start..start + self.len as usize).unwrap_or_default()
    }

    fn end(self) -> usize {
        self.start as usize + self.len as usize
    }
}

/// The header: where the blocks are, cut to the bytes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the whole blob, as it says.
    pub(super) total_size: u32,
    pub(super) structure: Span,
    pub(super) strings: Span,
    /// Where the memory reservations are.
    pub(super) reservations: u32,
    /// The processor that boots.
    pub(super) boot_cpu: u32,
}

const MAGIC: u32 = 0xd00d_feed;
/// Bytes of a header of version 16; version 17 adds the length of the structure block.
const HEADER_16: usize = 36;
const HEADER_17: usize = 40;

/// The big-endian word at `at`.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

impl Header {
    /// Read the header.
    ///
    /// # Errors
    /// Where it does not say where the tokens are.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NotADeviceTree> {
        let have = bytes.len();
        let field = |at: usize| word(bytes, at).ok_or(NotADeviceTree::TooShort { have });
        let magic = field(0)?;
        if magic != MAGIC {
            return Err(NotADeviceTree::Magic { magic });
        }
        let (version, compatible) = (field(20)?, field(24)?);
        if version < 16 || compatible > 17 {
            return Err(NotADeviceTree::Version { version, compatible });
        }
        if have < if version < 17 { HEADER_16 } else { HEADER_17 } {
            return Err(NotADeviceTree::TooShort { have });
        }
        let (total_size, offset) = (field(4)?, field(8)?);
        let end = have.min(total_size as usize);
        if offset as usize >= end {
            return Err(NotADeviceTree::Structure { offset, have: end });
        }
        // Version 16 does not say how long the tokens are; a token of their own ends them.
        let length = if version < 17 { u32::MAX } else { field(36)? };
        Ok(Header {
            total_size,
            structure: clip(offset, length, end),
            strings: clip(field(12)?, field(32)?, end),
            reservations: field(16)?,
            boot_cpu: field(28)?,
        })
    }
}

/// The part of a block that is before `end`.
fn clip(offset: u32, length: u32, end: usize) -> Span {
    let end = u32::try_from(end).unwrap_or(u32::MAX);
    let start = offset.min(end);
    Span { start, len: length.min(end - start) }
}

/// One token of the structure block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A node of this name starts.
    Begin(Span),
    /// The node ends.
    End,
    /// A property: where its name is said to be in the block of names, and its value.
    Property { name: u32, value: Span },
    /// The tree ends.
    Finish,
}

/// Why there is no next token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// The block ends in the middle of one.
    Ends,
    /// A number that stands for no token.
    Unknown(u32),
}

/// Reads the tokens one after the other.
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    start: usize,
    at: usize,
    end: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8], block: Span) -> Self {
        let start = block.start as usize;
        Tokens { bytes, start, at: start, end: block.end().min(bytes.len()) }
    }

    /// Bytes from the start of the blob to the next token.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next token.
    ///
    /// # Errors
    /// Where there is none; asking again gives the same answer.
    pub(super) fn next(&mut self) -> Result<Token, Damage> {
        loop {
            let at = self.at;
            let token = self.word(at)?;
            match token {
                1 => {
                    let name = self.name(at + 4)?;
                    self.at = self.aligned(name.end() + 1);
                    return Ok(Token::Begin(name));
                }
                2 => {
                    self.at = at + 4;
                    return Ok(Token::End);
                }
                3 => {
                    let (len, name) = (self.word(at + 4)?, self.word(at + 8)?);
                    let value = Span { start: to_u32(at + 12)?, len };
                    if value.end() > self.end {
                        return Err(Damage::Ends);
                    }
                    self.at = self.aligned(value.end());
                    return Ok(Token::Property { name, value });
                }
                4 => self.at = at + 4,
                9 => return Ok(Token::Finish),
                unknown => return Err(Damage::Unknown(unknown)),
            }
        }
    }

    fn word(&self, at: usize) -> Result<u32, Damage> {
        word(self.bytes.get(..self.end).unwrap_or_default(), at).ok_or(Damage::Ends)
    }

    /// A node's name: what stands before the next zero.
    fn name(&self, from: usize) -> Result<Span, Damage> {
        let rest = self.bytes.get(from..self.end).ok_or(Damage::Ends)?;
        let len = rest.iter().position(|&byte| byte == 0).ok_or(Damage::Ends)?;
        Ok(Span { start: to_u32(from)?, len: to_u32(len)? })
    }

    /// Tokens are aligned to four bytes from the start of their block, wherever that is.
    fn aligned(&self, at: usize) -> usize {
        self.start + (at - self.start).next_multiple_of(4)
    }
}

fn to_u32(number: usize) -> Result<u32, Damage> {
    u32::try_from(number).map_err(|_| Damage::Ends)
}

/// The memory reservations: pairs of address and size up to a pair of zeroes or the end of the bytes.
pub(super) fn reservations(bytes: &[u8], offset: u32) -> Vec<(u64, u64)> {
    let rest = bytes.get(offset as usize..).unwrap_or_default();
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
    let pairs = rest.chunks_exact(16).map(|pair| (number(&pair[..8]), number(&pair[8..])));
    pairs.take_while(|pair| *pair != (0, 0)).collect()
}
