//! The only crate with `unsafe`: what uvfio asks of the operating system, behind functions that cannot be misused.
//!
//! Where `rustix` already has a safe function, this crate only gives it the shape uvfio needs; where it has none (seccomp
//! notification, `clone3`, another process's memory, ptrace) the system call is made here. Nothing here knows VFIO.

pub mod clone;
pub mod fuse;
pub mod limits;
pub mod memory;
pub mod mounts;
pub mod namespace;
pub mod opener;
pub mod ptrace;
pub mod seccomp;
pub mod signals;
