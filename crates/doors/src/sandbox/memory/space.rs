//! A program's address space as what stands behind its DMA mappings: it outlives the call, and never becomes another program's.
//!
//! The handle is /proc/PID/mem, which stays with the memory it was opened on (fs/proc/base.c, `mem_open`): after an exec or an
//! exit it reads nothing, whatever runs under the number then. Large copies go by process_vm_readv(2), which knows only numbers;
//! the handle is asked before what it wrote and after what it read. Where both ways fail the memory is gone: the program has
//! unmapped it. (A kernel would have pinned the pages; that this is an error here is a documented deviation.)

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::hw::{Access, Backing, MemoryGone};
use uvfio_sys::memory::{self, Area, Foreign, Maps, SharedMapping, Torn};
use uvfio_vfio::caller::{AddressSpace, Mapped};

use super::window::{Remembered, Windows};

/// From how many bytes on a copy is worth asking first what is mapped there.
const LARGE: usize = 16 << 10;
/// What is carried at once between two programs: it has to stay in the cache between coming and going.
const BOUNCE: usize = 256 << 10;

/// The address spaces that programs' DMA mappings keep.
#[derive(Debug, Default)]
pub struct Spaces {
    known: Mutex<HashMap<Pid, Weak<Space>>>,
    last: AtomicU64,
    registers: Option<u64>,
}

impl Spaces {
    /// None yet. `registers` is the device number (`st_dev`) of the files whose mappings are registers and not memory.
    #[must_use]
    pub fn new(registers: Option<u64>) -> Self {
        Self { registers, ..Self::default() }
    }

    /// The address space that `process` has now.
    ///
    /// # Errors
    /// Where the process is gone, or is this one.
    pub fn of(&self, process: Pid) -> io::Result<Arc<Space>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(space) = known.get(&process).and_then(Weak::upgrade)
            && space.is_alive()
        {
            return Ok(space);
        }
        known.retain(|_, space| space.upgrade().is_some_and(|space| space.is_alive()));
        // A process made by vfork(2) or clone(2) with CLONE_VM has its parent's memory.
        let shares =
            |space: &Arc<Space>| matches!(memory::same_memory(process, space.process.pid()), Ok(true));
        let space = match known.values().filter_map(Weak::upgrade).find(shares) {
            Some(space) => space,
            None => {
                let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
                Arc::new(Space::open(id, process, self.registers)?)
            }
        };
        known.insert(process, Arc::downgrade(&space));
        Ok(space)
    }
}

/// The address space of a program.
#[derive(Debug)]
pub struct Space {
    id: u64,
    process: Foreign,
    pidfd: OwnedFd,
    memory: File,
    maps: Maps,
    windows: Windows,
    registers: Option<u64>,
}

/// How a stretch of memory is reached.
enum Way {
    /// Through pages that are mapped here too.
    Window(Arc<SharedMapping>, usize),
    /// By copying from and to the process.
    Copy,
}

impl Space {
    fn open(id: u64, process: Pid, registers: Option<u64>) -> io::Result<Self> {
        let pidfd = pidfd_open(process, PidfdFlags::empty())?;
        let memory =
            File::options().read(true).write(true).open(format!("/proc/{}/mem", process.as_raw_nonzero()))?;
        let maps = Maps::of(process)?;
        let process = Foreign::new(process)?;
        Ok(Self { id, process, pidfd, memory, maps, windows: Windows::default(), registers })
    }

