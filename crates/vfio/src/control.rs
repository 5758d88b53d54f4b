//! The control plane of VFIO: which groups there are, who has them open, and what container they are in.
//!
//! In Linux this is `struct vfio_group` with `group_lock`, `drivers` and `container_users` (`drivers/vfio/vfio.h`). Everything here
//! is behind one lock, [`Vfio::control`](crate::vfio::Vfio); mapping memory, registers and interrupts never take it.

use std::collections::BTreeMap;
use std::sync::Arc;

use uvfio_kernel::device::DeviceId;
use uvfio_kernel::iommu::{Group, GroupId, Owner};
use uvfio_kernel::module::ModuleHold;

use crate::container::{Container, Protection};
use crate::device::VfioDevice;
use crate::group::{GroupKey, Viability};
use crate::refusal::{GroupRefusal, Holder};

/// Everything behind the control lock.
#[derive(Default)]
pub(crate) struct Control {
    groups: BTreeMap<GroupKey, GroupState>,
    next: u64,
}

/// One group.
pub(crate) struct GroupState {
    /// Its number.
    pub(crate) id: GroupId,
    /// Its IOMMU's view of it; `None` for noiommu.
    pub(crate) iommu: Option<Arc<Group>>,
    /// Its devices that a VFIO driver has.
    pub(crate) devices: Vec<Bound>,
    /// Whether a file of it is open.
    pub(crate) file: FileState,
    /// The container it is in.
    pub(crate) container: Option<Arc<Container>>,
}

/// Whether a group's file is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FileState {
    /// No.
    Closed,
    /// Yes.
    Open,
}

/// A device that a VFIO driver has.
pub(crate) struct Bound {
    /// The device.
    pub(crate) device: Arc<VfioDevice>,
    /// How many files of it are open, or being opened or closed.
    pub(crate) opens: usize,
    /// Whether it can be opened still.
    pub(crate) stage: Stage,
    /// Keeps its driver's module from being unloaded while it is open.
    pub(crate) driver: Option<ModuleHold>,
}

/// Where a bound device is between its driver's probe and the end of its removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// It can be opened.
    Registered,
    /// Its driver is to leave it: whoever has it open may go on, nobody else can open it.
    Leaving,
}

impl GroupState {
    /// Whether it has a node: a device, and so a name in `/dev/vfio`.
    pub(crate) fn is_there(&self) -> bool {
        !self.devices.is_empty()
    }

    /// The names of open devices.
    pub(crate) fn open_devices(&self) -> Vec<String> {
        let open = self.devices.iter().filter(|bound| bound.opens > 0);
        open.map(|bound| bound.device.name().to_owned()).collect()
    }

    /// What keeps it from being opened.
    pub(crate) fn holder(&self) -> Option<Holder> {
        if self.file == FileState::Open {
            return Some(Holder::Group);
        }
        let devices = self.open_devices();
        (!devices.is_empty()).then_some(Holder::Devices(devices))
    }

    /// Whether an IOMMU is behind it.
    pub(crate) fn protection(&self) -> Protection {
        if self.iommu.is_some() { Protection::Iommu } else { Protection::Noiommu }
    }
}

impl Control {
    /// The groups with a node, in order of appearance.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (GroupKey, &GroupState)> {
        self.groups.iter().filter(|(_, group)| group.is_there()).map(|(key, group)| (*key, group))
    }

    /// A group, whether or not it has a device still.
    pub(crate) fn group(&self, key: GroupKey) -> Option<&GroupState> {
        self.groups.get(&key)
    }

    pub(crate) fn group_mut(&mut self, key: GroupKey) -> Option<&mut GroupState> {
        self.groups.get_mut(&key)
    }

    /// What is known of a bound device.
    pub(crate) fn bound_mut(&mut self, device: DeviceId) -> Option<&mut Bound> {
        let mut bound = self.groups.values_mut().flat_map(|group| &mut group.devices);
        bound.find(|bound| bound.device.device.id() == device)
    }

    /// A new group.
    pub(crate) fn add_group(&mut self, id: GroupId, iommu: Option<Arc<Group>>) -> GroupKey {
        let key = GroupKey { serial: self.next, id };
        self.next += 1;
        let group = GroupState { id, iommu, devices: Vec::new(), file: FileState::Closed, container: None };
        self.groups.insert(key, group);
        key
    }

    /// Forget a group without devices that nobody has open.
    pub(crate) fn forget_if_gone(&mut self, key: GroupKey) {
        if self.groups.get(&key).is_some_and(|group| !group.is_there() && group.holder().is_none()) {
            self.groups.remove(&key);
        }
    }

    /// The group of this number that has a node.
    pub(crate) fn find(&self, id: GroupId, protection: Protection) -> Option<GroupKey> {
        self.groups()
            .find(|(_, group)| group.id == id && group.protection() == protection)
            .map(|(key, _)| key)
    }

    /// What kind of groups a container has; `None` where it has no group.
    pub(crate) fn protection_of(&self, container: &Container) -> Option<Protection> {
        let first = container.groups().into_iter().next()?;
        self.groups.get(&first).map(GroupState::protection)
    }

    /// The groups of a container as their IOMMUs know them.
    pub(crate) fn iommu_groups_of(&self, container: &Container) -> Vec<(GroupKey, Arc<Group>)> {
        let keys = container.groups().into_iter();
        keys.filter_map(|key| Some((key, self.groups.get(&key)?.iommu.clone()?))).collect()
    }

    /// Whether a group may be put into a container.
    pub(crate) fn viability(&self, key: GroupKey) -> Result<Viability, GroupRefusal> {
        let group = self.there(key)?;
        Ok(match (&group.container, &group.iommu) {
            (Some(_), _) => Viability::InContainer,
            (None, Some(iommu)) if iommu.owner().is_some() || iommu.hosts() > 0 => Viability::Held,
            (None, _) => Viability::Viable,
        })
    }

    /// A group that still has a device.
    pub(crate) fn there(&self, key: GroupKey) -> Result<&GroupState, GroupRefusal> {
        let group = self.groups.get(&key).filter(|group| group.is_there());
        group.ok_or(GroupRefusal::Gone { group: key.id })
    }

    /// Whether a group has no container yet.
    pub(crate) fn may_set_container(&self, key: GroupKey) -> Result<(), GroupRefusal> {
        let group = self.there(key)?;
        match group.container {
            Some(_) => Err(GroupRefusal::AlreadySet { group: group.id }),
            None => Ok(()),
        }
    }
}

/// The owner of a group's DMA as long as it is in a container.
pub(crate) const fn owner(key: GroupKey) -> Owner {
    Owner(key.serial)
}
