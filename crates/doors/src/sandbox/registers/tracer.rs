//! The thread that traces: it waits for what traced threads report, performs accesses, and passes everything else on.
//!
//! Signals that are not accesses to registers are delivered as they came; stops of a process stay stops; new threads and forked
//! children are traced as well; a process that executes another program is let go. A thread may be killed at any moment: whatever
//! the kernel answers with `ESRCH` is then left alone, for its end is reported too.

mod mailbox;
mod together;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io;
use std::sync::Arc;

use rustix::process::Pid;
use uvfio_kernel::addr::UserAddr;
use uvfio_sys::ptrace::{self, Event, Resume, SignalInfo, Trap, XState};

use super::access::Reach;
use super::program::{Hidden, Mapping, Program};
use super::remote;
use super::{RegisterFiles, inner};
use crate::sandbox::emulate::{Decoded, Direction, Fault, FaultKind, LONGEST, Processor, Step, Stop};
use crate::sandbox::onlooker::{NotPerformed, Onlooker, Trouble};
use mailbox::Mailbox;
use together::Together;

const SIGBUS: i32 = 7;
const SIGFPE: i32 = 8;
const SIGSEGV: i32 = 11;
/// `BUS_ADRERR`: there is nothing at the address.
const BUS_ADRERR: i32 = 2;
/// `SEGV_ACCERR`: there is something, but not for this.
const SEGV_ACCERR: i32 = 2;
/// `FPE_INTDIV`.
const FPE_INTDIV: i32 = 1;
/// The `si_code` of what the kernel raises without an address.
const SI_KERNEL: i32 = 0x80;
/// `mprotect`.
const SYS_MPROTECT: i64 = 10;

/// The tracing thread, seen from others.
pub struct Tracer {
    mailbox: Arc<Mailbox>,
}

impl Tracer {
    /// No thread runs yet.
    pub fn new(files: Arc<dyn RegisterFiles>, onlooker: Option<Arc<dyn Onlooker>>) -> Self {
        let start = move |mailbox: &Arc<Mailbox>| {
            let desk = Desk {
                files: files.clone(),
                onlooker: onlooker.clone(),
                mailbox: mailbox.clone(),
                threads: HashMap::new(),
                programs: HashMap::new(),
                together: Together::default(),
            };
            let builder = std::thread::Builder::new().name("registers".to_owned());
            let mailbox = mailbox.clone();
            let work = move || {
                desk.work();
                mailbox.end();
            };
            builder.spawn(work).map(|_| ())
        };
        Self { mailbox: Arc::new(Mailbox::new(Box::new(start))) }
    }

    /// Trace the process of `thread` from now on.
    ///
    /// # Errors
    /// Where it cannot be traced.
    pub fn attach(&self, thread: Pid) -> io::Result<()> {
        Mailbox::post(&self.mailbox, thread)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// What the tracing thread knows.
struct Desk {
    files: Arc<dyn RegisterFiles>,
    onlooker: Option<Arc<dyn Onlooker>>,
    mailbox: Arc<Mailbox>,
    /// Traced threads and the processes they are of.
    threads: HashMap<Pid, Pid>,
    programs: HashMap<Pid, Program>,
    together: Together,
}

/// What became of an access.
enum Outcome {
    /// It was performed. The mapping may be hidden now.
    Performed(Mapping),
    /// It was not one to registers: the signal is the program's.
    NotOurs,
    /// The program gets this signal instead.
    Signal(SignalInfo),
}

impl Desk {
    fn work(mut self) {
        if !self.mailbox.begin() {
            return;
        }
        loop {
            while let Some(letter) = self.mailbox.take() {
                let answer = self.attach(letter.thread);
                self.mailbox.answer(letter, answer);
            }
            if self.mailbox.is_closed() {
                // Traced threads die with this one (PTRACE_O_EXITKILL).
                return;
            }
            match ptrace::wait() {
                Ok((thread, event)) => self.reported(thread, event),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nobody is traced.
                Err(_) => self.mailbox.wait(),
            }
        }
    }

    /// Trace every thread of a process. Threads made meanwhile are traced by their makers, or found in the next round.
    fn attach(&mut self, thread: Pid) -> io::Result<()> {
        if self.threads.contains_key(&thread) {
            return Ok(());
        }
        let process = process_of(thread)?;
        self.meet(process)?;
        loop {
            let mut found = 0;
            for entry in fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()))? {
                let name = entry?.file_name();
                let Some(thread) = name.to_str().and_then(|name| Pid::from_raw(name.parse().ok()?)) else {
                    continue;
                };
                if self.threads.contains_key(&thread) {
                    continue;
                }
                match ptrace::seize(thread) {
                    Ok(()) => found += 1,
                    Err(_) if is_traced_by_us(thread) => {}
                    Err(error) if is_gone(&error) => continue,
                    Err(error) => return Err(error),
                }
                self.threads.insert(thread, process);
            }
            if found == 0 {
                return Ok(());
            }
        }
    }

