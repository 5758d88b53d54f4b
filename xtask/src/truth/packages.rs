//! A Debian kernel package of any suite, without touching the system's own package lists.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, output, run};

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
    let apt = Apt::new(folder, suite)?;
    run(apt.command("apt-get").args(["update", "-qq"]))?;
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
    run(apt.command("apt-get").args(["download", "-qq"]).args(&wanted).current_dir(folder))?;
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

fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| wanted(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

/// apt with package lists of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// The same server as the system's, another suite.
    fn new(folder: &Path, suite: &str) -> Result<Apt, Failure> {
        let apt = folder.join("apt");
        for part in ["lists/partial", "cache/archives/partial", "preferences.d"] {
            let part = apt.join(part);
            fs::create_dir_all(&part).map_err(|error| Failure::File(part, error))?;
        }
        let server =
            server().ok_or_else(|| Failure::Failed("apt's sources name no Debian server".to_owned()))?;
        let list = apt.join("sources.list");
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let line = format!("deb [signed-by={keyring}] {server} {suite} main\n");
        fs::write(&list, line).map_err(|error| Failure::File(list, error))?;
        Ok(Apt { folder: apt })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (option, path) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::Etc::sourceparts", "none"),
            ("Dir::Etc::preferencesparts", "preferences.d"),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "cache"),
        ] {
            command.arg("-o").arg(format!("{option}={}", self.folder.join(path).display()));
        }
        command.args(["-o", "APT::Sandbox::User=root"]);
        command
    }

    /// What a package depends on, of the names that begin so.
    fn depends(&self, package: &str, prefixes: &[&str]) -> Result<Vec<String>, Failure> {
        let text = output(self.command("apt-cache").args(["depends", package]))?;
        let names = text.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        Ok(names
            .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .map(str::to_owned)
            .collect())
    }
}

/// The Debian server of the system's own sources, in either format.
fn server() -> Option<String> {
    let mut texts = vec![fs::read_to_string("/etc/apt/sources.list").unwrap_or_default()];
    for path in files(Path::new("/etc/apt/sources.list.d"), |name| name.starts_with("debian")) {
        texts.push(fs::read_to_string(path).unwrap_or_default());
    }
    texts
        .iter()
        .flat_map(|text| text.lines())
        .find_map(|line| {
            let line = line.trim();
            let from = line.strip_prefix("URIs:").or_else(|| line.strip_prefix("deb "))?;
            from.split_whitespace()
                .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("debian"))
        })
        .map(str::to_owned)
}
