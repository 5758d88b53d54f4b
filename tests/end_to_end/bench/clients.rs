//! The clients, built once per run of the tests: each as a dynamic and as a static program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linking {
    /// With the C library beside it.
    Dynamic,
    /// All in one file.
    Static,
}

/// The program that copies memory with a DMA-330.
pub fn dma330_copy(linking: Linking) -> &'static Path {
    static DYNAMIC: OnceLock<PathBuf> = OnceLock::new();
    static STATIC: OnceLock<PathBuf> = OnceLock::new();
    let cell = match linking {
        Linking::Dynamic => &DYNAMIC,
        Linking::Static => &STATIC,
    };
    cell.get_or_init(|| build("dma330-copy", linking))
}

/// The program that resets devices, step by step.
pub fn vfio_reset() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("vfio-reset", Linking::Dynamic))
}

/// The program that is about who has a device.
pub fn ownership() -> &'static Path {
    static DYNAMIC: OnceLock<PathBuf> = OnceLock::new();
    DYNAMIC.get_or_init(|| build("vfio-ownership", Linking::Dynamic))
}

/// The program that asks every case of the parity suite.
pub fn parity_client(linking: Linking) -> PathBuf {
    build("vfio-parity", linking)
}

/// Built by the cargo that runs the tests, in a folder of its own: other flags would make it build everything again and again.
fn build(package: &str, linking: Linking) -> PathBuf {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{linking:?}").to_lowercase());
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    cargo
        .args(["build", "--quiet", "--release", "--package", package, "--target", &triple, "--target-dir"])
        .arg(&folder);
    let feature = match linking {
        Linking::Dynamic => "-C target-feature=-crt-static",
        Linking::Static => "-C target-feature=+crt-static",
    };
    let output = cargo.env("RUSTFLAGS", feature).stdin(Stdio::null()).output().expect("cargo starts");
    assert!(
        output.status.success(),
        "{package} does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder.join(triple).join("release").join(package)
}
