//! The program's `/proc`, looked at from outside.
//!
//! It is a mount of the program's own, in which processes have the numbers that the program knows them by. It is reached through the
//! root of the first process inside (proc_pid_root(5)).

use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Statx, StatxFlags, open, openat, statx};
use rustix::process::Pid;

/// The program's `/proc`.
#[derive(Debug)]
pub struct Proc {
    first: Pid,
    place: OnceLock<Option<OwnedFd>>,
}

impl Proc {
    /// That of the namespaces whose first process has this number. It is first looked for when it is asked for something, which is when a
    /// program is there.
    #[must_use]
    pub fn new(first: Pid) -> Self {
        Self { first, place: OnceLock::new() }
    }

    /// The first process.
    #[must_use]
    pub fn first(&self) -> Pid {
        self.first
    }

    /// `None` where there is none: then the program sees that of the supervisor, in which processes have other numbers.
    fn place(&self) -> Option<&OwnedFd> {
        let find = || {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let place =
                open(format!("/proc/{}/root/proc", self.first.as_raw_nonzero()), flags, Mode::empty());
            let place = place.ok()?;
            let device = |stat: &Statx| (stat.stx_dev_major, stat.stx_dev_minor);
            let ours = statx(CWD, "/proc", AtFlags::empty(), StatxFlags::INO).ok()?;
            let theirs = statx(&place, "", AtFlags::EMPTY_PATH, StatxFlags::INO).ok()?;
            (device(&ours) != device(&theirs)).then_some(place)
        };
        self.place.get_or_init(find).as_ref()
    }

    /// What the descriptor at a path stands for.
    #[must_use]
    pub fn stat(&self, path: &str) -> Option<Statx> {
        // The file system behind it is not asked: inode and device are known without.
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
        statx(self.place()?, path, flags, StatxFlags::INO).ok()
    }

    /// Open a file for reading.
    ///
    /// # Errors
    /// What `open` answers.
    pub fn open(&self, path: &str) -> io::Result<OwnedFd> {
        let place = self.place().ok_or(io::ErrorKind::NotFound)?;
        Ok(openat(place, path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?)
    }
}
