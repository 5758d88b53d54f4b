//! Opening and closing: nodes, groups and devices.
//!
//! In Linux `vfio_group_fops_open`, `vfio_device_open_file` and `vfio_df_close` (`drivers/vfio/group.c`,
//! `drivers/vfio/vfio_main.c`). The first open of a device takes a reference on its group's file, which its last close gives back.

use std::sync::Arc;

use uvfio_kernel::module::ModuleHold;

use crate::attach::leave_container;
use crate::caller::{Caller, Capability};
use crate::container::{ContainerFile, Protection};
use crate::control::{Control, FileState, Stage};
use crate::device::{DeviceFile, Opened, VfioDevice};
use crate::file::{File, Node};
use crate::group::{GroupFile, GroupKey};
use crate::observe::Leftover;
use crate::refusal::{DeviceRefusal, GroupRefusal, OpenRefusal, Refusal};
use crate::sync::{Mutex, lock};
use crate::vfio::Vfio;

/// An open file keeps `vfio` loaded, until its last reference is gone; copies of the value may live longer.
pub(crate) struct InUse(Mutex<Stretch>);

enum Stretch {
    Open { _vfio: Option<ModuleHold> },
    Over,
}

impl InUse {
    /// A file is opened. Opening a node loads the module where it is not there (`MODULE_ALIAS("devname:vfio/vfio")`).
    pub(crate) fn begin(vfio: &Vfio) -> Self {
        Self(Mutex::new(Stretch::Open { _vfio: vfio.machine().request_module("vfio") }))
    }

    /// It is closed. Whether it was open until now.
    pub(crate) fn end(&self) -> bool {
        matches!(std::mem::replace(&mut *lock(&self.0), Stretch::Over), Stretch::Open { .. })
    }
}

impl Vfio {
    /// Open a node, unobserved.
    pub(crate) fn open_node(self: &Arc<Self>, node: Node, caller: &dyn Caller) -> Result<File, Refusal> {
        let (id, protection) = match node {
            Node::Container => {
                return Ok(File::Container(ContainerFile::new(self.clone())));
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
        Ok(File::Group(GroupFile::new(self.clone(), key)))
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

    /// `VFIO_GROUP_GET_DEVICE_FD`. The device itself is opened without the control lock: its reset may take time.
    pub(crate) fn open_device(
        self: &Arc<Self>,
        key: GroupKey,
        name: &str,
        caller: &dyn Caller,
    ) -> Result<Arc<DeviceFile>, Refusal> {
        let device = self.reserve(key, name, caller)?;
        match device.open(|| self.first_open(&device)) {
            Ok(opened) => Ok(DeviceFile::new(self.clone(), device, opened)),
            Err(refusal) => {
                self.unreserve(&device);
                Err(refusal.into())
            }
        }
    }

    /// Find a device that may be opened, and count the file it is about to get: neither its container nor its driver leaves it now.
    fn reserve(
        &self,
        key: GroupKey,
        name: &str,
        caller: &dyn Caller,
    ) -> Result<Arc<VfioDevice>, GroupRefusal> {
        let mut control = self.control();
        let group = control.group_mut(key).ok_or(GroupRefusal::Gone { group: key.id })?;
        let id = group.id;
        let found = group
            .devices
            .iter()
            .position(|bound| bound.stage == Stage::Registered && bound.device.name() == name);
        let Some(found) = found else {
            let devices = group.devices.iter().map(|bound| bound.device.name().to_owned()).collect();
            return Err(GroupRefusal::NoSuchDevice { group: id, name: name.to_owned(), devices });
        };
        let Some(container) = &group.container else {
            return Err(GroupRefusal::NoContainer { group: id });
        };
        let bound = &mut group.devices[found];
        if bound.opens == 0 {
            if container.iommu().is_none() {
                return Err(GroupRefusal::NoIommu { group: id });
            }
            if group.iommu.is_none() && !caller.capable(Capability::SysRawio) {
                return Err(GroupRefusal::NoRawio { group: id });
            }
        }
        // A driver that is being unloaded gives its devices to nobody any more (`vfio_df_device_first_open`).
        if bound.driver.is_none() {
            let module = bound.device.device.driver().map(|driver| driver.module().to_owned());
            bound.driver = module.and_then(|module| self.machine().hold_module(&module));
            if bound.driver.is_none() {
                return Err(GroupRefusal::NoSuchDevice {
                    group: id,
                    name: name.to_owned(),
                    devices: Vec::new(),
                });
            }
        }
        bound.opens += 1;
        Ok(bound.device.clone())
    }

    /// A file of a device is closed, or could not be opened.
    fn unreserve(&self, device: &VfioDevice) {
        let mut control = self.control();
        if let Some(bound) = control.bound_mut(device.device.id()) {
            bound.opens = bound.opens.saturating_sub(1);
            if bound.opens == 0 {
                bound.driver = None;
            }
        }
        self.release_if_unused(&mut control, device.group);
        drop(control);
        self.gate().open();
    }

    /// `vfio_platform_open_device`: power, interrupts, reset.
    fn first_open(&self, device: &VfioDevice) -> Result<Opened, DeviceRefusal> {
        device.device.take_up();
        let opened = Opened::new(&device.device);
        match self.reset_at_open(device) {
            Ok(()) => Ok(opened),
            Err(refusal) => {
                device.device.hand_back(|| drop(opened.close(&device.device)), |_| None);
                Err(DeviceRefusal::OpenReset { why: Box::new(refusal) })
            }
        }
    }

    /// A file of a device is closed for good, its mappings included.
    pub(crate) fn close_device(&self, device: &VfioDevice) {
        device.close(|opened| self.last_close(device, opened));
        self.unreserve(device);
    }

    /// `vfio_platform_close_device`. A failing reset changes nothing any more.
    fn last_close(&self, device: &VfioDevice, opened: &Opened) {
        let mut armed = Vec::new();
        let handed =
            device.device.hand_back(|| armed = opened.close(&device.device), |_| self.reset_after(device));
        if handed.before.running {
            self.shared().left(Leftover::DeviceRunning { device: device.name().to_owned() });
        }
        armed.into_iter().for_each(|leftover| self.shared().left(leftover));
    }
}
