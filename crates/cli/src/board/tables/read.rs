//! From files to tables: a file of one or several, a folder of dumps, or what the kernel shows under /sys/firmware.
//!
//! What is a table is decided by what a file holds, not by its name: acpidump, the kernel and people name them differently.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use uvfio_firmware::acpi::header::LENGTH;
use uvfio_firmware::acpi::{self, Signature, Table, Trouble};

use crate::board_file;
use crate::problem::Problem;

/// What was read.
#[derive(Default)]
pub struct Tables {
    /// The tables, the first of each signature that there is only one of.
    pub tables: Vec<Table>,
    /// What is wrong with them.
    pub diagnostics: Vec<acpi::Diagnostic>,
    /// Tables that are there again.
    pub passed_over: Vec<Signature>,
    /// The bytes of the tables whose length is right, behind one another: what a namespace is made of.
    pub bytes: Vec<u8>,
}

/// The tables that say what is behind an IOMMU.
const SIGNATURES: [&[u8; 4]; 4] = [b"IORT", b"DMAR", b"IVRS", b"VIOT"];

/// Whether these are the bytes of a table that is understood. A length that lies is no reason against it, it is a remark.
fn is_understood(bytes: &[u8]) -> bool {
    bytes.len() >= LENGTH && SIGNATURES.iter().any(|name| bytes.starts_with(*name))
}

/// Whether these bytes begin like a table of any kind, in a file of `size` bytes.
pub fn is_table(bytes: &[u8], size: u64) -> bool {
    let named =
        bytes.iter().take(4).all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
    let Some(length) = bytes.get(4..8).and_then(|length| <[u8; 4]>::try_from(length).ok()) else {
        return false;
    };
    is_understood(bytes) || (bytes.len() >= LENGTH && named && u64::from(u32::from_le_bytes(length)) == size)
}

/// The tables in the bytes of a file.
pub fn bytes(bytes: &[u8]) -> Tables {
    let mut read = Tables::default();
    read.add(bytes);
    read
}

/// The tables of a folder and of what the kernel keeps in `dynamic` below it; `None` where it has none at all.
///
/// # Errors
/// Where the folder or one of its tables cannot be read.
pub fn folder(path: &Path) -> Result<Option<Tables>, Problem> {
    let mut files = files(path)?;
    if path.join("dynamic").is_dir() {
        files.extend(self::files(&path.join("dynamic"))?);
    }
    let mut read = Tables::default();
    for file in &files {
        if begins_like_a_table(file)? {
            read.add(&board_file::read(file)?);
        }
    }
    Ok((!read.tables.is_empty()).then_some(read))
}

/// Whether a folder has a table.
///
/// # Errors
/// Where that cannot be told.
pub fn has_tables(path: &Path) -> Result<bool, Problem> {
    for file in files(path)? {
        if begins_like_a_table(&file)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The plain files of a folder, sorted.
fn files(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unreadable = |error| Problem::BoardUnreadable { path: path.to_path_buf(), error };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Only the beginning is read: a folder may hold anything.
fn begins_like_a_table(path: &Path) -> Result<bool, Problem> {
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => Problem::TableForbidden { path: path.to_path_buf() },
        _ => Problem::BoardUnreadable { path: path.to_path_buf(), error },
    };
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut start = Vec::with_capacity(LENGTH);
    file.take(LENGTH as u64).read_to_end(&mut start).map_err(unreadable)?;
    Ok(is_table(&start, size))
}

impl Tables {
    /// Whether there is one that says what is behind an IOMMU.
    pub fn is_understood(&self) -> bool {
        self.tables.iter().any(|table| single(table).is_some())
    }

    /// Linux asks for the first table of a signature (`acpi_get_table`), so one that comes again counts for nothing.
    fn add(&mut self, bytes: &[u8]) {
        let (tables, diagnostics) = acpi::read(bytes);
        // A table whose length lies would hide those behind it.
        if !diagnostics
            .iter()
            .any(|one| matches!(one.trouble, Trouble::Length { .. } | Trouble::NoHeader { .. }))
        {
            self.bytes.extend(bytes);
        }
        self.diagnostics.extend(diagnostics);
        let mut known: BTreeSet<[u8; 4]> = self.tables.iter().filter_map(single).collect();
        for table in tables {
            match single(&table) {
                Some(signature) if !known.insert(signature) => self.passed_over.push(Signature(signature)),
                _ => self.tables.push(table),
            }
        }
    }
}

fn single(table: &Table) -> Option<[u8; 4]> {
    match table {
        Table::Iort(header, _) | Table::Dmar(header, _) | Table::Ivrs(header, _) | Table::Viot(header, _) => {
            Some(header.signature.0)
        }
        Table::Other(_) => None,
    }
}
