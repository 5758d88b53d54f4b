//! `/dev/fuse` and the mount behind it (Documentation/filesystems/fuse.rst; fs/fuse/dev.c, fs/fuse/inode.c).
//!
//! Only carries messages: what they mean is the business of whoever serves the file system.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::mount::MountAttrFlags;

use crate::mounts::{self, Option as MountOption};

/// The largest message: a write of 128 KiB with its headers.
pub const MESSAGE: usize = (128 << 10) + 4096;

/// The serving side of a FUSE mount.
#[derive(Debug)]
pub struct Session {
    device: File,
}

impl Session {
    /// Open `/dev/fuse`. The mount must be made in the same user namespace.
    ///
    /// # Errors
    /// What `open` answers.
    pub fn open() -> io::Result<Self> {
        let device = open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { device: File::from(device) })
    }

    /// Make the mount, not attached anywhere.
    ///
    /// # Errors
    /// What mounting answers.
    pub fn mount(&self) -> io::Result<OwnedFd> {
        let fd = self.device.as_raw_fd().to_string();
        mounts::make(
            "fuse",
            &[
                MountOption::Value("source", "uvfio"),
                MountOption::Value("fd", &fd),
                MountOption::Value("rootmode", "40755"),
                MountOption::Value("user_id", "0"),
                MountOption::Value("group_id", "0"),
                MountOption::Flag("allow_other"),
                MountOption::Flag("default_permissions"),
            ],
            // Executable, because registers may be mapped so.
            MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        )
    }

    /// Wait for the next request and read it whole; `None` when the mount is gone.
    ///
    /// # Errors
    /// Where the device answers what it should not.
    pub fn receive(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match (&self.device).read(into) {
                Ok(0) => return Ok(None),
                Ok(length) => return Ok(Some(length)),
                Err(error) => match error.raw_os_error() {
                    // ENOENT: the request was interrupted before it could be read.
                    Some(libc::EINTR | libc::ENOENT | libc::EAGAIN) => {}
                    Some(libc::ENODEV | libc::ECONNABORTED) => return Ok(None),
                    _ => return Err(error),
                },
            }
        }
    }

    /// Answer a request, or notify. An answer to a request that was interrupted meanwhile is dropped by the kernel; that is no
    /// error here.
    pub fn send(&self, parts: &[IoSlice<'_>]) {
        // ENOENT says that nobody waits any more, ENODEV that the mount is gone; in neither case is there anything left to do.
        let _ = (&self.device).write_vectored(parts);
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
