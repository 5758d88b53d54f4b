//! What a program does in /sys: look who has a device, and have that changed.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dma330_copy::Failure;

/// A device's directory.
pub fn folder(device: &str) -> Result<PathBuf, Failure> {
    let folders =
        ["amba", "platform"].map(|bus| Path::new("/sys/bus").join(bus).join("devices").join(device));
    let found = folders.into_iter().find(|folder| folder.exists());
    found.ok_or_else(|| Failure::new(device, "is not in /sys"))
}

/// The name a link in a device's directory leads to.
pub fn link(device: &str, name: &str) -> Result<Option<String>, Failure> {
    match std::fs::read_link(folder(device)?.join(name)) {
        Ok(target) => Ok(target.file_name().map(|name| name.to_string_lossy().into_owned())),
        Err(_) => Ok(None),
    }
}

/// One `write` to a file, as `echo` makes it.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    // `write_all` would go on after a signal.
    file.write(text.as_bytes()).map(drop)
}

/// The file that takes a device from its driver.
pub fn unbind_file(device: &str) -> Result<PathBuf, Failure> {
    Ok(folder(device)?.join("driver/unbind"))
}

/// Give a device to a driver by override, or with an empty name to whichever takes it, and see who has it then.
pub fn rebind(device: &str, driver: &str) -> Result<Option<String>, Failure> {
    let folder = folder(device)?;
    let bus = folder.join("subsystem");
    let step = |path: &Path, text: &str| {
        write(path, text).map_err(|error| Failure::new(path.display().to_string(), error.to_string()))
    };
    step(&folder.join("driver_override"), &format!("{driver}\n"))?;
    if folder.join("driver").exists() {
        step(&unbind_file(device)?, device)?;
    }
    step(&bus.join("drivers_probe"), device)?;
    link(device, "driver")
}
