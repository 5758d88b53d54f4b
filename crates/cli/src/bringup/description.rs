//! From the bytes of a description to a board: a device tree, or the tables of ACPI.

use std::path::Path;

use uvfio_firmware::acpi::{self, Described};
use uvfio_firmware::{Board, Problem as Trouble};

use super::firmware::Methods;
use crate::board::remarks::of_tree;
use crate::problem::Problem;

/// A board as it was described.
pub struct Description {
    /// The board.
    pub board: Board,
    /// The methods of its firmware, where it has some.
    pub firmware: Option<Methods>,
    /// What could not be understood, where that loses devices.
    pub remarks: Vec<String>,
}

/// No more of these are said.
const MOST_REMARKS: usize = 10;

impl Description {
    /// Read it.
    ///
    /// # Errors
    /// Where it is neither, or says nothing of devices.
    pub fn read(bytes: &[u8], name: &Path) -> Result<Self, Problem> {
        if acpi::is_table(bytes) {
            return Self::acpi(bytes, name);
        }
        let (board, _) = Board::from_dtb(bytes)
            .map_err(|error| Problem::NotADeviceTree { path: name.to_path_buf(), why: error.to_string() })?;
        Ok(Description { board, firmware: None, remarks: Vec::new() })
    }

    fn acpi(bytes: &[u8], name: &Path) -> Result<Self, Problem> {
        let described =
            Described::read(bytes).map_err(|acpi::NoDsdt| Problem::NoDsdt { path: name.to_path_buf() })?;
        let loses =
            |trouble: &Trouble| matches!(trouble, Trouble::Unreadable { .. } | Trouble::NotEvaluated { .. });
        let lost = described.diagnostics.iter().filter(|diagnostic| loses(&diagnostic.problem));
        let mut remarks: Vec<String> = lost
            .map(of_tree)
            .map(|remark| format!("{}: {}: {}", name.display(), remark.place, remark.says))
            .collect();
        let more = remarks.len().saturating_sub(MOST_REMARKS);
        remarks.truncate(MOST_REMARKS);
        if more > 0 {
            remarks.push(format!("{}: {more} more of these", name.display()));
        }
        let firmware = Methods::of(&described.board, described.firmware);
        Ok(Description { board: described.board, firmware: Some(firmware), remarks })
    }
}
