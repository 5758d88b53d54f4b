//! The device's registers, mapped or by transfers.

use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use crate::Failure;
use crate::options::Access;
use crate::vfio::RegionInfo;

/// A window of 32-bit registers.
pub enum Registers<'a> {
    /// Mapped: loads and stores.
    Mapped {
        /// Where.
        start: NonNull<u32>,
        /// Bytes.
        len: usize,
    },
    /// `pread` and `pwrite` on the device.
    Transfers {
        /// The device.
        device: &'a OwnedFd,
        /// Where the window begins in the file.
        offset: u64,
        /// Bytes.
        len: usize,
    },
}

impl<'a> Registers<'a> {
    /// The registers of a region.
    ///
    /// # Errors
    /// Where it cannot be mapped.
    pub fn new(device: &'a OwnedFd, region: &RegionInfo, access: Access) -> Result<Self, Failure> {
        let len = region.size as usize;
        if access == Access::Pread {
            return Ok(Registers::Transfers { device, offset: region.offset, len });
        }
        let (prot, fd) = (libc::PROT_READ | libc::PROT_WRITE, device.as_raw_fd());
        // SAFETY: a new mapping at an address of the system's choice replaces nothing.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), len, prot, libc::MAP_SHARED, fd, region.offset as libc::off_t)
        };
        match NonNull::new(start.cast::<u32>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => Ok(Registers::Mapped { start, len }),
            _ => Err(Failure::system("mmap of the registers")),
        }
    }

    /// Load a register.
    ///
    /// # Errors
    /// Where it lies outside the window or a transfer fails.
    pub fn load(&self, register: u64) -> Result<u32, Failure> {
        match *self {
            Registers::Mapped { start, len } => {
                let index = index(register, len)?;
                // SAFETY: 1. `index` is within the mapping. 2. Registers are only reached by volatile accesses.
                Ok(unsafe { start.add(index).read_volatile() })
            }
            Registers::Transfers { device, offset, len } => {
                index(register, len)?;
                let mut value = [0; 4];
                let at = (offset + register) as libc::off_t;
                // SAFETY: the buffer has 4 bytes.
                let done = unsafe { libc::pread(device.as_raw_fd(), value.as_mut_ptr().cast(), 4, at) };
                if done == 4 {
                    Ok(u32::from_le_bytes(value))
                } else {
                    Err(Failure::system(format!("pread of register {register:#x}")))
                }
            }
        }
    }

    /// Store to a register.
    ///
    /// # Errors
    /// Where it lies outside the window or a transfer fails.
    pub fn store(&self, register: u64, value: u32) -> Result<(), Failure> {
        match *self {
            Registers::Mapped { start, len } => {
                let index = index(register, len)?;
                // SAFETY: as for a load.
                unsafe { start.add(index).write_volatile(value) };
                Ok(())
            }
            Registers::Transfers { device, offset, len } => {
                index(register, len)?;
                let value = value.to_le_bytes();
                let at = (offset + register) as libc::off_t;
                // SAFETY: the buffer has 4 bytes.
                let done = unsafe { libc::pwrite(device.as_raw_fd(), value.as_ptr().cast(), 4, at) };
                if done == 4 {
                    Ok(())
                } else {
                    Err(Failure::system(format!("pwrite of register {register:#x}")))
                }
            }
        }
    }
}

impl Drop for Registers<'_> {
    fn drop(&mut self) {
        if let Registers::Mapped { start, len } = *self {
            // SAFETY: the mapping is ours and nothing refers to it any more.
            unsafe { libc::munmap(start.as_ptr().cast(), len) };
        }
    }
}

fn index(register: u64, len: usize) -> Result<usize, Failure> {
    let index = usize::try_from(register / 4).unwrap_or(usize::MAX);
    if register.is_multiple_of(4) && index < len / 4 {
        Ok(index)
    } else {
        Err(Failure::new(
            format!("register {register:#x}"),
            format!("is not one of the {len:#x} bytes of the region"),
        ))
    }
}
