//! A request of the kernel as a checked view on its bytes.

use zerocopy::FromBytes;

use super::wire;

/// What is asked. Offsets, sizes and flags are as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the header's own")]
pub enum Operation<'a> {
    /// The mount is there: agree on a protocol. `flags` has both halves.
    Init { major: u32, minor: u32, flags: u64 },
    /// Find a name in a directory.
    Lookup { name: &'a str },
    /// The kernel forgets nodes. Nothing is answered.
    Forget(Forgets<'a>),
    /// Attributes of a node.
    GetAttr,
    /// Change attributes; `size` where a truncation is among it.
    SetAttr { size: Option<u64> },
    /// Where a link leads.
    ReadLink,
    /// Open a file. `flags` are `open`'s.
    Open { flags: u32 },
    /// Read an open file. `of_page` is set where a page of a mapping is wanted.
    Read { handle: u64, offset: u64, size: u32, of_page: bool },
    /// Write to an open file. `of_page` is set where a page of a mapping is written back.
    Write { handle: u64, offset: u64, bytes: &'a [u8], of_page: bool },
    /// A descriptor of an open file is closed; others may remain.
    Flush,
    /// The last reference to an open file is gone.
    Release { handle: u64 },
    /// `fsync`.
    Sync,
    /// Open a directory.
    OpenDir,
    /// List an open directory from a position.
    ReadDir { handle: u64, offset: u64, size: u32, detail: Detail },
    /// An open directory is closed.
    ReleaseDir { handle: u64 },
    /// `statfs`.
    StatFs,
    /// `ioctl` that was not caught.
    Ioctl { handle: u64, command: u32, argument: u64 },
    /// The program that waits for request `unique` got a signal. Nothing is answered.
    Interrupt { unique: u64 },
    /// The mount goes away.
    Destroy,
    /// Make a file in a directory in order to open it.
    Create,
    /// Make, move or remove something in a directory.
    Rearrange,
    /// Something else.
    Other,
}

/// What a listing tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// READDIR: names and types.
    Names,
    /// READDIRPLUS: also, where that is known, what a lookup would.
    Entries,
}

/// The nodes of a FORGET or BATCH_FORGET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgets<'a> {
    /// One node and how often.
    One(u64, u64),
    /// `struct fuse_forget_one`s.
    Many(&'a [u8]),
}

impl Forgets<'_> {
    /// Call `each` with node and count.
    pub fn for_each(self, mut each: impl FnMut(u64, u64)) {
        match self {
            Forgets::One(node, count) => each(node, count),
            Forgets::Many(bytes) => bytes
                .chunks_exact(size_of::<wire::ForgetOne>())
                .filter_map(|bytes| wire::ForgetOne::read_from_bytes(bytes).ok())
                .for_each(|one| each(one.nodeid, one.nlookup)),
        }
    }
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Names it in the answer.
    pub unique: u64,
    /// The node it is about.
    pub node: u64,
    /// The thread that waits, in the pid namespace of the mount.
    pub pid: u32,
    /// What is asked.
    pub operation: Operation<'a>,
}

impl<'a> Request<'a> {
    /// The request in these bytes; `None` where they are not even a header.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, body) = wire::InHeader::read_from_prefix(bytes).ok()?;
        let operation = operation(&header, body).unwrap_or(Operation::Other);
        Some(Self { unique: header.unique, node: header.nodeid, pid: header.pid, operation })
    }
}

