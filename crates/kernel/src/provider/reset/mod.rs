//! Reset: controllers and their lines, what else can reset a device, what a reset reaches, and who may ask for it.
//!
//! In Linux these are drivers/reset/core.c, the reset drivers of VFIO (drivers/vfio/platform/reset), ACPI's `_RST`, and for PCI
//! drivers/pci/pci.c. Here one interface stands over all of them, as those who discussed the reset controller patch asked for: a caller
//! names a [`Scope`], is told what it would affect, and is refused where that is somebody else's. PCI's scopes are named, and answer
//! that they are not available.

mod acpi;
mod array;
mod control;
mod controller;
mod core;
pub mod drivers;
mod error;
mod ownership;
mod plan;
pub mod platform;
mod scope;
mod sets;
mod wiring;

pub use self::core::{Need, ResetCore, Share};
pub use acpi::{AcpiFailure, AcpiReset, Bound, NoAcpi, SystemMemory};
pub use array::ResetArray;
pub use control::ResetControl;
pub use controller::{OpFailed, Registers, ResetController};
pub use error::{Operation, ResetError};
pub use ownership::{Affected, Asker, Holder, NotYours, decide};
pub use plan::{Breadth, ResetPlan, ResetRefusal};
pub use scope::{Ask, BadMethod, Methods, Scope};
pub use sets::{Relation, ResetSet, phys, relation, sets};
pub use wiring::{Line, Wiring, wanted};
