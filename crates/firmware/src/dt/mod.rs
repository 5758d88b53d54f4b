//! Device trees: bytes of a flattened tree in, nodes and properties out, and what their cells mean.
//!
//! The format is the Devicetree Specification v0.4, chapter 5; what Linux makes of it is in `drivers/of`. Nothing here allocates for
//! a property: values are slices of the blob.

mod address;
mod blob;
mod interrupt;
mod populate;
mod specifier;
mod tree;

pub use address::{translate, windows};
pub use blob::{Header, NotADeviceTree};
pub use interrupt::interrupts;
pub use populate::devices;
pub use specifier::{References, specifiers};
pub use tree::{Node, Property, Tree};