    /// Whether the memory is still a program's: false once it has ended or executed another.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        // Nothing is at address 0, which is an error; without a program there is nothing at all, not even an error.
        !matches!(self.memory.read_at(&mut [0], 0), Ok(0))
    }

    /// How to reach what is at `at`, and for how many of `len` bytes.
    fn way(&self, at: u64, len: usize, access: Access) -> (Way, usize) {
        if !self.maps.is_quick() {
            return (Way::Copy, len);
        }
        let remembered = self.windows.at(at);
        if matches!(remembered, Remembered::NoWindow) && len < LARGE {
            return (Way::Copy, len);
        }
        // Whether the program still maps the same there is the one thing that cannot be remembered.
        let Ok(Some(area)) = self.maps.at(at) else { return (Way::Copy, len) };
        let here = usize::try_from(area.end - at).map_or(len, |here| here.min(len));
        if access == Access::Write && !area.write {
            return (Way::Copy, here);
        }
        let window = match remembered {
            Remembered::Window(before, window) if before == area => Some(window),
            _ => self.windows.of(&area, self.process.pid(), &self.pidfd),
        };
        match window {
            Some(window) => (Way::Window(window, offset(&area, at)), here),
            None => (Way::Copy, here),
        }
    }

    /// Read by copying. Returns the bytes read before the first that is gone.
    fn read_by_copy(&self, from: u64, into: &mut [u8]) -> usize {
        let mut done = 0;
        if into.len() >= LARGE {
            done = memory::read(self.process.pid(), from, into).unwrap_or(0);
            // Whatever came from another program under the same number is not looked at.
            if !self.is_alive() {
                return 0;
            }
        }
        while done < into.len() {
            match self.memory.read_at(&mut into[done..], from.wrapping_add(done as u64)) {
                Ok(read) if read > 0 => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        done
    }

    /// Write by copying. Returns the bytes written before the first that is gone.
    fn write_by_copy(&self, to: u64, bytes: &[u8]) -> usize {
        if bytes.len() >= LARGE && self.is_alive() {
            self.write_to_living(to, bytes)
        } else {
            self.write_by_handle(to, bytes)
        }
    }

    /// The same, where the memory has just been found alive.
    fn write_to_living(&self, to: u64, bytes: &[u8]) -> usize {
        if bytes.len() < LARGE {
            return self.write_by_handle(to, bytes);
        }
        let done = memory::write(self.process, to, bytes).unwrap_or(0);
        done + self.write_by_handle(to.wrapping_add(done as u64), &bytes[done..])
    }

    fn write_by_handle(&self, to: u64, bytes: &[u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            match self.memory.write_at(&bytes[done..], to.wrapping_add(done as u64)) {
                Ok(written) if written > 0 => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        done
    }

    /// Copy at most `len` bytes to another address space: the bytes copied, and whose memory was gone then, if any was.
    fn copy_some(&self, from: u64, other: &Self, to: u64, len: usize) -> (usize, Option<Access>) {
        let (source, here) = self.way(from, len, Access::Read);
        let (sink, there) = other.way(to, here, Access::Write);
        let len = there;
        let in_windows = match (&source, &sink) {
            (Way::Window(source, at), Way::Window(sink, to)) => {
                source.copy(*at, sink, *to, len).map(|()| len)
            }
            (Way::Window(source, at), Way::Copy) if other.is_alive() => {
                source.send(*at, len, other.process, to)
            }
            (Way::Copy, Way::Window(sink, to)) if self.is_alive() => {
                sink.receive(*to, len, self.process.pid(), from)
            }
            _ => Ok(0),
        };
        match in_windows {
            // A part is progress too: what remains is looked at anew.
            Ok(copied) if copied > 0 => (copied, None),
            Ok(_) | Err(Torn) => self.bounce(from, other, to, len),
        }
    }

    /// Copy `len` bytes by copying twice, piece by piece.
    /// Carry `len` bytes over in pieces that stay in the cache.
    fn bounce(&self, from: u64, other: &Self, to: u64, len: usize) -> (usize, Option<Access>) {
        with_bounce(len.min(BOUNCE), |bytes| {
            let mut done = 0;
            while done < len {
                let piece = bytes.len().min(len - done);
                let read = self.read_by_copy(from.wrapping_add(done as u64), &mut bytes[..piece]);
                let written = other.write_by_copy(to.wrapping_add(done as u64), &bytes[..read]);
                done += written;
                match (written < read, read < piece) {
                    (true, _) => return (done, Some(Access::Write)),
                    (false, true) => return (done, Some(Access::Read)),
                    (false, false) => {}
                }
            }
            (done, None)
        })
    }
}

impl Backing for Space {
    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), MemoryGone> {
        let mut done = 0;
        while done < into.len() {
            let at = from.0.wrapping_add(done as u64);
            let (way, here) = self.way(at, into.len() - done, Access::Read);
            let piece = &mut into[done..done + here];
            let read = match way {
                Way::Window(window, at) if window.read(at, piece).is_ok() => here,
                _ => self.read_by_copy(at, piece),
            };
            done += read;
            if read < here {
                return Err(gone(from, done));
            }
        }
        Ok(())
    }

    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), MemoryGone> {
        let mut done = 0;
        while done < bytes.len() {
            let at = to.0.wrapping_add(done as u64);
            let (way, here) = self.way(at, bytes.len() - done, Access::Write);
            let piece = &bytes[done..done + here];
            let written = match way {
                Way::Window(window, at) if window.write(at, piece).is_ok() => here,
                _ => self.write_by_copy(at, piece),
            };
            done += written;
            if written < here {
                return Err(gone(to, done));
            }
        }
        Ok(())
    }

    /// Bytes go from low to high addresses in pieces of any size, so a range that overlaps its own copy comes out right only where
    /// `len` is not more than the distance.
    fn copy(
        &self,
        from: UserAddr,
        other: &dyn Backing,
        to: UserAddr,
        len: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        let mut done = 0;
        while done < len {
            let (source, sink) = (from.0.wrapping_add(done), to.0.wrapping_add(done));
            let left = usize::try_from(len - done).unwrap_or(usize::MAX);
            let (copied, gone) = match other.as_any().downcast_ref::<Self>() {
                Some(other) => self.copy_some(source, other, sink, left),
                None => self.copy_to_foreign(source, other, sink, left),
            };
            done += copied as u64;
            if let Some(access) = gone {
                let at = if access == Access::Read { from } else { to };
                return Err((done, MemoryGone { at: UserAddr(at.0.wrapping_add(done)) }, access));
            }
        }
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Space {
    /// Copy at most `len` bytes to memory that is not a program's.
    fn copy_to_foreign(
        &self,
        from: u64,
        other: &dyn Backing,
        to: u64,
        len: usize,
    ) -> (usize, Option<Access>) {
        with_bounce(len.min(BOUNCE), |bytes| {
            let (read, short) = match self.read(UserAddr(from), bytes) {
                Ok(()) => (bytes.len(), None),
                Err(gone) => (gone.at.0.wrapping_sub(from) as usize, Some(Access::Read)),
            };
            match other.write(UserAddr(to), &bytes[..read.min(bytes.len())]) {
                Ok(()) => (read, short),
                Err(gone) => (gone.at.0.wrapping_sub(to) as usize, Some(Access::Write)),
            }
        })
    }
}

impl AddressSpace for Space {
    fn mapped(&self, at: UserAddr, len: u64) -> Option<Mapped> {
        let area = self.maps.at(at.0).ok()??;
        Some(Mapped {
            len: len.min(area.end - at.0),
            read: area.read,
            write: area.write,
            device: self.registers.is_some_and(|device| area.is_on(device)),
        })
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn backing(self: Arc<Self>) -> Arc<dyn Backing> {
        self
    }
}

fn gone(base: UserAddr, done: usize) -> MemoryGone {
    MemoryGone { at: UserAddr(base.0.wrapping_add(done as u64)) }
}

/// Where in a window of this mapping the address is.
fn offset(area: &Area, at: u64) -> usize {
    usize::try_from(at - area.start).expect("a mapping of a program is no larger than the address space")
}

/// Run `with` on `len` bytes, at most [`BOUNCE`], that this thread keeps for the next time.
fn with_bounce<T>(len: usize, with: impl FnOnce(&mut [u8]) -> T) -> T {
    thread_local! {
        static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BYTES.with_borrow_mut(|bytes| {
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        with(&mut bytes[..len])
    })
}

#[cfg(test)]
mod tests;
