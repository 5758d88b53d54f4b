//! A process over plain vectors, for calls that come from no program.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::hw::{Access, Backing, MemoryGone};
use uvfio_vfio::caller::{
    AddressSpace, BadPointer, Caller, Capability, EventFd, Mapped, NoEventFd, OpenFile, Pid, Watch, Watcher,
};
use uvfio_vfio::file::File;

/// Where its memory begins.
pub const MEMORY: u64 = 0x1_0000;
/// How much of it there is, bytes.
pub const LEN: u64 = 0x8000;
/// So much of its beginning may only be read.
const READ_ONLY: u64 = 0x1000;
/// The number of the first of its files. Those below are eventfds and some other file.
pub const FILES: i32 = EVENTS as i32 + 1;
/// The first of its descriptors are eventfds.
const EVENTS: usize = 3;

/// Its memory.
struct Space(Mutex<Vec<u8>>);

impl Space {
    /// Where `len` bytes at `at` are in the vector, none of them before `begins`; `Err` with the first that is not there.
    fn place(at: u64, len: usize, begins: u64) -> Result<usize, u64> {
        let inside = at >= MEMORY + begins && at < MEMORY + LEN;
        let left = (MEMORY + LEN).saturating_sub(at);
        match len {
            0 => Ok(0),
            _ if !inside => Err(at),
            _ if left < len as u64 => Err(MEMORY + LEN),
            _ => Ok((at - MEMORY) as usize),
        }
    }

    fn load(&self, at: u64, into: &mut [u8]) -> Result<(), u64> {
        let place = Self::place(at, into.len(), 0)?;
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        into.copy_from_slice(&bytes[place..place + into.len()]);
        Ok(())
    }

    fn save(&self, at: u64, from: &[u8]) -> Result<(), u64> {
        let place = Self::place(at, from.len(), READ_ONLY)?;
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes[place..place + from.len()].copy_from_slice(from);
        Ok(())
    }
}

impl Backing for Space {
    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), MemoryGone> {
        self.load(from.0, into).map_err(|at| MemoryGone { at: UserAddr(at) })
    }

    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), MemoryGone> {
        self.save(to.0, bytes).map_err(|at| MemoryGone { at: UserAddr(at) })
    }

    fn copy(
        &self,
        from: UserAddr,
        other: &dyn Backing,
        to: UserAddr,
        len: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        let gone = |at, access| (0, MemoryGone { at }, access);
        if len > LEN {
            return Err(gone(from, Access::Read));
        }
        let mut bytes = vec![0; len as usize];
        self.load(from.0, &mut bytes).map_err(|at| gone(UserAddr(at), Access::Read))?;
        other.write(to, &bytes).map_err(|missing| (0, missing, Access::Write))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl AddressSpace for Space {
    fn mapped(&self, at: UserAddr, len: u64) -> Option<Mapped> {
        let offset = at.0.checked_sub(MEMORY).filter(|offset| *offset < LEN)?;
        let write = offset >= READ_ONLY;
        let left = if write { LEN } else { READ_ONLY } - offset;
        Some(Mapped { len: left.min(len), read: true, write, device: false })
    }

    fn id(&self) -> u64 {
        1
    }

    fn backing(self: Arc<Self>) -> Arc<dyn Backing> {
        self
    }
}

/// An eventfd, whose watchers are told when the process says so: in the kernel too that is later than the signal.
#[derive(Default)]
struct Event(Mutex<EventState>);

#[derive(Default)]
struct EventState {
    counter: u64,
    watchers: Vec<(u64, Arc<dyn Watcher>)>,
    watched: u64,
}

impl Event {
    fn state(&self) -> MutexGuard<'_, EventState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self) {
        let mut state = self.state();
        if state.counter == 0 || state.watchers.is_empty() {
            return;
        }
        state.counter = 0;
        let watchers: Vec<_> = state.watchers.iter().map(|(_, watcher)| watcher.clone()).collect();
        drop(state);
        watchers.iter().for_each(|watcher| watcher.signalled());
    }
}

struct Watching(Arc<Event>, u64);

impl Watch for Watching {}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.state().watchers.retain(|(number, _)| *number != self.1);
    }
}

/// A descriptor of an [`Event`].
struct Descriptor(Arc<Event>);

impl EventFd for Descriptor {
    fn signal(&self) {
        let mut state = self.0.state();
        state.counter = state.counter.saturating_add(1);
    }

    fn is_readable(&self) -> bool {
        self.0.state().counter > 0
    }

    fn watch(&self, watcher: Arc<dyn Watcher>) -> Box<dyn Watch> {
        let mut state = self.0.state();
        state.watched += 1;
        let number = state.watched;
        state.watchers.push((number, watcher));
        Box::new(Watching(self.0.clone(), number))
    }

    fn is_held(&self) -> bool {
        true
    }
}

/// The process.
pub struct Process {
    space: Arc<Space>,
    events: [Arc<Event>; EVENTS],
    /// Its open files of VFIO, from [`FILES`] on.
    pub files: Vec<File>,
    /// What it may lock, bytes.
    pub memlock: Option<u64>,
}

impl Process {
    /// One with this limit, no files, and memory that is all zero.
    pub fn new(memlock: Option<u64>) -> Self {
        let space = Arc::new(Space(Mutex::new(vec![0; LEN as usize])));
        Self { space, events: Default::default(), files: Vec::new(), memlock }
    }

    /// Add to an eventfd.
    pub fn signal(&self, at: u8) {
        Descriptor(self.events[usize::from(at) % EVENTS].clone()).signal();
    }

    /// Tell the watchers of eventfds what happened to these.
    pub fn deliver(&self) {
        self.events.iter().for_each(|event| event.deliver());
    }

    /// Put an argument where it may be written, all of it that fits. Returns its address.
    pub fn put(&self, argument: &[u8]) -> u64 {
        let at = MEMORY + READ_ONLY;
        let len = argument.len().min((LEN - READ_ONLY) as usize);
        self.space.save(at, &argument[..len]).expect("it fits");
        at
    }
}

impl Caller for Process {
    fn pid(&self) -> Pid {
        Pid(1)
    }

    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), BadPointer> {
        self.space.load(from.0, into).map_err(|at| BadPointer { at: UserAddr(at) })
    }

    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), BadPointer> {
        self.space.save(to.0, bytes).map_err(|at| BadPointer { at: UserAddr(at) })
    }

    fn file(&self, fd: i32) -> OpenFile {
        match fd.checked_sub(FILES).and_then(|at| self.files.get(usize::try_from(at).ok()?)) {
            Some(file) => OpenFile::Vfio(file.clone()),
            None if (0..FILES).contains(&fd) => OpenFile::Other,
            None => OpenFile::Closed,
        }
    }

    fn eventfd(&self, fd: i32) -> Result<Arc<dyn EventFd>, NoEventFd> {
        let event = usize::try_from(fd).ok().and_then(|fd| self.events.get(fd));
        match (event, self.file(fd)) {
            (Some(event), _) => Ok(Arc::new(Descriptor(event.clone()))),
            (None, OpenFile::Closed) => Err(NoEventFd::Closed),
            (None, _) => Err(NoEventFd::NotAnEventFd),
        }
    }

    fn address_space(&self) -> Arc<dyn AddressSpace> {
        self.space.clone()
    }

    fn memlock_limit(&self) -> Option<u64> {
        self.memlock
    }

    fn capable(&self, capability: Capability) -> bool {
        capability == Capability::SysRawio || self.memlock.is_none()
    }
}
