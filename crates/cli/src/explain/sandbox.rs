//! Why there is no sandbox, in words, with what would allow one.

use uvfio_doors::sandbox::{SandboxError, Step};

/// Why the program was not run.
pub fn sandbox(error: &SandboxError) -> String {
    match error {
        SandboxError::Program { program, error } => format!("cannot run {}: {error}", program.display()),
        SandboxError::UserNamespace(error) => format!(
            "this host gives no user namespace to an ordinary user ({error}); uvfio doctor says what to enable, or run it as root"
        ),
        SandboxError::UserMap(error) => {
            format!(
                "the users of a user namespace cannot be mapped ({error}); uvfio doctor says what to enable, or run it as root"
            )
        }
        SandboxError::FuseDevice(error) => {
            format!(
                "/dev/fuse cannot be opened ({error}); load the fuse module, or give this user access to it"
            )
        }
        SandboxError::FuseMount(error) => {
            format!("a FUSE file system cannot be mounted ({error}); uvfio doctor says what is missing")
        }
        SandboxError::PidNamespace(error) => {
            format!("no pid namespace can be had ({error}); uvfio doctor says what is missing")
        }
        SandboxError::Inside { step, error } => {
            format!("the sandbox cannot {} ({error}); uvfio doctor says what is missing", doing(*step))
        }
        SandboxError::Killed => "the sandbox was killed from outside".to_owned(),
        SandboxError::Threads { threads } => {
            format!("the command has {threads} threads and cannot divide itself")
        }
        SandboxError::Resources(error) => format!("the system has no more to give: {error}"),
    }
}

fn doing(step: Step) -> &'static str {
    match step {
        Step::KeepMounts => "keep its mounts to itself",
        Step::Sys => "lay the board's part over /sys",
        Step::Dev => "make a /dev with /dev/vfio",
        Step::Modules => "lay the board's modules over /lib/modules",
        Step::Proc => "mount a /proc",
        Step::Fork => "start a process",
        Step::Filter => "install its seccomp filter",
        Step::Execute => "start the program",
    }
}
