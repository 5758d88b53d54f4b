//! Where things are for the program: its `/sys`, `/dev` and `/proc`.
//!
//! Only directories in which the machine has something are laid over; all other paths lead where they always do. Runs in the mount
//! namespace of the first process inside, with which it all goes away.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, mkdirat, openat, readlinkat, symlinkat};
use rustix::mount::MountAttrFlags;
use uvfio_sys::mounts::{self, Depth, Option as MountOption};

use super::error::Step;

/// Where our mount is, so that its parts can be copied from there; a `/proc` goes over it.
const STAGE: &str = "/proc";

/// What in `/dev` is itself there, for programs that look closely. The rest are links: one mount for each would take longer than
/// all else together, and a pty multiplexer only works in the directory it was made in.
const PLAIN: [&str; 9] = ["null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "mqueue"];

/// Where the real `/dev` is found in ours.
const REAL_DEV: &str = ".host";

/// Where modprobe(8) looks for modules.
pub const MODULES: &str = "/lib/modules";

/// Where it finds those of the machine if there is no such directory.
pub const MODPROBE_OPTIONS: &str = "-d /dev/vfio/.uvfio";

/// Put everything in place. `mount` is the root of our file system, `overlays` its directories to lay over real ones of `/sys`.
///
/// # Errors
/// Which step failed, and how.
pub fn lay_out(mount: OwnedFd, overlays: &[String]) -> Result<(), (Step, io::Error)> {
    let at = |step| move |error: io::Error| (step, error);
    let here = std::env::current_dir();
    mounts::keep_to_ourselves().map_err(at(Step::KeepMounts))?;
    mounts::attach(&mount, CWD, STAGE).map_err(at(Step::Proc))?;
    drop(mount);
    // First what needs no answer of the mount: its serving thread is only just starting.
    let home = dev().map_err(at(Step::Dev))?;
    sys(overlays).map_err(at(Step::Sys))?;
    modules().map_err(at(Step::Modules))?;
    mounts::copy(CWD, &format!("{STAGE}/vfio"), Depth::Alone)
        .and_then(|vfio| mounts::attach(vfio, home, "vfio"))
        .map_err(at(Step::Dev))?;
    proc().map_err(at(Step::Proc))?;
    // A working directory below one of these shall be in the new one, as far as it is there.
    if let Ok(here) = here {
        let _ = std::env::set_current_dir(here);
    }
    Ok(())
}

fn sys(overlays: &[String]) -> io::Result<()> {
    for path in overlays {
        let ours = mounts::copy(CWD, &format!("{STAGE}/sys/{path}"), Depth::Alone)?;
        mounts::attach(ours, CWD, &format!("/sys/{path}"))?;
    }
    Ok(())
}

/// The machine's modules, in place of the host's: those cannot be loaded from in here.
fn modules() -> io::Result<()> {
    if !Path::new(MODULES).is_dir() {
        return Ok(());
    }
    let ours = mounts::copy(CWD, &format!("{STAGE}/vfio/.uvfio/lib/modules"), Depth::Alone)?;
    mounts::attach(ours, CWD, MODULES)
}

/// A `/dev` with a directory `vfio`: the host's where it has one, else one in which the host's is seen.
fn dev() -> io::Result<OwnedFd> {
    let real = mounts::place("/dev")?;
    if is_directory(&real, "vfio") {
        return Ok(real);
    }
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let tmpfs = mounts::make("tmpfs", &[MountOption::Value("mode", "755")], attributes)?;
    let whole = mounts::copy(&real, "", Depth::WithMounts)?;
    mounts::attach(&tmpfs, CWD, "/dev")?;
    fill(&real, &tmpfs)?;
    for name in ["vfio", REAL_DEV] {
        mkdirat(&tmpfs, name, Mode::from_raw_mode(0o755))?;
    }
    mounts::attach(whole, &tmpfs, REAL_DEV)?;
    Ok(tmpfs)
}

/// Show in `ours` what is in the real `/dev`.
fn fill(real: &OwnedFd, ours: &OwnedFd) -> io::Result<()> {
    let list = openat(real, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for entry in Dir::new(list)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        match entry.file_type() {
            _ if matches!(name, "." | ".." | "vfio" | REAL_DEV) || is_console(name) => {}
            FileType::Symlink => symlinkat(readlinkat(real, name, Vec::new())?, ours, name)?,
            kind if PLAIN.contains(&name) => show(real, ours, name, kind)?,
            _ => symlinkat(format!("{REAL_DEV}/{name}"), ours, name)?,
        }
    }
    Ok(())
}

/// The host's virtual consoles are many, and of no use in here.
fn is_console(name: &str) -> bool {
    let digits = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit());
    let tty = name.strip_prefix("tty").is_some_and(|rest| !rest.is_empty() && digits(rest));
    tty || name.strip_prefix("vcs").is_some_and(|rest| digits(rest.trim_start_matches(['a', 'u'])))
}

fn show(real: &OwnedFd, ours: &OwnedFd, name: &str, kind: FileType) -> io::Result<()> {
    if kind == FileType::Directory {
        mkdirat(ours, name, Mode::from_raw_mode(0o755))?;
    } else {
        openat(ours, name, OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::from_raw_mode(0o644))?;
    }
    mounts::attach(mounts::copy(real, name, Depth::WithMounts)?, ours, name)
}

fn is_directory(parent: impl AsFd, name: &str) -> bool {
    use rustix::fs::{AtFlags, statat};
    statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// A `/proc` of the program's own processes, which lists the machine's modules. A container that hides parts of its `/proc` allows
/// no second one; the program then sees that, in which processes have other numbers.
fn proc() -> io::Result<()> {
    let modules = mounts::copy(CWD, &format!("{STAGE}/vfio/.uvfio/modules"), Depth::Alone)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    match mounts::make("proc", &[MountOption::Value("source", "proc")], attributes) {
        Ok(proc) => mounts::attach(proc, CWD, "/proc")?,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => mounts::detach(STAGE)?,
        Err(error) => return Err(error),
    }
    // A kernel built without modules has no list of them either, and no place for ours.
    if Path::new("/proc/modules").exists() {
        mounts::attach(modules, CWD, "/proc/modules")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_consoles_are_known_by_their_names() {
        for name in ["tty0", "tty63", "vcs", "vcs1", "vcsa", "vcsa12", "vcsu7"] {
            assert!(is_console(name), "{name}");
        }
        for name in ["tty", "ttyS0", "ttyAMA0", "ttyprintk", "vcsx", "null", "vcio"] {
            assert!(!is_console(name), "{name}");
        }
    }
}
