//! Tracing other processes: stopping their threads at signals, and reading and writing their registers.
//!
//! ptrace(2) with `PTRACE_SEIZE`, which never stops a thread by itself. Everything belongs to the thread that seized: only it may
//! wait and act. A tracee may be killed at any moment, so that every call may answer `ESRCH`; its end is then the next to be waited
//! for. Not for other architectures than x86-64.

mod bell;
mod event;
mod registers;
mod xstate;

use std::io;

use rustix::process::Pid;

pub use bell::Bell;
pub use event::{Event, SignalInfo, Trap, wait, wait_for};
pub use registers::{REGISTERS_64_BIT, Registers};
pub use xstate::{Component, XState};

/// How a stopped thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// Until the next signal or event.
    Continue,
    /// Until the next signal, event, or begin or end of a system call.
    ToSystemCall,
    /// For one instruction.
    Step,
}

/// `PTRACE_SEIZE` a thread: signals, clones, forks and execs will be reported, and it dies with the tracer.
///
/// # Errors
/// `EPERM` where it may not be traced or is traced already, `ESRCH` where there is none.
pub fn seize(thread: Pid) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_EXITKILL;
    request(libc::PTRACE_SEIZE, thread, 0, options as usize)
}

/// Let a stopped thread go on untraced.
///
/// # Errors
/// `ESRCH` where it is not stopped or gone.
pub fn detach(thread: Pid) -> io::Result<()> {
    request(libc::PTRACE_DETACH, thread, 0, 0)
}

/// Let a stopped thread go on. `signal` is delivered to it where it stopped for one; 0 is none.
///
/// # Errors
/// `ESRCH` where it is not stopped or gone.
pub fn resume(thread: Pid, how: Resume, signal: i32) -> io::Result<()> {
    let how = match how {
        Resume::Continue => libc::PTRACE_CONT,
        Resume::ToSystemCall => libc::PTRACE_SYSCALL,
        Resume::Step => libc::PTRACE_SINGLESTEP,
    };
    request(how, thread, 0, signal as usize)
}

/// Leave a thread in the group-stop it is in, and be told when that ends.
///
/// # Errors
/// `ESRCH` where it is not stopped or gone.
pub fn listen(thread: Pid) -> io::Result<()> {
    request(libc::PTRACE_LISTEN, thread, 0, 0)
}

/// Stop a running thread. Any other stop that comes first takes the place of this one.
///
/// # Errors
/// `ESRCH` where it is gone.
pub fn interrupt(thread: Pid) -> io::Result<()> {
    request(libc::PTRACE_INTERRUPT, thread, 0, 0)
}

/// A stopped thread's blocked signals, bit n - 1 for signal n.
///
/// # Errors
/// `ESRCH` where it is not stopped or gone.
pub fn signal_mask(thread: Pid) -> io::Result<u64> {
    let mut mask = 0_u64;
    // SAFETY: the kernel writes as many bytes as the third argument says.
    unsafe { request_with(libc::PTRACE_GETSIGMASK, thread, size_of::<u64>(), (&raw mut mask).cast())? };
    Ok(mask)
}

/// Set a stopped thread's blocked signals.
///
/// # Errors
/// `ESRCH` where it is not stopped or gone.
pub fn set_signal_mask(thread: Pid, mask: u64) -> io::Result<()> {
    let mut mask = mask;
    // SAFETY: the kernel reads as many bytes as the third argument says.
    unsafe { request_with(libc::PTRACE_SETSIGMASK, thread, size_of::<u64>(), (&raw mut mask).cast()) }
}

/// A request that takes numbers only.
fn request(request: libc::c_uint, thread: Pid, address: usize, data: usize) -> io::Result<()> {
    // SAFETY: the requests this is used for take no pointer into this process.
    unsafe { request_with(request, thread, address, data as *mut libc::c_void) }
}

/// A request whose last argument is a pointer.
///
/// # Safety
/// `data` is good for what the request reads or writes there.
unsafe fn request_with(
    request: libc::c_uint,
    thread: Pid,
    address: usize,
    data: *mut libc::c_void,
) -> io::Result<()> {
    // SAFETY: the caller answers for `data`. Nothing else of this process is touched.
    let result = unsafe { libc::ptrace(request, thread.as_raw_nonzero().get(), address, data) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
