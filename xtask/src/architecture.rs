//! The invariants of ARCHITECTURE.md that a program can check: who may depend on whom, where unsafe and the operating system may be
//! touched, how files begin and how long they are.
//!
//! The same checks are a lane (`cargo xtask architecture`) and a test, so that `cargo test` fails when one breaks. Each finding is
//! one line that names the file and the rule.

mod crates;
mod source;

use std::path::Path;

/// Everything that breaks an invariant in the repository at `root`.
pub fn findings(root: &Path) -> Vec<String> {
    let crates = crates::read(root);
    let mut found = crates::directions(&crates);
    found.extend(crates::explained(&crates, root));
    let mut lengths = Vec::new();
    for one in &crates {
        for file in source::files(&one.folder.join("src")) {
            let path = file.path.strip_prefix(root).unwrap_or(&file.path).display().to_string();
            found.extend(source::form(&file, &path));
            found.extend(source::touches(&file, &path, &one.name));
            if !file.is_tests() {
                lengths.push(file.lines());
            }
        }
        found.extend(source::forbids_unsafe(one.folder.as_path(), &one.name));
    }
    found.extend(source::median(lengths));
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_invariants_hold() {
        let findings = super::findings(&crate::shell::root());
        assert!(findings.is_empty(), "broken invariants:\n{}", findings.join("\n"));
    }
}
