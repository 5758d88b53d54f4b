//! Eventfds of programs: taken from them, signalled, and watched for the signals they send.
//!
//! Linux has `eventfd_ctx_fdget` and, for mask and unmask, a `virqfd` that runs in the write of whoever signals
//! (drivers/vfio/virqfd.c). Here the file is duplicated from the program (pidfd_getfd(2)), so it is the program's own and works with
//! everything it uses on it, and one thread waits for all that are watched. Two descriptors of one eventfd are one handle.

mod poller;

use std::collections::HashMap;
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ReadWriteFlags;
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};
use uvfio_vfio::caller::{EventFd, NoEventFd, Watch, Watcher};

use poller::{Poller, Watches};

/// What readlink(2) says of an eventfd in /proc.
const LINK: &str = "anon_inode:[eventfd]";

/// The eventfds taken from programs.
#[derive(Default)]
pub struct EventFds {
    known: Mutex<HashMap<u64, Weak<Taken>>>,
    poller: Arc<Poller>,
}

impl EventFds {
    /// The eventfd behind descriptor `fd` of the process of `pidfd`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn take(&self, pidfd: impl AsFd, fd: i32) -> Result<Arc<dyn EventFd>, NoEventFd> {
        if fd < 0 {
            return Err(NoEventFd::Closed);
        }
        let file = pidfd_getfd(pidfd, fd, PidfdGetfdFlags::empty()).map_err(|_| NoEventFd::Closed)?;
        let facts = Facts::of(&file).ok_or(NoEventFd::NotAnEventFd)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = known.get(&facts.id).and_then(Weak::upgrade) {
            return Ok(taken);
        }
        known.retain(|_, taken| taken.strong_count() > 0);
        let taken = Arc::new_cyclic(|this| Taken {
            id: facts.id,
            file: Arc::new(file),
            watches: Arc::default(),
            poller: self.poller.clone(),
            this: this.clone(),
        });
        known.insert(facts.id, Arc::downgrade(&taken));
        Ok(taken)
    }
}

/// What fdinfo says of an eventfd (fs/eventfd.c, `eventfd_show_fdinfo`).
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    count: u64,
    id: u64,
}

impl Facts {
    fn of(file: &OwnedFd) -> Option<Self> {
        let path = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
        Self::parse(&fs::read_to_string(path).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let count = u64::from_str_radix(field("eventfd-count:")?, 16).ok()?;
        Some(Self { count, id: field("eventfd-id:")?.parse().ok()? })
    }
}

/// An eventfd taken from a program.
struct Taken {
    id: u64,
    file: Arc<OwnedFd>,
    watches: Arc<Watches>,
    poller: Arc<Poller>,
    this: Weak<Self>,
}

impl EventFd for Taken {
    fn signal(&self) {
        // A signal wakes a virqfd at once, which takes the counter: whoever reads afterwards finds nothing.
        if self.watches.take_signal(&self.file) {
            return;
        }
        // A write to a full eventfd waits until somebody reads it, unless the program has opened it non-blocking.
        if is_ready(&self.file, PollFlags::OUT) {
            let _full = rustix::io::write(&*self.file, &1_u64.to_ne_bytes());
        }
    }

    fn is_readable(&self) -> bool {
        is_ready(&self.file, PollFlags::IN)
    }

    fn watch(&self, watcher: Arc<dyn Watcher>) -> Box<dyn Watch> {
        let slot = self.poller.watch(self.id, &self.file, &self.watches, watcher);
        Box::new(Watching { slot, eventfd: self.this.upgrade() })
    }

    fn is_held(&self) -> bool {
        is_held_in(Path::new("/proc"), self.id)
    }
}

/// A watch under way.
struct Watching {
    slot: Arc<poller::Slot>,
    eventfd: Option<Arc<Taken>>,
}

impl Watch for Watching {}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(eventfd) = &self.eventfd {
            eventfd.poller.unwatch(eventfd.id, &eventfd.file, &eventfd.watches, &self.slot);
        }
    }
}

fn is_ready(file: &OwnedFd, flags: PollFlags) -> bool {
    let mut fds = [PollFd::new(file, flags)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(flags)
}

/// Set the counter to 0 as a read does, without ever waiting.
fn consume(file: &OwnedFd) {
    let mut count = [0; 8];
    let mut into = [IoSliceMut::new(&mut count)];
    // An offset of -1 is none (preadv2(2)). Where the program was quicker there is nothing to read.
    let _empty = rustix::io::preadv2(file, &mut into, u64::MAX, ReadWriteFlags::NOWAIT);
}

/// Whether any other process of `proc` has the eventfd open. Where that cannot be told, it is said to be.
fn is_held_in(proc: &Path, id: u64) -> bool {
    let Ok(processes) = fs::read_dir(proc) else { return true };
    let own = std::process::id();
    processes.flatten().any(|process| {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            return false;
        };
        pid != own && holds(&process.path(), id)
    })
}

/// Whether the process with this folder in /proc holds it. A thread may have a table of files of its own.
fn holds(process: &Path, id: u64) -> bool {
    let Ok(threads) = fs::read_dir(process.join("task")) else { return false };
    threads.flatten().any(|thread| {
        let Ok(files) = fs::read_dir(thread.path().join("fd")) else { return false };
        files.flatten().any(|file| {
            let is_one = fs::read_link(file.path()).is_ok_and(|link| link == Path::new(LINK));
            is_one && {
                let info = thread.path().join("fdinfo").join(file.file_name());
                fs::read_to_string(info)
                    .ok()
                    .and_then(|text| Facts::parse(&text))
                    .is_some_and(|facts| facts.id == id)
            }
        })
    })
}

#[cfg(test)]
mod tests;
