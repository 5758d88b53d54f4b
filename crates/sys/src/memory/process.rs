//! Copying from and to another process's memory by its number, and telling whether two processes have the same.
//!
//! process_vm_readv(2) checks what the process itself may do: a write to memory it cannot write fails. Not for memory that must
//! survive the process's exec: a number means whatever runs under it now.

use std::io;

use rustix::process::Pid;

/// Read from `from` in the process on. Returns the bytes read, which are fewer than asked for where some cannot be read.
///
/// # Errors
/// What `process_vm_readv(2)` answers: `EFAULT` where the first byte cannot be read, `ESRCH` where there is no such process.
pub fn read(process: Pid, from: u64, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the slice is exclusively borrowed, and any byte is a value of u8.
    unsafe { read_into(process, from, into.as_mut_ptr(), into.len()) }
}

/// Read to a place in this process.
///
/// # Safety
/// `to` is good for writing `len` bytes, or is memory that only faults where it is not, and to which no reference exists.
pub(super) unsafe fn read_into(process: Pid, from: u64, to: *mut u8, len: usize) -> io::Result<usize> {
    let local = libc::iovec { iov_base: to.cast(), iov_len: len };
    let remote = libc::iovec { iov_base: from as *mut libc::c_void, iov_len: len };
    let process = process.as_raw_nonzero().get();
    // SAFETY: 1. The caller answers for `local`. 2. `remote` is only used in the other process, where the kernel checks it; should
    // it be this one, the memory there is read and not written.
    let copied = unsafe { libc::process_vm_readv(process, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(copied).map_err(|_| io::Error::last_os_error())
}

/// A process that is not this one: its memory may be written without breaking anything that is known of this process's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign(Pid);

impl Foreign {
    /// The process or thread with this number.
    ///
    /// # Errors
    /// `EPERM` for this process and its threads.
    pub fn new(process: Pid) -> io::Result<Self> {
        let own = format!("/proc/self/task/{}", process.as_raw_nonzero());
        match rustix::fs::stat(own) {
            Err(rustix::io::Errno::NOENT) => Ok(Self(process)),
            Err(error) => Err(error.into()),
            Ok(_) => Err(io::Error::from_raw_os_error(libc::EPERM)),
        }
    }

    /// Its number.
    #[must_use]
    pub fn pid(self) -> Pid {
        self.0
    }
}

/// Write to `to` in the process on. Returns the bytes written, which are fewer than given where some cannot be written.
///
/// # Errors
/// What `process_vm_writev(2)` answers: `EFAULT` where the first byte cannot be written, `ESRCH` where there is no such process.
pub fn write(process: Foreign, to: u64, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the slice is borrowed.
    unsafe { write_from(process, to, bytes.as_ptr(), bytes.len()) }
}

/// Write from a place in this process.
///
/// # Safety
/// `from` is good for reading `len` bytes, or is memory that only faults where it is not.
pub(super) unsafe fn write_from(process: Foreign, to: u64, from: *const u8, len: usize) -> io::Result<usize> {
    let local = libc::iovec { iov_base: from.cast_mut().cast(), iov_len: len };
    let remote = libc::iovec { iov_base: to as *mut libc::c_void, iov_len: len };
    let process = process.0.as_raw_nonzero().get();
    // SAFETY: 1. The caller answers for `local`, which is only read. 2. `remote` is only used in the other process, where the kernel
    // checks it. 3. It is not this process's memory, as `Foreign` says.
    let copied = unsafe { libc::process_vm_writev(process, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(copied).map_err(|_| io::Error::last_os_error())
}

/// Whether two processes or threads share their memory (kcmp(2), `KCMP_VM`).
///
/// # Errors
/// What `kcmp(2)` answers: `ESRCH` where one is gone, `ENOSYS` where the kernel was built without it.
pub fn same_memory(one: Pid, other: Pid) -> io::Result<bool> {
    const KCMP_VM: libc::c_long = 1;
    // SAFETY: `KCMP_VM` takes no pointers.
    let order = unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            one.as_raw_nonzero().get(),
            other.as_raw_nonzero().get(),
            KCMP_VM,
            0 as libc::c_ulong,
            0 as libc::c_ulong,
        )
    };
    if order < 0 { Err(io::Error::last_os_error()) } else { Ok(order == 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read_but_not_written() {
        let own = rustix::process::getpid();
        let value = [1_u8, 2, 3, 4];
        let mut copy = [0_u8; 4];
        assert_eq!(read(own, value.as_ptr() as u64, &mut copy).expect("it is mapped"), 4);
        assert_eq!(copy, value);
        for own in [own, rustix::thread::gettid()] {
            let refused = Foreign::new(own).expect_err("it is this process");
            assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
        }
    }

    #[test]
    fn unmapped_memory_is_efault() {
        let refused = read(rustix::process::getpid(), 8, &mut [0]).expect_err("nothing is mapped at 8");
        assert_eq!(refused.raw_os_error(), Some(libc::EFAULT));
    }

    #[test]
    fn threads_share_their_memory_and_others_do_not() {
        let own = rustix::process::getpid();
        match same_memory(own, rustix::thread::gettid()) {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {}
            answer => assert!(answer.expect("both are here")),
        }
    }
}
