//! Blocks that reset others: the registers behind Linux's `drivers/reset`.
//!
//! Each keeps its reset bits and says by [`uvfio_kernel::hw::ResetLines`] which lines they assert; what a line reaches, and who may move it,
//! is not known here. When a board is brought up every line is released, as boot firmware leaves those of the devices it describes.

pub mod aspeed_scu;
pub mod cpg_mssr;
pub mod simple;
