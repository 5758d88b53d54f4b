//! Structures of the interface in the memory of a calling process.
//!
//! In Linux `copy_from_user` and `copy_to_user` with the `minsz` idiom: a call reads the part of its structure that every version
//! had, checks `argsz`, and writes back no more than it must.

use uvfio_kernel::addr::UserAddr;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::caller::Caller;
use crate::refusal::Refusal;

/// Read a structure.
pub(crate) fn read<T: FromBytes + IntoBytes>(caller: &dyn Caller, at: u64) -> Result<T, Refusal> {
    let mut value = T::new_zeroed();
    caller.read(UserAddr(at), value.as_mut_bytes())?;
    Ok(value)
}

/// Read the first bytes of a structure, the rest being zero.
pub(crate) fn read_prefix<T: FromBytes + IntoBytes>(
    caller: &dyn Caller,
    at: u64,
    bytes: usize,
) -> Result<T, Refusal> {
    let mut value = T::new_zeroed();
    caller.read(UserAddr(at), &mut value.as_mut_bytes()[..bytes])?;
    Ok(value)
}

/// Write a structure.
pub(crate) fn write<T: IntoBytes + Immutable>(
    caller: &dyn Caller,
    at: u64,
    value: &T,
) -> Result<(), Refusal> {
    write_prefix(caller, at, value, size_of::<T>())
}

/// Write the first bytes of a structure.
pub(crate) fn write_prefix<T: IntoBytes + Immutable>(
    caller: &dyn Caller,
    at: u64,
    value: &T,
    bytes: usize,
) -> Result<(), Refusal> {
    caller.write(UserAddr(at), &value.as_bytes()[..bytes])?;
    Ok(())
}

/// Check `argsz`.
pub(crate) fn at_least(argsz: u32, least: usize) -> Result<(), Refusal> {
    let least = u32::try_from(least).unwrap_or(u32::MAX);
    if argsz < least { Err(Refusal::TooSmall { argsz, least }) } else { Ok(()) }
}

/// The address `bytes` after `at`, wrapping as a pointer does: an address that is no use is found out when it is used.
pub(crate) const fn after(at: u64, bytes: usize) -> u64 {
    at.wrapping_add(bytes as u64)
}

/// Read a name that ends with a zero byte (`strndup_user` with a page). `None` where it does not end within a page.
pub(crate) fn read_name(caller: &dyn Caller, at: u64) -> Result<Option<String>, Refusal> {
    const LONGEST: usize = 4096;
    let mut name = Vec::new();
    while name.len() < LONGEST {
        let from = after(at, name.len());
        // Up to the end of a page, behind which there may be nothing.
        let piece = (LONGEST - (from % 4096) as usize).min(LONGEST - name.len()).min(64);
        let begin = name.len();
        name.resize(begin + piece, 0);
        caller.read(UserAddr(from), &mut name[begin..])?;
        if let Some(end) = name[begin..].iter().position(|byte| *byte == 0) {
            name.truncate(begin + end);
            return Ok(Some(String::from_utf8_lossy(&name).into_owned()));
        }
    }
    Ok(None)
}
