//! `fstatfs`: what is laid over `/sys`, `/dev/vfio` and `/proc/modules` says of itself what stands there in Linux.
//!
//! FUSE always says that it is FUSE (fs/fuse/inode.c, `fuse_statfs`), and libudev takes a directory for a device only in sysfs
//! (sd-device.c, `device_set_syspath`). Files of others are between the program and the kernel; so is `statfs`, whose path only the kernel
//! could follow safely.

use uvfio_abi::Errno;
use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::sysfs::{Attribute, Directory};
use uvfio_sys::seccomp::Notification;
use uvfio_vfio::caller::Caller;
use zerocopy::{Immutable, IntoBytes};

use super::super::World;
use super::super::caller::Program;
use super::super::tree::{Item, Thing};
use super::Outcome;

/// Numbers of file systems, and what those have in common (include/uapi/linux/magic.h).
const SYSFS: i64 = 0x6265_6572;
const DEBUGFS: i64 = 0x6462_6720;
const PROC: i64 = 0x9fa0;
/// devtmpfs says it is tmpfs.
const TMPFS: i64 = 0x0102_1994;
const PAGE: i64 = 4096;
const LONGEST_NAME: i64 = 255;
/// `ST_VALID | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RELATIME`.
const FLAGS: i64 = 0x20 | 2 | 4 | 8 | 0x1000;

/// `struct statfs` (include/uapi/asm-generic/statfs.h). Nothing is stored here, so that all that counts blocks is 0.
#[derive(Default, IntoBytes, Immutable)]
#[repr(C)]
struct Statfs {
    kind: i64,
    block: i64,
    blocks: [i64; 5],
    id: [i32; 2],
    longest_name: i64,
    fragment: i64,
    flags: i64,
    spare: [i64; 4],
}

/// Serve such a call.
pub fn serve(world: &World, call: &Notification) -> Outcome {
    let Ok(program) = Program::of(world, call.pid) else { return Outcome::Answer(Err(Errno::EINTR)) };
    let thing = program.node(call.args[0] as i32).and_then(|node| world.tree.thing(node));
    let Some(kind) = thing.and_then(|thing| kind(&thing)) else { return Outcome::Pass };
    let statfs = Statfs {
        kind,
        block: PAGE,
        longest_name: LONGEST_NAME,
        fragment: PAGE,
        flags: FLAGS,
        ..Statfs::default()
    };
    let written = program.write(UserAddr(call.args[1]), statfs.as_bytes());
    Outcome::Answer(written.map(|()| 0).map_err(|_| Errno::EFAULT))
}

/// The file system a thing is in; `None` where Linux has no such thing.
fn kind(thing: &Thing) -> Option<i64> {
    match thing {
        Thing::Directory(Directory::Debug) | Thing::Attribute(Attribute::DevicesDeferred) => Some(DEBUGFS),
        Thing::Directory(_) | Thing::Link(..) | Thing::Attribute(_) | Thing::Real(..) => Some(SYSFS),
        Thing::Session(Item::Loaded | Item::Status(_)) => Some(PROC),
        Thing::Session(Item::Top | Item::Control) => Some(TMPFS),
        Thing::Session(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_the_kernels() {
        assert_eq!(size_of::<Statfs>(), 120);
    }

    #[test]
    fn a_device_is_in_sysfs_and_what_waits_in_debugfs() {
        assert_eq!(kind(&Thing::Directory(Directory::Platform)), Some(SYSFS));
        assert_eq!(kind(&Thing::Attribute(Attribute::DevicesDeferred)), Some(DEBUGFS));
        assert_eq!(kind(&Thing::Session(Item::Kernel)), None);
    }
}
