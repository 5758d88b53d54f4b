//! Which system calls of the program are caught.
//!
//! Every ioctl with VFIO's type byte, on whatever file. Reads and writes only on the descriptors where device files are put (the
//! window): they would reach us through FUSE anyway, but slower. Shared file mappings, because VFIO decides about them and FUSE
//! could not refuse. The loading of modules. `fstatfs`, so that the machine's part of `/sys` is known for what it is, and `readlink`, for
//! what `/proc/PID/fd` says of a device, and `fstat` in the window, for what that says. All else costs nothing: the kernel remembers which
//! calls the filter never looks at.

use std::ops::Range;

use uvfio_abi::Errno;
use uvfio_abi::vfio::VFIO_TYPE;
use uvfio_sys::seccomp::{Assembler, Instruction, Verdict};

/// Descriptors of device files, high enough that programs do not meet them by chance, low enough for the usual limit of 1,024.
pub const WINDOW: Range<u32> = 960..1024;

/// `mmap`.
pub const MMAP: u32 = 9;
/// `lseek`.
pub const LSEEK: u32 = 8;
/// `ioctl`.
pub const IOCTL: u32 = 16;
/// `ioctl` of a 32-bit program.
pub const IOCTL_I386: u32 = 54;
/// `pread64`.
pub const PREAD: u32 = 17;
/// `pwrite64`.
pub const PWRITE: u32 = 18;
/// `fstatfs`.
pub const FSTATFS: u32 = 138;
/// `fstat`.
pub const FSTAT: u32 = 5;
/// `newfstatat`.
pub const NEWFSTATAT: u32 = 262;
/// `statx`.
pub const STATX: u32 = 332;
/// `readlink`.
pub const READLINK: u32 = 89;
/// `readlinkat`.
pub const READLINKAT: u32 = 267;
/// `readlink` of a 32-bit program.
pub const READLINK_I386: u32 = 85;
/// `readlinkat` of a 32-bit program.
pub const READLINKAT_I386: u32 = 305;
/// `init_module`.
pub const INIT_MODULE: u32 = 175;
/// `delete_module`.
pub const DELETE_MODULE: u32 = 176;
/// `finit_module`.
pub const FINIT_MODULE: u32 = 313;

const ARCH_X86_64: u32 = 0xc000_003e;
const ARCH_I386: u32 = 0x4000_0003;
/// Set in the numbers of the x32 interface.
const X32: u32 = 0x4000_0000;

const MAP_SHARED: u32 = 1;
const MAP_ANONYMOUS: u32 = 0x20;

/// The filter.
#[must_use]
pub fn filter() -> Vec<Instruction> {
    let mut asm = Assembler::new();
    let [wide, narrow, ioctl, on_fd, mmap, allow, notify, refuse] = std::array::from_fn(|_| asm.label());
    let refused = Verdict::Fail(Errno::ENOSYS.0 as u16);

    asm.load_arch().if_equal(ARCH_X86_64, wide).if_equal(ARCH_I386, narrow).verdict(refused);

    // Another way into the same calls, which few kernels offer and no program needs.
    asm.place(wide).load_number().if_at_least(X32, refuse).if_equal(IOCTL, ioctl);
    asm.if_equal(PREAD, on_fd).if_equal(PWRITE, on_fd).if_equal(LSEEK, on_fd).if_equal(MMAP, mmap);
    asm.if_equal(FSTAT, on_fd).if_equal(NEWFSTATAT, on_fd).if_equal(STATX, on_fd);
    for number in [FSTATFS, READLINK, READLINKAT, INIT_MODULE, DELETE_MODULE, FINIT_MODULE] {
        asm.if_equal(number, notify);
    }
    asm.verdict(Verdict::Allow);

    asm.place(narrow).load_number().if_equal(IOCTL_I386, ioctl);
    asm.if_equal(READLINK_I386, notify).if_equal(READLINKAT_I386, notify).verdict(Verdict::Allow);

    asm.place(ioctl).load_arg(1).mask(0xff00).if_equal(VFIO_TYPE << 8, notify).verdict(Verdict::Allow);

    asm.place(mmap).load_arg(3).mask(MAP_SHARED | MAP_ANONYMOUS).if_equal(MAP_SHARED, notify);
    asm.load_arg(4).if_at_least(WINDOW.end, allow).if_at_least(WINDOW.start, notify).verdict(Verdict::Allow);

    asm.place(on_fd).load_arg(0).if_at_least(WINDOW.end, allow).if_at_least(WINDOW.start, notify);
    asm.place(allow).verdict(Verdict::Allow);
    asm.place(notify).verdict(Verdict::Notify);
    asm.place(refuse).verdict(refused);
    asm.finish()
}

