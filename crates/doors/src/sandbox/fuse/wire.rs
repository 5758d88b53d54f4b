//! Numbers and structures of include/uapi/linux/fuse.h, as far as they are used.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! opcodes {
    ($($name:ident = $value:literal;)*) => {
        $(#[doc = concat!("`FUSE_", stringify!($name), "`.")] pub const $name: u32 = $value;)*
    };
}

opcodes! {
    LOOKUP = 1;
    FORGET = 2;
    GETATTR = 3;
    SETATTR = 4;
    READLINK = 5;
    SYMLINK = 6;
    MKNOD = 8;
    MKDIR = 9;
    UNLINK = 10;
    RMDIR = 11;
    RENAME = 12;
    LINK = 13;
    OPEN = 14;
    READ = 15;
    WRITE = 16;
    STATFS = 17;
    RELEASE = 18;
    FSYNC = 20;
    FLUSH = 25;
    INIT = 26;
    OPENDIR = 27;
    READDIR = 28;
    RELEASEDIR = 29;
    CREATE = 35;
    INTERRUPT = 36;
    DESTROY = 38;
    IOCTL = 39;
    BATCH_FORGET = 42;
    READDIRPLUS = 44;
    RENAME2 = 45;
}

/// `FUSE_ROOT_ID`.
pub const ROOT: u64 = 1;

/// The protocol spoken here, `FUSE_KERNEL_VERSION`.
pub const MAJOR: u32 = 7;
/// The newest revision whose structures are known here.
pub const MINOR: u32 = 40;

/// `FUSE_ATOMIC_O_TRUNC`: opening with `O_TRUNC` sends no SETATTR.
pub const INIT_ATOMIC_O_TRUNC: u64 = 1 << 3;
/// `FUSE_BIG_WRITES`.
pub const INIT_BIG_WRITES: u64 = 1 << 5;
/// `FUSE_DO_READDIRPLUS`: a listing may tell what each name is, as a lookup would.
pub const INIT_DO_READDIRPLUS: u64 = 1 << 13;
/// `FUSE_PARALLEL_DIROPS`: lookups in one directory do not wait for each other.
pub const INIT_PARALLEL_DIROPS: u64 = 1 << 18;
/// `FUSE_MAX_PAGES`: `max_pages` is valid.
pub const INIT_MAX_PAGES: u64 = 1 << 22;
/// `FUSE_INIT_EXT`: `flags2` is valid.
pub const INIT_EXT: u64 = 1 << 30;
/// `FUSE_DIRECT_IO_ALLOW_MMAP` (6.6): files with direct IO may be mapped shared.
pub const INIT_DIRECT_IO_ALLOW_MMAP: u64 = 1 << 36;

/// `FOPEN_DIRECT_IO`: no page cache for read and write.
pub const OPEN_DIRECT_IO: u32 = 1 << 0;
/// `FOPEN_NOFLUSH`: no FLUSH on close.
pub const OPEN_NOFLUSH: u32 = 1 << 5;
/// `FOPEN_PARALLEL_DIRECT_WRITES`: writes to one file do not wait for each other.
pub const OPEN_PARALLEL_DIRECT_WRITES: u32 = 1 << 6;

/// `FUSE_READ_LOCKOWNER`: set for every read that is not one of the page cache.
pub const READ_LOCKOWNER: u32 = 1 << 1;
/// `FUSE_WRITE_CACHE`: a page of a shared mapping is written back.
pub const WRITE_CACHE: u32 = 1 << 0;

/// `FATTR_SIZE`.
pub const SET_SIZE: u32 = 1 << 3;

macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident[$size:literal] { $($field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
            #[allow(missing_docs, reason = "the names are the header's own")]
            pub struct $name { $(pub $field: $ty,)* }
            const _: () = assert!(size_of::<$name>() == $size);
        )*
    };
}

layouts! {
    /// `struct fuse_in_header`.
    InHeader[40] { len: u32, opcode: u32, unique: u64, nodeid: u64, uid: u32, gid: u32, pid: u32, total_extlen: u16, padding: u16, }
    /// `struct fuse_out_header`.
    OutHeader[16] { len: u32, error: i32, unique: u64, }
    /// `struct fuse_attr`.
    Attr[88] {
        ino: u64, size: u64, blocks: u64, atime: u64, mtime: u64, ctime: u64, atimensec: u32, mtimensec: u32, ctimensec: u32,
        mode: u32, nlink: u32, uid: u32, gid: u32, rdev: u32, blksize: u32, flags: u32,
    }
    /// `struct fuse_entry_out`.
    EntryOut[128] {
        nodeid: u64, generation: u64, entry_valid: u64, attr_valid: u64, entry_valid_nsec: u32, attr_valid_nsec: u32, attr: Attr,
    }
    /// `struct fuse_attr_out`.
    AttrOut[104] { attr_valid: u64, attr_valid_nsec: u32, dummy: u32, attr: Attr, }
    /// `struct fuse_forget_in`.
    ForgetIn[8] { nlookup: u64, }
    /// `struct fuse_batch_forget_in`.
    BatchForgetIn[8] { count: u32, dummy: u32, }
    /// `struct fuse_forget_one`.
    ForgetOne[16] { nodeid: u64, nlookup: u64, }
    /// `struct fuse_setattr_in`, its beginning.
    SetAttrIn[24] { valid: u32, padding: u32, fh: u64, size: u64, }
    /// `struct fuse_open_in`.
    OpenIn[8] { flags: u32, open_flags: u32, }
    /// `struct fuse_open_out`.
    OpenOut[16] { fh: u64, open_flags: u32, backing_id: u32, }
    /// `struct fuse_read_in`; the same for READDIR.
    ReadIn[40] { fh: u64, offset: u64, size: u32, read_flags: u32, lock_owner: u64, flags: u32, padding: u32, }
    /// `struct fuse_write_in`.
    WriteIn[40] { fh: u64, offset: u64, size: u32, write_flags: u32, lock_owner: u64, flags: u32, padding: u32, }
    /// `struct fuse_write_out`.
    WriteOut[8] { size: u32, padding: u32, }
    /// `struct fuse_release_in`.
    ReleaseIn[24] { fh: u64, flags: u32, release_flags: u32, lock_owner: u64, }
    /// `struct fuse_init_in`, its beginning; `flags2` follows where `flags` has `FUSE_INIT_EXT`.
    InitIn[16] { major: u32, minor: u32, max_readahead: u32, flags: u32, }
    /// `struct fuse_init_out`.
    InitOut[64] {
        major: u32, minor: u32, max_readahead: u32, flags: u32, max_background: u16, congestion_threshold: u16, max_write: u32,
        time_gran: u32, max_pages: u16, map_alignment: u16, flags2: u32, max_stack_depth: u32, unused: [u32; 6],
    }
    /// `struct fuse_interrupt_in`.
    InterruptIn[8] { unique: u64, }
    /// `struct fuse_ioctl_in`.
    IoctlIn[32] { fh: u64, flags: u32, cmd: u32, arg: u64, in_size: u32, out_size: u32, }
    /// `struct fuse_ioctl_out`.
    IoctlOut[16] { result: i32, flags: u32, in_iovs: u32, out_iovs: u32, }
    /// `struct fuse_statfs_out`.
    StatfsOut[80] {
        blocks: u64, bfree: u64, bavail: u64, files: u64, ffree: u64, bsize: u32, namelen: u32, frsize: u32, padding: u32,
        spare: [u32; 6],
    }
    /// `struct fuse_dirent`, before the name.
    Dirent[24] { ino: u64, off: u64, namelen: u32, kind: u32, }
}
