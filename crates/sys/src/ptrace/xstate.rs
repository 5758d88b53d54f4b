//! The vector registers of a stopped thread, in the layout of the XSAVE instruction (Intel SDM volume 1, section 13.4).
//!
//! A component that is in its initial state is all zeroes and need not be there: the header's bits say which are.

use std::arch::x86_64::__cpuid_count;
use std::io;

use rustix::process::Pid;

use super::request_with;

/// `NT_X86_XSTATE`.
const XSTATE: usize = 0x202;
/// More than any processor needs today: with AMX it is 11 KiB.
const LARGEST: usize = 32 << 10;
/// Where the bits are of the components that are not in their initial state.
const HEADER: usize = 512;

/// A part of the vector state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// XMM0 to XMM15.
    Sse,
    /// The upper halves of YMM0 to YMM15.
    Avx,
    /// K0 to K7.
    Masks,
    /// The upper halves of ZMM0 to ZMM15.
    UpperZmm,
    /// ZMM16 to ZMM31.
    HighZmm,
}

impl Component {
    fn number(self) -> u32 {
        match self {
            Self::Sse => 1,
            Self::Avx => 2,
            Self::Masks => 5,
            Self::UpperZmm => 6,
            Self::HighZmm => 7,
        }
    }

    /// Where it is and how long, where this processor has it.
    fn place(self) -> Option<(usize, usize)> {
        if self == Self::Sse {
            return Some((160, 256));
        }
        let leaf = __cpuid_count(0xd, self.number());
        let (size, offset) = (leaf.eax as usize, leaf.ebx as usize);
        (size > 0).then_some((offset, size))
    }
}

/// The vector registers of a thread.
#[derive(Clone, Debug)]
pub struct XState(Vec<u8>);

impl XState {
    /// Those of a stopped thread.
    ///
    /// # Errors
    /// `ESRCH` where it is not stopped or gone, `ENODEV` where the processor has no XSAVE.
    pub fn of(thread: Pid) -> io::Result<Self> {
        let mut bytes = vec![0; LARGEST];
        let mut vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: 1. `vector` is the whole of `bytes`. 2. The kernel sets its length to what it wrote.
        unsafe { request_with(libc::PTRACE_GETREGSET, thread, XSTATE, (&raw mut vector).cast())? };
        bytes.truncate(vector.iov_len);
        Ok(Self(bytes))
    }

    /// Give them to a stopped thread.
    ///
    /// # Errors
    /// `ESRCH` where it is not stopped or gone.
    pub fn set(&mut self, thread: Pid) -> io::Result<()> {
        let mut vector = libc::iovec { iov_base: self.0.as_mut_ptr().cast(), iov_len: self.0.len() };
        // SAFETY: `vector` is the whole of the bytes, which the kernel only reads.
        unsafe { request_with(libc::PTRACE_SETREGSET, thread, XSTATE, (&raw mut vector).cast()) }
    }

    /// The bytes of a component; `None` where the processor does not have it or it is in its initial state.
    #[must_use]
    pub fn get(&self, component: Component) -> Option<&[u8]> {
        let (offset, size) = component.place()?;
        let used = self.0.get(HEADER)? >> component.number() & 1 == 1;
        if used { self.0.get(offset..offset + size) } else { None }
    }

    /// The bytes of a component, which is no longer in its initial state then; `None` where the processor does not have it.
    pub fn get_mut(&mut self, component: Component) -> Option<&mut [u8]> {
        let (offset, size) = component.place()?;
        if self.0.len() < offset + size {
            return None;
        }
        let header = self.0.get_mut(HEADER)?;
        let used = *header >> component.number() & 1 == 1;
        *header |= 1 << component.number();
        let bytes = &mut self.0[offset..offset + size];
        if !used {
            bytes.fill(0);
        }
        Some(bytes)
    }
}
