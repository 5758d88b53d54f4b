//! The header that every ACPI table begins with (ACPI 6.5, section 5.2.6).

use std::fmt;

use super::bytes::View;
use super::{Diagnostic, Trouble};

/// The four letters that name a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 4]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::bytes::ascii(&self.0).replace('\0', "?"))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The header of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which table.
    pub signature: Signature,
    /// Bytes, header included, as the header says.
    pub length: u32,
    /// Of the table's layout.
    pub revision: u8,
    /// Who made it.
    pub oem_id: String,
    /// For which machine.
    pub oem_table_id: String,
}

/// Bytes of the header.
pub const LENGTH: usize = 36;

/// Cut the first table off `bytes`. A length that lies, or a sum that is not 0, is reported; the table is read all the same, as far
/// as there are bytes for it. `None` where there is not even a header.
pub(super) fn split<'a>(bytes: &'a [u8], diagnostics: &mut Vec<Diagnostic>) -> Option<(Header, &'a [u8])> {
    let view = View::of_table(bytes);
    let signature = Signature(bytes.get(..4).and_then(|four| four.try_into().ok()).unwrap_or(*b"????"));
    if bytes.len() < LENGTH {
        let trouble = Trouble::NoHeader { have: bytes.len() };
        diagnostics.push(Diagnostic { table: signature, offset: 0, trouble });
        return None;
    }
    let length = view.u32(4);
    let claimed = length as usize;
    let table = if (LENGTH..=bytes.len()).contains(&claimed) {
        &bytes[..claimed]
    } else {
        let trouble = Trouble::Length { claimed: length, have: bytes.len() };
        diagnostics.push(Diagnostic { table: signature, offset: 4, trouble });
        bytes
    };
    let sum = table.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    if sum != 0 {
        diagnostics.push(Diagnostic { table: signature, offset: 9, trouble: Trouble::Checksum { sum } });
    }
    let header = Header {
        signature,
        length,
        revision: view.u8(8),
        oem_id: view.padded(10, 6),
        oem_table_id: view.padded(16, 8),
    };
    Some((header, table))
}
