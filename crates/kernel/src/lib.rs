//! What VFIO stands on: devices, drivers and buses, IOMMU groups and domains, reset controllers and interrupt lines.
//!
//! This is the part of Linux under `drivers/base`, `drivers/iommu`, `drivers/reset` and `kernel/irq` that VFIO needs, as ordinary
//! Rust over a described board. It knows nothing of VFIO and does no input or output.

#![forbid(unsafe_code)]

pub mod addr;
pub mod hw;
