//! From what `--board` names to the bytes of a device tree or of ACPI's tables: a blob as it is, source text through dtc, the tables of a
//! folder, the built-in board.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use uvfio_firmware::acpi;

use crate::problem::Problem;

/// The board of `uvfio demo`, made of boards/demo.dts.
pub const DEMO: &[u8] = include_bytes!("../../../boards/demo.dtb");

/// The most that is read of a board's file.
const LIMIT: u64 = 64 << 20;

/// The device tree blob that `path` stands for.
///
/// # Errors
/// Where there is no such file, it is absurdly large, or it is source text that cannot be compiled here.
pub fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    if path.as_os_str() == "demo" && !path.exists() {
        return Ok(DEMO.to_vec());
    }
    let bytes = contents(path)?;
    let is_source = path.extension().is_some_and(|ext| ext == "dts" || ext == "dtso");
    if is_source { compile(path, &bytes) } else { Ok(bytes) }
}

/// The description of a machine that `path` stands for: a device tree blob, or tables of ACPI behind one another.
///
/// # Errors
/// Likewise, and where a folder has no tables.
pub fn description(path: &Path) -> Result<Vec<u8>, Problem> {
    if !path.is_dir() {
        return read(path);
    }
    let below = path.join("acpi/tables");
    if below.is_dir() {
        return description(&below);
    }
    let unreadable = |error| Problem::BoardUnreadable { path: path.to_path_buf(), error };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.sort();
    let mut tables = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = contents(file)?;
        if acpi::is_table(&bytes) {
            let (found, _) = acpi::read(&bytes);
            // Another table's length could lie, and hide those behind it.
            if found.iter().any(acpi::Table::describes_devices) {
                tables.extend(bytes);
            }
        }
        if tables.len() as u64 > LIMIT {
            return Err(Problem::BoardTooLarge { path: path.to_path_buf(), limit: LIMIT });
        }
    }
    if tables.is_empty() { Err(Problem::NoTables { path: path.to_path_buf() }) } else { Ok(tables) }
}

fn contents(path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |error| Problem::BoardUnreadable { path: path.to_path_buf(), error };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Problem::BoardTooLarge { path: path.to_path_buf(), limit: LIMIT });
    }
    Ok(bytes)
}

/// dtc gets the text on its stdin and the folder as a place to include from, so that nothing is written beside the source.
fn compile(path: &Path, source: &[u8]) -> Result<Vec<u8>, Problem> {
    let no_compiler = |error| Problem::NoCompiler { path: path.to_path_buf(), error };
    let mut dtc = Command::new("dtc");
    dtc.args(["-q", "-I", "dts", "-O", "dtb", "-o", "-", "-i"]).arg(path.parent().unwrap_or(Path::new(".")));
    dtc.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = dtc.spawn().map_err(no_compiler)?;
    let mut stdin = child.stdin.take().expect("stdin was asked for as a pipe");
    let output = std::thread::scope(|scope| {
        // A complaint can end dtc before it has read everything; what it complains about is on its stderr.
        scope.spawn(move || stdin.write_all(source));
        child.wait_with_output()
    });
    let output = output.map_err(no_compiler)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let complaint =
        text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no reason given").trim().to_owned();
    Err(Problem::NotCompiled { path: path.to_path_buf(), complaint })
}
