//! The error numbers the driver core answers with (`asm-generic/errno-base.h`, `linux/errno.h`), as bare numbers.
//!
//! This crate does not speak the user interface of VFIO, so it keeps these few beside it; a caller wraps them in its own type.

/// A positive Linux error number.
pub type Errno = i32;

/// `EPERM`.
pub const EPERM: Errno = 1;
/// `ENOENT`.
pub const ENOENT: Errno = 2;
/// `EINTR`.
pub const EINTR: Errno = 4;
/// `EIO`.
pub const EIO: Errno = 5;
/// `E2BIG`.
pub const E2BIG: Errno = 7;
/// `EAGAIN`, which is also `EWOULDBLOCK`.
pub const EAGAIN: Errno = 11;
/// `EACCES`.
pub const EACCES: Errno = 13;
/// `EBUSY`.
pub const EBUSY: Errno = 16;
/// `EEXIST`.
pub const EEXIST: Errno = 17;
/// `ENODEV`.
pub const ENODEV: Errno = 19;
/// `EINVAL`.
pub const EINVAL: Errno = 22;
/// `ERANGE`.
pub const ERANGE: Errno = 34;
/// `ELOOP`.
pub const ELOOP: Errno = 40;
/// `ETIMEDOUT`.
pub const ETIMEDOUT: Errno = 110;
/// `EPROBE_DEFER`; a program never sees it.
pub const EPROBE_DEFER: Errno = 517;
/// `ENOTSUPP`; reset controllers answer it.
pub const ENOTSUPP: Errno = 524;
