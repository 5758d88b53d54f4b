//! Forking: an ordinary child, and a child that is the first process of namespaces of its own.
//!
//! `clone3` with `CLONE_NEWPID` makes the child process 1 of a new pid namespace, so that the kernel kills everything in it when
//! the child dies (pid_namespaces(7)). Not for starting programs: the child here goes on with the code of the parent.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use rustix::process::Pid;

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Side {
    /// The process that forked.
    Parent {
        /// The child, in the parent's pid namespace.
        child: Pid,
        /// A pidfd of it, close-on-exec.
        pidfd: OwnedFd,
    },
    /// The new process.
    Child,
}

/// Namespaces the child gets for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// Those of the parent.
    Shared,
    /// A new pid namespace, whose process 1 the child is, and a copy of the mounts.
    PidAndMounts,
}

/// How many threads this process has, where `/proc` tells.
#[must_use]
pub fn threads() -> Option<usize> {
    // The link count of a directory of /proc is its subdirectories and two.
    let stat = rustix::fs::stat("/proc/self/task").ok()?;
    usize::try_from(stat.st_nlink).ok()?.checked_sub(2)
}

/// Fork.
///
/// # Errors
/// `EBUSY` where the process has more than one thread: the child would have only this one, and find every lock as the others left
/// it. Otherwise what `clone3(2)` answers.
pub fn fork(namespaces: Namespaces) -> io::Result<Side> {
    if threads().is_some_and(|count| count != 1) {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    let mut pidfd: libc::c_int = -1;
    let flags = match namespaces {
        Namespaces::Shared => 0,
        Namespaces::PidAndMounts => libc::CLONE_NEWPID | libc::CLONE_NEWNS,
    };
    // SAFETY: all fields of `clone_args` are integers, for which zero is a value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = (flags | libc::CLONE_PIDFD) as u64;
    args.pidfd = (&raw mut pidfd) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: 1. `args` is a whole `clone_args` and its size is passed. 2. Without CLONE_VM and with no stack given, the child
    // runs on a copy of this memory, as after fork(2). 3. `pidfd` outlives the call. 4. There is no other thread whose lock the
    // child could find taken, as checked above.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match i32::try_from(result).ok().and_then(Pid::from_raw) {
        Some(child) => {
            // SAFETY: the kernel has stored a new descriptor there, which nobody else knows.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent { child, pidfd })
        }
        None if result == 0 => Ok(Side::Child),
        None => Err(io::Error::last_os_error()),
    }
}

/// End this process at once: no destructor runs, no buffer is written.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no conditions.
    unsafe { libc::_exit(status) }
}
