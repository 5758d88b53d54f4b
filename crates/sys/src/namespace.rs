//! A user namespace in which an ordinary user may mount (user_namespaces(7)).
//!
//! The user becomes 0 inside: mounting, and a program that looks whether it may use VFIO, both want that. Files keep their owner:
//! only the number by which the user is known changes.

use std::fs;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, getegid, geteuid};
use rustix::thread::{
    CapabilitySet, LinkNameSpaceType, UnshareFlags, capabilities, move_into_link_name_space,
};

/// Whether this process may mount where it is, so that it needs no user namespace.
#[must_use]
pub fn may_mount() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// The step of entering a user namespace that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `unshare(CLONE_NEWUSER | CLONE_NEWNS)`.
    Unshare,
    /// Writing `uid_map`, `setgroups` or `gid_map`.
    Map,
}

/// Enter a new user namespace, as user 0 of it, and a mount namespace it owns. The process must have one thread.
///
/// # Errors
/// Which step was refused, and how.
pub fn enter_as_root() -> Result<(), (Step, io::Error)> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS).map_err(|error| (Step::Unshare, error))?;
    let write = |file: &str, text: String| {
        fs::write(format!("/proc/self/{file}"), text).map_err(|error| (Step::Map, error))
    };
    write("uid_map", format!("0 {uid} 1"))?;
    write("setgroups", "deny".to_owned())?;
    write("gid_map", format!("0 {gid} 1"))
}

/// Enter the mount namespace of a process, for this thread alone. Its root and working directory are the root there then.
///
/// # Errors
/// What opening the namespace, `unshare` or `setns` answers.
pub fn enter_mounts_of(process: Pid) -> io::Result<()> {
    let path = format!("/proc/{}/ns/mnt", process.as_raw_nonzero());
    let namespace = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    // Threads of one process share their root and working directory, which lie in one mount namespace.
    unshare(UnshareFlags::FS)?;
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))?)
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: without CLONE_FILES no descriptor table is taken from another thread; the flags given touch namespaces only.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from)
}
