//! Reset: controllers and their lines, what else can reset a device, what a reset reaches, and who may ask for it.
//!
//! In Linux these are drivers/reset/core.c, the reset drivers of VFIO (drivers/vfio/platform/reset), ACPI's `_RST`, and for PCI
//! drivers/pci/pci.c.

mod array;
mod control;
mod controller;
mod core;
mod error;

pub use self::core::{Need, ResetCore, Share};
pub use array::ResetArray;
pub use control::ResetControl;
pub use controller::{OpFailed, Registers, ResetController};
pub use error::{Operation, ResetError};
