//! Signals as descriptors: block them, read them, and put the mask back.
//!
//! The command takes the signals meant for the program and passes them on (signalfd(2)). A blocked signal is inherited by the
//! threads made afterwards, so that none of them is interrupted.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A set of blocked signals, readable as they arrive. The mask is put back when it is dropped.
#[derive(Debug)]
pub struct Blocked {
    fd: OwnedFd,
    before: Mask,
}

/// A thread's signal mask.
#[derive(Clone, Copy)]
pub struct Mask(libc::sigset_t);

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask")
    }
}

impl Mask {
    fn of(signals: &[i32]) -> Self {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigemptyset` initialises the whole set, `sigaddset` needs an initialised one and rejects unknown numbers.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for &signal in signals {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            Self(set.assume_init())
        }
    }

    /// Make this the calling thread's mask.
    pub fn restore(&self) {
        // SAFETY: the set is initialised; no old set is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

impl Blocked {
    /// Block `signals` in this thread and those it makes, and take them through a descriptor.
    ///
    /// # Errors
    /// What `signalfd(2)` answers.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let set = Mask::of(signals);
        let mut before = Mask::of(&[]);
        // SAFETY: both sets are initialised and outlive the call.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set.0, &raw mut before.0) };
        // SAFETY: the set is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &raw const set.0, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            let error = io::Error::last_os_error();
            before.restore();
            return Err(error);
        }
        // SAFETY: the kernel just made it and nobody else knows it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) }, before })
    }

    /// The mask as it was before.
    #[must_use]
    pub fn before(&self) -> Mask {
        self.before
    }

    /// The number of the next signal that has arrived, if any.
    #[must_use]
    pub fn next(&self) -> Option<i32> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer has room for one `signalfd_siginfo`, the only unit a signalfd gives.
        let read = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(read) != Ok(size) {
            return None;
        }
        // SAFETY: the kernel has filled all of it.
        let info = unsafe { info.assume_init() };
        i32::try_from(info.ssi_signo).ok()
    }
}

impl AsFd for Blocked {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.before.restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_read_once() {
        let blocked = Blocked::new(&[libc::SIGUSR2]).expect("a signalfd");
        assert_eq!(blocked.next(), None);
        // SAFETY: the signal is blocked in this thread, to which it is sent.
        unsafe { libc::raise(libc::SIGUSR2) };
        assert_eq!(blocked.next(), Some(libc::SIGUSR2));
        assert_eq!(blocked.next(), None);
    }
}
