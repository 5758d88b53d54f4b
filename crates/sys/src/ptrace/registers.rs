//! The general registers of a stopped thread.

use std::io;
use std::mem::MaybeUninit;

use rustix::process::Pid;

use super::{request, request_with};

/// The code segment of 64-bit programs (`__USER_CS`, arch/x86/include/asm/segment.h).
pub const REGISTERS_64_BIT: u64 = 0x33;

/// What an interrupted thread has in `orig_rax` when it is in no system call.
const NO_CALL: u64 = u64::MAX;

/// How many words the registers are.
const WORDS: usize = size_of::<libc::user_regs_struct>() / size_of::<u64>();

/// The general registers of a thread.
#[derive(Clone, Copy)]
pub struct Registers(libc::user_regs_struct);

impl std::fmt::Debug for Registers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registers {{ rip: {:#x}, .. }}", self.0.rip)
    }
}

impl Registers {
    /// Those of a stopped thread.
    ///
    /// # Errors
    /// `ESRCH` where it is not stopped or gone.
    pub fn of(thread: Pid) -> io::Result<Self> {
        let mut registers = MaybeUninit::<libc::user_regs_struct>::zeroed();
        // SAFETY: the kernel writes a whole structure, whose fields are integers.
        unsafe {
            request_with(libc::PTRACE_GETREGS, thread, 0, registers.as_mut_ptr().cast())?;
            Ok(Self(registers.assume_init()))
        }
    }

    /// Give them to a stopped thread.
    ///
    /// # Errors
    /// `ESRCH` where it is not stopped or gone, `EIO` where a value is none for its register.
    pub fn set(&self, thread: Pid) -> io::Result<()> {
        let mut registers = self.0;
        // SAFETY: the kernel reads a whole structure.
        unsafe { request_with(libc::PTRACE_SETREGS, thread, 0, (&raw mut registers).cast()) }
    }

    /// Give those that differ from `before`, which the stopped thread has, to it. One or two are cheaper set alone.
    ///
    /// # Errors
    /// As for [`Registers::set`].
    pub fn set_changed(&self, before: &Self, thread: Pid) -> io::Result<()> {
        let (new, old) = (self.words(), before.words());
        let changed = || (0..WORDS).filter(|&word| new[word] != old[word]);
        if changed().nth(2).is_some() {
            return self.set(thread);
        }
        changed().try_for_each(|word| {
            request(libc::PTRACE_POKEUSER, thread, word * size_of::<u64>(), new[word] as usize)
        })
    }

    /// As words, in the order of `struct user`, which begins with them.
    fn words(&self) -> [u64; WORDS] {
        // SAFETY: the structure is exactly so many integers of 8 bytes.
        unsafe { std::mem::transmute(self.0) }
    }

    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15: the order of their numbers in instructions.
    #[must_use]
    pub fn general(&self) -> [u64; 16] {
        let r = &self.0;
        [
            r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
            r.r14, r.r15,
        ]
    }

    /// Set them, in the same order.
    pub fn set_general(&mut self, values: [u64; 16]) {
        let r = &mut self.0;
        [
            r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
            r.r14, r.r15,
        ] = values;
    }

    /// The address of the next instruction.
    #[must_use]
    pub fn rip(&self) -> u64 {
        self.0.rip
    }

    /// Go on elsewhere.
    pub fn set_rip(&mut self, rip: u64) {
        self.0.rip = rip;
    }

    /// RFLAGS.
    #[must_use]
    pub fn flags(&self) -> u64 {
        self.0.eflags
    }

    /// Set RFLAGS. The kernel leaves those a program may not change as they are.
    pub fn set_flags(&mut self, flags: u64) {
        self.0.eflags = flags;
    }

    /// The bases of FS and GS.
    #[must_use]
    pub fn bases(&self) -> (u64, u64) {
        (self.0.fs_base, self.0.gs_base)
    }

    /// Set the bases of FS and GS.
    pub fn set_bases(&mut self, fs: u64, gs: u64) {
        (self.0.fs_base, self.0.gs_base) = (fs, gs);
    }

    /// The code segment: [`REGISTERS_64_BIT`] in 64-bit code.
    #[must_use]
    pub fn code_segment(&self) -> u64 {
        self.0.cs
    }

    /// Make the next instruction, which must be `syscall`, this system call.
    pub fn call(&mut self, number: i64, arguments: [u64; 6]) {
        let r = &mut self.0;
        r.rax = number as u64;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9] = arguments;
        r.orig_rax = NO_CALL;
    }

    /// The value a system call returned.
    #[must_use]
    pub fn returned(&self) -> i64 {
        self.0.rax as i64
    }

    /// Be in no system call, so that the kernel restarts none.
    pub fn leave_call(&mut self) {
        self.0.orig_rax = NO_CALL;
    }
}
