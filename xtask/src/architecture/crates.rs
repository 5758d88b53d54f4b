//! Who depends on whom: the directions between uvfio's crates, and that every foreign crate is explained.

use std::path::{Path, PathBuf};

/// One crate of `crates/`.
pub struct Crate {
    /// Its short name, the folder's.
    pub name: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// Our own crates it depends on (short names), outside its tests.
    ours: Vec<String>,
    /// Foreign crates it depends on, outside its tests.
    foreign: Vec<String>,
}

/// The directions: the right side is all that the left side may know.
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("abi", &[]),
    ("sys", &[]),
    ("firmware", &[]),
    ("board", &["kernel", "firmware"]),
    ("kernel", &["firmware"]),
    ("models", &["kernel"]),
    ("vfio", &["kernel", "abi"]),
    ("doors", &["vfio", "kernel", "firmware", "sys", "abi"]),
    ("cli", &["doors", "board", "models", "vfio", "kernel", "firmware", "abi"]),
];

/// Foreign crates that reach the operating system; only `sys`, `doors` and `cli` may.
const SYSTEM: &[&str] = &["libc", "rustix", "nix", "fuser", "tempfile", "memmap2", "rand", "getrandom"];

/// The crates under `root/crates`.
pub fn read(root: &Path) -> Vec<Crate> {
    let mut crates = Vec::new();
    let folders = std::fs::read_dir(root.join("crates")).expect("the repository has a folder crates");
    for entry in folders {
        let folder = entry.expect("crates can be listed").path();
        let Ok(manifest) = std::fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let (ours, foreign) = dependencies(&manifest);
        crates.push(Crate { name, folder, ours, foreign });
    }
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    crates
}

/// The names in `[dependencies]` and `[target.*.dependencies]`, ours by their short name.
fn dependencies(manifest: &str) -> (Vec<String>, Vec<String>) {
    let (mut ours, mut foreign) = (Vec::new(), Vec::new());
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            inside = header == "dependencies"
                || (header.starts_with("target.") && header.ends_with(".dependencies"));
            continue;
        }
        if !inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name: String =
            line.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        if name.is_empty() {
            continue;
        }
        match name.strip_prefix("uvfio-") {
            Some(short) => ours.push(short.to_owned()),
            None => foreign.push(name),
        }
    }
    (ours, foreign)
}

/// Dependencies against the directions.
pub fn directions(crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for one in crates {
        let Some((_, allowed)) = MAY_DEPEND.iter().find(|(name, _)| *name == one.name) else {
            found.push(format!(
                "crates/{}: no rule says what it may depend on (xtask/src/architecture)",
                one.name
            ));
            continue;
        };
        for other in one.ours.iter().filter(|other| !allowed.contains(&other.as_str())) {
            found.push(format!("crates/{} must not depend on {other}", one.name));
        }
        if !matches!(one.name.as_str(), "sys" | "doors" | "cli") {
            for name in one.foreign.iter().filter(|name| SYSTEM.contains(&name.as_str())) {
                found.push(format!("crates/{} must not touch the operating system: {name}", one.name));
            }
        }
    }
    found
}

/// Each foreign dependency has its sentence in ARCHITECTURE.md.
pub fn explained(crates: &[Crate], root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    let mut names: Vec<&String> = crates.iter().flat_map(|one| &one.foreign).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| !text.contains(&format!("`{name}`")))
        .map(|name| format!("ARCHITECTURE.md has no sentence on the dependency `{name}`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_without_those_of_tests() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nuvfio-abi.workspace = true\nthiserror = \"2\"\n\
                        [dev-dependencies]\nuvfio-models.workspace = true\n";
        assert_eq!(dependencies(manifest), (vec!["abi".to_owned()], vec!["thiserror".to_owned()]));
    }

    #[test]
    fn a_wrong_direction_is_named() {
        let kernel = Crate {
            name: "kernel".into(),
            folder: PathBuf::new(),
            ours: vec!["vfio".into()],
            foreign: vec!["libc".into()],
        };
        assert_eq!(
            directions(&[kernel]),
            [
                "crates/kernel must not depend on vfio",
                "crates/kernel must not touch the operating system: libc"
            ]
        );
    }
}
