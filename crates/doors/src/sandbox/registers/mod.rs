//! Mapped registers: each access of a program to them becomes one load or store of the device.

mod remote;
mod state;

pub use remote::{Called, Gate, call};
pub use state::{set_vectors, vectors};
