//! Groups: what a program is given, and its way to containers and devices.
//!
//! In Linux `drivers/vfio/group.c`. One file of a group is open at most, and an open device keeps it. A group in a container owns
//! its members' DMA. When its last device is unbound the group is gone, though a file of it may still be open.

use std::sync::Arc;

use uvfio_abi::vfio::{
    GroupStatus, VFIO_GROUP_FLAGS_CONTAINER_SET, VFIO_GROUP_FLAGS_VIABLE, VFIO_GROUP_GET_DEVICE_FD,
    VFIO_GROUP_GET_STATUS, VFIO_GROUP_SET_CONTAINER, VFIO_GROUP_UNSET_CONTAINER,
};
use uvfio_kernel::iommu::GroupId;

use crate::caller::{Caller, OpenFile};
use crate::file::{File, Reply};
use crate::opening::InUse;
use crate::refusal::{GroupRefusal, Refusal};
use crate::user;
use crate::vfio::Vfio;

/// A group as VFIO knows it: its number can come back after the group was gone, this cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupKey {
    /// Which of the groups that had this number.
    pub(crate) serial: u64,
    /// The number.
    pub(crate) id: GroupId,
}

/// An open group.
pub struct GroupFile {
    vfio: Arc<Vfio>,
    key: GroupKey,
    in_use: InUse,
}

impl GroupFile {
    /// The file of a group that was just opened.
    pub(crate) fn new(vfio: Arc<Vfio>, key: GroupKey) -> Arc<Self> {
        let in_use = InUse::begin(&vfio);
        Arc::new(Self { vfio, key, in_use })
    }

    /// The group.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.key.id
    }

    pub(crate) fn key(&self) -> GroupKey {
        self.key
    }

    pub(crate) fn vfio(&self) -> &Arc<Vfio> {
        &self.vfio
    }

    pub(crate) fn ioctl(&self, caller: &dyn Caller, request: u32, arg: u64) -> Result<Reply, Refusal> {
        match request {
            VFIO_GROUP_GET_STATUS => self.get_status(caller, arg)?,
            VFIO_GROUP_SET_CONTAINER => self.set_container(caller, arg)?,
            VFIO_GROUP_UNSET_CONTAINER => self.vfio.unset_container(self.key)?,
            VFIO_GROUP_GET_DEVICE_FD => {
                let name = user::read_name(caller, arg)?.ok_or(GroupRefusal::NameTooLong)?;
                let device = self.vfio.open_device(self.key, &name, caller)?;
                return Ok(Reply::NewFile(File::Device(device)));
            }
            request => return Err(GroupRefusal::UnknownRequest { request }.into()),
        }
        Ok(Reply::Value(0))
    }

    pub(crate) fn release(&self) {
        if self.in_use.end() {
            self.vfio.close_group(self.key);
        }
    }

    fn get_status(&self, caller: &dyn Caller, arg: u64) -> Result<(), Refusal> {
        let mut status: GroupStatus = user::read(caller, arg)?;
        user::at_least(status.argsz, size_of::<GroupStatus>())?;
        let viability = self.vfio.control().viability(self.key)?;
        status.flags = match viability {
            Viability::InContainer => VFIO_GROUP_FLAGS_CONTAINER_SET | VFIO_GROUP_FLAGS_VIABLE,
            Viability::Viable => VFIO_GROUP_FLAGS_VIABLE,
            Viability::Held => 0,
        };
        user::write(caller, arg, &status)
    }

    fn set_container(&self, caller: &dyn Caller, arg: u64) -> Result<(), Refusal> {
        let fd: i32 = user::read(caller, arg)?;
        let file = match caller.file(fd) {
            OpenFile::Closed => return Err(GroupRefusal::BadFd { fd }.into()),
            OpenFile::Vfio(File::Container(container)) => Some(container),
            OpenFile::Vfio(_) | OpenFile::Other => None,
        };
        self.vfio.control().may_set_container(self.key)?;
        let file = file.ok_or(GroupRefusal::NotAContainer { fd })?;
        self.vfio.set_container(self.key, &file.container, caller)
    }
}

/// Whether a group may be put into a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Viability {
    /// It is in one.
    InContainer,
    /// It may.
    Viable,
    /// Somebody else owns its DMA.
    Held,
}
