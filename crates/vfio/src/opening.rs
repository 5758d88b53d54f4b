//! Opening and closing: nodes, groups and devices.
//!
//! In Linux `vfio_group_fops_open`, `vfio_device_open_file` and `vfio_df_close` (`drivers/vfio/group.c`,
//! `drivers/vfio/vfio_main.c`). The first open of a device takes a reference on its group's file, which its last close gives back.

use std::sync::Arc;

use uvfio_kernel::hw::ResetKind;

use crate::attach::leave_container;
use crate::caller::{Caller, Capability};
use crate::container::{Container, ContainerFile, Protection};
use crate::control::{Control, FileState, Stage};
use crate::device::{DeviceFile, Opened, ResetNeed, VfioDevice, has_reset};
use crate::file::{File, Node};
use crate::group::{GroupFile, GroupKey};
use crate::observe::Leftover;
use crate::refusal::{DeviceRefusal, GroupRefusal, OpenRefusal, Refusal};
use crate::vfio::Vfio;

impl Vfio {
    /// Open a node, unobserved.
    pub(crate) fn open_node(self: &Arc<Self>, node: Node, caller: &dyn Caller) -> Result<File, Refusal> {
        let (id, protection) = match node {
            Node::Container => {
                let container = Container::new(self.next_container());
                return Ok(File::Container(Arc::new(ContainerFile { vfio: self.clone(), container })));
            }
            Node::Group(id) => (id, Protection::Iommu),
            Node::NoiommuGroup(id) => (id, Protection::Noiommu),
        };
        let mut control = self.control();
        let key = control.find(id, protection).ok_or(OpenRefusal::NoGroup { group: id })?;
        if protection == Protection::Noiommu && !caller.capable(Capability::SysRawio) {
            return Err(OpenRefusal::NoRawio { group: id }.into());
        }
        let group = control.group_mut(key).ok_or(OpenRefusal::NoGroup { group: id })?;
        if let Some(holder) = group.holder() {
            return Err(OpenRefusal::Busy { group: id, holder }.into());
        }
        group.file = FileState::Open;
        Ok(File::Group(GroupFile::new(self.clone(), key, id)))
    }

    /// The last reference to a group's file is gone.
    pub(crate) fn close_group(&self, key: GroupKey) {
        let mut control = self.control();
        if let Some(group) = control.group_mut(key) {
            group.file = FileState::Closed;
        }
        self.release_if_unused(&mut control, key);
    }

    /// Nobody has a group open any more: it leaves its container.
    fn release_if_unused(&self, control: &mut Control, key: GroupKey) {
        if control.group(key).is_some_and(|group| group.holder().is_none()) {
            leave_container(control, key);
            control.forget_if_gone(key);
        }
    }

    /// `VFIO_GROUP_GET_DEVICE_FD`.
    pub(crate) fn open_device(
        self: &Arc<Self>,
        key: GroupKey,
        name: &str,
        caller: &dyn Caller,
    ) -> Result<Arc<DeviceFile>, Refusal> {
        let mut control = self.control();
        let gone = GroupRefusal::Gone { group: uvfio_kernel::iommu::GroupId(u32::MAX) };
        let group = control.group_mut(key).ok_or(gone)?;
        let id = group.id;
        let names = || group.devices.iter().map(|bound| bound.device.name().to_owned()).collect();
        let found = group
            .devices
            .iter()
            .position(|bound| bound.stage == Stage::Registered && bound.device.name() == name);
        let Some(found) = found else {
            let refusal = GroupRefusal::NoSuchDevice { group: id, name: name.to_owned(), devices: names() };
            return Err(refusal.into());
        };
        let Some(container) = &group.container else {
            return Err(GroupRefusal::NoContainer { group: id }.into());
        };
        let bound = &mut group.devices[found];
        let opened = match &bound.opened {
            Some(opened) => opened.clone(),
            None => {
                if container.iommu().is_none() {
                    return Err(GroupRefusal::NoIommu { group: id }.into());
                }
                if group.iommu.is_none() && !caller.capable(Capability::SysRawio) {
                    return Err(GroupRefusal::NoRawio { group: id }.into());
                }
                let opened = self.first_open(&bound.device)?;
                bound.opened = Some(opened.clone());
                opened
            }
        };
        bound.opens += 1;
        Ok(DeviceFile::new(self.clone(), bound.device.clone(), opened))
    }

    /// `vfio_platform_open_device`: power, interrupts, reset.
    fn first_open(&self, device: &Arc<VfioDevice>) -> Result<Arc<Opened>, DeviceRefusal> {
        device.device.take_up();
        let opened = Arc::new(Opened::new(&device.device));
        let reset = device.reset();
        if let (Err(refusal), ResetNeed::Required) = (reset, device.reset_need) {
            device.device.hand_back(|| drop(opened.close(&device.device)), |_| None);
            let errno = Refusal::from(refusal).errno(self.personality());
            return Err(DeviceRefusal::OpenReset { errno });
        }
        Ok(opened)
    }

    /// A file of a device is closed for good, its mappings included.
    pub(crate) fn close_device(&self, device: &Arc<VfioDevice>) {
        let mut control = self.control();
        let Some(group) = control.group_mut(device.group) else { return };
        let Some(bound) = group.devices.iter_mut().find(|bound| Arc::ptr_eq(&bound.device, device)) else {
            return;
        };
        bound.opens = bound.opens.saturating_sub(1);
        if bound.opens > 0 {
            return;
        }
        if let Some(opened) = bound.opened.take() {
            self.last_close(device, &opened);
        }
        self.release_if_unused(&mut control, device.group);
        drop(control);
        self.gate().open();
    }

    /// `vfio_platform_close_device`. A failing reset changes nothing any more.
    fn last_close(&self, device: &VfioDevice, opened: &Opened) {
        let mut armed = Vec::new();
        let handed = device.device.hand_back(
            || armed = opened.close(&device.device),
            |kernel| has_reset(device.compatible()).then(|| kernel.reset(ResetKind::Device)),
        );
        if handed.before.running {
            self.shared().left(Leftover::DeviceRunning { device: device.name().to_owned() });
        }
        armed.into_iter().for_each(|leftover| self.shared().left(leftover));
    }
}
