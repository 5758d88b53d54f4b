//! Copies that survive SIGBUS: the handler puts an empty page where the file has none, and remembers that it did.
//!
//! The kernel sends SIGBUS for an access behind the end of a mapped file (do_sigbus, arch/x86/mm/fault.c). Only the ranges that
//! the running thread has announced are repaired; any other SIGBUS goes to whoever handled it before.

use std::cell::Cell;
use std::io;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// A range in which a fault is repaired, and the flag that then says so.
#[derive(Clone, Copy)]
pub(super) struct Guarded {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) torn: *const AtomicBool,
}

impl Guarded {
    /// No range.
    pub(super) const NONE: Self = Self { start: 0, end: 0, torn: std::ptr::null() };
}

thread_local! {
    /// What this thread is copying from and to. Without a destructor, so that a signal handler may use it at any time.
    static GUARDED: Cell<[Guarded; 2]> = const { Cell::new([Guarded::NONE; 2]) };
}

/// What handled SIGBUS before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// Handle SIGBUS from now on. Once is enough.
pub(super) fn install() -> io::Result<()> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if BEFORE.get().is_some() {
        return Ok(());
    }
    // SAFETY: `sigaction` is a plain structure, for which zeroes are a value (the default action).
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null action only asks for the present one, which `before` has room for.
    if unsafe { libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut before) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // The handler may be called as soon as it is there, so what was before it is kept first.
    if BEFORE.set(before).is_err() {
        return Ok(());
    }
    // SAFETY: as above.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handle as extern "C" fn(_, _, _) as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: 1. `handle` has the signature that SA_SIGINFO asks for. 2. It only does what signal-safety(7) allows: it reads a
    // thread-local without a destructor, stores an atomic, and makes the system call mmap.
    if unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Copy `len` bytes, from low to high addresses. Where a guarded range has no page any more its flag is set, and the bytes are
/// whatever.
///
/// # Safety
/// * `from` is readable for `len` bytes and `to` writable, but that pages of the guarded ranges may be missing.
/// * No reference that the compiler knows of says that those bytes do not change, but an exclusive one handed over as `to`.
/// * The flags outlive the call, and the guarded ranges are mappings of files that may be replaced page by page.
pub(super) unsafe fn copy(from: usize, to: usize, len: usize, guarded: [Guarded; 2]) {
    GUARDED.set(guarded);
    // SAFETY: the caller answers for it. Whole words go in one access, because both sides may use them as flags between each other;
    // the string instruction is one the compiler knows nothing about, so that bytes changing under it are no data race to it.
    unsafe {
        match len {
            1 => (to as *mut u8).write_volatile((from as *const u8).read_volatile()),
            2 if (from | to).is_multiple_of(2) => {
                (to as *mut u16).write_volatile((from as *const u16).read_volatile())
            }
            4 if (from | to).is_multiple_of(4) => {
                (to as *mut u32).write_volatile((from as *const u32).read_volatile())
            }
            8 if (from | to).is_multiple_of(8) => {
                (to as *mut u64).write_volatile((from as *const u64).read_volatile())
            }
            _ => std::arch::asm!(
                "rep movsb",
                inout("rcx") len => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags)
            ),
        }
    }
    GUARDED.set([Guarded::NONE; 2]);
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a whole siginfo_t, which for SIGBUS holds an address.
    let address = unsafe { (*info).si_addr() } as usize;
    if !repair(address) {
        pass_on(signal, info, context);
    }
}

/// Put an empty page at an address of a guarded range.
fn repair(address: usize) -> bool {
    let Some(guarded) =
        GUARDED.get().into_iter().find(|guarded| (guarded.start..guarded.end).contains(&address))
    else {
        return false;
    };
    // SAFETY: `copy`'s caller keeps the flag alive while the range is announced. It is set before the page appears, so that no
    // other thread takes the empty page for the file's.
    unsafe { (*guarded.torn).store(true, Ordering::Release) };
    // SAFETY: errno is the thread's own.
    let errno = unsafe { *libc::__errno_location() };
    // Pages of hugetlbfs cannot be replaced one by one; the whole mapping is as good, since none of it is used any more.
    let page = (address & !0xfff, 0x1000);
    let whole = (guarded.start, guarded.end - guarded.start);
    let replaced = [page, whole].into_iter().any(|(start, len)| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
        // SAFETY: 1. The range lies within a mapping of `SharedMapping`, to which no reference exists. 2. It stays mapped until that
        // is dropped, which unmaps whatever is there.
        let placed = unsafe {
            libc::mmap(start as *mut libc::c_void, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        placed != libc::MAP_FAILED
    });
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    replaced
}

/// Let whoever handled SIGBUS before have it.
fn pass_on(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(before) = BEFORE.get() else { return };
    match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: `before` is an action the kernel gave. The access is repeated and ends the process, as it would have.
            unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) };
        }
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: an action with SA_SIGINFO has a handler of this signature.
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: an action without SA_SIGINFO has a handler of this signature.
            let handler: extern "C" fn(i32) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}