    fn meet(&mut self, process: Pid) -> io::Result<()> {
        if let Entry::Vacant(place) = self.programs.entry(process) {
            place.insert(Program::of(process)?);
        }
        Ok(())
    }

    fn reported(&mut self, thread: Pid, event: Event) {
        let done = match event {
            Event::Ended => {
                self.forget(thread);
                Ok(())
            }
            Event::Signal(signal) => self.signal(thread, signal),
            Event::GroupStop(_) => ptrace::listen(thread),
            Event::Trap(Trap::Exec) => {
                self.let_go(thread);
                ptrace::detach(thread)
            }
            Event::Trap(_) => ptrace::resume(thread, Resume::Continue, 0),
        };
        if let (Err(error), Event::Signal(signal)) = (done, event)
            && !is_gone(&error)
        {
            // Whatever could not be done, the thread must not stay stopped.
            let _killed = ptrace::resume(thread, Resume::Continue, signal);
        }
    }

    fn forget(&mut self, thread: Pid) {
        self.mailbox.forget(|gone| *gone == thread);
        if let Some(process) = self.threads.remove(&thread)
            && !self.threads.values().any(|other| *other == process)
        {
            self.programs.remove(&process);
        }
    }

    /// A process executes another program: its other threads have ended, and what was mapped is gone.
    fn let_go(&mut self, thread: Pid) {
        self.threads.retain(|_, process| *process != thread);
        self.mailbox.forget(|gone| !self.threads.contains_key(gone));
        self.programs.remove(&thread);
    }

    /// A thread stopped for a signal.
    fn signal(&mut self, thread: Pid, signal: i32) -> io::Result<()> {
        let may_be_access = signal == SIGSEGV || signal == SIGBUS;
        if !may_be_access {
            return ptrace::resume(thread, Resume::Continue, signal);
        }
        let info = SignalInfo::of(thread)?;
        if info.code <= 0 || info.code == SI_KERNEL {
            return ptrace::resume(thread, Resume::Continue, signal);
        }
        let process = match self.process(thread) {
            Ok(process) => process,
            Err(_) => return ptrace::resume(thread, Resume::Continue, signal),
        };
        match self.access(thread, process, info)? {
            Outcome::NotOurs => ptrace::resume(thread, Resume::Continue, signal),
            Outcome::Signal(other) => {
                other.set(thread)?;
                ptrace::resume(thread, Resume::Continue, other.signal)
            }
            Outcome::Performed(mapping) => {
                if !mapping.hidden && signal == SIGBUS {
                    self.hide(thread, process, &mapping)?;
                }
                self.together.resume(thread)
            }
        }
    }

    /// The process of a traced thread. One made by a traced thread is met here for the first time.
    fn process(&mut self, thread: Pid) -> io::Result<Pid> {
        let process = match self.threads.get(&thread) {
            Some(process) => *process,
            None => process_of(thread)?,
        };
        self.meet(process)?;
        self.threads.insert(thread, process);
        Ok(process)
    }

    fn access(&mut self, thread: Pid, process: Pid, info: SignalInfo) -> io::Result<Outcome> {
        let Some(mut program) = self.programs.remove(&process) else { return Ok(Outcome::NotOurs) };
        let parents: Vec<&[Hidden]> = self.programs.values().map(Program::hidden).collect();
        let files = self.files.clone();
        let mapping = program
            .area(info.address)
            .and_then(|area| program.registers(area, &*files, parents.iter().copied()));
        let outcome = match mapping {
            None => Ok(Outcome::NotOurs),
            Some(mapping) => self.perform(thread, info, Reach::new(&mut program, &*files, &parents, mapping)),
        };
        self.programs.insert(process, program);
        outcome
    }

