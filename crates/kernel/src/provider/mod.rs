//! Providers: devices that others need, and what a consumer gets from them.
//!
//! In Linux each subsystem has its own provider framework (drivers/reset, drivers/clk, drivers/pmdomain ...), all of one shape: a
//! consumer's property names a provider and gives it cells, the provider's driver translates the cells to one of its outputs, and
//! the consumer gets a handle. IOMMUs are elsewhere, because their handle is a group.

pub mod reset;
