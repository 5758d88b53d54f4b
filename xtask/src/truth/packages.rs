//! A Debian kernel package of any suite, without touching the system's own package lists.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{Apt, files};
use crate::shell::{Failure, run};

/// A kernel that can be booted.
pub struct Kernel {
    /// The bootable image.
    pub image: PathBuf,
    /// What VFIO needs, unpacked, in the order to load it in.
    pub modules: Vec<PathBuf>,
}

/// In this order each finds what it needs; a kernel that has one built in, or has none of the name, goes without.
const MODULES: [&str; 7] =
    ["irqbypass", "iommufd", "vfio", "vfio_iommu_type1", "vfio_virqfd", "vfio-pci-core", "vfio-pci"];

/// Fetch and unpack the kernel that the meta package `package` of `suite` stands for.
pub fn kernel(folder: &Path, suite: &str, package: &str) -> Result<Kernel, Failure> {
    let apt = Apt::new(folder, suite, "amd64")?;
    let image = apt.depends(package, &["linux-image-"])?;
    let image =
        image.first().ok_or_else(|| Failure::Failed(format!("{package} depends on no kernel image")))?;
    // Since 7.x the image and the modules are packages of their own.
    let mut wanted = vec![image.clone()];
    wanted.extend(apt.depends(image, &["linux-binary-", "linux-modules-"])?);
    let tree = folder.join("tree");
    let _ = fs::remove_dir_all(&tree);
    for old in files(folder, |name| name.ends_with(".deb")) {
        fs::remove_file(&old).map_err(|error| Failure::File(old, error))?;
    }
    apt.download(&wanted, folder)?;
    for deb in files(folder, |name| name.ends_with(".deb")) {
        run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&tree))?;
    }
    unpacked(&tree)
}

fn unpacked(tree: &Path) -> Result<Kernel, Failure> {
    let image = find(tree, |name| name == "vmlinuz" || name.starts_with("vmlinuz-"))
        .into_iter()
        .next()
        .ok_or_else(|| Failure::Failed("the packages have no kernel image".to_owned()))?;
    let mut modules = Vec::new();
    for name in MODULES {
        for module in find(tree, |file| file.split_once(".ko").is_some_and(|(stem, _)| stem == name)) {
            modules.push(plain(&module)?);
        }
    }
    Ok(Kernel { image, modules })
}

/// Files anywhere below: Debian's releases keep kernels and modules in different places.
fn find(tree: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![tree.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if wanted(&entry.file_name().to_string_lossy()) {
                found.push(path);
            }
        }
    }
    found
}

/// The module without its compression.
fn plain(module: &Path) -> Result<PathBuf, Failure> {
    if module.extension().is_some_and(|extension| extension == "xz") {
        run(Command::new("xz").args(["--decompress", "--force"]).arg(module))?;
        return Ok(module.with_extension(""));
    }
    Ok(module.to_path_buf())
}
