//! A thread that uses our own FUSE mount as programs do, with a descriptor table of its own.
//!
//! A thread that waits for an answer of the mount cannot be killed once its request was received (`request_wait_answer`,
//! fs/fuse/dev.c): it waits until the answer comes or the last descriptor of `/dev/fuse` is closed. If it shared its table with
//! the threads that answer, killing the process could leave it waiting for ever, and that descriptor open. This thread's table
//! holds the mount and the listener and nothing else, so that the mount ends with the threads that serve it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};

use rustix::process::Pid;

use crate::mounts::{self, Depth};
use crate::namespace::enter_mounts_of;
use crate::seccomp::{Listener, Place};

/// The thread. Dropping it ends it, and its hold on the mount.
#[derive(Debug)]
pub struct Opener {
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Job {
    Look { path: String, done: Sender<io::Result<i32>> },
    Lay { namespaces: Pid, part: String, target: String, done: Sender<io::Result<i32>> },
    Give { path: String, call: u64, places: Vec<Place>, done: Sender<io::Result<i32>> },
}

impl Opener {
    /// Start it with the root of the mount and a copy of the listener. They are this thread's alone from then on.
    ///
    /// # Errors
    /// Where no thread, or no table of its own, can be had.
    pub fn new(mount: OwnedFd, listener: OwnedFd) -> io::Result<Self> {
        let (jobs, todo) = channel();
        let (ready, is_ready) = channel();
        let numbers = [mount.as_raw_fd(), listener.as_raw_fd()];
        let work = move || match take(numbers) {
            Err(error) => _ = ready.send(Err(error)),
            Ok([mount, listener]) => {
                let _ = ready.send(Ok(()));
                work(&mount, &Listener::new(listener), &todo);
            }
        };
        let thread = thread::Builder::new().name("opener".to_owned()).spawn(work)?;
        // The thread has its own copies of the two by now; those of the other threads go.
        let taken = is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
        drop((mount, listener));
        taken?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Some(thread) })
    }

    /// Look a name up in the mount and wait for the answer, whatever it is.
    pub fn look(&self, path: String) {
        // Where the thread is gone, so is the mount.
        let _ = self.ask(|done| Job::Look { path, done });
    }

    /// Open a file of the mount and put it into a caller, at the first of these places that can be had; its number there. Nobody else
    /// has it then.
    ///
    /// # Errors
    /// What opening, or the last place, answers.
    pub fn give(&self, path: String, call: u64, places: Vec<Place>) -> io::Result<i32> {
        self.ask(|done| Job::Give { path, call, places, done })
    }

    /// Lay a part of the mount over a file in the mount namespace of a process; the thread stays there. Each time the same process is
    /// meant.
    ///
    /// # Errors
    /// Where it cannot enter, or what mounting answers.
    pub fn lay(&self, namespaces: Pid, part: String, target: String) -> io::Result<()> {
        self.ask(|done| Job::Lay { namespaces, part, target, done }).map(|_| ())
    }

    fn ask(&self, job: impl FnOnce(Sender<io::Result<i32>>) -> Job) -> io::Result<i32> {
        let (done, answer) = channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        jobs.ok_or_else(gone)?.send(job(done)).map_err(|_| gone())?;
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has let go of the mount as well.
            let _ = thread.join();
        }
    }
}

fn work(mount: &OwnedFd, listener: &Listener, todo: &Receiver<Job>) {
    let mut is_inside = false;
    for job in todo {
        // Whoever asked may be gone.
        let _ = match job {
            Job::Look { path, done } => {
                let looked = statat(mount, path, AtFlags::empty());
                done.send(looked.map(|_| 0).map_err(io::Error::from))
            }
            Job::Lay { namespaces, part, target, done } => {
                done.send(lay(mount, &mut is_inside, namespaces, &part, &target).map(|()| 0))
            }
            Job::Give { path, call, places, done } => done.send(give(mount, listener, &path, call, &places)),
        };
    }
}

fn lay(mount: &OwnedFd, is_inside: &mut bool, process: Pid, part: &str, target: &str) -> io::Result<()> {
    if !*is_inside {
        enter_mounts_of(process)?;
        *is_inside = true;
    }
    mounts::attach(mounts::copy(mount, part, Depth::Alone)?, CWD, target)
}

fn give(mount: &OwnedFd, listener: &Listener, path: &str, call: u64, places: &[Place]) -> io::Result<i32> {
    let file = openat(mount, path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let mut last = io::Error::from(io::ErrorKind::InvalidInput);
    for place in places {
        match listener.give(call, file.as_fd(), *place) {
            Ok(number) => return Ok(number),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Give this thread a table of its own in which only the standard descriptors and these two are open, and own those.
fn take(numbers: [RawFd; 2]) -> io::Result<[OwnedFd; 2]> {
    let (low, high) = (numbers[0].min(numbers[1]), numbers[0].max(numbers[1]));
    let gaps = [(3, low - 1), (low + 1, high - 1), (high + 1, RawFd::MAX)];
    // The first call leaves the shared table even where its range is empty.
    close_range(gaps[2].0, gaps[2].1, libc::CLOSE_RANGE_UNSHARE)?;
    for (first, last) in gaps.into_iter().take(2).filter(|(first, last)| first <= last) {
        close_range(first, last, 0)?;
    }
    // SAFETY: 1. The two were open in the table that was copied, for as long as their owners waited. 2. Nobody else knows of the
    // copies in this table, which belongs to this thread alone.
    Ok(numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }))
}

fn close_range(first: RawFd, last: RawFd, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: 1. The first call makes the table this thread's own; all calls close descriptors of that table only. 2. This thread
    // owns none of those: it was given nothing but numbers and channels.
    let result =
        unsafe { libc::syscall(libc::SYS_close_range, first as libc::c_uint, last as libc::c_uint, flags) };
    if result != 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use rustix::fs::fstat;

    use super::*;

    #[test]
    fn the_thread_holds_what_it_was_given_and_nothing_else() {
        let open =
            || openat(CWD, "/", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).expect("a descriptor");
        let [before, first, between, second, after] = std::array::from_fn(|_| open());
        let numbers = [second.as_raw_fd(), first.as_raw_fd()];
        let others = [&before, &between, &after].map(|fd| fd.as_raw_fd());
        let here = thread::spawn(move || {
            let taken = take(numbers).expect("a table of its own");
            assert!(taken.iter().all(|fd| fstat(fd).is_ok()));
            others.map(|number| std::path::Path::new(&format!("/proc/thread-self/fd/{number}")).exists())
        });
        assert_eq!(here.join().expect("the thread does not panic"), [false; 3]);
        for fd in [&before, &first, &between, &second, &after] {
            assert!(fstat(fd).is_ok(), "this table is as it was");
        }
    }
}
