//! Boards for the tests: the demo's, damaged ones, and ones made on the spot.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The blob of boards/demo.dts.
pub fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/demo.dtb")
}

/// The tables of boards/acpi-demo.
pub fn acpi_demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/acpi-demo")
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

/// The demo's board with changes to its source, and with the names that overlays refer to.
pub fn changed(folder: &Folder, changes: &[(&str, &str)]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards/demo.dts");
    let mut text = std::fs::read_to_string(source).expect("the demo's source is committed");
    for (old, new) in changes {
        assert!(text.contains(old), "the demo's source has no `{old}`");
        text = text.replacen(old, new, 1);
    }
    compile(folder, "changed", &text)
}

/// A board's source as a blob with the names that overlays refer to.
pub fn compile(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let source = folder.file(&format!("{name}.dts"), text.as_bytes());
    let blob = folder.path().join(format!("{name}.dtb"));
    let mut dtc = Command::new("dtc");
    dtc.args(["-q", "-@", "-O", "dtb", "-o"]).arg(&blob).arg(source).stdin(Stdio::null());
    assert!(dtc.status().expect("dtc starts").success());
    blob
}

/// An overlay that puts these nodes below `soc@0`.
pub fn overlay(folder: &Folder, name: &str, nodes: &str) -> PathBuf {
    let text = format!(
        "/dts-v1/;\n/plugin/;\n/ {{ fragment@0 {{ target-path = \"/soc@0\"; __overlay__ {{ #address-cells = <1>; \
         #size-cells = <1>; {nodes} }}; }}; }};\n"
    );
    folder.file(name, text.as_bytes())
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
