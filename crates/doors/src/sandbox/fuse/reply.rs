//! Answers, built in place without allocating for the usual ones.

use std::io::IoSlice;

use uvfio_abi::Errno;
use uvfio_sys::fuse::Session;
use zerocopy::IntoBytes;

use super::request::Detail;
use super::wire;

/// How long the kernel may keep what it was told, seconds: for ever, in effect.
const LONG: u64 = 1 << 30;

/// A node as the kernel shall know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub node: u64,
    /// File type and permissions.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Whether the kernel must ask again each time it meets the name.
    pub fixed: bool,
}

impl Entry {
    fn out(&self) -> wire::EntryOut {
        wire::EntryOut {
            nodeid: self.node,
            entry_valid: if self.fixed { LONG } else { 0 },
            attr_valid: LONG,
            attr: self.attr(),
            ..Default::default()
        }
    }

    fn attr(&self) -> wire::Attr {
        wire::Attr {
            ino: self.node,
            size: self.size,
            mode: self.mode,
            nlink: if self.mode & 0o170_000 == 0o040_000 { 2 } else { 1 },
            blksize: 4096,
            ..Default::default()
        }
    }
}

/// Where the answer to one request goes. Every request but FORGET and INTERRUPT must be answered once.
#[derive(Debug)]
#[must_use = "a request without an answer makes a program wait for ever"]
pub struct Reply<'a> {
    session: &'a Session,
    unique: u64,
}

impl<'a> Reply<'a> {
    /// For the request with this number.
    pub fn new(session: &'a Session, unique: u64) -> Self {
        Self { session, unique }
    }

    fn send(self, error: i32, body: &[u8]) {
        let length = size_of::<wire::OutHeader>() + body.len();
        let header = wire::OutHeader {
            len: u32::try_from(length).expect("no answer is longer than the largest read"),
            error,
            unique: self.unique,
        };
        self.session.send(&[IoSlice::new(header.as_bytes()), IoSlice::new(body)]);
    }

    /// It failed.
    pub fn error(self, errno: Errno) {
        self.send(-errno.0, &[]);
    }

    /// It is done and there is nothing to say.
    pub fn done(self) {
        self.send(0, &[]);
    }

    /// These bytes: of a file, a link or a directory.
    pub fn bytes(self, bytes: &[u8]) {
        self.send(0, bytes);
    }

    /// The protocol to speak. `flags` are those of the kernel.
    pub fn init(self, minor: u32, flags: u64) {
        let wanted = wire::INIT_ATOMIC_O_TRUNC
            | wire::INIT_BIG_WRITES
            | wire::INIT_DO_READDIRPLUS
            | wire::INIT_PARALLEL_DIROPS
            | wire::INIT_MAX_PAGES
            | wire::INIT_EXT
            | wire::INIT_DIRECT_IO_ALLOW_MMAP;
        let agreed = wanted & flags;
        let out = wire::InitOut {
            major: wire::MAJOR,
            minor: minor.min(wire::MINOR),
            flags: agreed as u32,
            flags2: (agreed >> 32) as u32,
            max_background: 64,
            congestion_threshold: 48,
            max_write: 128 << 10,
            time_gran: 1,
            max_pages: 32,
            ..Default::default()
        };
        self.send(0, out.as_bytes());
    }

    /// The node a name stands for.
    pub fn entry(self, entry: &Entry) {
        self.send(0, entry.out().as_bytes());
    }

    /// A node's attributes.
    pub fn attributes(self, entry: &Entry) {
        let out = wire::AttrOut { attr_valid: LONG, attr: entry.attr(), ..Default::default() };
        self.send(0, out.as_bytes());
    }

    /// A file was opened. `flags` are `FOPEN_*`.
    pub fn opened(self, handle: u64, flags: u32) {
        let out = wire::OpenOut { fh: handle, open_flags: flags, ..Default::default() };
        self.send(0, out.as_bytes());
    }

    /// So many bytes were written.
    pub fn written(self, bytes: u32) {
        self.send(0, wire::WriteOut { size: bytes, padding: 0 }.as_bytes());
    }

    /// What `ioctl` returns.
    pub fn ioctl(self, result: i32) {
        self.send(0, wire::IoctlOut { result, ..Default::default() }.as_bytes());
    }

    /// The request is one that is not answered.
    pub fn not_wanted(self) {}

    /// `statfs` of a file system that stores nothing.
    pub fn statfs(self) {
        let out = wire::StatfsOut { bsize: 4096, frsize: 4096, namelen: 255, ..Default::default() };
        self.send(0, out.as_bytes());
    }
}

/// The answer to READDIR: entries until the room asked for is used.
#[derive(Debug)]
pub struct Directory {
    bytes: Vec<u8>,
    room: usize,
    detail: Detail,
}

impl Directory {
    /// Room for `size` bytes.
    #[must_use]
    pub fn new(size: u32, detail: Detail) -> Self {
        Self { bytes: Vec::new(), room: usize::try_from(size).unwrap_or(usize::MAX), detail }
    }

    /// What the listing tells.
    #[must_use]
    pub fn detail(&self) -> Detail {
        self.detail
    }

    /// One more name, followed by the entry at position `next`; what a lookup would say where it is told. `false` where there is no
    /// room for it.
    pub fn push(&mut self, ino: u64, mode: u32, name: &str, next: u64, entry: Option<&Entry>) -> bool {
        let before = match self.detail {
            Detail::Names => 0,
            Detail::Entries => size_of::<wire::EntryOut>(),
        };
        let length = (before + size_of::<wire::Dirent>() + name.len()).next_multiple_of(8);
        let Ok(namelen) = u32::try_from(name.len()) else { return true };
        if self.bytes.len() + length > self.room {
            return false;
        }
        let end = self.bytes.len() + length;
        if self.detail == Detail::Entries {
            // An entry of zeroes tells nothing.
            self.bytes.extend_from_slice(entry.map(Entry::out).unwrap_or_default().as_bytes());
        }
        let dirent = wire::Dirent { ino, off: next, namelen, kind: mode >> 12 };
        self.bytes.extend_from_slice(dirent.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.resize(end, 0);
        true
    }

    /// What goes to the kernel.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_before_their_names() {
        let mut directory = Directory::new(1000, Detail::Entries);
        let entry = Entry { node: 7, mode: 0o040_755, size: 0, fixed: true };
        assert!(directory.push(7, 0o040_755, "a", 1, Some(&entry)));
        assert!(directory.push(8, 0o040_755, "b", 2, None));
        assert_eq!(directory.bytes().len(), 2 * (128 + 32));
        assert_eq!(directory.bytes()[..8], 7_u64.to_ne_bytes());
        assert_eq!(directory.bytes()[160..288], [0; 128]);
    }

    #[test]
    fn a_directory_takes_what_fits() {
        let mut directory = Directory::new(80, Detail::Names);
        assert!(directory.push(2, 0o040_755, "a", 1, None));
        assert!(directory.push(3, 0o100_644, "name-of-8", 2, None));
        assert!(!directory.push(4, 0o120_777, "b", 3, None));
        assert_eq!(directory.bytes().len(), 32 + 40);
    }
}
