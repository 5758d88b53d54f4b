//! VFIO itself: containers, groups, device files, type1, interrupts and the platform and AMBA bus drivers.
//!
//! This is `drivers/vfio` of Linux as ordinary Rust. It speaks the structures of `uvfio-abi`, stands on `uvfio-kernel`, and sees
//! the calling process through one trait, [`caller::Caller`].

#![forbid(unsafe_code)]

pub mod caller;
mod container;
mod device;
pub mod file;
mod group;
pub mod observe;
pub mod personality;
pub mod refusal;
mod vfio;

pub use vfio::{Options, Vfio};
