//! Little-endian numbers and structures out of bytes that may end anywhere. No call here panics.

use super::{Report, Trouble};

/// A structure within a table: its bytes, and where they start.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> View<'a> {
    /// A whole table.
    pub(super) fn of_table(bytes: &'a [u8]) -> View<'a> {
        View { bytes, at: 0 }
    }

    /// Bytes from the table's start.
    pub(super) fn at(self) -> usize {
        self.at
    }

    /// How long the structure is.
    pub(super) fn len(self) -> usize {
        self.bytes.len()
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    /// One byte; 0 past the end.
    pub(super) fn u8(self, at: usize) -> u8 {
        self.array::<1>(at).map_or(0, |[byte]| byte)
    }

    /// Two bytes; 0 past the end.
    pub(super) fn u16(self, at: usize) -> u16 {
        self.array(at).map_or(0, u16::from_le_bytes)
    }

    /// Four bytes; 0 past the end.
    pub(super) fn u32(self, at: usize) -> u32 {
        self.array(at).map_or(0, u32::from_le_bytes)
    }

    /// Eight bytes; 0 past the end.
    pub(super) fn u64(self, at: usize) -> u64 {
        self.array(at).map_or(0, u64::from_le_bytes)
    }

    /// The bytes from `at` to the end.
    pub(super) fn rest(self, at: usize) -> View<'a> {
        let from = at.min(self.bytes.len());
        View { bytes: &self.bytes[from..], at: self.at + from }
    }

    /// The first `len` bytes, or fewer where there are not so many.
    pub(super) fn first(self, len: usize) -> View<'a> {
        View { bytes: &self.bytes[..len.min(self.bytes.len())], at: self.at }
    }

    /// `claimed` entries of `size` bytes that start `at` bytes in; those that are not there are reported and left out.
    pub(super) fn entries(
        self,
        at: usize,
        claimed: u32,
        size: usize,
        report: &mut Report<'_>,
    ) -> Vec<View<'a>> {
        let rest = self.rest(at);
        let have = u32::try_from(rest.len() / size).unwrap_or(u32::MAX);
        if claimed > have {
            report.add(self.at, Trouble::Array { claimed, have });
        }
        let count = claimed.min(have) as usize;
        (0..count).map(|entry| rest.rest(entry * size).first(size)).collect()
    }

    /// Text that ends with a zero byte; bytes that are not ASCII become `?`.
    pub(super) fn text(self, at: usize, report: &mut Report<'_>) -> String {
        let bytes = self.rest(at).bytes;
        let end = bytes.iter().position(|&byte| byte == 0);
        if end.is_none() {
            report.add(self.at + at.min(self.bytes.len()), Trouble::Unterminated);
        }
        ascii(&bytes[..end.unwrap_or(bytes.len())])
    }

    /// Text of a fixed field, padded with zeroes or spaces.
    pub(super) fn padded(self, at: usize, len: usize) -> String {
        let field = self.rest(at).first(len).bytes;
        ascii(field).trim_end_matches([' ', '\0']).to_owned()
    }
}

/// Bytes as text a person can read.
pub(super) fn ascii(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| if byte == 0 || (0x20..0x7f).contains(&byte) { char::from(byte) } else { '?' })
        .collect()
}

/// Walk structures that begin with a type and a length and stand behind one another, as all four tables have them.
///
/// `header` reads type and length of the structure at the front of a view; `least` says how short that type may be. A structure
/// that is shorter, or ends outside, is reported and ends the walk: where the next one starts is not known then.
pub(super) fn walk<'a>(
    mut rest: View<'a>,
    report: &mut Report<'_>,
    header: impl Fn(View<'a>) -> (u16, usize),
    least: impl Fn(u16) -> usize,
    mut each: impl FnMut(u16, View<'a>, &mut Report<'_>),
) {
    while rest.len() > 0 {
        let (kind, length) = header(rest);
        let least = least(kind).max(1);
        if length < least || length > rest.len() {
            report.add(rest.at(), Trouble::Structure { kind, length, least, left: rest.len() });
            return;
        }
        each(kind, rest.first(length), report);
        rest = rest.rest(length);
    }
}