    /// Perform the instruction that a thread stopped at.
    fn perform(&self, thread: Pid, info: SignalInfo, mut reach: Reach<'_>) -> io::Result<Outcome> {
        let before = ptrace::Registers::of(thread)?;
        let mut registers = before;
        let rip = registers.rip();
        let process = reach.program.pid;
        let tell = |trouble: Trouble| {
            if let Some(onlooker) = &self.onlooker {
                let pid = inner(process);
                onlooker.not_performed(&NotPerformed {
                    pid,
                    address: UserAddr(info.address),
                    rip: UserAddr(rip),
                    trouble,
                });
            }
        };
        let bus_error =
            Ok(Outcome::Signal(SignalInfo { signal: SIGBUS, code: BUS_ADRERR, address: info.address }));
        if registers.code_segment() != ptrace::REGISTERS_64_BIT {
            tell(Trouble::NotLong);
            return bus_error;
        }
        let mut code = [0; LONGEST];
        let len = reach.program.code(rip, &mut code);
        let decoded = match Decoded::new(&code[..len], rip) {
            Ok(decoded) => decoded,
            // It is the code itself that lies on registers.
            Err(_) if len == 0 => return bus_error,
            Err(unsupported) => {
                tell(Trouble::Unsupported(unsupported));
                return bus_error;
            }
        };
        let mut state = if decoded.uses_vectors() { Some(XState::of(thread)?) } else { None };
        let (fs_base, gs_base) = registers.bases();
        let mut processor = Processor {
            general: registers.general(),
            rip,
            flags: registers.flags(),
            fs_base,
            gs_base,
            vectors: state.as_ref().map(|state| Box::new(super::vectors(state))),
        };
        let result = decoded.execute(&mut processor, &mut reach);
        // Elements of a string that came before a fault are done.
        registers.set_general(processor.general);
        registers.set_flags(processor.flags);
        registers.set_rip(processor.rip);
        registers.set_changed(&before, thread)?;
        match result {
            Ok(Step::Done | Step::Again) => {
                if let (Some(state), Some(vectors)) = (&mut state, &processor.vectors) {
                    super::set_vectors(state, vectors);
                    state.set(thread)?;
                }
                Ok(Outcome::Performed(reach.into_first()))
            }
            Err(Stop::Unsupported(unsupported)) => {
                tell(Trouble::Unsupported(unsupported));
                bus_error
            }
            Err(Stop::Divide) => {
                Ok(Outcome::Signal(SignalInfo { signal: SIGFPE, code: FPE_INTDIV, address: rip }))
            }
            Err(Stop::Fault(fault)) => {
                if fault.kind == FaultKind::Straddles {
                    tell(Trouble::Straddles(fault));
                }
                Ok(Outcome::Signal(as_signal(fault)))
            }
        }
    }

    /// Make a mapping's pages inaccessible, so that the next access faults without anybody being asked for the page.
    fn hide(&mut self, thread: Pid, process: Pid, mapping: &Mapping) -> io::Result<()> {
        let area = mapping.area;
        let Some(program) = self.programs.get_mut(&process) else { return Ok(()) };
        let Some(gate) = program.hide(area) else { return Ok(()) };
        match remote::call(thread, gate, SYS_MPROTECT, [area.start, area.end - area.start, 0, 0, 0, 0]) {
            Ok(called) => {
                if called.returned < 0 {
                    program.not_hidden(area);
                }
                if called.stopped {
                    ptrace::interrupt(thread)?;
                }
                Ok(())
            }
            Err(error) if is_gone(&error) => {
                // Its end may have been what was waited for.
                self.forget(thread);
                Err(error)
            }
            Err(_) => {
                program.not_hidden(area);
                Ok(())
            }
        }
    }
}

/// The signal that an access which was not performed raises.
fn as_signal(fault: Fault) -> SignalInfo {
    let (signal, code) = match (fault.kind, fault.direction) {
        (FaultKind::NotMapped, Direction::Load | Direction::Store) => (SIGSEGV, SEGV_ACCERR),
        (FaultKind::NoDevice | FaultKind::Straddles, _) => (SIGBUS, BUS_ADRERR),
    };
    SignalInfo { signal, code, address: fault.at }
}

/// Whether the kernel says that a thread is not there or not stopped: it has been killed, and its end will be reported.
fn is_gone(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::SRCH)
}

fn status(thread: Pid, name: &str) -> io::Result<Option<Pid>> {
    let status = fs::read_to_string(format!("/proc/{}/status", thread.as_raw_nonzero()))?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Ok(value.and_then(|value| Pid::from_raw(value.parse().ok()?)))
}

fn process_of(thread: Pid) -> io::Result<Pid> {
    status(thread, "Tgid:")?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn is_traced_by_us(thread: Pid) -> bool {
    status(thread, "TracerPid:").is_ok_and(|tracer| tracer == Some(rustix::process::getpid()))
}
