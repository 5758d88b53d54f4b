//! What stands in the source files: how they begin, how long they are, what they must not say.

use std::path::{Path, PathBuf};

/// One source file of a crate.
pub struct File {
    /// Where it lies.
    pub path: PathBuf,
    text: String,
    declared_for: For,
}

/// What a module is declared for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Everything,
    Tests,
}

/// No file is longer (files of tests aside).
const LONGEST: usize = 800;
/// No module of `sys` is longer.
const LONGEST_SYS: usize = 300;
/// Half of the files are shorter.
const MEDIAN: usize = 200;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];
/// Crates whose behaviour depends only on what is handed in.
const DETERMINISTIC: &[&str] = &["abi", "firmware", "board", "kernel", "models", "vfio"];
/// What reaches the operating system, the time or chance.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "thread::spawn",
    "thread::scope",
    "thread::sleep",
    "thread::Builder",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "println!",
    "time::Instant",
    "SystemTime",
];

impl File {
    /// A file of tests only: by its name, or because whoever declares it does so for tests.
    pub fn is_tests(&self) -> bool {
        if self.declared_for == For::Tests {
            return true;
        }
        let mut parts = self.path.components().map(|part| part.as_os_str().to_string_lossy());
        parts.any(|part| part == "tests.rs" || part == "tests")
    }

    /// Lines, the tests at the end included.
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// The code without comments and without the tests at the end, with line numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        self.text[..end]
            .lines()
            .enumerate()
            .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
    }
}

/// Every `.rs` file under `folder`.
pub fn files(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return files };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            files.push(File { path, text, declared_for: For::Everything });
        }
    }
    let tests: Vec<PathBuf> = files.iter().flat_map(declares_for_tests).collect();
    for file in &mut files {
        if tests.iter().any(|path| file.path == path.with_extension("rs") || file.path.starts_with(path)) {
            file.declared_for = For::Tests;
        }
    }
    files
}

/// The modules a file declares for tests only, as the paths their files have without `.rs`.
fn declares_for_tests(file: &File) -> Vec<PathBuf> {
    let folder = match file.path.file_name().and_then(|name| name.to_str()) {
        Some("lib.rs" | "main.rs" | "mod.rs") => file.path.with_file_name(""),
        _ => file.path.with_extension(""),
    };
    let mut lines = file.text.lines().map(str::trim).peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let declaration = lines.peek().map(|next| next.trim_start_matches("pub(crate) "));
        if let ("#[cfg(test)]", Some(declaration)) = (line, declaration)
            && let Some(name) = declaration.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'))
        {
            found.push(folder.join(name));
        }
    }
    found
}

/// Size, beginning and names.
pub fn form(file: &File, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !file.is_tests() {
        let limit = if path.starts_with("crates/sys/") { LONGEST_SYS } else { LONGEST };
        let lines = if path.starts_with("crates/sys/") { file.code().count() } else { file.lines() };
        if lines > limit {
            found.push(format!("{path}: {lines} lines, at most {limit}"));
        }
        if !file.text.starts_with("//!") {
            found.push(format!("{path}: does not begin with a `//!` sentence"));
        }
    }
    let stem = file.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem.as_str()) {
        found.push(format!("{path}: `{stem}` does not say what is inside"));
    }
    for (number, line) in file.code() {
        let empty =
            |name: &&str| ["Manager", "Helper", "Util"].iter().any(|end| name.ends_with(end) && name != end);
        if let Some(name) = type_name(line).filter(empty) {
            found.push(format!("{path}:{number}: `{name}` does not say what it is"));
        }
        if !file.is_tests() && (line.contains(".unwrap()") || line.contains("todo!(")) {
            found.push(format!("{path}:{number}: unwrap and todo are for tests"));
        }
    }
    found
}

fn type_name(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|word| line.strip_prefix(word))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// The operating system, the clock and chance, where they must not be.
pub fn touches(file: &File, path: &str, name: &str) -> Vec<String> {
    if !DETERMINISTIC.contains(&name) || file.is_tests() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in file.code() {
        for word in OUTSIDE.iter().filter(|word| line.contains(**word)) {
            found.push(format!("{path}:{number}: `{word}` in {name}, which only knows what is handed in"));
        }
    }
    found
}

/// Each crate but `sys` forbids unsafe code at its root.
pub fn forbids_unsafe(folder: &Path, name: &str) -> Vec<String> {
    if name == "sys" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for root in ["src/lib.rs", "src/main.rs"] {
        if let Ok(text) = std::fs::read_to_string(folder.join(root))
            && !text.contains("#![forbid(unsafe_code)]")
        {
            found.push(format!("crates/{name}/{root}: no #![forbid(unsafe_code)]"));
        }
    }
    found
}

/// Half of the files are short.
pub fn median(mut lengths: Vec<usize>) -> Vec<String> {
    lengths.sort_unstable();
    match lengths.get(lengths.len() / 2) {
        Some(&middle) if middle >= MEDIAN => {
            vec![format!(
                "half of the files have {middle} lines or more; the median is to stay below {MEDIAN}"
            )]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File {
            path: PathBuf::from("crates/kernel/src/thing.rs"),
            text: text.to_owned(),
            declared_for: For::Everything,
        }
    }

    #[test]
    fn each_rule_names_its_line() {
        let bad = file(
            "use std::fs;\npub struct DeviceManager;\nfn f() { x.unwrap() }\n#[cfg(test)]\nmod tests { y.unwrap() }\n",
        );
        assert_eq!(
            form(&bad, "crates/kernel/src/thing.rs"),
            [
                "crates/kernel/src/thing.rs: does not begin with a `//!` sentence",
                "crates/kernel/src/thing.rs:2: `DeviceManager` does not say what it is",
                "crates/kernel/src/thing.rs:3: unwrap and todo are for tests",
            ]
        );
        assert_eq!(touches(&bad, "thing.rs", "kernel").len(), 1);
        assert!(touches(&bad, "thing.rs", "doors").is_empty());
    }

    #[test]
    fn modules_for_tests_are_found() {
        let parent =
            file("//! x\n#[cfg(test)]\npub(crate) mod fixture;\n#[cfg(test)]\nmod tests {}\nmod other;\n");
        assert_eq!(declares_for_tests(&parent), [PathBuf::from("crates/kernel/src/thing/fixture")]);
    }

    #[test]
    fn a_long_file_is_found() {
        let long = file(&"//! x\n".repeat(801));
        assert_eq!(
            form(&long, "crates/kernel/src/thing.rs"),
            ["crates/kernel/src/thing.rs: 801 lines, at most 800"]
        );
    }
}
