//! ARM CoreLink DMA-330 (PL330): a DMA controller that runs programs out of memory.
//!
//! ARM DDI 0424 describes it; `drivers/dma/pl330.c` is Linux's driver. One manager thread and up to eight channel threads fetch
//! instructions of one to six bytes, move data through a shared buffer (the MFIFO), and signal events or interrupts. It is the
//! device of the main job because a program needs nothing but its registers, memory it may map, and an interrupt to use it.
//!
//! Left out, because no program can tell: bus timing, the load and store queues (transfers happen when their instruction does, so
//! barriers have nothing to wait for) and the transitional states that those would show.

mod bulk;
mod channel;
mod config;
mod decode;
mod execute;
mod icache;
mod manager;
mod mfifo;
mod model;
mod registers;
mod spec;

pub use config::{Config, Security, Wiring};
pub use model::{Dma330, PeripheralRequest};
pub use spec::{ChannelFault, ManagerFault, State};

#[cfg(test)]
mod tests;
