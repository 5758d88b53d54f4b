//! What VFIO stands on: devices, drivers and buses, IOMMU groups and domains, reset controllers and interrupt lines.
//!
//! This is the part of Linux under `drivers/base`, `drivers/iommu`, `drivers/reset` and `kernel/irq` that VFIO needs, as ordinary
//! Rust over a described board. It knows nothing of VFIO and does no input or output.

#![forbid(unsafe_code)]

pub mod addr;
pub mod device;
pub mod errno;
pub mod hw;
pub mod iommu;
pub mod irq;
pub mod machine;
pub mod module;
pub mod provider;
mod sync;
pub mod sysfs;
pub mod wait;

pub(crate) use sync::{lock, read, write};
