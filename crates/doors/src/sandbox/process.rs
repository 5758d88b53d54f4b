//! The processes in the sandbox, as the supervisor knows them.
//!
//! A thread that makes a call is known by its number alone (`seccomp_notif.pid`); what is kept of a process is found by that and
//! looked up again now and then, because the kernel gives numbers out anew. Not for a process's memory: see `memory`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::memory::{Space, Spaces};

/// How long a thread's number is taken to mean the same thread. The kernel hands out every other free number first, which takes
/// far longer.
const TRUSTED: Duration = Duration::from_millis(50);

/// A process of the sandbox.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    inner: u32,
    pidfd: OwnedFd,
    space: Mutex<Option<Arc<Space>>>,
    has_mapped: AtomicBool,
}

impl Process {
    /// Its number (of the thread group leader) as the supervisor sees it.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Its number as the program itself sees it.
    #[must_use]
    pub fn inner(&self) -> u32 {
        self.inner
    }

    /// A pidfd of it. It stays good when the process is gone and its number is another's.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Its memory. It is kept open, because opening it takes longer than most calls.
    ///
    /// # Errors
    /// Where the process is gone.
    pub fn space(&self, spaces: &Spaces) -> io::Result<Arc<Space>> {
        let mut kept = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        // After an exec it has another.
        if let Some(space) = kept.as_ref().filter(|space| space.is_alive()) {
            return Ok(space.clone());
        }
        let space = spaces.of(self.pid)?;
        *kept = Some(space.clone());
        Ok(space)
    }

    /// Remember that it maps memory for devices. Returns whether this was not known.
    pub fn maps_for_the_first_time(&self) -> bool {
        !self.has_mapped.load(Ordering::Relaxed) && !self.has_mapped.swap(true, Ordering::Relaxed)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

/// A thread of the sandbox that makes a call.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its number as the supervisor sees it.
    pub tid: Pid,
    /// Its process.
    pub process: Arc<Process>,
}

/// The processes known so far.
#[derive(Debug, Default)]
pub struct Processes {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    processes: HashMap<Pid, Arc<Process>>,
    threads: HashMap<Pid, (Instant, Arc<Process>)>,
}

impl Processes {
    /// The thread with this number.
    ///
    /// # Errors
    /// Where there is none (any more).
    pub fn thread(&self, tid: u32) -> io::Result<Thread> {
        let tid = i32::try_from(tid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, process)) = known.threads.get(&tid)
            && since.elapsed() < TRUSTED
        {
            return Ok(Thread { tid, process: process.clone() });
        }
        let numbers = Numbers::of(tid)?;
        let process = match known.processes.get(&numbers.pid) {
            Some(process) if !process.is_gone() => process.clone(),
            _ => {
                let pidfd = pidfd_open(numbers.pid, PidfdFlags::empty())?;
                let process = Arc::new(Process {
                    pid: numbers.pid,
                    inner: numbers.inner,
                    pidfd,
                    space: Mutex::default(),
                    has_mapped: AtomicBool::new(false),
                });
                known.forget_the_gone();
                known.processes.insert(numbers.pid, process.clone());
                process
            }
        };
        known.threads.insert(tid, (Instant::now(), process.clone()));
        Ok(Thread { tid, process })
    }
}

impl Known {
    fn forget_the_gone(&mut self) {
        self.processes.retain(|_, process| !process.is_gone());
        self.threads.retain(|_, (since, _)| since.elapsed() < TRUSTED);
    }
}

/// What `/proc/TID/status` says of a thread's process.
#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    pid: Pid,
    inner: u32,
}

impl Numbers {
    fn of(tid: Pid) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{}/status", tid.as_raw_nonzero()))?;
        Self::parse(&status).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn parse(status: &str) -> Option<Self> {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let pid = Pid::from_raw(field("Tgid:")?.trim().parse().ok()?)?;
        // One number for each pid namespace from the supervisor's to the program's own.
        let inner = field("NStgid:")?.split_ascii_whitespace().next_back()?.parse().ok()?;
        Some(Self { pid, inner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_found_with_its_process() {
        let processes = Processes::default();
        let tid = rustix::thread::gettid();
        let number = u32::try_from(tid.as_raw_nonzero().get()).expect("a thread's number is positive");
        let thread = processes.thread(number).expect("this thread is there");
        assert_eq!((thread.tid, thread.process.pid()), (tid, rustix::process::getpid()));
        assert!(!thread.process.is_gone());
        let again = processes.thread(number).expect("it still is");
        assert!(Arc::ptr_eq(&thread.process, &again.process));
    }

    #[test]
    fn the_innermost_number_is_the_programs_own() {
        let status = "Name:\tsh\nTgid:\t4711\nPid:\t4712\nNStgid:\t4711\t17\t2\n";
        let pid = Pid::from_raw(4711).expect("not zero");
        assert_eq!(Numbers::parse(status), Some(Numbers { pid, inner: 2 }));
        assert_eq!(Numbers::parse(""), None);
    }
}
