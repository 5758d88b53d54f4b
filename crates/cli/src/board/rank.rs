//! `uvfio rank`: the boards of a folder, those with most devices to hand out first.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use uvfio_board::Options;

use super::args::Rank;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::tables::{self, read};
use super::{FAINT, say, say_json, summary};
use crate::output;
use crate::problem::Problem;

/// A board's line.
#[derive(Serialize)]
struct Ranked {
    board: String,
    /// What it was read from: `device-tree` or `acpi`.
    description: &'static str,
    model: String,
    devices: usize,
    yes: usize,
    together: usize,
    /// Nothing that tables of ACPI know of is in their way.
    possible: usize,
    could: usize,
    /// Absent where the tables do not say.
    groups: Option<usize>,
}

/// The JSON of `uvfio rank`.
#[derive(Serialize)]
struct RankView {
    boards: Vec<Ranked>,
}

/// From here on somebody may wonder whether anything happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// Print them.
///
/// # Errors
/// Where the folder cannot be listed, no board in it can be read, or stdout not be written. A board that cannot be read among others
/// is named on stderr and left out.
pub fn print(args: &Rank) -> Result<ExitCode, Problem> {
    let mut files = Vec::new();
    collect(&args.folder, &mut files)?;
    files.sort();
    let mut boards = judge(&args.folder, &files, args.accept.options());
    if boards.is_empty() {
        return Err(Problem::NoBoards { path: args.folder.clone() });
    }
    boards.sort_by(|a, b| {
        let key = |one: &Ranked| (one.yes + one.together, one.yes, one.possible, one.could);
        key(b).cmp(&key(a)).then_with(|| a.board.cmp(&b.board))
    });
    boards.truncate(args.top.unwrap_or(usize::MAX));
    let view = RankView { boards };
    if args.json {
        say_json(&view)?;
    } else {
        say(&text(&view.boards))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Device trees by their name, and folders that hold tables: a folder of tables is one machine.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let unreadable = |error| Problem::BoardUnreadable { path: folder.to_path_buf(), error };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Links to folders are not followed: they may lead in a circle.
        match entry.file_type().map_err(unreadable)? {
            kind if kind.is_dir() => folders.push(entry.path()),
            _ if entry.path().extension().is_some_and(|ext| ext == "dtb") => files.push(entry.path()),
            _ => {}
        }
    }
    // Where it cannot be told whether there are tables, the reader says why.
    let has_tables = read::has_tables(folder).unwrap_or(true);
    if has_tables {
        files.push(folder.to_path_buf());
    }
    for below in folders {
        // What the kernel keeps below its tables is theirs.
        let theirs = has_tables && below.file_name().is_some_and(|name| name == "dynamic" || name == "data");
        if !theirs && let Err(problem) = collect(&below, files) {
            output::complain(&format!("left out: {problem}"));
        }
    }
    Ok(())
}

fn judge(folder: &Path, files: &[PathBuf], options: Options) -> Vec<Ranked> {
    let bar = ProgressBar::with_draw_target(Some(files.len() as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    let start = Instant::now();
    let mut boards = Vec::new();
    for file in files {
        if bar.is_hidden() && start.elapsed() > PATIENCE {
            // This draws on a terminal only.
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        match source::read(file, &[], options) {
            Ok(description) => boards.push(ranked(folder, file, &description)),
            Err(problem) => bar.suspend(|| output::complain(&format!("left out: {problem}"))),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    boards
}

fn ranked(folder: &Path, file: &Path, description: &Description) -> Ranked {
    let name = file.strip_prefix(folder).unwrap_or(file).display().to_string();
    let board = if name.is_empty() { folder.display().to_string() } else { name };
    match description {
        Description::Tree(seen) => {
            let counts = summary::counts(seen);
            Ranked {
                board,
                description: "device-tree",
                model: seen.board.model.clone(),
                devices: counts.devices,
                yes: counts.yes,
                together: counts.together,
                possible: 0,
                could: counts.could,
                groups: Some(seen.verdicts.groups.len()),
            }
        }
        Description::Acpi(machine) => {
            let counts = tables::counts(machine);
            Ranked {
                board,
                description: "acpi",
                model: machine.title(),
                devices: counts.devices,
                yes: counts.yes,
                together: counts.together,
                possible: counts.possible,
                could: counts.could,
                groups: None,
            }
        }
    }
}

fn text(boards: &[Ranked]) -> String {
    let mut table =
        Table::new(["ALONE", "WITH OTHERS", "POSSIBLY", "COULD", "GROUPS", "DEVICES", "BOARD", "MODEL"]);
    for board in boards {
        table.row([
            board.yes.to_string().into(),
            board.together.to_string().into(),
            board.possible.to_string().into(),
            board.could.to_string().into(),
            board.groups.map_or_else(|| "-".to_owned(), |groups| groups.to_string()).into(),
            board.devices.to_string().into(),
            board.board.trim_end_matches(".dtb").into(),
            Cell::styled(board.model.as_str(), FAINT),
        ]);
    }
    table.text()
}
