//! The thread that makes a call, as VFIO wants to see it.

use std::io;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, statx};
use rustix::thread::{CapabilitySet, capabilities};
use uvfio_kernel::addr::UserAddr;
use uvfio_sys::limits::memlock;
use uvfio_sys::memory::Foreign;
use uvfio_vfio::caller::{AddressSpace, BadPointer, Caller, Capability, EventFd, NoEventFd, OpenFile, Pid};

use super::World;
use super::files::OpenFile as Held;
use super::memory::{CallMemory, Gone};
use super::process::{Process, Thread};

/// A thread of the program.
pub struct Program<'a> {
    world: &'a World,
    thread: Thread,
    memory: CallMemory,
}

impl<'a> Program<'a> {
    /// The thread with this number.
    ///
    /// # Errors
    /// Where it is gone.
    pub fn of(world: &'a World, tid: u32) -> io::Result<Self> {
        let thread = world.processes.thread(tid)?;
        let memory = CallMemory::new(Foreign::new(thread.process.pid())?, thread.tid);
        Ok(Self { world, thread, memory })
    }

    /// The VFIO file a descriptor stands for: told by the inode, so a copy of a descriptor is as good as the first.
    #[must_use]
    pub fn held(&self, fd: i32) -> Lookup {
        match self.stat(fd) {
            None => Lookup::Closed,
            Some(stat) => self
                .world
                .node_of(&stat)
                .and_then(|node| self.world.files.get(node))
                .map_or(Lookup::Other, Lookup::Vfio),
        }
    }

    /// The node of our mount that a descriptor stands for.
    #[must_use]
    pub fn node(&self, fd: i32) -> Option<u64> {
        self.world.node_of(&self.stat(fd)?)
    }

    fn stat(&self, fd: i32) -> Option<Statx> {
        let tid = self.thread.tid.as_raw_nonzero();
        // The file system is not asked: inode and device are known without.
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
        statx(CWD, format!("/proc/{tid}/fd/{fd}"), flags, StatxFlags::INO).ok()
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Arc<Process> {
        &self.thread.process
    }
}

/// What a descriptor stands for.
pub enum Lookup {
    /// Nothing.
    Closed,
    /// A file of VFIO.
    Vfio(Arc<Held>),
    /// Some other file.
    Other,
}

impl Caller for Program<'_> {
    fn pid(&self) -> Pid {
        Pid(self.thread.process.inner())
    }

    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), BadPointer> {
        self.memory.read(from, into)
    }

    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), BadPointer> {
        self.memory.write(to, bytes)
    }

    fn file(&self, fd: i32) -> OpenFile {
        match self.held(fd) {
            Lookup::Closed => OpenFile::Closed,
            Lookup::Vfio(held) => OpenFile::Vfio(held.file.clone()),
            Lookup::Other => OpenFile::Other,
        }
    }

    fn eventfd(&self, fd: i32) -> Result<Arc<dyn EventFd>, NoEventFd> {
        // One of our own files must not be taken to look at it: closing it again would wait for our own answer.
        if self.node(fd).is_some() {
            return Err(NoEventFd::NotAnEventFd);
        }
        self.world.eventfds.take(self.thread.process.pidfd(), fd)
    }

    fn address_space(&self) -> Arc<dyn AddressSpace> {
        match self.thread.process.space(&self.world.spaces) {
            Ok(space) => space,
            Err(_) => Arc::new(Gone),
        }
    }

    fn memlock_limit(&self) -> Option<u64> {
        memlock(self.thread.process.pid()).ok().flatten()
    }

    fn capable(&self, capability: Capability) -> bool {
        let wanted = match capability {
            Capability::IpcLock => CapabilitySet::IPC_LOCK,
            Capability::SysRawio => CapabilitySet::SYS_RAWIO,
        };
        capabilities(Some(self.thread.tid)).is_ok_and(|sets| sets.effective.contains(wanted))
    }
}
