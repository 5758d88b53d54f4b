//! The initial file system: the init, the client and the modules, as the kernel unpacks it (`newc` cpio).

use std::fs;
use std::path::{Path, PathBuf};

use cpio::{NewcBuilder, newc::trailer};

use crate::shell::Failure;

const EXECUTABLE: u32 = 0o100_755;
const FOLDER: u32 = 0o040_755;
const CONSOLE: u32 = 0o020_600;

/// Write the image.
pub fn build(folder: &Path, init: &Path, client: &Path, modules: &[PathBuf]) -> Result<PathBuf, Failure> {
    let path = folder.join("initramfs.cpio");
    let failed = |error| Failure::File(path.clone(), error);
    let mut image = Vec::new();
    for name in ["dev", "modules"] {
        image = entry(image, NewcBuilder::new(name).mode(FOLDER), &[]).map_err(failed)?;
    }
    // The kernel opens it before the init has mounted anything.
    let console = NewcBuilder::new("dev/console").mode(CONSOLE).rdev_major(5).rdev_minor(1);
    image = entry(image, console, &[]).map_err(failed)?;
    let mut programs =
        vec![("init".to_owned(), init.to_path_buf()), ("vfio-parity".to_owned(), client.to_path_buf())];
    for (order, module) in modules.iter().enumerate() {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        programs.push((format!("modules/{order:02}-{name}"), module.clone()));
    }
    for (name, source) in programs {
        let bytes = fs::read(&source).map_err(|error| Failure::File(source, error))?;
        image = entry(image, NewcBuilder::new(&name).mode(EXECUTABLE), &bytes).map_err(failed)?;
    }
    let image = trailer(image).map_err(failed)?;
    fs::write(&path, image).map_err(failed)?;
    Ok(path)
}

fn entry(image: Vec<u8>, builder: NewcBuilder, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let size = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    let mut writer = builder.write(image, size);
    std::io::Write::write_all(&mut writer, bytes)?;
    writer.finish()
}
