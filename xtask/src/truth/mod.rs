//! Asks a real kernel: boots a stock Debian kernel in QEMU with the parity suite's client and compares its answers with the recorded.
//!
//! `cargo xtask truth [SUITE [PACKAGE]]` takes Debian's `linux-image-amd64` of a suite (`trixie` where none is named), boots it
//! under TCG on a machine with VT-d and QEMU's edu device, asks every case that does not need a platform device, and prints each
//! answer that differs from `tests/parity/type1-VERSION.txt`. It needs the network, QEMU and a minute or two, so it is no part of
//! the continuous check. Kernels for arm64 leave vfio-platform out; asking those is not automated.

mod answers;
mod boot;
mod initramfs;
mod packages;

use crate::shell::{Failure, cargo, root, run};

/// The lane.
pub fn truth(arguments: &[String]) -> Result<(), Failure> {
    let suite = arguments.first().map_or("trixie", String::as_str);
    let package = arguments.get(1).map_or("linux-image-amd64", String::as_str);
    let folder = root().join("target/truth").join(suite);
    std::fs::create_dir_all(&folder).map_err(|error| Failure::File(folder.clone(), error))?;

    println!("fetching {package} of {suite}");
    let kernel = packages::kernel(&folder, suite, package)?;
    println!("building the client");
    let client = build("vfio-parity")?;
    let init = build("truth-init")?;
    let image = initramfs::build(&folder, &init, &client, &kernel.modules)?;
    println!("booting it (TCG; a minute or so)");
    let log = boot::run(&kernel.image, &image)?;
    answers::compare(&folder, &log)
}

/// Build a client static, so that it runs without any library.
fn build(package: &str) -> Result<std::path::PathBuf, Failure> {
    let target = "x86_64-unknown-linux-gnu";
    let folder = root().join("target/truth/build");
    run(cargo()
        .args(["build", "--quiet", "--release", "--package", package, "--target", target, "--target-dir"])
        .arg(&folder)
        .env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    Ok(folder.join(target).join("release").join(package))
}
