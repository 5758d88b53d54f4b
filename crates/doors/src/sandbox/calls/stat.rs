//! `fstat`, `newfstatat` and `statx` of a device's descriptor: a file of no type and no length, as the kernel's anonymous files are.
//!
//! fs/anon_inodes.c, `anon_inode_getattr`; `stat` there says permissions and nothing else. FUSE knows no files without a type
//! (`fuse_invalid_attr`, fs/fuse/dir.c). Caught are only descriptors of the window; a copy with another number is seen as a regular file.

use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, makedev, statx};
use uvfio_abi::Errno;
use uvfio_kernel::addr::UserAddr;
use uvfio_sys::seccomp::Notification;
use uvfio_vfio::caller::Caller;
use uvfio_vfio::file::File;
use zerocopy::{Immutable, IntoBytes};

use super::super::World;
use super::super::caller::Program;
use super::{Outcome, PAGE, filter};

/// `AT_EMPTY_PATH`: the descriptor itself is meant.
const EMPTY_PATH: u64 = 0x1000;
/// Read and written by its owner.
const MODE: u16 = 0o600;

/// `struct stat` of x86-64 (arch/x86/include/uapi/asm/stat.h).
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
struct Stat {
    device: u64,
    inode: u64,
    links: u64,
    mode: u32,
    owner: [u32; 2],
    pad: u32,
    special: u64,
    size: u64,
    block: u64,
    blocks: u64,
    times: [u64; 6],
    unused: [u64; 3],
}

/// `struct statx` (include/uapi/linux/stat.h).
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
struct Extended {
    mask: u32,
    block: u32,
    attributes: u64,
    links: u32,
    owner: [u32; 2],
    mode: u16,
    spare: u16,
    inode: u64,
    size: u64,
    blocks: u64,
    known_attributes: u64,
    times: [u64; 8],
    special: [u32; 2],
    device: [u32; 2],
    mount: u64,
    rest: [u64; 13],
}

/// `STATX_BASIC_STATS` and `STATX_MNT_ID`.
const MASK: u32 = 0x7ff | 0x1000;

/// Whether a call is one of these.
pub fn is_one(number: u32) -> bool {
    matches!(number, filter::FSTAT | filter::NEWFSTATAT | filter::STATX)
}

/// Serve such a call on a descriptor of the window.
pub fn serve(world: &World, call: &Notification) -> Outcome {
    answer(world, call).map_or(Outcome::Pass, Outcome::Answer)
}

/// `None` leaves it to the kernel.
fn answer(world: &World, call: &Notification) -> Option<Result<i64, Errno>> {
    let [fd, path, c, d, e, _] = call.args;
    let (flags, buffer) = match call.number as u32 {
        filter::NEWFSTATAT => (d, c),
        filter::STATX => (c, e),
        _ => (EMPTY_PATH, path),
    };
    let program = Program::of(world, call.pid).ok()?;
    let named = call.number as u32 != filter::FSTAT;
    if flags & EMPTY_PATH == 0 || (named && !is_empty(&program, path)) {
        return None;
    }
    let seen = look(call.pid, fd as i32)?;
    let open = world.files.get(world.node_of(&seen)?)?;
    if !matches!(open.file, File::Device(_)) {
        return None;
    }
    let written = match call.number as u32 {
        filter::STATX => program.write(UserAddr(buffer), extended(&seen).as_bytes()),
        _ => program.write(UserAddr(buffer), stat(&seen).as_bytes()),
    };
    Some(written.map(|()| 0).map_err(|_| Errno::EFAULT))
}

/// Whether a path says nothing, or is not there at all (since Linux 6.11 that is as good).
fn is_empty(program: &Program<'_>, path: u64) -> bool {
    let mut first = [0];
    path == 0 || (program.read(UserAddr(path), &mut first).is_ok() && first == [0])
}

fn look(thread: u32, fd: i32) -> Option<Statx> {
    // The file system is not asked, which would be us.
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    statx(CWD, format!("/proc/{thread}/fd/{fd}"), flags, StatxFlags::INO | StatxFlags::MNT_ID).ok()
}

fn stat(seen: &Statx) -> Stat {
    Stat {
        device: makedev(seen.stx_dev_major, seen.stx_dev_minor),
        inode: seen.stx_ino,
        links: 1,
        mode: MODE.into(),
        block: PAGE,
        ..Stat::default()
    }
}

fn extended(seen: &Statx) -> Extended {
    Extended {
        mask: MASK,
        block: PAGE as u32,
        links: 1,
        mode: MODE,
        inode: seen.stx_ino,
        device: [seen.stx_dev_major, seen.stx_dev_minor],
        mount: seen.stx_mnt_id,
        ..Extended::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_as_long_as_the_kernels() {
        assert_eq!((size_of::<Stat>(), size_of::<Extended>()), (144, 256));
    }
}
