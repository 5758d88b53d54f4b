//! Boards: the project's own compiled, and real ones fetched from Debian's kernel packages.
//!
//! `cargo xtask boards [LABEL...]` fetches the packages below by version and checksum and unpacks their device trees to
//! `target/boards/LABEL`. They are not committed. A version that Debian has replaced is no longer on its servers: then the newest of
//! the suite is taken, and the difference is said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{Apt, files};
use crate::shell::{Failure, output, root, run};

/// A kernel package with device trees.
struct Package {
    /// What it is called here, and the folder its boards are in.
    label: &'static str,
    suite: &'static str,
    architecture: &'static str,
    name: &'static str,
    version: &'static str,
    sha256: &'static str,
}

const PACKAGES: [Package; 4] = [
    Package {
        label: "arm64",
        suite: "trixie",
        architecture: "arm64",
        name: "linux-image-6.12.107+deb13-arm64",
        version: "6.12.107-1",
        sha256: "20c92f3f97dd466e0400a6fcb792bde85af842fbb5e8b471370065e3de9d9fc9",
    },
    Package {
        label: "armhf",
        suite: "trixie",
        architecture: "armhf",
        name: "linux-image-6.12.107+deb13-armmp",
        version: "6.12.107-1",
        sha256: "9db6efc15fcc408acdc417911bdb7ac2c3ee0dd04fd1535a16b34744293a4380",
    },
    Package {
        label: "riscv64",
        suite: "trixie",
        architecture: "riscv64",
        name: "linux-image-6.12.107+deb13-riscv64",
        version: "6.12.107-1",
        sha256: "abe9f65d74b434692149482b031db7a2aaf832921e09f69f775293c0e0c5799c",
    },
    // More boards than the older kernel has; Renesas R-Car H3 is among them.
    Package {
        label: "arm64-7.2",
        suite: "sid",
        architecture: "arm64",
        name: "linux-base-7.2.13+deb14-arm64",
        version: "7.2.13-1",
        sha256: "60e3b0f2a150562f1cf0f15830924cdd7ed8931bdc1a8c826c39c6dd4d33e056",
    },
];

/// Where the boards of a package are.
pub fn folder(label: &str) -> PathBuf {
    root().join("target/boards").join(label)
}

/// The packages, by what they are called here.
pub fn labels() -> impl Iterator<Item = &'static str> {
    PACKAGES.iter().map(|package| package.label)
}

/// Whether the boards fetched are those of the version named here, not of one that took its place.
pub fn is_as_named(label: &str) -> bool {
    let package = PACKAGES.iter().find(|package| package.label == label);
    let fetched = fs::read_to_string(fetched_as(label)).unwrap_or_default();
    package.is_some_and(|package| fetched.trim() == pinned(package))
}

/// Where it is written down which package was fetched.
fn fetched_as(label: &str) -> PathBuf {
    root().join("target/boards").join(format!("{label}.package"))
}

fn pinned(package: &Package) -> String {
    format!("{}={}", package.name, package.version)
}

/// The lane `boards`.
pub fn fetch(labels: &[String]) -> Result<(), Failure> {
    let wanted = |package: &&Package| labels.is_empty() || labels.iter().any(|label| label == package.label);
    PACKAGES.iter().filter(wanted).try_for_each(fetch_one)
}

fn fetch_one(package: &Package) -> Result<(), Failure> {
    let target = folder(package.label);
    if target.is_dir() {
        println!("{}: there already", package.label);
        return Ok(());
    }
    let work = root().join("target/boards/fetch").join(package.label);
    fs::create_dir_all(&work).map_err(|error| Failure::File(work.clone(), error))?;
    println!("{}: fetching {} {}", package.label, package.name, package.version);
    let (deb, fetched) = download(package, &work)?;
    let tree = work.join("tree");
    let _ = fs::remove_dir_all(&tree);
    run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&tree))?;
    let dtbs = device_trees(&tree)
        .ok_or_else(|| Failure::Failed(format!("{} has no device trees", package.name)))?;
    fs::rename(&dtbs, &target).map_err(|error| Failure::File(dtbs, error))?;
    let note = fetched_as(package.label);
    fs::write(&note, fetched).map_err(|error| Failure::File(note, error))?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}

