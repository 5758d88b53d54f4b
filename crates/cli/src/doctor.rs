//! `uvfio doctor`: what this host allows, what is missing, and what to do about it.
//!
//! First the kernel's own switches, then the proof: a program is run in a sandbox. Where the proof works, a switch that looked wrong does
//! not matter; where it does not, the first one that looks wrong is the place to begin.

use std::process::{Command, ExitCode, Stdio};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use uvfio_doors::host::HostFacts;

use crate::args::Doctor;
use crate::output;
use crate::problem::Problem;

/// The first kernel with everything that is used.
const KERNEL: (u32, u32) = (6, 6);

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do where it is not in order.
    advice: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Missing,
    Unknown,
}

/// Look and tell. Status 0 where a program can be run, 1 where not.
///
/// # Errors
/// Where this executable cannot be found or stdout cannot be written.
pub fn doctor(args: &Doctor) -> Result<ExitCode, Problem> {
    let host = HostFacts::probe();
    let mut findings =
        vec![kernel(&host), namespaces(&host), fuse(&host), seccomp(&host), ptrace(&host), compiler()];
    let proof = proof()?;
    let works = proof.verdict == Verdict::Good;
    findings.push(proof);
    let text = if args.json { json(&findings)? } else { table(&findings) };
    output::write(output::stdout(), &text, "stdout")?;
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finding(what: &'static str, good: Option<bool>, found: impl Into<String>, advice: &str) -> Finding {
    let verdict = match good {
        Some(true) => Verdict::Good,
        Some(false) => Verdict::Missing,
        None => Verdict::Unknown,
    };
    let advice = (verdict != Verdict::Good && !advice.is_empty()).then(|| advice.to_owned());
    Finding { what, verdict, found: found.into(), advice }
}

fn kernel(host: &HostFacts) -> Finding {
    let good = host.version().map(|version| version >= KERNEL);
    finding(
        "kernel",
        good,
        format!("Linux {}", host.release),
        "Linux 6.6 or later is needed; boot a newer kernel",
    )
}

fn namespaces(host: &HostFacts) -> Finding {
    const WHAT: &str = "user namespaces";
    if host.user == 0 {
        return finding(WHAT, Some(true), "not needed: this is root", "");
    }
    if host.max_user_namespaces == Some(0) {
        return finding(
            WHAT,
            Some(false),
            "none may be made",
            "sysctl user.max_user_namespaces=10000, or run uvfio as root",
        );
    }
    if host.unprivileged_userns_clone == Some(0) {
        let advice = "sysctl kernel.unprivileged_userns_clone=1, or run uvfio as root";
        return finding(WHAT, Some(false), "not for ordinary users", advice);
    }
    if host.apparmor_restrict_userns == Some(1) {
        let advice = "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run uvfio as root";
        return finding(WHAT, Some(false), "AppArmor restricts them", advice);
    }
    match host.max_user_namespaces {
        Some(most) => finding(WHAT, Some(true), format!("up to {most}"), ""),
        None => finding(WHAT, Some(false), "not built into this kernel", "run uvfio as root"),
    }
}

fn fuse(host: &HostFacts) -> Finding {
    match &host.fuse {
        Ok(()) => finding("/dev/fuse", Some(true), "can be opened", ""),
        Err(error) => {
            let advice = "modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN; else chmod 0666 /dev/fuse";
            finding("/dev/fuse", Some(false), error.to_string(), advice)
        }
    }
}

fn seccomp(host: &HostFacts) -> Finding {
    let notify =
        host.seccomp_actions.as_ref().map(|actions| actions.split(' ').any(|action| action == "user_notif"));
    let found = match notify {
        Some(true) => "user notification",
        Some(false) => "no user notification",
        None => "the kernel does not say",
    };
    finding("seccomp", notify, found, "a kernel with CONFIG_SECCOMP_FILTER is needed")
}

fn ptrace(host: &HostFacts) -> Finding {
    const WHAT: &str = "ptrace";
    const ADVICE: &str = "sysctl kernel.yama.ptrace_scope=1, or use --mmio rw with programs that can do without mapped registers";
    match host.ptrace_scope {
        None => finding(WHAT, Some(true), "not restricted", ""),
        Some(scope @ 0..=1) => {
            finding(WHAT, Some(true), format!("of one's own children (yama scope {scope})"), "")
        }
        Some(2) if host.user == 0 => finding(WHAT, Some(true), "by root (yama scope 2)", ""),
        Some(scope) => finding(WHAT, Some(false), format!("restricted (yama scope {scope})"), ADVICE),
    }
}

fn compiler() -> Finding {
    let there = Command::new("dtc").arg("--version").stdin(Stdio::null()).output().is_ok();
    let found = if there { "dtc" } else { "no dtc" };
    // Nothing is wrong without it: only --board FILE.dts needs it.
    finding(
        "device tree compiler",
        there.then_some(true),
        found,
        "for --board FILE.dts: apt install device-tree-compiler",
    )
}

/// Run a program, in a process of its own so that this one stays as it is.
fn proof() -> Result<Finding, Problem> {
    const WHAT: &str = "a program in the sandbox";
    let this = std::env::current_exe().map_err(Problem::NoExecutable)?;
    let mut command = Command::new(this);
    command.args(["run", "--board", "demo", "--report", "none", "--", "/bin/sh", "-c"]);
    command.arg("test -d /sys/bus/amba/devices/7ff00000.dma && test -e /dev/vfio/vfio").stdin(Stdio::null());
    let output = command.output().map_err(Problem::NoExecutable)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = stderr.lines().next().unwrap_or("it ended without a word");
    let said = said.strip_prefix("uvfio: ").unwrap_or(said);
    Ok(if output.status.success() {
        finding(WHAT, Some(true), "runs", "")
    } else {
        finding(WHAT, Some(false), said, "see to what is missing above, first things first")
    })
}

fn json(findings: &[Finding]) -> Result<String, Problem> {
    let text = serde_json::to_string_pretty(findings)
        .map_err(|error| Problem::Unwritable { path: "stdout".into(), error: error.into() })?;
    Ok(text + "\n")
}

fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { what, verdict, found, advice } in findings {
        let (mark, colour) = match verdict {
            Verdict::Good => ("ok     ", AnsiColor::Green.on_default()),
            Verdict::Missing => ("missing", AnsiColor::Red.on_default()),
            Verdict::Unknown => ("unknown", Style::new().dimmed()),
        };
        text.push_str(&format!("{colour}{mark}{colour:#}  {what:width$}  {found}\n"));
        if let Some(advice) = advice {
            text.push_str(&format!("         {:width$}  -> {advice}\n", ""));
        }
    }
    text
}
