//! The process that makes a call, as VFIO sees it: its memory, its files, its limits and credentials.
//!
//! In Linux this is `current`: `copy_from_user`, `fget`, `eventfd_ctx_fdget`, `rlimit`, `capable`. A door implements it for the
//! programs it serves; tests implement it over plain vectors.

use std::sync::Arc;

use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::hw::Backing;

use crate::file::File;

/// A process id as the program knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

/// The program passed a pointer that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no usable memory at {at}")]
pub struct BadPointer {
    /// The address passed.
    pub at: UserAddr,
}

/// What a number in the program's table of open files stands for.
pub enum OpenFile {
    /// Nothing is open there.
    Closed,
    /// One of VFIO's own files.
    Vfio(File),
    /// Some other file.
    Other,
}

/// Why a file descriptor could not be used as an eventfd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoEventFd {
    /// Nothing is open there.
    Closed,
    /// It is some other file.
    NotAnEventFd,
}

/// Capabilities the calls ask for (`linux/capability.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// `CAP_IPC_LOCK`: no limit on locked memory.
    IpcLock,
    /// `CAP_SYS_RAWIO`: noiommu.
    SysRawio,
}

/// What a range of the process's addresses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Bytes from the asked address on that are mapped alike, at most what was asked for.
    pub len: u64,
    /// May be read.
    pub read: bool,
    /// May be written.
    pub write: bool,
    /// Pages that cannot be pinned for DMA (another device's registers, `VM_PFNMAP`): the address is there, but not memory.
    pub device: bool,
}

/// An address space that outlives the call: what a DMA mapping keeps.
pub trait AddressSpace: Backing {
    /// What is at `at`, up to `len` bytes; `None` where nothing is mapped.
    fn mapped(&self, at: UserAddr, len: u64) -> Option<Mapped>;
    /// A number that is the same for two handles of one address space.
    fn id(&self) -> u64;
    /// This address space as the memory behind a mapping.
    fn backing(self: Arc<Self>) -> Arc<dyn Backing>;
}

/// The process that makes a call.
pub trait Caller {
    /// Its id, for the trace and the report.
    fn pid(&self) -> Pid;

    /// Copy from the process (`copy_from_user`).
    ///
    /// # Errors
    /// Where any byte cannot be read.
    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), BadPointer>;

    /// Copy to the process (`copy_to_user`).
    ///
    /// # Errors
    /// Where any byte cannot be written.
    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), BadPointer>;

    /// What a descriptor of the process stands for.
    fn file(&self, fd: i32) -> OpenFile;

    /// The eventfd behind a descriptor; the handle stays good after the process closes it.
    ///
    /// # Errors
    /// Where there is none.
    fn eventfd(&self, fd: i32) -> Result<Arc<dyn EventFd>, NoEventFd>;

    /// The memory of the process's group leader (`mmget(current->group_leader->mm)`).
    fn address_space(&self) -> Arc<dyn AddressSpace>;

    /// `RLIMIT_MEMLOCK`, bytes; `None` is no limit.
    fn memlock_limit(&self) -> Option<u64>;

    /// Whether the process has a capability.
    fn capable(&self, capability: Capability) -> bool;
}

/// An eventfd of a program.
pub trait EventFd: Send + Sync {
    /// Add 1 to its counter (`eventfd_signal`). A full counter is left as it is.
    fn signal(&self);
    /// Whether its counter is above 0 now.
    fn is_readable(&self) -> bool;
    /// Call `watcher` each time it is signalled, its counter having been set to 0 (as `virqfd` does). What was readable before the
    /// watch began is left as it is and is no signal. Ends when the returned guard is dropped; after that no call is made or under way.
    fn watch(&self, watcher: Arc<dyn Watcher>) -> Box<dyn Watch>;
    /// Whether any program still holds it: a closed eventfd detaches itself from mask and unmask.
    fn is_held(&self) -> bool;
}

/// What is called when a watched eventfd is signalled.
pub trait Watcher: Send + Sync {
    /// It was signalled.
    fn signalled(&self);
}

/// Keeps a watch alive.
pub trait Watch: Send + Sync {}
