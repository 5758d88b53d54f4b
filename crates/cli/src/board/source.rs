//! From the FILE of a question to a board: a device tree in any form, with overlays, or tables of ACPI.

use std::path::{Path, PathBuf};

use uvfio_firmware::acpi::{self, Table};
use uvfio_firmware::{Board, Diagnostic, Tree, dt};

use crate::board_file;
use crate::problem::Problem;

/// What a FILE turned out to be.
pub enum Description {
    /// A device tree.
    Tree(Box<Board>, Vec<Diagnostic>),
    /// Tables of ACPI.
    Acpi(Vec<Table>, Vec<acpi::Diagnostic>),
}

/// The signatures of the tables that are read, as file names of a folder have them and as tables begin.
const SIGNATURES: [&str; 4] = ["IORT", "DMAR", "IVRS", "VIOT"];

/// Read it, and put the overlays in.
///
/// # Errors
/// Where it cannot be read, is nothing of all that, or an overlay does not fit.
pub fn read(path: &Path, overlays: &[PathBuf]) -> Result<Description, Problem> {
    if path.is_dir() {
        return folder(path);
    }
    let bytes = board_file::read(path)?;
    if is_table(&bytes) {
        let (tables, diagnostics) = acpi::read(&bytes);
        return Ok(Description::Acpi(tables, diagnostics));
    }
    let (board, diagnostics) = tree_of(path, &bytes, overlays)?;
    Ok(Description::Tree(Box::new(board), diagnostics))
}

/// Read a device tree; tables will not do.
///
/// # Errors
/// As for [`read`], and where it is ACPI.
pub fn tree(path: &Path, overlays: &[PathBuf]) -> Result<(Board, Vec<Diagnostic>), Problem> {
    match read(path, overlays)? {
        Description::Tree(board, diagnostics) => Ok((*board, diagnostics)),
        Description::Acpi(..) => Err(Problem::NeedsTree { path: path.to_path_buf() }),
    }
}

fn tree_of(path: &Path, bytes: &[u8], overlays: &[PathBuf]) -> Result<(Board, Vec<Diagnostic>), Problem> {
    let (mut tree, mut diagnostics) = parse(path, bytes)?;
    for overlay in overlays {
        let (on_top, _) = parse(overlay, &board_file::read(overlay)?)?;
        (tree, diagnostics) = dt::apply(&tree, &on_top)
            .map_err(|why| Problem::OverlayDoesNotFit { path: overlay.clone(), why })?;
    }
    let (board, found) = Board::from_tree(tree);
    diagnostics.extend(found);
    Ok((board, diagnostics))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<(Tree, Vec<Diagnostic>), Problem> {
    Tree::parse(bytes)
        .map_err(|error| Problem::NotADeviceTree { path: path.to_path_buf(), why: error.to_string() })
}

/// A header's length is not compared with the bytes here: a table that lies is still a table.
fn is_table(bytes: &[u8]) -> bool {
    bytes.len() >= acpi::header::LENGTH && SIGNATURES.iter().any(|name| bytes.starts_with(name.as_bytes()))
}

/// Every table of a folder that is one of those that are read.
fn folder(path: &Path) -> Result<Description, Problem> {
    let unreadable = |error| Problem::BoardUnreadable { path: path.to_path_buf(), error };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
        // acpidump and the kernel name files by their signature; others end in it.
        if file.is_file() && SIGNATURES.iter().any(|signature| name.contains(signature)) {
            files.push(file);
        }
    }
    files.sort();
    let (mut tables, mut diagnostics) = (Vec::new(), Vec::new());
    for file in &files {
        let bytes = board_file::read(file)?;
        if is_table(&bytes) {
            let (found, trouble) = acpi::read(&bytes);
            tables.extend(found);
            diagnostics.extend(trouble);
        }
    }
    if tables.is_empty() {
        return Err(Problem::NoTables { path: path.to_path_buf() });
    }
    Ok(Description::Acpi(tables, diagnostics))
}
