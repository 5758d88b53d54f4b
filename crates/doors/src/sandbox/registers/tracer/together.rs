//! Keeping the tracer and the thread it serves on one processor.
//!
//! They never run at the same time, yet the scheduler wakes each on whatever processor is idle (select_idle_sibling,
//! kernel/sched/fair.c); waking an idle processor takes longer than the whole access, in a virtual machine many times as long. So
//! where the two are found apart, the thread may wake only here: its affinity is narrowed while it is stopped and put back as soon
//! as it is on its way. Not for programs that do not access registers over and over: the first few accesses decide nothing.

use std::fs;
use std::io;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use uvfio_sys::ptrace::{self, Resume};

/// After so many accesses one is let go as the scheduler likes, to see where it comes from next.
const LOOK_EVERY: u64 = 256;

/// Whether threads have to be kept here.
#[derive(Debug, Default)]
pub struct Together {
    accesses: u64,
    apart: bool,
}

impl Together {
    /// Resume a thread whose access has been performed.
    ///
    /// # Errors
    /// `ESRCH` where it has been killed.
    pub fn resume(&mut self, thread: Pid) -> io::Result<()> {
        let access = self.accesses % LOOK_EVERY;
        self.accesses = self.accesses.wrapping_add(1);
        if access == 0 {
            self.apart = processor(thread).is_some_and(|processor| processor != sched_getcpu());
        }
        if self.apart && access != LOOK_EVERY - 1 {
            return resume_here(thread);
        }
        ptrace::resume(thread, Resume::Continue, 0)
    }
}

/// Resume a thread so that it wakes on this processor, where it may.
fn resume_here(thread: Pid) -> io::Result<()> {
    let here = sched_getcpu();
    let mut only = CpuSet::new();
    let allowed = sched_getaffinity(Some(thread)).ok();
    let narrowed = allowed.filter(|allowed| {
        if here >= CpuSet::MAX_CPU || !allowed.is_set(here) || allowed.count() == 1 {
            return false;
        }
        only.set(here);
        sched_setaffinity(Some(thread), &only).is_ok()
    });
    let resumed = ptrace::resume(thread, Resume::Continue, 0);
    if let Some(allowed) = narrowed {
        // It cannot have set its own meanwhile, unless it was quicker than this; and if it is gone nothing is to be put back.
        let _gone = sched_setaffinity(Some(thread), &allowed);
    }
    resumed
}

/// The processor a thread ran on last (the 39th field of /proc/TID/stat).
fn processor(thread: Pid) -> Option<usize> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", thread.as_raw_nonzero())).ok()?;
    // The second field is a name in brackets, which may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(36)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_of_a_thread_is_read() {
        assert!(processor(rustix::thread::gettid()).is_some_and(|processor| processor < CpuSet::MAX_CPU));
    }
}