fn operation<'a>(header: &wire::InHeader, body: &'a [u8]) -> Option<Operation<'a>> {
    Some(match header.opcode {
        wire::INIT => {
            let (init, rest) = wire::InitIn::read_from_prefix(body).ok()?;
            let mut flags = u64::from(init.flags);
            if flags & wire::INIT_EXT != 0 {
                let (high, _) = u32::read_from_prefix(rest).ok()?;
                flags |= u64::from(high) << 32;
            }
            Operation::Init { major: init.major, minor: init.minor, flags }
        }
        wire::LOOKUP => Operation::Lookup { name: name(body)? },
        wire::FORGET => {
            let (forget, _) = wire::ForgetIn::read_from_prefix(body).ok()?;
            Operation::Forget(Forgets::One(header.nodeid, forget.nlookup))
        }
        wire::BATCH_FORGET => {
            let (_, rest) = wire::BatchForgetIn::read_from_prefix(body).ok()?;
            Operation::Forget(Forgets::Many(rest))
        }
        wire::GETATTR => Operation::GetAttr,
        wire::SETATTR => {
            let (set, _) = wire::SetAttrIn::read_from_prefix(body).ok()?;
            Operation::SetAttr { size: (set.valid & wire::SET_SIZE != 0).then_some(set.size) }
        }
        wire::READLINK => Operation::ReadLink,
        wire::OPEN => Operation::Open { flags: wire::OpenIn::read_from_prefix(body).ok()?.0.flags },
        wire::READ => {
            let (read, _) = wire::ReadIn::read_from_prefix(body).ok()?;
            let of_page = read.read_flags & wire::READ_LOCKOWNER == 0;
            Operation::Read { handle: read.fh, offset: read.offset, size: read.size, of_page }
        }
        wire::WRITE => {
            let (write, rest) = wire::WriteIn::read_from_prefix(body).ok()?;
            let bytes = rest.get(..usize::try_from(write.size).ok()?)?;
            let of_page = write.write_flags & wire::WRITE_CACHE != 0;
            Operation::Write { handle: write.fh, offset: write.offset, bytes, of_page }
        }
        wire::FLUSH => Operation::Flush,
        wire::RELEASE => Operation::Release { handle: wire::ReleaseIn::read_from_prefix(body).ok()?.0.fh },
        wire::FSYNC => Operation::Sync,
        wire::OPENDIR => Operation::OpenDir,
        wire::READDIR | wire::READDIRPLUS => {
            let (read, _) = wire::ReadIn::read_from_prefix(body).ok()?;
            let detail = if header.opcode == wire::READDIR { Detail::Names } else { Detail::Entries };
            Operation::ReadDir { handle: read.fh, offset: read.offset, size: read.size, detail }
        }
        wire::RELEASEDIR => {
            Operation::ReleaseDir { handle: wire::ReleaseIn::read_from_prefix(body).ok()?.0.fh }
        }
        wire::STATFS => Operation::StatFs,
        wire::IOCTL => {
            let (ioctl, _) = wire::IoctlIn::read_from_prefix(body).ok()?;
            Operation::Ioctl { handle: ioctl.fh, command: ioctl.cmd, argument: ioctl.arg }
        }
        wire::INTERRUPT => {
            Operation::Interrupt { unique: wire::InterruptIn::read_from_prefix(body).ok()?.0.unique }
        }
        wire::DESTROY => Operation::Destroy,
        wire::CREATE => Operation::Create,
        wire::MKNOD
        | wire::MKDIR
        | wire::UNLINK
        | wire::RMDIR
        | wire::RENAME
        | wire::RENAME2
        | wire::LINK
        | wire::SYMLINK => Operation::Rearrange,
        _ => Operation::Other,
    })
}

/// A name up to its NUL. All names here are ASCII; one that is not even UTF-8 is none of ours, nor is the empty one.
fn name(body: &[u8]) -> Option<&str> {
    let end = body.iter().position(|byte| *byte == 0)?;
    Some(std::str::from_utf8(&body[..end]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;

    fn message(opcode: u32, body: &[u8]) -> Vec<u8> {
        let header = wire::InHeader { opcode, unique: 9, nodeid: 5, pid: 7, ..Default::default() };
        [header.as_bytes(), body].concat()
    }

    #[test]
    fn a_name_ends_at_its_nul() {
        let bytes = message(wire::LOOKUP, b"vfio\0rest");
        let request = Request::parse(&bytes).expect("a header");
        assert_eq!((request.unique, request.node, request.pid), (9, 5, 7));
        assert_eq!(request.operation, Operation::Lookup { name: "vfio" });
        let bytes = message(wire::LOOKUP, b"\xff\xfe\0");
        let request = Request::parse(&bytes).expect("a header");
        assert_eq!(request.operation, Operation::Lookup { name: "" });
        let bytes = message(wire::LOOKUP, b"no end");
        assert_eq!(Request::parse(&bytes).map(|request| request.operation), Some(Operation::Other));
    }

    #[test]
    fn a_write_that_says_more_than_it_has_is_not_one() {
        let write = wire::WriteIn { size: 5, offset: 8, ..Default::default() };
        let whole = message(wire::WRITE, &[write.as_bytes(), b"12345"].concat());
        assert_eq!(
            Request::parse(&whole).map(|request| request.operation),
            Some(Operation::Write { handle: 0, offset: 8, bytes: b"12345", of_page: false })
        );
        let cut = message(wire::WRITE, &[write.as_bytes(), b"1234"].concat());
        assert_eq!(Request::parse(&cut).map(|request| request.operation), Some(Operation::Other));
    }

    #[test]
    fn forgets_come_one_by_one_or_many() {
        let many = [
            wire::BatchForgetIn { count: 2, dummy: 0 }.as_bytes(),
            &[1, 0, 0, 0, 0, 0, 0, 0, 3][..],
            &[0; 7],
        ]
        .concat();
        let bytes = message(wire::BATCH_FORGET, &many);
        let Some(Request { operation: Operation::Forget(forgets), .. }) = Request::parse(&bytes) else {
            panic!("a forget");
        };
        let mut seen = Vec::new();
        forgets.for_each(|node, count| seen.push((node, count)));
        assert_eq!(seen, [(1, 3)]);
    }

    #[test]
    fn no_bytes_can_make_it_panic() {
        for opcode in 0..60 {
            for length in 0..120 {
                let bytes = message(opcode, &vec![0xff; length]);
                assert!(Request::parse(&bytes).is_some());
            }
        }
        assert_eq!(Request::parse(&[0; 39]), None);
    }
}
