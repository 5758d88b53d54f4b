//! The lane `corpus`: what is said of every real board, compared with what was said before.
//!
//! Boards are fetched (see `boards`), judged by the board crate's example `corpus` in a release build, and each board's line compared
//! with the one in tests/corpus, which a person has seen. `--bless` writes the lines anew, for a person to see in the diff.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::boards;
use crate::shell::{Failure, cargo, output, root, run};

/// So many differences are printed of one package.
const SHOWN: usize = 20;

/// The lane.
pub fn corpus(args: &[String]) -> Result<(), Failure> {
    let bless = args.iter().any(|arg| arg == "--bless");
    boards::fetch(&[])?;
    let mut found = Vec::new();
    for label in boards::labels() {
        let lines = output(&mut example("lines", Some(boards::folder(label))))?;
        if bless {
            let golden = golden(label);
            fs::write(&golden, lines).map_err(|error| Failure::File(golden, error))?;
        } else {
            found.extend(compare(label, &lines)?);
        }
    }
    for label in boards::labels() {
        run(&mut example("dtc", Some(boards::folder(label))))?;
        run(&mut example("damage", Some(boards::folder(label))))?;
        let overlays =
            ["run", "--quiet", "--release", "--package", "uvfio-firmware", "--example", "overlays", "--"];
        run(cargo().args(overlays).arg(boards::folder(label)))?;
    }
    run(&mut example("speed", Some(root().join("target/boards"))))?;
    run(&mut example("growth", None))?;
    run(cargo().args([
        "test",
        "--quiet",
        "--release",
        "--package",
        "uvfio-board",
        "--test",
        "known_boards",
        "--",
        "--ignored",
    ]))?;
    if found.is_empty() { Ok(()) } else { Err(Failure::Findings(found)) }
}

fn example(question: &str, folder: Option<PathBuf>) -> std::process::Command {
    let mut cargo = cargo();
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "uvfio-board",
        "--example",
        "corpus",
        "--",
        question,
    ]);
    cargo.args(folder);
    cargo
}

fn golden(label: &str) -> PathBuf {
    root().join("tests/corpus").join(format!("{label}.txt"))
}

/// Each line that is not what it was. Where another version had to be fetched they are printed and no finding.
fn compare(label: &str, lines: &str) -> Result<Vec<String>, Failure> {
    let path = golden(label);
    let before = fs::read_to_string(&path).map_err(|error| Failure::File(path, error))?;
    let (before, after) = (by_board(&before), by_board(lines));
    let mut found = Vec::new();
    for (board, was) in &before {
        match after.get(board) {
            Some(is) if is == was => {}
            Some(is) => found.push(format!("{label}/{board}: was{was}, is{is}")),
            None => found.push(format!("{label}/{board}: is gone")),
        }
    }
    found.extend(
        after
            .keys()
            .filter(|board| !before.contains_key(*board))
            .map(|board| format!("{label}/{board}: is new")),
    );
    println!("{label}: {} boards, {} with another answer than before", after.len(), found.len());
    let more = found.len().saturating_sub(SHOWN);
    found.truncate(SHOWN);
    found.extend((more > 0).then(|| format!("{label}: and {more} more")));
    if boards::is_as_named(label) {
        return Ok(found);
    }
    println!("{label}: another version than the one the answers are of, so that differences are no findings");
    found.iter().for_each(|line| println!("  {line}"));
    Ok(Vec::new())
}

fn by_board(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(':')).collect()
}
