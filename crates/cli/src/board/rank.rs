//! `uvfio rank`: the boards of a folder, those with most devices to hand out first.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use uvfio_board::{Options, Verdicts};

use super::args::Rank;
use super::source;
use super::table::{Cell, Table};
use super::view::clean;
use super::{FAINT, say, say_json};
use crate::problem::Problem;

/// A board's line.
#[derive(Serialize)]
struct Ranked {
    board: String,
    model: String,
    devices: usize,
    yes: usize,
    together: usize,
    could: usize,
    groups: usize,
}

/// From here on somebody may wonder whether anything happens.
const PATIENCE: Duration = Duration::from_secs(2);

/// Print them.
///
/// # Errors
/// Where the folder cannot be listed or stdout not be written. A board that cannot be read is named on stderr and left out.
pub fn print(args: &Rank) -> Result<ExitCode, Problem> {
    let mut files = Vec::new();
    collect(&args.folder, &mut files)?;
    files.sort();
    let mut boards = judge(&args.folder, &files, args.accept.options());
    boards.sort_by(|a, b| {
        let key = |one: &Ranked| (one.yes + one.together, one.yes, one.could);
        key(b).cmp(&key(a)).then_with(|| a.board.cmp(&b.board))
    });
    boards.truncate(args.top.unwrap_or(usize::MAX));
    if args.json {
        say_json(&boards)?;
    } else if boards.is_empty() {
        say("no .dtb in this folder or those in it\n")?;
    } else {
        say(&text(&boards))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Problem> {
    let unreadable = |error| Problem::BoardUnreadable { path: folder.to_path_buf(), error };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Links to folders are not followed: they may lead in a circle.
        match entry.file_type().map_err(unreadable)? {
            kind if kind.is_dir() => collect(&entry.path(), files)?,
            _ if entry.path().extension().is_some_and(|ext| ext == "dtb") => files.push(entry.path()),
            _ => {}
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
        match source::tree(file, &[]) {
            Ok((board, _)) => {
                let verdicts = Verdicts::of(&board, options);
                let counts = verdicts.counts();
                let mut model = board.model;
                clean(&mut model);
                boards.push(Ranked {
                    board: file.strip_prefix(folder).unwrap_or(file).display().to_string(),
                    model,
                    devices: board.devices.len(),
                    yes: counts.yes,
                    together: counts.together,
                    could: counts.could,
                    groups: verdicts.groups.len(),
                });
            }
            Err(problem) => bar.suspend(|| eprintln!("uvfio: left out: {problem}")),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    boards
}

fn text(boards: &[Ranked]) -> String {
    let mut table = Table::new(["ALONE", "WITH OTHERS", "COULD", "GROUPS", "DEVICES", "BOARD", "MODEL"]);
    for board in boards {
        table.row([
            board.yes.to_string().into(),
            board.together.to_string().into(),
            board.could.to_string().into(),
            board.groups.to_string().into(),
            board.devices.to_string().into(),
            board.board.trim_end_matches(".dtb").into(),
            Cell::styled(board.model.as_str(), FAINT),
        ]);
    }
    table.text()
}
