//! Mapped registers: each access of a program to them becomes one load or store of the device.
//!
//! Hardware answers on the bus; here the pages stay away, so that the access ends in a signal, and a tracer (ptrace(2)) that sees the
//! signal before the program does performs the instruction and steps over it. A process is traced from its first access on, and
//! until it executes another program. One thread does all tracing, because the kernel wants it so.
//!
//! What a program could notice: it cannot be debugged meanwhile; a thread that blocks SIGBUS or SIGSEGV finds it unblocked and its
//! action reset (force_sig_info_to_task, kernel/signal.c); mprotect(PROT_NONE) of mapped registers has no effect on them.

mod access;
mod program;
mod remote;
mod state;
mod tracer;

use std::io;
use std::sync::Arc;

use rustix::process::Pid;
use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::hw::Width;
use uvfio_vfio::caller;

use super::onlooker::{NotPerformed, Onlooker, Trouble};
pub use remote::{Called, Gate, call};
pub use state::{set_vectors, vectors};
use tracer::Tracer;

/// The files whose mappings are registers.
pub trait RegisterFiles: Send + Sync {
    /// The device number of all of them, major and minor.
    fn device(&self) -> (u32, u32);
    /// Whether an open file has this inode.
    fn has(&self, inode: u64) -> bool;
    /// Load at an offset of the file; `None` where it has no such registers.
    fn load(&self, inode: u64, offset: u64, width: Width) -> Option<u64>;
    /// Store at an offset of the file; `None` where it has no such registers.
    fn store(&self, inode: u64, offset: u64, width: Width, value: u64) -> Option<()>;
}

/// The service behind mapped registers.
pub struct Registers {
    tracer: Tracer,
    onlooker: Option<Arc<dyn Onlooker>>,
}

impl Registers {
    /// For these files. No thread runs before the first [`Registers::attach`].
    #[must_use]
    pub fn new(files: Arc<dyn RegisterFiles>, onlooker: Option<Arc<dyn Onlooker>>) -> Self {
        Self { tracer: Tracer::new(files, onlooker.clone()), onlooker }
    }

    /// From now on accesses of the process of `thread` are performed. It has to be called before the first one faults, and may be for
    /// each.
    ///
    /// # Errors
    /// Where the process cannot be traced: `EPERM` where it is this one, or a debugger traces it.
    pub fn attach(&self, thread: Pid) -> io::Result<()> {
        let attached = self.tracer.attach(thread);
        if let (Err(_), Some(onlooker)) = (&attached, &self.onlooker) {
            let nowhere = UserAddr(0);
            let trouble = Trouble::NotTraced;
            let pid = inner(thread);
            onlooker.not_performed(&NotPerformed { pid, address: nowhere, rip: nowhere, trouble });
        }
        attached
    }
}

/// A process's number as the program itself sees it.
fn inner(process: Pid) -> Option<caller::Pid> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).ok()?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NStgid:"))?;
    Some(caller::Pid(numbers.split_ascii_whitespace().next_back()?.parse().ok()?))
}

#[cfg(test)]
mod tests;
