//! The processor: a traced child executes one instruction on memory and registers we gave it.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use uvfio_sys::memory::Maps;
use uvfio_sys::ptrace::{self, Event, Registers, Resume, SignalInfo, Trap, XState};

use super::super::Processor;
use super::{BASE, CODE, Came, LEN, Trial};
use crate::sandbox::registers::{Gate, call, set_vectors, vectors};

const SYS_MMAP: i64 = 9;
const SIGILL: i32 = 4;
const SIGTRAP: i32 = 5;
const SIGBUS: i32 = 7;
const SIGFPE: i32 = 8;
const SIGSEGV: i32 = 11;
/// `SI_KERNEL`: a general protection fault has this code and no address.
const SI_KERNEL: i32 = 0x80;

/// A child process that executes instructions.
pub struct Cpu {
    child: Child,
    memory: File,
    maps: Maps,
    registers: Registers,
}

/// What the processor made of a trial.
pub struct Truth {
    pub came: Came,
    /// The fault is one of alignment.
    pub unaligned: bool,
    pub after: Processor,
    pub memory: Vec<u8>,
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

impl Cpu {
    /// Start the child, with memory where trials have theirs.
    #[must_use]
    pub fn new() -> Self {
        let child =
            Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep can be started");
        let pid = Pid::from_child(&child);
        // On one processor each step takes microseconds, on two it takes a wake-up of the other.
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        let _not_allowed = sched_setaffinity(None, &one).and_then(|()| sched_setaffinity(Some(pid), &one));
        ptrace::seize(pid).expect("a child may be traced");
        ptrace::interrupt(pid).expect("it is traced");
        // It may still be about to execute its program, which is no place for a system call of ours.
        while stop(pid) != Event::Trap(Trap::Begin) {
            ptrace::resume(pid, Resume::Continue, 0).expect("it is stopped");
            ptrace::interrupt(pid).expect("it is traced");
        }
        let memory = File::options()
            .read(true)
            .write(true)
            .open(format!("/proc/{}/mem", pid.as_raw_nonzero()))
            .expect("a traced child's memory can be opened");
        let maps = Maps::of(pid).expect("it has mappings");
        let gate = Gate::find(&maps, &memory).expect("it can make system calls");
        for (at, len, prot) in [(BASE, LEN as u64, 3), (CODE, 0x1000, 7)] {
            // MAP_PRIVATE, MAP_ANONYMOUS and MAP_FIXED_NOREPLACE.
            let called = call(pid, gate, SYS_MMAP, [at, len, prot, 0x10_0022, u64::MAX, 0]).expect("it can");
            assert_eq!(called.returned as u64, at);
        }
        let registers = Registers::of(pid).expect("it is stopped");
        Self { child, memory, maps, registers }
    }

    /// Whether something is mapped there beside the memory given: the child's own.
    #[must_use]
    pub fn has(&self, at: u64) -> bool {
        !matches!(self.maps.at(at), Ok(None))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Execute a trial; `None` where the processor does not have the instruction.
    pub fn step(&mut self, trial: &Trial, with_vectors: bool) -> Option<Truth> {
        let pid = self.pid();
        self.memory.write_all_at(&trial.memory, BASE).expect("it is mapped");
        let mut code = trial.code.clone();
        code.resize(32, 0x90);
        self.memory.write_all_at(&code, CODE).expect("it is mapped");
        let mut registers = self.registers;
        registers.set_general(trial.before.general);
        registers.set_rip(trial.before.rip);
        registers.set_flags(trial.before.flags | 2);
        registers.set_bases(trial.before.fs_base, trial.before.gs_base);
        registers.leave_call();
        registers.set(pid).expect("it is stopped");
        if with_vectors {
            let mut state = XState::of(pid).expect("it is stopped");
            set_vectors(&mut state, trial.before.vectors.as_ref().expect("a trial has all registers"));
            state.set(pid).expect("it is stopped");
        }
        // A repeated string instruction stops after each element.
        let came = loop {
            ptrace::resume(pid, Resume::Step, 0).expect("it is stopped");
            let event = stop(pid);
            let Event::Signal(signal) = event else { panic!("{event:?} at {:02x?}", trial.code) };
            match signal {
                SIGTRAP => {
                    let now = Registers::of(pid).expect("it is stopped");
                    if now.rip() != trial.before.rip {
                        break (Came::Through, false);
                    }
                }
                SIGILL => return None,
                SIGFPE => break (Came::Divide, false),
                SIGSEGV | SIGBUS => {
                    let info = SignalInfo::of(pid).expect("it stopped for a signal");
                    break (Came::Fault, info.code == SI_KERNEL || signal == SIGBUS);
                }
                other => panic!("signal {other} at {:02x?}", trial.code),
            }
        };
        let now = Registers::of(pid).expect("it is stopped");
        let vectors = with_vectors.then(|| vectors(&XState::of(pid).expect("it is stopped")));
        let mut memory = vec![0; LEN];
        self.memory.read_exact_at(&mut memory, BASE).expect("it is mapped");
        let after = Processor {
            general: now.general(),
            rip: now.rip(),
            flags: now.flags(),
            fs_base: now.bases().0,
            gs_base: now.bases().1,
            vectors: vectors.map(Box::new),
        };
        Some(Truth { came: came.0, unaligned: came.1, after, memory })
    }
}

/// Wait until the child stops, whatever signals come here meanwhile.
fn stop(pid: Pid) -> Event {
    loop {
        match ptrace::wait_for(pid) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            event => return event.expect("it stops"),
        }
    }
}

impl Drop for Cpu {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
