//! Memory of other processes: copying it, asking what is mapped where, and sharing what can be shared.
//!
//! Linux's `copy_from_user` works on the current process only; a supervisor uses process_vm_readv(2), /proc/PID/mem and
//! `PROCMAP_QUERY` (fs/proc/task_mmu.c) instead, and for files that the process has mapped a mapping of its own.

mod fault;
mod maps;
mod process;
mod shared;

pub use maps::{Area, Maps};
pub use process::{Foreign, read, same_memory, write};
pub use shared::{SharedMapping, Torn};
