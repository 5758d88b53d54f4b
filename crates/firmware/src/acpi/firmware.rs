//! All the tables of a machine together: the board they describe, and its methods.

use super::aml::{Bounds, Failure, Host, Interpreter, Nothing};
use super::namespace::Value;
use super::{Table, header, read};
use crate::{Board, Diagnostic, Problem};

/// What tables describe.
#[derive(Debug)]
pub struct Described {
    /// The board.
    pub board: Board,
    /// Trouble in the namespace; the paths are the namespace's.
    pub diagnostics: Vec<Diagnostic>,
    /// Trouble in the tables of which the namespace is not made.
    pub tables: Vec<super::Diagnostic>,
    /// Whoever evaluates the namespace's methods.
    pub firmware: Firmware,
}

/// The methods of a machine's firmware.
#[derive(Debug)]
pub struct Firmware {
    interpreter: Interpreter,
}

/// There is no DSDT, so that nothing says which devices there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no DSDT")]
pub struct NoDsdt;

impl Described {
    /// Read all tables of a machine, behind one another in any order. Loading the namespace reaches no machine: there is none yet, and
    /// memory reads as ones.
    ///
    /// # Errors
    /// Where no table makes a namespace.
    pub fn read(bytes: &[u8]) -> Result<Described, NoDsdt> {
        let (tables, diagnostics) = read(bytes);
        let (mut dsdt, mut others) = (None, Vec::new());
        let mut rest = bytes;
        for table in &tables {
            let Some((_, this)) = header::split(rest, &mut Vec::new()) else { break };
            rest = &rest[this.len()..];
            let code = this.get(header::LENGTH..).unwrap_or_default();
            match &table.header().signature.0 {
                // As Linux does, the first one counts.
                b"DSDT" if dsdt.is_none() => dsdt = Some((table.header().revision, code)),
                b"SSDT" | b"PSDT" => others.push(code),
                _ => {}
            }
        }
        let (revision, dsdt) = dsdt.ok_or(NoDsdt)?;
        let mut interpreter = Interpreter::new(revision);
        let mut bounds = Bounds::LOAD;
        let mut unread = Vec::new();
        for code in std::iter::once(dsdt).chain(others) {
            // When the bounds are reached, all further tables would say no more than that.
            if bounds.steps > 0 {
                unread.extend(interpreter.load(code, &mut Nothing, &mut bounds));
            }
        }
        let namespace = interpreter.devices(&mut Nothing, &mut bounds);
        let (board, found) = Board::from_acpi(&tables, &namespace);
        let unread = unread.into_iter().map(|unread| Diagnostic {
            path: unread.scope,
            problem: Problem::Unreadable { why: unread.why },
        });
        let tables = diagnostics.into_iter().collect();
        Ok(Described {
            board,
            diagnostics: unread.chain(found).collect(),
            tables,
            firmware: Firmware { interpreter },
        })
    }
}

impl Firmware {
    /// Evaluate the `_RST` of the device at this path.
    ///
    /// # Errors
    /// How it failed. What it did before stays done.
    pub fn reset(&mut self, path: &str, host: &mut dyn Host) -> Result<Value, Failure> {
        self.interpreter.evaluate(&format!("{path}._RST"), host, Bounds::METHOD)
    }
}

/// Whether bytes begin with a table of ACPI: four capital letters or digits, and a length that is that of a table.
#[must_use]
pub fn is_table(bytes: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_le_bytes);
    bytes.len() >= header::LENGTH && bytes[..4].iter().all(letter) && length as usize >= header::LENGTH
}

impl Table {
    /// Whether the table says what devices there are, or who is behind which IOMMU.
    #[must_use]
    pub fn describes_devices(&self) -> bool {
        matches!(&self.header().signature.0, b"DSDT" | b"SSDT" | b"PSDT" | b"IORT" | b"VIOT")
    }
}
