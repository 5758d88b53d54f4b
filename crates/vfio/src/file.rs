//! The files that programs hold: container, group and device, and what they are asked.
//!
//! In Linux these are the `file_operations` of `drivers/vfio/container.c`, `drivers/vfio/group.c` and `drivers/vfio/vfio_main.c`.
//! A door hands every call on such a file to [`File`] and gives the program what comes back.

use std::fmt;
use std::sync::Arc;

use uvfio_kernel::hw::Width;
pub use uvfio_kernel::iommu::GroupId;

use crate::caller::Caller;
use crate::container::ContainerFile;
use crate::device::DeviceFile;
use crate::group::GroupFile;
use crate::observe::Call;
use crate::refusal::{ContainerRefusal, GroupRefusal, Refusal};

/// A node of `/dev/vfio`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// `/dev/vfio/vfio`.
    Container,
    /// `/dev/vfio/N`.
    Group(GroupId),
    /// `/dev/vfio/noiommu-N`.
    NoiommuGroup(GroupId),
}

impl fmt::Display for Node {
    /// The node's file name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Container => f.write_str("vfio"),
            Node::Group(group) => write!(f, "{group}"),
            Node::NoiommuGroup(group) => write!(f, "noiommu-{group}"),
        }
    }
}

/// What a call that was not refused gives the program.
#[derive(Clone)]
pub enum Reply {
    /// The value `ioctl` returns.
    Value(i32),
    /// A new file, which the door puts into the program with close-on-exec set; `ioctl` returns its number.
    NewFile(File),
}

/// What a program wants to map, as `mmap` got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mmap {
    /// Offset within the file, bytes.
    pub offset: u64,
    /// Bytes, a multiple of the page.
    pub len: u64,
    /// Whether stores reach the file.
    pub sharing: Sharing,
    /// What the program may do there.
    pub prot: Protection,
}

/// `MAP_SHARED` or `MAP_PRIVATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// `MAP_SHARED`.
    Shared,
    /// `MAP_PRIVATE`.
    Private,
}

/// `PROT_READ`, `PROT_WRITE`, `PROT_EXEC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Protection {
    /// Loads.
    pub read: bool,
    /// Stores.
    pub write: bool,
    /// Instruction fetches.
    pub exec: bool,
}

/// How a permitted mapping is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MmapPlan {
    /// Every access traps and becomes [`File::load`] or [`File::store`] at `offset` of the file and on.
    Trap {
        /// The region.
        region: u32,
        /// Offset within the region of the first mapped byte.
        offset: u64,
    },
}

/// One open VFIO file. Copies stand for the same open file (`dup`, `fork`, a passed descriptor).
#[derive(Clone)]
pub enum File {
    /// An open `/dev/vfio/vfio`.
    Container(Arc<ContainerFile>),
    /// An open group.
    Group(Arc<GroupFile>),
    /// A device, as `VFIO_GROUP_GET_DEVICE_FD` gave it.
    Device(Arc<DeviceFile>),
}

impl File {
    /// `ioctl`: `request` and `arg` as the program passed them.
    ///
    /// # Errors
    /// Why the call is refused; nothing has changed then but what Linux changes too.
    pub fn ioctl(&self, caller: &dyn Caller, request: u32, arg: u64) -> Result<Reply, Refusal> {
        self.observe_ioctl(caller, request, arg, || match self {
            File::Container(container) => container.ioctl(caller, request, arg),
            File::Group(group) => group.ioctl(caller, request, arg),
            File::Device(device) => device.ioctl(caller, request, arg),
        })
    }

    /// `pread` (and `read`, which is at offset 0: these files have no position). Returns the bytes read.
    ///
    /// # Errors
    /// Why the call is refused.
    pub fn read(&self, caller: &dyn Caller, offset: u64, into: &mut [u8]) -> Result<usize, Refusal> {
        let call = Call::Read { offset, len: into.len() };
        self.observe_transfer(caller, call, || match self {
            File::Container(_) => Err(ContainerRefusal::Transfer.into()),
            File::Group(_) => Err(GroupRefusal::Transfer.into()),
            File::Device(device) => device.read(offset, into),
        })
    }

    /// `pwrite`. Returns the bytes written.
    ///
    /// # Errors
    /// Why the call is refused.
    pub fn write(&self, caller: &dyn Caller, offset: u64, bytes: &[u8]) -> Result<usize, Refusal> {
        let call = Call::Write { offset, len: bytes.len() };
        self.observe_transfer(caller, call, || match self {
            File::Container(_) => Err(ContainerRefusal::Transfer.into()),
            File::Group(_) => Err(GroupRefusal::Transfer.into()),
            File::Device(device) => device.write(offset, bytes),
        })
    }

    /// `mmap`: whether it is permitted and how to serve it.
    ///
    /// # Errors
    /// Why the call is refused.
    pub fn mmap(&self, caller: &dyn Caller, mmap: Mmap) -> Result<MmapPlan, Refusal> {
        self.observe_mmap(caller, mmap, || match self {
            File::Container(_) => Err(ContainerRefusal::Mmap.into()),
            File::Group(_) => Err(GroupRefusal::Mmap.into()),
            File::Device(device) => device.mmap(mmap),
        })
    }

    /// One load of a mapped register at an offset of the file. Not observed: a program makes millions.
    ///
    /// # Errors
    /// Where no region has these bytes: the program gets SIGBUS.
    pub fn load(&self, offset: u64, width: Width) -> Result<u64, Refusal> {
        match self {
            File::Container(_) => Err(ContainerRefusal::Transfer.into()),
            File::Group(_) => Err(GroupRefusal::Transfer.into()),
            File::Device(device) => device.load(offset, width),
        }
    }

    /// One store to a mapped register at an offset of the file, likewise.
    ///
    /// # Errors
    /// Where no region has these bytes: the program gets SIGBUS.
    pub fn store(&self, offset: u64, width: Width, value: u64) -> Result<(), Refusal> {
        match self {
            File::Container(_) => Err(ContainerRefusal::Transfer.into()),
            File::Group(_) => Err(GroupRefusal::Transfer.into()),
            File::Device(device) => device.store(offset, width, value),
        }
    }

    /// The last reference is gone, mappings included (`release`). A second call does nothing.
    pub fn release(&self) {
        self.observe_release(|| match self {
            File::Container(container) => container.release(),
            File::Group(group) => group.release(),
            File::Device(device) => device.release(),
        });
    }
}