/// The package at its version, its checksum compared; or the newest that there is now. And which of them it is.
fn download(package: &Package, work: &Path) -> Result<(PathBuf, String), Failure> {
    let apt = Apt::new(work, package.suite, package.architecture)?;
    if apt.download(&[pinned(package)], work).is_ok() {
        let deb = only_deb(work)?;
        let line = output(Command::new("sha256sum").arg(&deb))?;
        if line.split_whitespace().next() != Some(package.sha256) {
            return Err(Failure::Failed(format!(
                "{} {} is not the file it was",
                package.name, package.version
            )));
        }
        return Ok((deb, pinned(package)));
    }
    let flavour = package.name.rsplit('-').next().unwrap_or_default();
    let mut newest = apt.depends(&format!("linux-image-{flavour}"), &["linux-image-"])?;
    if package.name.starts_with("linux-base-") {
        newest.iter_mut().for_each(|name| *name = name.replace("linux-image-", "linux-base-"));
    }
    println!("{}: {} {} is gone; taking {}", package.label, package.name, package.version, newest.join(" "));
    apt.download(&newest, work)?;
    Ok((only_deb(work)?, newest.join(" ")))
}

fn only_deb(folder: &Path) -> Result<PathBuf, Failure> {
    let deb = files(folder, |name| name.ends_with(".deb")).into_iter().next();
    deb.ok_or_else(|| Failure::Failed("nothing was fetched".to_owned()))
}

/// The folder with the device trees: `usr/lib/linux-image-VERSION`, which may be a link to where they are.
fn device_trees(tree: &Path) -> Option<PathBuf> {
    let folder = files(&tree.join("usr/lib"), |name| name.starts_with("linux-image-")).into_iter().next()?;
    fs::canonicalize(folder).ok()
}

/// Folders with sources of blobs: those of dtc and those of iasl.
const SOURCES: [(&str, &str); 3] =
    [("boards", ".dts"), ("boards/acpi-demo", ".asl"), ("crates/firmware/tests/aml", ".asl")];

/// The lane `own-boards`: makes the blobs, or with `--check` says which of them are not what their sources say.
pub fn compile_own(args: &[String]) -> Result<(), Failure> {
    let check = args.iter().any(|arg| arg == "--check");
    let made = root().join("target/own-boards");
    fs::create_dir_all(&made).map_err(|error| Failure::File(made.clone(), error))?;
    let mut differ = Vec::new();
    for (folder, ending) in SOURCES {
        for source in files(&root().join(folder), |name| name.ends_with(ending)) {
            let blob = source.with_extension(if ending == ".dts" { "dtb" } else { "aml" });
            let fresh = made.join(blob.file_name().unwrap_or_default());
            compile(&source, &fresh)?;
            if !check {
                fs::copy(&fresh, &blob).map_err(|error| Failure::File(blob, error))?;
            } else if essence(&fresh)? != essence(&blob)? {
                differ.push(format!("{} is not what its source says", blob.display()));
            }
        }
    }
    if differ.is_empty() { Ok(()) } else { Err(Failure::Findings(differ)) }
}

fn compile(source: &Path, blob: &Path) -> Result<(), Failure> {
    if source.extension().is_some_and(|ending| ending == "dts") {
        return run(Command::new("dtc").args(["-q", "-I", "dts", "-O", "dtb", "-o"]).arg(blob).arg(source));
    }
    // iasl says a good deal even where all is well.
    output(Command::new("iasl").args(["-vs", "-p"]).arg(blob.with_extension("")).arg(source)).map(drop)
}

/// What a source decides of a blob: in a table of ACPI, all but its sum and which compiler made it.
fn essence(blob: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = fs::read(blob).map_err(|error| Failure::File(blob.to_path_buf(), error))?;
    if blob.extension().is_some_and(|ending| ending == "aml") && bytes.len() >= 36 {
        bytes[9] = 0;
        bytes[28..36].fill(0);
    }
    Ok(bytes)
}
