//! What a board's firmware describes: a device tree or ACPI in, a board and a list of diagnostics out.
//!
//! Linux reads the same in `drivers/of` and `drivers/acpi`. Nothing here does IO or panics on what it is given, and trouble never loses the board: it
//! becomes a [`Diagnostic`] beside what could be read. What a board's devices can be used for is for other crates to say.

#![forbid(unsafe_code)]

pub mod acpi;
mod board;
mod diagnostic;
pub mod dt;
mod reference;

pub use board::{
    Board, Bus, Cells, DescribedBy, Device, DmaRange, Interrupt, NodeId, Provider, Range, Region, Reserved,
    Specifier, Supplier, Trigger,
};
pub use diagnostic::{Diagnostic, Problem};
pub use dt::{NotADeviceTree, Tree};
pub use reference::Reference;
