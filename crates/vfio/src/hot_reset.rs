//! Resetting devices that share reset lines for a program that shows the files of their groups.
//!
//! In Linux `vfio_pci_ioctl_get_pci_hot_reset_info` and `vfio_pci_ioctl_pci_hot_reset_groups` of `drivers/vfio/pci/vfio_pci_core.c`, for
//! PCI functions on one bus; platform devices answer ENOTTY there, and so do those here that share no line. The structures are the
//! same: a platform device has a group, and no bus or function.

use std::sync::Arc;

use uvfio_abi::vfio::{PciDependentDevice, PciHotReset};
use uvfio_kernel::device::{Device, DeviceId};
use uvfio_kernel::provider::reset::{Ask, Asker, Breadth, ResetPlan, Scope};

use crate::caller::{Caller, OpenFile};
use crate::device::VfioDevice;
use crate::file::File;
use crate::refusal::{DeviceRefusal, Refusal};
use crate::user;
use crate::vfio::Vfio;

impl Vfio {
    /// `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`: the groups of all devices that would be reset. One without a group, such as a phy, has
    /// no entry.
    pub(crate) fn hot_reset_info(
        &self,
        caller: &dyn Caller,
        arg: u64,
        device: &VfioDevice,
        request: u32,
    ) -> Result<(), Refusal> {
        let mut info: PciHotReset = user::read(caller, arg)?;
        user::at_least(info.argsz, size_of::<PciHotReset>())?;
        let plan = self.shared_plan(&device.device, request)?;
        let groups = plan.affected.iter().filter_map(|device| device.group());
        let entries: Vec<PciDependentDevice> = groups
            .map(|group| PciDependentDevice { group_id: group.id().0, ..PciDependentDevice::default() })
            .collect();
        let (count, size) = (entries.len() as u32, size_of::<PciDependentDevice>());
        (info.flags, info.count) = (0, count);
        user::write(caller, arg, &info)?;
        let room = (info.argsz as usize).saturating_sub(size_of::<PciHotReset>()) / size;
        if room < entries.len() {
            return Err(DeviceRefusal::HotResetInfo { argsz: info.argsz, devices: count }.into());
        }
        for (at, entry) in entries.iter().enumerate() {
            user::write(caller, user::after(arg, size_of::<PciHotReset>() + at * size), entry)?;
        }
        Ok(())
    }

    /// `VFIO_DEVICE_PCI_HOT_RESET`: the program shows the files of every group that would be reset.
    pub(crate) fn hot_reset(
        &self,
        caller: &dyn Caller,
        arg: u64,
        device: &VfioDevice,
        request: u32,
    ) -> Result<(), Refusal> {
        let call: PciHotReset = user::read(caller, arg)?;
        user::at_least(call.argsz, size_of::<PciHotReset>())?;
        if call.flags != 0 {
            return Err(DeviceRefusal::HotResetFlags { flags: call.flags }.into());
        }
        let plan = self.shared_plan(&device.device, request)?;
        let devices = plan.affected.len() as u32;
        if call.count == 0 || call.count > devices {
            return Err(DeviceRefusal::HotResetCount { count: call.count, devices }.into());
        }
        let mut shown = Vec::new();
        for at in 0..call.count as usize {
            let fd = user::read(caller, user::after(arg, size_of::<PciHotReset>() + at * size_of::<i32>()))?;
            shown.extend(self.members(caller, fd)?);
        }
        let asker = Asker { claims: Vec::new(), devices: shown };
        let reset = self.machine().reset(&plan, &asker);
        reset.map_err(|why| DeviceRefusal::HotReset { why: Box::new(why) }.into())
    }

    /// The devices VFIO has of the group whose file this is.
    fn members(&self, caller: &dyn Caller, fd: i32) -> Result<Vec<DeviceId>, DeviceRefusal> {
        let key = match caller.file(fd) {
            OpenFile::Closed => return Err(DeviceRefusal::HotResetBadFd { fd }),
            OpenFile::Vfio(File::Group(group)) => group.key(),
            OpenFile::Vfio(_) | OpenFile::Other => return Err(DeviceRefusal::HotResetNoGroup { fd }),
        };
        let control = self.control();
        let devices = control.group(key).map(|group| group.devices.as_slice()).unwrap_or_default();
        Ok(devices.iter().map(|bound| bound.device.device.id()).collect())
    }

    /// What a reset of the lines would do that a device shares with others.
    fn shared_plan(&self, device: &Arc<Device>, request: u32) -> Result<ResetPlan, DeviceRefusal> {
        let plan = self.machine().plan_reset(device, Ask::Only(Scope::Controller), Breadth::Shared);
        let plan = plan.ok().filter(|plan| plan.affected.len() > 1);
        plan.ok_or(DeviceRefusal::UnknownRequest { request })
    }
}
