//! Debian's packages of any suite and architecture, without touching the system's own package lists.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, output, run};

/// apt with package lists of its own.
pub struct Apt {
    folder: PathBuf,
    architecture: String,
}

impl Apt {
    /// The same server as the system's, another suite and perhaps another architecture; fetches the lists.
    pub fn new(folder: &Path, suite: &str, architecture: &str) -> Result<Apt, Failure> {
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
        let apt = Apt { folder: apt, architecture: architecture.to_owned() };
        run(apt.command("apt-get").args(["update", "-qq"]))?;
        Ok(apt)
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
        command.args(["-o", "APT::Sandbox::User=root", "-o", "Dir::State::status=/dev/null"]);
        command.arg("-o").arg(format!("APT::Architecture={0}", self.architecture));
        command.arg("-o").arg(format!("APT::Architectures={0}", self.architecture));
        command
    }

    /// Fetch packages, each `NAME` or `NAME=VERSION`, into a folder.
    pub fn download(&self, packages: &[String], into: &Path) -> Result<(), Failure> {
        run(self.command("apt-get").args(["download", "-qq"]).args(packages).current_dir(into))
    }

    /// What a package depends on, of the names that begin so.
    pub fn depends(&self, package: &str, prefixes: &[&str]) -> Result<Vec<String>, Failure> {
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

/// The files of a folder with names that are wanted.
pub fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| wanted(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}
