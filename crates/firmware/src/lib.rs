//! What a board's firmware describes: bytes of a device tree in, a board and a list of diagnostics out.

#![forbid(unsafe_code)]

pub mod acpi;
mod board;
pub mod diagnostic;
pub mod dt;

pub use diagnostic::{Diagnostic, Problem};
pub use dt::NotADeviceTree;

pub use board::{Board, Bus, Device, Interrupt, NodeId, Region, Specifier, Trigger};
