//! ACPI: tables that name the IOMMU of a device (IORT, DMAR, IVRS and VIOT) as checked views on bytes, and the board that they and a
//! namespace describe.
//!
//! A machine without a device tree says here which IOMMUs it has, which devices stand behind each and under which ids. Linux reads
//! them in `drivers/acpi/arm64/iort.c`, `drivers/iommu/intel/dmar.c`, `drivers/iommu/amd/init.c` and `drivers/acpi/viot.c`, and
//! enumerates the namespace in `drivers/acpi/scan.c`. Nothing here reads a file, evaluates AML or panics: bytes and values go in, and
//! what they say comes out with a list of what is wrong with them.

pub mod aml;
mod bytes;
pub mod dmar;
mod firmware;
pub mod header;
pub mod identity;
pub mod iort;
pub mod ivrs;
pub mod namespace;
mod platform;
pub mod resource;
pub mod viot;

pub use dmar::Dmar;
pub use firmware::{Described, Firmware, NoDsdt, is_table};
pub use header::{Header, Signature};
pub use identity::AcpiFacts;
pub use iort::Iort;
pub use ivrs::Ivrs;
pub use namespace::{Entry, Namespace, Value};
pub use viot::Viot;

/// A table that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// Arm's I/O remapping table.
    Iort(Header, Iort),
    /// Intel's DMA remapping table.
    Dmar(Header, Dmar),
    /// AMD's I/O virtualisation reporting structure.
    Ivrs(Header, Ivrs),
    /// The virtual I/O translation table.
    Viot(Header, Viot),
    /// Any other table; only its header is read.
    Other(Header),
}

impl Table {
    /// Its header.
    #[must_use]
    pub fn header(&self) -> &Header {
        match self {
            Table::Iort(header, _)
            | Table::Dmar(header, _)
            | Table::Ivrs(header, _)
            | Table::Viot(header, _)
            | Table::Other(header) => header,
        }
    }
}

/// What is wrong with a table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which table.
    pub table: Signature,
    /// Bytes from the table's start.
    pub offset: usize,
    /// What is wrong there.
    pub trouble: Trouble,
}

/// The kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Fewer bytes than a table header has; nothing was read.
    NoHeader {
        /// Bytes there are.
        have: usize,
    },
    /// The header's length is not that of the bytes; as much as there is was read.
    Length {
        /// What the header says.
        claimed: u32,
        /// Bytes there are.
        have: usize,
    },
    /// The bytes do not add up to 0.
    Checksum {
        /// Their sum.
        sum: u8,
    },
    /// A structure is shorter than its fields, or ends outside the table; it was left out, and so is all that follows it.
    Structure {
        /// Its type number.
        kind: u16,
        /// The length it claims.
        length: usize,
        /// The least it may have here.
        least: usize,
        /// Bytes left in the table.
        left: usize,
    },
    /// An array of a structure ends outside it; the entries that are there were read.
    Array {
        /// Entries claimed.
        claimed: u32,
        /// Entries there are.
        have: u32,
    },
    /// An offset that should name a structure names none.
    Reference {
        /// The offset.
        to: u32,
    },
    /// A type number that no revision this reader knows has; it was passed over.
    Unknown {
        /// The number.
        kind: u16,
    },
    /// The table holds another number of structures than it says.
    Count {
        /// What it says.
        claimed: u32,
        /// What there are.
        have: u32,
    },
    /// A text without its closing zero; it was taken up to the end of the structure.
    Unterminated,
    /// The start of a range without its end, or an end without a start.
    Range,
    /// More than tables about IOMMUs can be; what is from here on was not read.
    TooLong {
        /// Bytes the table has.
        have: usize,
        /// The most that is read of such tables together, in bytes.
        most: usize,
    },
}

/// The most that is read of tables about IOMMUs. Firmware's are a few pages; four bytes may name a device, and what is made of each takes
/// a hundred times the room.
const MOST: usize = 1 << 20;

/// Read every table of `bytes`: one table, or several behind one another, as a directory of dumps or firmware gives them.
#[must_use]
pub fn read(bytes: &[u8]) -> (Vec<Table>, Vec<Diagnostic>) {
    let mut tables = Vec::new();
    let mut diagnostics = Vec::new();
    let mut rest = bytes;
    let mut left = MOST;
    while !rest.is_empty() {
        let Some((header, table)) = header::split(rest, &mut diagnostics) else { break };
        rest = &rest[table.len()..];
        tables.push(read_one(header, table, &mut left, &mut diagnostics));
    }
    (tables, diagnostics)
}

/// `left` is how many bytes of tables about IOMMUs may still be read.
fn read_one(header: Header, bytes: &[u8], left: &mut usize, diagnostics: &mut Vec<Diagnostic>) -> Table {
    let signature = header.signature;
    let mut report = Report { table: signature, diagnostics };
    let is_read = [b"IORT", b"DMAR", b"IVRS", b"VIOT"].contains(&&signature.0);
    let room = if is_read { bytes.len().min(*left) } else { 0 };
    if is_read && room < bytes.len() {
        report.add(room, Trouble::TooLong { have: bytes.len(), most: MOST });
    }
    *left -= room;
    let bytes = &bytes[..room];
    match &signature.0 {
        b"IORT" => Table::Iort(header, iort::read(bytes, &mut report)),
        b"DMAR" => Table::Dmar(header, dmar::read(bytes, &mut report)),
        b"IVRS" => Table::Ivrs(header, ivrs::read(bytes, &mut report)),
        b"VIOT" => Table::Viot(header, viot::read(bytes, &mut report)),
        _ => Table::Other(header),
    }
}

/// Where a reader puts what it finds wrong.
struct Report<'a> {
    table: Signature,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Report<'_> {
    fn add(&mut self, offset: usize, trouble: Trouble) {
        self.diagnostics.push(Diagnostic { table: self.table, offset, trouble });
    }
}

#[cfg(test)]
mod tests;
