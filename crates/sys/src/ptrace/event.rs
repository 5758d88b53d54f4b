//! What the threads that are traced report: stops, and their end.

use std::io;
use std::mem::MaybeUninit;

use rustix::process::Pid;

use super::request_with;

/// What a thread reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It has ended, in whatever way. There is nothing to resume.
    Ended,
    /// It stopped before this signal is delivered to it.
    Signal(i32),
    /// Its process was stopped by this signal (`SIGSTOP` and its kin).
    GroupStop(i32),
    /// It stopped for another reason.
    Trap(Trap),
}

/// Why a thread stopped, where it was not for a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It begins, or was interrupted, or goes on after a group-stop.
    Begin,
    /// It has made another thread or process (`clone`, `fork`, `vfork`).
    Child,
    /// It has executed another program. Other threads are gone.
    Exec,
    /// A system call begins or ends.
    SystemCall,
    /// Something that was not asked for.
    Other,
}

/// Wait for the next report of any thread that this thread traces.
///
/// # Errors
/// `ECHILD` where it traces none, `EINTR` where a signal came.
pub fn wait() -> io::Result<(Pid, Event)> {
    wait_of(-1)
}

/// Wait for the next report of one thread; those of others are kept.
///
/// # Errors
/// `ECHILD` where it is not traced by this thread, `EINTR` where a signal came.
pub fn wait_for(thread: Pid) -> io::Result<Event> {
    wait_of(thread.as_raw_nonzero().get()).map(|(_, event)| event)
}

fn wait_of(pid: i32) -> io::Result<(Pid, Event)> {
    let mut status = 0;
    // Children that other threads have made are theirs to wait for.
    // SAFETY: `status` is writable.
    let pid = unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    let Some(pid) = Pid::from_raw(pid.max(0)) else { return Err(io::Error::last_os_error()) };
    Ok((pid, decode(status)))
}

fn decode(status: i32) -> Event {
    if !libc::WIFSTOPPED(status) {
        return Event::Ended;
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Event::Trap(Trap::SystemCall),
        0 => Event::Signal(signal),
        libc::PTRACE_EVENT_STOP => match signal {
            libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => Event::GroupStop(signal),
            _ => Event::Trap(Trap::Begin),
        },
        libc::PTRACE_EVENT_CLONE | libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK => {
            Event::Trap(Trap::Child)
        }
        libc::PTRACE_EVENT_EXEC => Event::Trap(Trap::Exec),
        _ => Event::Trap(Trap::Other),
    }
}

/// The part of `siginfo_t` that a fault has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalInfo {
    /// The signal.
    pub signal: i32,
    /// `si_code`: above 0 where the kernel raised it for an instruction, except for `SI_KERNEL`.
    pub code: i32,
    /// The address, for a fault.
    pub address: u64,
}

impl SignalInfo {
    /// The signal that a thread stopped for.
    ///
    /// # Errors
    /// `EINVAL` where it did not stop for one, `ESRCH` where it is not stopped or gone.
    pub fn of(thread: Pid) -> io::Result<Self> {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the kernel writes a whole siginfo_t.
        unsafe { request_with(libc::PTRACE_GETSIGINFO, thread, 0, info.as_mut_ptr().cast())? };
        // SAFETY: 1. All of it is initialised. 2. The address is only a number here, whatever the union holds.
        let (info, address) = unsafe {
            let info = info.assume_init();
            (info, info.si_addr() as u64)
        };
        Ok(Self { signal: info.si_signo, code: info.si_code, address })
    }

    /// Make this the signal that a thread stopped for: it is delivered when the thread is resumed with it.
    ///
    /// # Errors
    /// `EINVAL` where it did not stop for one, `ESRCH` where it is not stopped or gone.
    pub fn set(self, thread: Pid) -> io::Result<()> {
        /// `siginfo_t` with the fields of a fault (include/uapi/asm-generic/siginfo.h).
        #[repr(C)]
        struct Fault {
            signal: i32,
            errno: i32,
            code: i32,
            padding: i32,
            address: u64,
            rest: [u64; 13],
        }
        const { assert!(size_of::<Fault>() == size_of::<libc::siginfo_t>()) };
        let mut fault = Fault {
            signal: self.signal,
            errno: 0,
            code: self.code,
            padding: 0,
            address: self.address,
            rest: [0; 13],
        };
        // SAFETY: the kernel reads a whole siginfo_t, which `fault` is as large as.
        unsafe { request_with(libc::PTRACE_SETSIGINFO, thread, 0, (&raw mut fault).cast()) }
    }
}
