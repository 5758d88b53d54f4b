//! A file's pages mapped into this process while others use them too, in a form that neither races nor signals can break.
//!
//! Whoever else maps the file may change the bytes at any moment and may shorten it, which turns an access into SIGBUS (mmap(2)).
//! So there is no reference into the pages: they are copied in and out, and a copy that runs into SIGBUS ends with [`Torn`].

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Pid;

use super::fault::{self, Guarded};
use super::process::{self, Foreign};

/// The file does not reach as far any more, or never did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mapped file does not reach there")]
pub struct Torn;

/// Pages of a file, mapped shared for reading and writing.
#[derive(Debug)]
pub struct SharedMapping {
    start: usize,
    len: usize,
    torn: AtomicBool,
}

impl SharedMapping {
    /// Map `len` bytes of `file` from `offset` on, which must be a multiple of the page.
    ///
    /// # Errors
    /// What `mmap(2)` answers: `EACCES` where the file was not opened for reading and writing.
    pub fn new(file: impl AsFd, offset: u64, len: usize) -> io::Result<Self> {
        fault::install()?;
        let offset = i64::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))?;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let file = file.as_fd().as_raw_fd();
        // SAFETY: 1. No address is asked for, so no mapping of this process is replaced. 2. The descriptor is borrowed.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, prot, libc::MAP_SHARED, file, offset) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start: start as usize, len, torn: AtomicBool::new(false) })
    }

    /// Bytes mapped.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is mapped: never, for `mmap(2)` refuses a length of 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether an access has found the file shortened. No access succeeds from then on.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.torn.load(Ordering::Acquire)
    }

    /// Copy from `at` on.
    ///
    /// # Errors
    /// Where the range is not inside, or the file has been shortened; `into` then holds anything.
    pub fn read(&self, at: usize, into: &mut [u8]) -> Result<(), Torn> {
        let from = self.address(at, into.len())?;
        // SAFETY: 1. `from` is inside the mapping, which stays as long as `self`. 2. `into` is exclusively borrowed.
        unsafe { fault::copy(from, into.as_mut_ptr() as usize, into.len(), [self.guarded(), Guarded::NONE]) };
        self.whole()
    }

    /// Copy to `at` on.
    ///
    /// # Errors
    /// Where the range is not inside, or the file has been shortened; how much was written is then unknown.
    pub fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        let to = self.address(at, bytes.len())?;
        // SAFETY: 1. `to` is inside the mapping, which is writable and stays as long as `self`, and to which no reference exists.
        // 2. `bytes` is borrowed.
        unsafe { fault::copy(bytes.as_ptr() as usize, to, bytes.len(), [self.guarded(), Guarded::NONE]) };
        self.whole()
    }

    /// Copy `len` bytes from `at` to `to` of another mapping, from low to high addresses.
    ///
    /// # Errors
    /// Where a range is not inside, or a file has been shortened; how much was written is then unknown.
    pub fn copy(&self, at: usize, other: &Self, to: usize, len: usize) -> Result<(), Torn> {
        let (from, to) = (self.address(at, len)?, other.address(to, len)?);
        // SAFETY: both are inside mappings that stay as long as they are borrowed, and to which no reference exists.
        unsafe { fault::copy(from, to, len, [self.guarded(), other.guarded()]) };
        self.whole().and(other.whole())
    }

    /// Write `len` bytes from `at` on to `to` in a process, without carrying them through other memory. Returns the bytes written.
    ///
    /// # Errors
    /// Where the range is not inside the mapping.
    pub fn send(&self, at: usize, len: usize, process: Foreign, to: u64) -> Result<usize, Torn> {
        let from = self.address(at, len)?;
        // SAFETY: `from` is inside the mapping, which stays as long as `self`; the kernel reads it, and ends early where the file has
        // been shortened.
        Ok(unsafe { process::write_from(process, to, from as *const u8, len) }.unwrap_or(0))
    }

    /// Read `len` bytes from `from` in a process to `at`, likewise. Returns the bytes read.
    ///
    /// # Errors
    /// Where the range is not inside the mapping.
    pub fn receive(&self, at: usize, len: usize, process: Pid, from: u64) -> Result<usize, Torn> {
        let to = self.address(at, len)?;
        // SAFETY: `to` is inside the mapping, to which no reference exists and which stays as long as `self`; the kernel writes it,
        // and ends early where the file has been shortened.
        Ok(unsafe { process::read_into(process, from, to as *mut u8, len) }.unwrap_or(0))
    }

    fn address(&self, at: usize, len: usize) -> Result<usize, Torn> {
        match at.checked_add(len) {
            Some(end) if end <= self.len && !self.is_torn() => Ok(self.start + at),
            _ => Err(Torn),
        }
    }

    fn guarded(&self) -> Guarded {
        Guarded { start: self.start, end: self.start + self.len, torn: &raw const self.torn }
    }

    fn whole(&self) -> Result<(), Torn> {
        if self.is_torn() { Err(Torn) } else { Ok(()) }
    }
}

impl Drop for SharedMapping {
    fn drop(&mut self) {
        // SAFETY: 1. Exactly this range was mapped by `new`. 2. Nothing refers to it: accesses borrow `self`.
        unsafe { libc::munmap(self.start as *mut libc::c_void, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    #[test]
    fn what_is_written_through_one_mapping_is_read_through_another() {
        let file = memfd_create("pages", MemfdFlags::CLOEXEC).expect("a memfd can be made");
        ftruncate(&file, 0x3000).expect("it can grow");
        let one = SharedMapping::new(&file, 0, 0x3000).expect("it can be mapped");
        let other = SharedMapping::new(&file, 0x1000, 0x2000).expect("it can be mapped");
        one.write(0x1ffe, b"abcd").expect("inside");
        let mut read = [0; 4];
        other.read(0xffe, &mut read).expect("inside");
        assert_eq!(&read, b"abcd");
        other.copy(0xffe, &one, 0, 4).expect("inside");
        one.read(0, &mut read).expect("inside");
        assert_eq!(&read, b"abcd");
        assert_eq!(one.read(0x2ffd, &mut read), Err(Torn));
        assert_eq!(one.write(usize::MAX, b"a"), Err(Torn));
    }

    #[test]
    fn a_shortened_file_is_an_error_and_not_a_signal() {
        let file = memfd_create("pages", MemfdFlags::CLOEXEC).expect("a memfd can be made");
        ftruncate(&file, 0x3000).expect("it can grow");
        let mapping = SharedMapping::new(&file, 0, 0x3000).expect("it can be mapped");
        mapping.write(0x2000, b"abcd").expect("inside");
        ftruncate(&file, 0x1000).expect("it can shrink");
        let mut read = [0; 0x3000];
        assert_eq!(mapping.read(0, &mut read), Err(Torn));
        assert!(mapping.is_torn());
        ftruncate(&file, 0x3000).expect("it can grow again");
        assert_eq!(mapping.read(0, &mut read[..1]), Err(Torn), "a page of it has been replaced");
    }
}
