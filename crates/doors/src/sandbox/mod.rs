//! The sandbox: runs an unmodified program in a world that has VFIO.
//!
//! The program sees `/dev/vfio` and the machine's part of `/sys` as a FUSE mount of ours; its VFIO ioctls are caught by a seccomp
//! filter and served here; everything else it does is between it and the kernel. Three processes are involved: the command, which
//! serves; process 1 of a new pid namespace, with whose death the kernel ends everything in it; and the program.
//!
//! Not for confining programs: it shows them something, it keeps them from nothing.

pub mod eventfd;
pub mod memory;
pub mod process;
pub mod work;
