//! Software devices: the registers of one block each and what happens behind them, written from its manual.
//!
//! In a machine this is hardware. A model implements [`uvfio_kernel::hw::Model`]; it is handed its wires (a port to memory, interrupt
//! lines, a clock) and knows nothing of VFIO, of processes or of IOMMU domains. Whatever a program writes, a model answers: it never
//! panics, never grows without bound and never works longer than it is asked to.

#![forbid(unsafe_code)]

#[cfg(test)]
mod bench;
pub mod block;
pub mod dma330;
pub mod flexrm;
pub mod fw_cfg;
pub mod maker;
mod memory;
pub mod pl031;
pub mod pl061;
pub mod reset;
pub mod standin;
pub mod stuck;
pub mod virtio_mmio;
mod words;
pub mod xgbe;
pub mod xgmac;
