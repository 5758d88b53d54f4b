//! A way to end another thread's wait: a signal with a handler that does nothing.
//!
//! waitpid(2) cannot wait for anything beside processes; a signal makes it answer `EINTR`. One that comes just before the wait is
//! lost, so whoever rings does so until it is heard.

use std::io;

use rustix::process::{Pid, getpid};
use rustix::thread::gettid;

/// Rings at the thread that made it.
#[derive(Clone, Copy, Debug)]
pub struct Bell(Pid);

/// The signal: one that nothing else uses.
fn signal() -> i32 {
    libc::SIGRTMIN() + 7
}

impl Bell {
    /// A bell at the calling thread.
    ///
    /// # Errors
    /// What `sigaction(2)` answers.
    pub fn here() -> io::Result<Self> {
        extern "C" fn nothing(_: i32) {}
        // SAFETY: `sigaction` is a plain structure, for which zeroes are a value.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = nothing as extern "C" fn(_) as usize;
        // SAFETY: 1. The handler has the signature that an action without SA_SIGINFO has, and does nothing. 2. No flags are given, so
        // that calls end with EINTR.
        if unsafe { libc::sigaction(signal(), &raw const action, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(gettid()))
    }

    /// Ring.
    pub fn ring(self) {
        let (process, thread) = (getpid().as_raw_nonzero().get(), self.0.as_raw_nonzero().get());
        // SAFETY: no pointers; the signal has a handler in this process, and none other is reached, for the process is named too.
        unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal()) };
    }
}
