//! Resetting devices for a program: whether a device can be, by whom, and what it may reach.
//!
//! In Linux `vfio_platform_get_reset` and `vfio_platform_call_reset` of `drivers/vfio/platform/vfio_platform_common.c`, which know
//! ACPI's `_RST` and three reset drivers. The kernel here also knows reset controllers, and what else a reset would reach: a program
//! may reset what is in its container, and nothing of anybody else.

use std::collections::BTreeSet;
use std::sync::Arc;

use uvfio_kernel::device::{Device, DeviceId};
use uvfio_kernel::hw::ResetFailed;
use uvfio_kernel::provider::reset::{Ask, Asker, Breadth, ResetPlan, ResetRefusal};

use crate::control::owner;
use crate::device::{ResetNeed, VfioDevice};
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
        let plan = self.plan(&device.device);
        let reset = plan.and_then(|plan| self.machine().reset(&plan, &self.asker(device)));
        reset.map_err(|why| refused(device, why))
    }

    /// Reset a device at its first open, which is over when this returns well. Devices that are reset together are reset when the
    /// first of them is opened: the next would take from the program what it has done since.
    ///
    /// # Errors
    /// Why the device may not be opened: a reset is required and failed, or it is offered only as a whole with others that are not
    /// the program's.
    pub(crate) fn reset_at_open(&self, device: &VfioDevice) -> Result<(), DeviceRefusal> {
        let reset = self.plan(&device.device).and_then(|plan| match plan.affected.len() {
            1 => self.machine().reset(&plan, &self.asker(device)),
            _ => self.reset_together(device, &plan),
        });
        match reset {
            Err(why) if device.reset_need == ResetNeed::Required || self.is_partial(&why) => {
                Err(refused(device, why))
            }
            _ => {
                self.in_use().insert(device.device.id());
                Ok(())
            }
        }
    }

    /// Reset a device that shares lines with others, unless one of them is in use.
    fn reset_together(&self, device: &VfioDevice, plan: &ResetPlan) -> Result<(), ResetRefusal> {
        let mut in_use = self.in_use();
        let asker = self.asker(device);
        self.machine().may_reset(plan, &asker)?;
        if !others_in_use(&in_use, plan) {
            self.machine().reset(plan, &asker)?;
        }
        in_use.insert(device.device.id());
        Ok(())
    }

    /// Whether a device is refused because only a part of those on its lines is the program's.
    fn is_partial(&self, why: &ResetRefusal) -> bool {
        self.shared().reset_sets == ResetSets::Together && matches!(why, ResetRefusal::NotYours(_))
    }

    /// Reset a device after its last close, as far as it can be. Of devices that are reset together the last to be closed is. Returns
    /// how that went, where there was anything to do.
    pub(crate) fn reset_after(&self, device: &VfioDevice) -> Option<Result<(), ResetFailed>> {
        let mut in_use = self.in_use();
        in_use.remove(&device.device.id());
        let plan = self.plan(&device.device).ok()?;
        if others_in_use(&in_use, &plan) {
            return None;
        }
        if plan.affected.len() == 1 {
            drop(in_use);
        }
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

    /// What the user of a device can show: the groups in its container, and where they have no IOMMU, their devices.
    fn asker(&self, device: &VfioDevice) -> Asker {
        let control = self.control();
        let container = control.group(device.group).and_then(|group| group.container.as_ref());
        let groups = container.map(|container| container.groups()).unwrap_or_default();
        let alone = groups.iter().filter_map(|key| control.group(*key)).filter(|group| group.iommu.is_none());
        let devices = alone.flat_map(|group| &group.devices).map(|bound| bound.device.device.id());
        Asker { devices: devices.collect(), claims: groups.into_iter().map(owner).collect() }
    }
}

/// Whether another device that a reset would reach is open, and did not fail its own reset.
fn others_in_use(in_use: &BTreeSet<DeviceId>, plan: &ResetPlan) -> bool {
    let mut others = plan.affected.iter().filter(|other| other.id() != plan.device.id());
    others.any(|other| in_use.contains(&other.id()) && !other.is_blocked())
}

fn refused(device: &VfioDevice, why: ResetRefusal) -> DeviceRefusal {
    match why {
        ResetRefusal::NoMethod { .. } if device.device.facts().acpi.is_some() => DeviceRefusal::NoRst,
        ResetRefusal::NoMethod { .. } => {
            DeviceRefusal::NoReset { compatible: device.compatible().to_owned() }
        }
        why => DeviceRefusal::Reset { why: Box::new(why) },
    }
}
