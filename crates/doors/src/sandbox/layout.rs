//! Where things are for the program: its `/sys`, `/dev` and `/proc`.
//!
//! Only directories in which the machine has something are laid over; all other paths lead where they always do. Runs in the mount
//! namespace of the first process inside, with which it all goes away.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, mkdirat, openat, readlinkat, symlinkat};
use rustix::mount::MountAttrFlags;
use uvfio_sys::mounts::{self, Depth, Option as MountOption};

use super::error::Step;
use super::tree::Overlay;

/// Where our mount is, so that its parts can be copied from there; a `/proc` goes over it.
const STAGE: &str = "/proc";

/// What in `/dev` is itself there, for programs that look closely. The rest are links: one mount for each would take longer than
/// all else together, and a pty multiplexer only works in the directory it was made in.
const PLAIN: [&str; 9] = ["null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "mqueue"];

/// Where the real `/dev` is found in ours.
const REAL_DEV: &str = ".host";

/// Where modprobe(8) finds the machine's modules if the host has no directory for them.
pub const MODPROBE_OPTIONS: &str = "-d /dev/vfio/.uvfio";

/// Put everything in place. `mount` is the root of our file system, `overlays` what of it is laid over something.
///
/// # Errors
/// Which step failed, and how.
pub fn lay_out(mount: OwnedFd, overlays: &[Overlay]) -> Result<(), (Step, io::Error)> {
    let at = |step| move |error: io::Error| (step, error);
    let here = std::env::current_dir();
    mounts::keep_to_ourselves().map_err(at(Step::KeepMounts))?;
    mounts::attach(&mount, CWD, STAGE).map_err(at(Step::Proc))?;
    drop(mount);
    // First what needs no answer of the mount: its serving thread is only just starting.
    let home = dev().map_err(at(Step::Dev))?;
    list(STAGE).map_err(at(Step::Sys))?;
    let (late, early): (Vec<&Overlay>, Vec<&Overlay>) =
        overlays.iter().partition(|overlay| overlay.target.starts_with(STAGE));
    for overlay in early {
        let step = if overlay.target.starts_with("/sys") { Step::Sys } else { Step::Modules };
        part(&overlay.name).and_then(|tree| mounts::attach(tree, CWD, &overlay.target)).map_err(at(step))?;
    }
    part("vfio").and_then(|vfio| mounts::attach(vfio, home, "vfio")).map_err(at(Step::Dev))?;
    let late = late.into_iter().map(|overlay| Ok((part(&overlay.name)?, &overlay.target)));
    let late: Vec<_> = late.collect::<io::Result<_>>().map_err(at(Step::Modules))?;
    proc().map_err(at(Step::Proc))?;
    for (tree, target) in late {
        mounts::attach(tree, CWD, target).map_err(at(Step::Modules))?;
    }
    // A working directory below one of these shall be in the new one, as far as it is there.
    if let Ok(here) = here {
        let _ = std::env::set_current_dir(here);
    }
    Ok(())
}

/// Read a directory to its end: the kernel then knows every name in it, and asks for none one by one.
fn list(path: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        entry?;
    }
    Ok(())
}

/// A copy of a part of our mount.
fn part(name: &str) -> io::Result<OwnedFd> {
    mounts::copy(CWD, &format!("{STAGE}/{name}"), Depth::Alone)
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

/// A `/proc` of the program's own processes. A container that hides parts of its `/proc` allows no second one; the program then sees
/// that, in which processes have other numbers.
fn proc() -> io::Result<()> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    match mounts::make("proc", &[MountOption::Value("source", "proc")], attributes) {
        Ok(proc) => mounts::attach(proc, CWD, "/proc"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => mounts::detach(STAGE),
        Err(error) => Err(error),
    }
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
