//! From the FILE of a question to a board: a device tree in any form, with overlays, or tables of ACPI.

use std::path::{Path, PathBuf};

use uvfio_board::Options;
use uvfio_firmware::{Board, Diagnostic, Tree, dt};

use super::tables::{Machine, read};
use super::view::Seen;
use crate::board_file;
use crate::problem::Problem;

/// What a FILE turned out to be, judged.
pub enum Description {
    /// A device tree.
    Tree(Box<Seen>),
    /// Tables of ACPI.
    Acpi(Box<Machine>),
}

/// Read it, put the overlays in, and judge it.
///
/// # Errors
/// Where it cannot be read, is nothing of all that, or an overlay does not fit.
pub fn read(path: &Path, overlays: &[PathBuf], options: Options) -> Result<Description, Problem> {
    if path.is_dir() {
        return folder(path, overlays, options);
    }
    let bytes = board_file::read(path)?;
    if read::is_table(&bytes, bytes.len() as u64) {
        let tables = read::bytes(&bytes);
        let understood = tables.is_understood();
        let machine = Machine::new(tables, options);
        if !understood {
            return Err(Problem::OtherTables { path: path.to_path_buf(), tables: machine.tables });
        }
        return acpi(path, machine, overlays);
    }
    let (board, diagnostics) = tree_of(path, &bytes, overlays)?;
    Ok(Description::Tree(Box::new(Seen::new(board, diagnostics, options))))
}

fn acpi(path: &Path, machine: Machine, overlays: &[PathBuf]) -> Result<Description, Problem> {
    match overlays {
        [] => Ok(Description::Acpi(Box::new(machine))),
        _ => Err(Problem::OverlayOnTables { path: path.to_path_buf() }),
    }
}

/// A folder of tables, or /sys/firmware or something like it: what the kernel it belongs to goes by is in one of two places there.
fn folder(path: &Path, overlays: &[PathBuf], options: Options) -> Result<Description, Problem> {
    if let Some(tables) = read::folder(path)? {
        return acpi(path, Machine::new(tables, options), overlays);
    }
    let (blob, tables) = (path.join("fdt"), path.join("acpi/tables"));
    if tables.is_dir() {
        return folder(&tables, overlays, options);
    }
    if blob.is_file() {
        return read(&blob, overlays, options);
    }
    Err(Problem::NoTables { path: path.to_path_buf() })
}

fn tree_of(path: &Path, bytes: &[u8], overlays: &[PathBuf]) -> Result<(Board, Vec<Diagnostic>), Problem> {
    let (mut tree, mut diagnostics) = parse(path, bytes)?;
    for overlay in overlays {
        let (on_top, _) = parse(overlay, &board_file::read(overlay)?)?;
        (tree, diagnostics) = dt::apply(&tree, &on_top, dt::Merge::Boot)
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
