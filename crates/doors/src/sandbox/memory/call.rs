//! The memory a call's pointers mean (`copy_from_user`, `copy_to_user`): one system call each.
//!
//! A program's pointer is good as far as the program itself could use it, so this goes by process_vm_readv(2), which asks for the
//! same permissions. Not for what outlives the call: see `space`.

use std::io;

use rustix::io::Errno;
use rustix::process::Pid;
use uvfio_kernel::addr::UserAddr;
use uvfio_sys::memory::{self, Foreign};
use uvfio_vfio::caller::BadPointer;

/// The memory of a process that waits in a call.
#[derive(Clone, Copy, Debug)]
pub struct CallMemory {
    process: Foreign,
    thread: Pid,
}

impl CallMemory {
    /// The memory of `thread`, one of `process`.
    #[must_use]
    pub fn new(process: Foreign, thread: Pid) -> Self {
        Self { process, thread }
    }

    /// Copy from the process.
    ///
    /// # Errors
    /// Where a byte cannot be read: the first such.
    pub fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), BadPointer> {
        let copied = self.try_both(|process| memory::read(process.pid(), from.0, into));
        complete(from, copied, into.len())
    }

    /// Copy to the process.
    ///
    /// # Errors
    /// Where a byte cannot be written: the first such. Those before it have been.
    pub fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), BadPointer> {
        let copied = self.try_both(|process| memory::write(process, to.0, bytes));
        complete(to, copied, bytes.len())
    }

    /// By the process's number, and by the thread's where the leader has ended before the others and taken its memory with it.
    fn try_both(&self, mut copy: impl FnMut(Foreign) -> io::Result<usize>) -> usize {
        match copy(self.process) {
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => {
                Foreign::new(self.thread).and_then(copy).unwrap_or(0)
            }
            copied => copied.unwrap_or(0),
        }
    }
}

fn complete(at: UserAddr, copied: usize, len: usize) -> Result<(), BadPointer> {
    if copied == len {
        return Ok(());
    }
    Err(BadPointer { at: UserAddr(at.0.wrapping_add(copied as u64)) })
}
