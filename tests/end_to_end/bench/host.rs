//! What this host allows, and the one way for a test to say that it cannot run here.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::command::uvfio;

/// Whether the sandbox works on this host; where it does not, the test named says so and ends, or fails under `UVFIO_REQUIRE=all`.
pub fn has_sandbox(test: &str) -> bool {
    static ANSWER: OnceLock<Option<String>> = OnceLock::new();
    let missing = ANSWER.get_or_init(|| {
        let doctor = Command::new(uvfio()).arg("doctor").stdin(Stdio::null()).output().expect("uvfio starts");
        (!doctor.status.success()).then(|| String::from_utf8_lossy(&doctor.stdout).into_owned())
    });
    match missing {
        None => true,
        Some(reason) => skip(test, reason),
    }
}

/// Whether the tests run as root, which some need in order to become somebody else.
pub fn is_root(test: &str) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root =
        status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    root || skip(test, "needs root to become another user")
}

/// Whether the host has these tools, which tests run inside.
pub fn has_tools(test: &str, tools: &[&str]) -> bool {
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let is_there = |tool: &&&str| folders.iter().any(|folder| Path::new(folder).join(tool).exists());
    match tools.iter().find(|tool| !is_there(tool)) {
        None => true,
        Some(missing) => skip(test, &format!("{missing} is not installed")),
    }
}

/// Say that a test cannot run here; always `false`.
pub fn skip(test: &str, reason: &str) -> bool {
    let all = std::env::var_os("UVFIO_REQUIRE").is_some_and(|value| value == "all");
    assert!(!all, "{test} cannot run on this host: {reason}");
    eprintln!("SKIPPED {test}: {reason}");
    false
}
