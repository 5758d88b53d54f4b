//! The kernel's answers beside the recorded ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::shell::{Failure, root};

/// Print every difference, and keep the answers in `folder` in the form they are recorded in. Fails where the kernel did not answer
/// at all; that it answers otherwise is news, not a failure.
pub fn compare(folder: &Path, log: &str) -> Result<(), Failure> {
    let answers = cases(log);
    let release = log.lines().find_map(|line| line.trim_end().strip_prefix("# kernel ")).unwrap_or_default();
    if answers.is_empty() {
        return Err(Failure::Failed(format!("the kernel answered nothing; it printed:\n{log}")));
    }
    let path = folder.join("answers.txt");
    let lines: String = log
        .lines()
        .map(str::trim_end)
        .filter(|line| case(line).is_some())
        .fold(String::new(), |lines, line| lines + line + "\n");
    fs::write(&path, lines).map_err(|error| Failure::File(path, error))?;
    let (version, recorded) = recorded(release)?;
    println!("{release} beside the answers recorded of {version}:");
    let mut agree = 0;
    for (case, expected) in &recorded {
        match answers.get(case) {
            Some(answer) if answer == expected => agree += 1,
            Some(answer) => println!("  {case}: {expected} was recorded, now {answer}"),
            None => println!("  {case}: {expected} was recorded, now nothing"),
        }
    }
    for (case, answer) in answers.iter().filter(|(case, _)| !recorded.contains_key(*case)) {
        println!("  {case}: not recorded, now {answer}");
    }
    println!("{agree} of {} recorded answers agree", recorded.len());
    Ok(())
}

/// A line that is an answer: the case and what was answered.
fn case(line: &str) -> Option<(&str, &str)> {
    let (case, answer) = line.split_once(": ")?;
    (case.contains('.') && !case.contains([' ', '[', '#'])).then_some((case, answer))
}

/// Every answer; a case that comes twice is numbered.
fn cases(log: &str) -> BTreeMap<String, String> {
    let mut cases = BTreeMap::new();
    for (case, answer) in log.lines().filter_map(|line| case(line.trim_end())) {
        let mut name = case.to_owned();
        let mut time = 1;
        while cases.contains_key(&name) {
            time += 1;
            name = format!("{case} ({time})");
        }
        cases.insert(name, answer.to_owned());
    }
    cases
}

/// The record of this kernel's own version, or of the nearest before it, or of the oldest.
fn recorded(release: &str) -> Result<(String, BTreeMap<String, String>), Failure> {
    let folder = root().join("tests/parity");
    let mut versions: Vec<(u32, u32)> = fs::read_dir(&folder)
        .map_err(|error| Failure::File(folder.clone(), error))?
        .flatten()
        .filter_map(|entry| {
            version(entry.file_name().to_str()?.strip_prefix("type1-")?.strip_suffix(".txt")?)
        })
        .collect();
    versions.sort_unstable();
    let now = version(release).unwrap_or((0, 0));
    let chosen = versions.iter().rev().find(|&&version| version <= now).or(versions.first());
    let &(major, minor) = chosen.ok_or_else(|| Failure::Failed("no answers are recorded".to_owned()))?;
    let path = folder.join(format!("type1-{major}.{minor}.txt"));
    let text = fs::read_to_string(&path).map_err(|error| Failure::File(path, error))?;
    Ok((format!("{major}.{minor}"), cases(&text)))
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
