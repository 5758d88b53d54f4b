//! A system call made by a stopped thread of a program, for us.
//!
//! Some things only the process itself can do to its memory, such as mprotect(2). The stopped thread is set upon a `syscall`
//! instruction it has anyway, with its signals held back, and afterwards has all its registers again. Nothing is written into the
//! program's code.

use std::io;
use std::os::unix::fs::FileExt;

use rustix::process::Pid;
use uvfio_sys::memory::Maps;
use uvfio_sys::ptrace::{self, Event, Registers, Resume, Trap};

/// The instruction `syscall`.
const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// The address of a `syscall` instruction in a program: the vdso has one, and so has every C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate(u64);

impl Gate {
    /// Look for one, in the highest mappings first: that is where the vdso is.
    ///
    /// # Errors
    /// `NotFound` where there is none, or what reading the process answers.
    pub fn find(maps: &Maps, memory: &impl FileExt) -> io::Result<Self> {
        let mut bytes = vec![0; 64 << 10];
        for area in maps.all()?.iter().rev().filter(|area| area.exec && area.read) {
            let mut start = area.start;
            while start + 1 < area.end {
                let len = bytes.len().min((area.end - start) as usize);
                let Ok(read) = memory.read_at(&mut bytes[..len], start) else { break };
                if let Some(at) = bytes[..read].windows(2).position(|pair| pair == SYSCALL) {
                    return Ok(Self(start + at as u64));
                }
                // The last byte may be the first of the pair.
                start += (read as u64).saturating_sub(1).max(1);
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

/// What a thread was told while it made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// What the call returned: below 0 an errno.
    pub returned: i64,
    /// Its process has been stopped meanwhile (`SIGSTOP`): the thread is to be stopped again.
    pub stopped: bool,
}

/// Let `thread`, which is stopped for a signal or between instructions, make a system call. It is stopped again afterwards, for another reason than before: a signal it
/// stopped for is gone.
///
/// # Errors
/// `ESRCH` where the thread has ended, which may not be reported again; `EFAULT` where the gate is none any more.
pub fn call(thread: Pid, gate: Gate, number: i64, arguments: [u64; 6]) -> io::Result<Called> {
    let before = Registers::of(thread)?;
    let mask = ptrace::signal_mask(thread)?;
    ptrace::set_signal_mask(thread, u64::MAX)?;
    let mut registers = before;
    registers.set_rip(gate.0);
    registers.call(number, arguments);
    registers.set(thread)?;
    let called = run(thread);
    let after = Registers::of(thread)?;
    before.set(thread)?;
    ptrace::set_signal_mask(thread, mask)?;
    called.map(|stopped| Called { returned: after.returned(), stopped })
}

/// Resume the thread until its call has returned. Returns whether its process has been stopped meanwhile.
fn run(thread: Pid) -> io::Result<bool> {
    let (mut entered, mut stopped) = (false, false);
    loop {
        ptrace::resume(thread, Resume::ToSystemCall, 0)?;
        let event = loop {
            match ptrace::wait_for(thread) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                event => break event?,
            }
        };
        match event {
            Event::Trap(Trap::SystemCall) if entered => return Ok(stopped),
            Event::Trap(Trap::SystemCall) => entered = true,
            Event::GroupStop(_) => stopped = true,
            Event::Trap(_) => {}
            // All that can be blocked is, so this is a fault: the gate has been unmapped.
            Event::Signal(_) => return Err(rustix::io::Errno::FAULT.into()),
            Event::Ended => return Err(rustix::io::Errno::SRCH.into()),
        }
    }
}
