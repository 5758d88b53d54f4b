//! Boards: the project's own compiled, and real ones fetched from Debian's kernel packages.
//!
//! `cargo xtask boards [ARCH...]` fetches the packages below by version and checksum and unpacks their device trees to
//! `target/boards/ARCH`. They are not committed. A version that Debian has replaced is no longer on its servers: then the newest of
//! the suite is taken, and the difference is said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{Apt, files};
use crate::shell::{Failure, output, root, run};

/// A kernel package with device trees.
struct Package {
    architecture: &'static str,
    name: &'static str,
    version: &'static str,
    sha256: &'static str,
}

const SUITE: &str = "trixie";

const PACKAGES: [Package; 3] = [
    Package {
        architecture: "arm64",
        name: "linux-image-6.12.107+deb13-arm64",
        version: "6.12.107-1",
        sha256: "20c92f3f97dd466e0400a6fcb792bde85af842fbb5e8b471370065e3de9d9fc9",
    },
    Package {
        architecture: "armhf",
        name: "linux-image-6.12.107+deb13-armmp",
        version: "6.12.107-1",
        sha256: "9db6efc15fcc408acdc417911bdb7ac2c3ee0dd04fd1535a16b34744293a4380",
    },
    Package {
        architecture: "riscv64",
        name: "linux-image-6.12.107+deb13-riscv64",
        version: "6.12.107-1",
        sha256: "abe9f65d74b434692149482b031db7a2aaf832921e09f69f775293c0e0c5799c",
    },
];

/// Where the boards of an architecture are.
pub fn folder(architecture: &str) -> PathBuf {
    root().join("target/boards").join(architecture)
}

/// The lane `boards`.
pub fn fetch(architectures: &[String]) -> Result<(), Failure> {
    let wanted = |package: &&Package| {
        architectures.is_empty() || architectures.iter().any(|a| a == package.architecture)
    };
    PACKAGES.iter().filter(wanted).try_for_each(fetch_one)
}

fn fetch_one(package: &Package) -> Result<(), Failure> {
    let target = folder(package.architecture);
    if target.is_dir() {
        println!("{}: there already", package.architecture);
        return Ok(());
    }
    let work = root().join("target/boards/fetch").join(package.architecture);
    fs::create_dir_all(&work).map_err(|error| Failure::File(work.clone(), error))?;
    println!("{}: fetching {} {}", package.architecture, package.name, package.version);
    let deb = download(package, &work)?;
    let tree = work.join("tree");
    let _ = fs::remove_dir_all(&tree);
    run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&tree))?;
    let dtbs = device_trees(&tree)
        .ok_or_else(|| Failure::Failed(format!("{} has no device trees", package.name)))?;
    fs::rename(&dtbs, &target).map_err(|error| Failure::File(dtbs, error))?;
    let _ = fs::remove_dir_all(&work);
    Ok(())
}

/// The package at its version, its checksum compared; or the newest that there is now.
fn download(package: &Package, work: &Path) -> Result<PathBuf, Failure> {
    let apt = Apt::new(work, SUITE, package.architecture)?;
    let pinned = format!("{}={}", package.name, package.version);
    if apt.download(&[pinned], work).is_ok() {
        let deb = only_deb(work)?;
        let line = output(Command::new("sha256sum").arg(&deb))?;
        if line.split_whitespace().next() != Some(package.sha256) {
            return Err(Failure::Failed(format!(
                "{} {} is not the file it was",
                package.name, package.version
            )));
        }
        return Ok(deb);
    }
    let flavour = package.name.rsplit('-').next().unwrap_or_default();
    let newest = apt.depends(&format!("linux-image-{flavour}"), &["linux-image-"])?;
    println!(
        "{}: {} {} is gone; taking {}",
        package.architecture,
        package.name,
        package.version,
        newest.join(" ")
    );
    apt.download(&newest, work)?;
    only_deb(work)
}

fn only_deb(folder: &Path) -> Result<PathBuf, Failure> {
    let deb = files(folder, |name| name.ends_with(".deb")).into_iter().next();
    deb.ok_or_else(|| Failure::Failed("nothing was fetched".to_owned()))
}

/// The folder with the device trees, `usr/lib/linux-image-VERSION`.
fn device_trees(tree: &Path) -> Option<PathBuf> {
    files(&tree.join("usr/lib"), |name| name.starts_with("linux-image-")).into_iter().next()
}

/// The lane `own-boards`.
pub fn compile_own(_: &[String]) -> Result<(), Failure> {
    let folder = root().join("boards");
    for source in files(&folder, |name| name.ends_with(".dts")) {
        let blob = source.with_extension("dtb");
        run(Command::new("dtc").args(["-q", "-I", "dts", "-O", "dtb", "-o"]).arg(&blob).arg(&source))?;
    }
    Ok(())
}
