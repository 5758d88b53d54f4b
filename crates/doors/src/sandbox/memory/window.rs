//! Files that a program maps shared, mapped by the supervisor as well: memory that both see.
//!
//! The file is found among the program's open files by device and inode (pidfd_getfd(2)); a program that has closed it since is
//! served by copying. A window says nothing about whether the program still maps the file: who uses one asks that first.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, PidfdGetfdFlags, pidfd_getfd};
use uvfio_sys::memory::{Area, SharedMapping};

/// How many mappings of the program are remembered for one address space. Each window keeps the pages of its file.
const KEPT: usize = 32;

/// The windows onto one address space.
#[derive(Debug, Default)]
pub struct Windows {
    known: Mutex<Vec<Known>>,
}

/// A mapping of the program, and the window onto it if there can be one.
#[derive(Clone, Debug)]
struct Known {
    area: Area,
    window: Option<Arc<SharedMapping>>,
}

/// What is remembered of an address.
pub enum Remembered {
    /// Nothing.
    Unknown,
    /// There was no window when it was last asked. If the program has mapped something else since, copying does for that as well.
    NoWindow,
    /// There is a window, as long as the program maps the same there.
    Window(Area, Arc<SharedMapping>),
}

impl Windows {
    /// What is remembered of this address.
    pub fn at(&self, address: u64) -> Remembered {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter().find(|known| (known.area.start..known.area.end).contains(&address)) {
            None => Remembered::Unknown,
            Some(Known { area, window: Some(window) }) if !window.is_torn() => {
                Remembered::Window(*area, window.clone())
            }
            Some(_) => Remembered::NoWindow,
        }
    }

    /// The window for what the program maps there now; `None` where there can be none.
    pub fn of(&self, area: &Area, process: Pid, pidfd: impl AsFd) -> Option<Arc<SharedMapping>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.iter().find(|known| known.area == *area) {
            return same.window.clone().filter(|window| !window.is_torn());
        }
        known.retain(|known| known.area.end <= area.start || area.end <= known.area.start);
        let can_be = area.shared && area.inode != 0 && area.read;
        let window = if can_be { open(area, process, pidfd).ok().map(Arc::new) } else { None };
        if known.len() >= KEPT {
            known.remove(0);
        }
        known.push(Known { area: *area, window: window.clone() });
        window
    }
}

/// Find the file and map it.
fn open(area: &Area, process: Pid, pidfd: impl AsFd) -> io::Result<SharedMapping> {
    let len = usize::try_from(area.end - area.start).map_err(|_| io::ErrorKind::InvalidInput)?;
    for entry in fs::read_dir(format!("/proc/{}/fd", process.as_raw_nonzero()))? {
        let entry = entry?;
        let is_it = |stat: rustix::fs::Stat| area.is_of(stat.st_dev, stat.st_ino);
        if !rustix::fs::stat(entry.path()).is_ok_and(is_it) {
            continue;
        }
        let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // The program may have opened another file under that number meanwhile.
        let Ok(file) = pidfd_getfd(&pidfd, fd, PidfdGetfdFlags::empty()) else { continue };
        if !rustix::fs::fstat(&file).is_ok_and(is_it) {
            continue;
        }
        if let Ok(mapping) = SharedMapping::new(&file, area.offset, len) {
            return Ok(mapping);
        }
    }
    SharedMapping::new(by_address(area, process)?, area.offset, len)
}

/// The file by the mapping itself, which only the privileged may open (proc_pid_map_files(5)).
fn by_address(area: &Area, process: Pid) -> io::Result<OwnedFd> {
    let path = format!("/proc/{}/map_files/{:x}-{:x}", process.as_raw_nonzero(), area.start, area.end);
    let file = fs::File::options().read(true).write(true).open(path)?;
    let stat = rustix::fs::fstat(&file)?;
    if area.is_of(stat.st_dev, stat.st_ino) { Ok(file.into()) } else { Err(io::ErrorKind::NotFound.into()) }
}
