//! Boards for the tests: the demo's, damaged ones, and ones made on the spot.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The blob of boards/demo.dts.
pub fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/demo.dtb")
}

/// The blob of boards/parity.dts.
pub fn parity() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/parity.dtb")
}

/// The blob of boards/rcar-h3.dts.
pub fn rcar_h3() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/rcar-h3.dtb")
}

/// The blob of boards/resets.dts.
pub fn resets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/resets.dtb")
}

/// A folder with files in it, gone with the value.
pub struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A file with these bytes.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file in a temporary folder");
        path
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