#[cfg(test)]
mod tests {
    use uvfio_sys::seccomp::{Call, run};

    use super::*;

    const ALLOW: u32 = 0x7fff_0000;
    const NOTIFY: u32 = 0x7fc0_0000;
    const NO_SUCH_CALL: u32 = 0x0005_0000 | 38;

    fn says(arch: u32, number: u32, args: [u64; 6]) -> u32 {
        run(&filter(), &Call { number, arch, args }).expect("a filter the kernel would take")
    }

    fn wide(number: u32, args: [u64; 6]) -> u32 {
        says(ARCH_X86_64, number, args)
    }

    #[test]
    fn vfios_ioctls_are_caught_on_any_file() {
        assert_eq!(wide(IOCTL, [3, 0x3b64, 0, 0, 0, 0]), NOTIFY);
        assert_eq!(wide(IOCTL, [3, 0x1_4010_3b64, 0, 0, 0, 0]), NOTIFY);
        assert_eq!(wide(IOCTL, [3, 0x5401, 0, 0, 0, 0]), ALLOW);
        assert_eq!(says(ARCH_I386, IOCTL_I386, [3, 0x3b64, 0, 0, 0, 0]), NOTIFY);
        assert_eq!(says(ARCH_I386, IOCTL_I386, [3, 0x5401, 0, 0, 0, 0]), ALLOW);
        assert_eq!(says(ARCH_I386, IOCTL, [3, 0x3b64, 0, 0, 0, 0]), ALLOW);
    }

    #[test]
    fn transfers_are_caught_in_the_window() {
        for number in [PREAD, PWRITE, LSEEK, FSTAT, NEWFSTATAT, STATX] {
            for (fd, verdict) in [(3, ALLOW), (959, ALLOW), (960, NOTIFY), (1023, NOTIFY), (1024, ALLOW)] {
                assert_eq!(wide(number, [fd, 0, 0, 0, 0, 0]), verdict, "{number} {fd}");
            }
        }
        // The kernel looks at 32 bits of a descriptor; so does the filter.
        assert_eq!(wide(PREAD, [0xffff_ffff_0000_03c0, 0, 0, 0, 0, 0]), NOTIFY);
    }

    #[test]
    fn file_mappings_are_caught_where_shared_or_in_the_window() {
        let mmap = |flags: u64, fd: u64| wide(MMAP, [0, 4096, 3, flags, fd, 0]);
        assert_eq!(mmap(0x01, 5), NOTIFY);
        assert_eq!(mmap(0x03, 5), NOTIFY);
        assert_eq!(mmap(0x02, 5), ALLOW);
        assert_eq!(mmap(0x02, 961), NOTIFY);
        assert_eq!(mmap(0x21, u64::MAX), ALLOW);
        assert_eq!(mmap(0x22, u64::MAX), ALLOW);
    }

    #[test]
    fn reading_links_is_caught() {
        for number in [READLINK, READLINKAT] {
            assert_eq!(wide(number, [0; 6]), NOTIFY);
        }
        for number in [READLINK_I386, READLINKAT_I386] {
            assert_eq!(says(ARCH_I386, number, [0; 6]), NOTIFY);
            assert_eq!(wide(number, [0; 6]), ALLOW);
        }
    }

    #[test]
    fn loading_modules_is_caught() {
        for number in [INIT_MODULE, DELETE_MODULE, FINIT_MODULE] {
            assert_eq!(wide(number, [0; 6]), NOTIFY);
        }
    }

    #[test]
    fn the_kind_of_a_file_system_is_asked_of_us() {
        assert_eq!(wide(FSTATFS, [3, 0x1000, 0, 0, 0, 0]), NOTIFY);
    }

    #[test]
    fn there_is_no_way_around() {
        assert_eq!(wide(X32 | 514, [3, 0x3b64, 0, 0, 0, 0]), NO_SUCH_CALL);
        assert_eq!(wide(X32 | PREAD, [960, 0, 0, 0, 0, 0]), NO_SUCH_CALL);
        assert_eq!(says(0, IOCTL, [3, 0x3b64, 0, 0, 0, 0]), NO_SUCH_CALL);
        assert_eq!(wide(0, [960, 0, 0, 0, 0, 0]), ALLOW);
    }
}
