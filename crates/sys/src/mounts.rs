//! Mounting by descriptor: make a tree, attach it, detach it (mount_setattr(2), open_tree(2), move_mount(2)).
//!
//! A mount made here belongs to nobody until it is attached, and goes away with its last descriptor: nothing is left behind on any
//! error path.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change,
    move_mount, open_tree, unmount,
};

/// An option of a file system to be made.
#[derive(Clone, Copy, Debug)]
pub enum Option<'a> {
    /// `key`.
    Flag(&'a str),
    /// `key=value`.
    Value(&'a str, &'a str),
}

/// What a mount is attached or copied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The mount alone.
    Alone,
    /// With the mounts on it.
    WithMounts,
}

/// Make a file system, not attached anywhere.
///
/// # Errors
/// What `fsopen`, `fsconfig` or `fsmount` answers.
pub fn make(kind: &str, options: &[Option<'_>], attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for option in options {
        match *option {
            Option::Flag(key) => fsconfig_set_flag(&context, key)?,
            Option::Value(key, value) => fsconfig_set_string(&context, key, value)?,
        }
    }
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Copy what is mounted at `path` below `dir`, not attached anywhere (a bind mount's first half).
///
/// # Errors
/// What `open_tree` answers.
pub fn copy(dir: impl AsFd, path: &str, depth: Depth) -> io::Result<OwnedFd> {
    let mut flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    if depth == Depth::WithMounts {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(open_tree(dir, path, flags)?)
}

/// Attach a tree at `path` below `dir`, over what is there. An empty path is `dir` itself.
///
/// # Errors
/// What `move_mount` answers.
pub fn attach(tree: impl AsFd, dir: impl AsFd, path: &str) -> io::Result<()> {
    let mut flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    if path.is_empty() {
        flags |= MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    }
    Ok(move_mount(tree, "", dir, path, flags)?)
}

/// Detach the topmost mount at an absolute path; it goes away when nothing uses it.
///
/// # Errors
/// What `umount2` answers.
pub fn detach(path: &str) -> io::Result<()> {
    Ok(unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?)
}

/// Let mounts made outside appear in this namespace, and none made here appear outside.
///
/// # Errors
/// What `mount` answers.
pub fn keep_to_ourselves() -> io::Result<()> {
    Ok(mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?)
}

/// Open a directory or file as a place only.
///
/// # Errors
/// What `open` answers.
pub fn place(path: &str) -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, openat};
    Ok(openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}
