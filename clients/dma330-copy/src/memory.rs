//! Memory that a device may be given.

use std::ptr::NonNull;

use crate::Failure;
use crate::options::Kind;

/// Pages of this process; unmapped when dropped.
pub struct Memory {
    start: NonNull<u8>,
    len: usize,
}

impl Memory {
    /// `len` bytes of zeroes.
    ///
    /// # Errors
    /// Where the system has none.
    pub fn new(len: usize, kind: Kind) -> Result<Self, Failure> {
        let (flags, fd) = match kind {
            Kind::Anonymous => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1),
            Kind::Memfd => (libc::MAP_SHARED, memfd(len)?),
        };
        // SAFETY: 1. A new mapping at an address of the system's choice replaces nothing. 2. The descriptor, where there is one, is ours.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, fd, 0)
        };
        let failure = Failure::system(format!("mmap of {len} bytes"));
        if fd >= 0 {
            // SAFETY: the descriptor was opened above and is used nowhere else; a mapping keeps its file.
            unsafe { libc::close(fd) };
        }
        match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => Ok(Memory { start, len }),
            _ => Err(failure),
        }
    }

    /// Its address.
    pub fn address(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.len as u64
    }

    /// Never, but clippy asks.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copy into it. What does not fit is left out.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let room = self.len.saturating_sub(offset).min(bytes.len());
        // SAFETY: 1. `offset + room` is within the mapping. 2. No reference to the mapping exists: it is only reached through copies.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(offset.min(self.len)), room)
        };
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// Copy `other` into it, as far as both reach.
    pub fn copy_from(&self, other: &Memory) {
        let len = self.len.min(other.len);
        // SAFETY: 1. Both mappings have `len` bytes. 2. `copy` allows that they are the same. 3. No reference to either exists.
        unsafe { std::ptr::copy(other.start.as_ptr(), self.start.as_ptr(), len) };
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// A copy of it.
    pub fn read(&self) -> Vec<u8> {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        let mut bytes = vec![0; self.len];
        // SAFETY: 1. The mapping has `len` bytes, and so has the vector. 2. The device was told to write before this point only.
        unsafe { std::ptr::copy_nonoverlapping(self.start.as_ptr(), bytes.as_mut_ptr(), self.len) };
        bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

fn memfd(len: usize) -> Result<i32, Failure> {
    // SAFETY: the name is a terminated string.
    let fd = unsafe { libc::memfd_create(c"dma330-copy".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(Failure::system("memfd_create"));
    }
    // SAFETY: the descriptor is ours.
    if unsafe { libc::ftruncate(fd, len as libc::off_t) } < 0 {
        return Err(Failure::system("ftruncate"));
    }
    Ok(fd)
}
