//! VFIO itself: containers, groups, device files, type1, interrupts and the platform and AMBA bus drivers.
//!
//! This is `drivers/vfio` of Linux as ordinary Rust. It speaks the structures of `uvfio-abi`, stands on `uvfio-kernel`, and sees
//! the calling process through one trait, [`caller::Caller`].

#![forbid(unsafe_code)]

mod attach;
mod bus;
pub mod caller;
mod container;
mod control;
mod device;
pub mod file;
mod group;
mod hot_reset;
#[cfg(all(test, feature = "shuttle"))]
mod interleavings;
mod irq;
mod nodes;
pub mod observe;
mod opening;
pub mod personality;
pub mod refusal;
mod resetting;
mod sync;
#[cfg(test)]
#[cfg_attr(feature = "shuttle", expect(dead_code, reason = "only the tests of interleavings are built"))]
mod testing;
#[cfg(all(test, not(feature = "shuttle")))]
mod tests;
mod trace;
mod type1;
mod user;
mod vfio;

pub use vfio::{Options, Registers, ResetSets, Vfio};
