//! The real `/sys`, as it was before anything was laid over it.
//!
//! Where the machine's directories and real ones share a parent (`/sys/bus`, `/sys/class`), the parent is ours and its real
//! children are shown through here. Everything that is not such a child is reached without us.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, open, openat, readlinkat, statat};

use super::{Kind, Listing};

/// A directory of the real file system.
#[derive(Debug)]
pub struct Real {
    root: Option<OwnedFd>,
}

impl Real {
    /// The real `/sys`; empty where there is none.
    #[must_use]
    pub fn sys() -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self { root: open("/sys", flags, Mode::empty()).ok() }
    }

    fn root(&self) -> io::Result<&OwnedFd> {
        self.root.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// What is at a path.
    #[must_use]
    pub fn look(&self, path: &str) -> Option<Kind> {
        let path = if path.is_empty() { "." } else { path };
        let stat = statat(self.root().ok()?, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        kind(FileType::from_raw_mode(stat.st_mode), stat.st_mode)
    }

    /// What a directory holds; nothing where it cannot be read.
    #[must_use]
    pub fn list(&self, path: &str) -> Listing {
        let read = || -> io::Result<Listing> {
            let path = if path.is_empty() { "." } else { path };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = openat(self.root()?, path, flags, Mode::empty())?;
            let mut listing = Vec::new();
            for entry in Dir::new(fd)? {
                let entry = entry?;
                // A listing tells only the type; permissions are asked for by name.
                if let (Ok(name), Some(kind)) = (entry.file_name().to_str(), kind(entry.file_type(), 0o444))
                    && name != "."
                    && name != ".."
                {
                    listing.push((name.to_owned(), kind));
                }
            }
            Ok(listing)
        };
        read().unwrap_or_default()
    }

    /// Where a link leads.
    ///
    /// # Errors
    /// What `readlink` answers.
    pub fn link(&self, path: &str) -> io::Result<Vec<u8>> {
        Ok(readlinkat(self.root()?, path, Vec::new())?.into_bytes())
    }

    /// Open a file with the access mode of `flags`.
    ///
    /// # Errors
    /// What `open` answers.
    pub fn open(&self, path: &str, flags: u32) -> io::Result<OwnedFd> {
        let access = OFlags::from_bits_retain(flags) & OFlags::ACCMODE;
        let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        Ok(openat(self.root()?, path, flags, Mode::empty())?)
    }
}

fn kind(file_type: FileType, mode: u32) -> Option<Kind> {
    match file_type {
        FileType::Directory => Some(Kind::Directory),
        FileType::Symlink => Some(Kind::Link),
        FileType::RegularFile => Some(Kind::File { permissions: (mode & 0o777) as u16 }),
        _ => None,
    }
}
