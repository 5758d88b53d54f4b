//! Resetting devices for a program: whether a device can be, by whom, and what it may reach.
//!
//! In Linux `vfio_platform_get_reset` and `vfio_platform_call_reset` of `drivers/vfio/platform/vfio_platform_common.c`, which know
//! ACPI's `_RST` and three reset drivers. The kernel here also knows reset controllers, and what else a reset would reach: a program
//! may reset what is in its container, and nothing of anybody else.

use std::sync::Arc;

use uvfio_kernel::device::Device;
use uvfio_kernel::hw::ResetFailed;
use uvfio_kernel::provider::reset::{Ask, Asker, Breadth, ResetPlan, ResetRefusal};

use crate::control::owner;
use crate::device::VfioDevice;
use crate::refusal::DeviceRefusal;
use crate::vfio::{ResetSets, Vfio};

impl Vfio {
    /// Whether a device has a reset.
    ///
    /// # Errors
    /// Why it has none that could be used.
    pub(crate) fn can_reset(&self, device: &Arc<Device>) -> Result<(), ResetRefusal> {
        self.plan(device).map(drop)
    }

    /// Reset a device for the program that has it open.
    ///
    /// # Errors
    /// Why it was not reset, or not wholly.
    pub(crate) fn reset(&self, device: &VfioDevice) -> Result<(), DeviceRefusal> {
        let plan = self.plan(&device.device).and_then(|plan| {
            self.machine().reset(&plan, &self.asker(device))?;
            Ok(plan)
        });
        match plan {
            Ok(_) => Ok(()),
            Err(ResetRefusal::NoMethod { .. }) => {
                Err(DeviceRefusal::NoReset { compatible: device.compatible().to_owned() })
            }
            Err(why) => Err(DeviceRefusal::Reset { why: Box::new(why) }),
        }
    }

    /// Reset a device after its last close, as far as it can be. Returns how that went, where there was anything to do.
    pub(crate) fn reset_after(&self, device: &VfioDevice) -> Option<Result<(), ResetFailed>> {
        let plan = self.plan(&device.device).ok()?;
        match self.machine().reset(&plan, &self.asker(device)) {
            Ok(()) => Some(Ok(())),
            Err(refusal) if refusal.before_anything() => None,
            Err(_) => Some(Err(ResetFailed)),
        }
    }

    fn plan(&self, device: &Arc<Device>) -> Result<ResetPlan, ResetRefusal> {
        let breadth = match self.shared().reset_sets {
            ResetSets::Apart => Breadth::Dedicated,
            ResetSets::Together => Breadth::Shared,
        };
        self.machine().plan_reset(device, Ask::Any, breadth)
    }

    /// What the user of a device can show: the groups in its container, and where it has no IOMMU, the device itself.
    fn asker(&self, device: &VfioDevice) -> Asker {
        let control = self.control();
        let group = control.group(device.group);
        let groups = group.and_then(|group| group.container.as_ref()).map(|container| container.groups());
        Asker {
            claims: groups.unwrap_or_default().into_iter().map(owner).collect(),
            devices: match group.is_some_and(|group| group.iommu.is_none()) {
                true => vec![device.device.id()],
                false => Vec::new(),
            },
        }
    }
}
