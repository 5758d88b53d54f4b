//! Running other programs: where the repository is, and a command that must succeed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a chore did not get done.
#[derive(Debug)]
pub enum Failure {
    /// There is no such lane.
    NoSuchLane(String),
    /// A program could not be started.
    NotStarted(String, std::io::Error),
    /// A program ran and failed.
    Failed(String),
    /// A file could not be read or written.
    File(PathBuf, std::io::Error),
    /// Checks found something; each line is one finding.
    Findings(Vec<String>),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::NoSuchLane(name) => {
                write!(f, "there is no lane `{name}`; `cargo xtask help` lists them")
            }
            Failure::NotStarted(program, error) => write!(f, "cannot start {program}: {error}"),
            Failure::File(path, error) => write!(f, "{}: {error}", path.display()),
            Failure::Failed(line) => write!(f, "failed: {line}"),
            Failure::Findings(lines) => write!(f, "{}", lines.join("\n       ")),
        }
    }
}

/// The root of the repository this was built from.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies one folder below the root").to_path_buf()
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Run to the end; any other status than 0 is a failure that names the command.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let line = line(command);
    let status = command.status().map_err(|error| Failure::NotStarted(line.clone(), error))?;
    if status.success() { Ok(()) } else { Err(Failure::Failed(format!("{line} ({status})"))) }
}

/// Run to the end and return what it printed; any other status than 0 is a failure that names the command.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    let line = line(command);
    command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::inherit());
    let output = command.output().map_err(|error| Failure::NotStarted(line.clone(), error))?;
    if !output.status.success() {
        return Err(Failure::Failed(format!("{line} ({})", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
