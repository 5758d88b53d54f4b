//! Why a sandbox could not be had.

use std::ffi::OsString;
use std::io;

/// What the first process inside was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Making its mounts its own (`mount --make-rslave /`).
    KeepMounts,
    /// Laying the machine's directories over `/sys`.
    Sys,
    /// Making a `/dev` with `/dev/vfio`.
    Dev,
    /// Laying the machine's modules over `/lib/modules`.
    Modules,
    /// Mounting a `/proc` for its processes.
    Proc,
    /// Starting the program's process.
    Fork,
    /// Installing the seccomp filter.
    Filter,
    /// Executing the program.
    Execute,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Step; 8] = [
        Step::KeepMounts,
        Step::Sys,
        Step::Dev,
        Step::Modules,
        Step::Proc,
        Step::Fork,
        Step::Filter,
        Step::Execute,
    ];
}

/// Why a sandbox could not be had. Nothing is left of it: no process, no mount, no file.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The process has more than one thread, so it cannot fork.
    #[error("the process has {threads} threads")]
    Threads {
        /// How many.
        threads: usize,
    },
    /// An ordinary user may not make a user namespace (`user.max_user_namespaces`, AppArmor, a container's seccomp profile).
    #[error("user namespace refused")]
    UserNamespace(#[source] io::Error),
    /// The user namespace was made, and its users could not be mapped.
    #[error("user namespace without users")]
    UserMap(#[source] io::Error),
    /// `/dev/fuse` cannot be opened.
    #[error("/dev/fuse cannot be opened")]
    FuseDevice(#[source] io::Error),
    /// A FUSE file system cannot be mounted.
    #[error("FUSE mount refused")]
    FuseMount(#[source] io::Error),
    /// A pid namespace and its first process cannot be had.
    #[error("pid namespace refused")]
    PidNamespace(#[source] io::Error),
    /// The first process inside failed.
    #[error("{step:?} failed inside")]
    Inside {
        /// While doing this.
        step: Step,
        /// With this.
        #[source]
        error: io::Error,
    },
    /// The program cannot be executed.
    #[error("{program:?} cannot be executed")]
    Program {
        /// As it was named.
        program: OsString,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The first process inside ended without saying how the program did: somebody killed it.
    #[error("the sandbox was killed")]
    Killed,
    /// Something every process may do was refused: no memory, no descriptors, no threads.
    #[error("out of resources")]
    Resources(#[from] io::Error),
}
