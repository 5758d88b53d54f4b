//! Groups into containers and out of them.
//!
//! In Linux `vfio_container_attach_group` and `vfio_group_detach_container` of `drivers/vfio/container.c`.

use std::sync::Arc;

use uvfio_abi::Errno;
use uvfio_kernel::device::{Bus, DmaOwner};
use uvfio_kernel::iommu::Group;
use uvfio_kernel::module::Value;

use crate::caller::{Caller, Capability};
use crate::container::{Container, Iommu};
use crate::control::{Control, owner};
use crate::group::GroupKey;
use crate::personality;
use crate::refusal::{GroupRefusal, Refusal};
use crate::type1::{Terms, UnsafeInterrupts};
use crate::vfio::Vfio;

/// How many mappings a container can have unless the parameter says otherwise (`dma_entry_limit`).
pub(crate) const ENTRY_LIMIT: u32 = 65_535;

impl Vfio {
    /// Put a group into a container. Claims the DMA of its members.
    pub(crate) fn set_container(
        &self,
        key: GroupKey,
        container: &Arc<Container>,
        caller: &dyn Caller,
    ) -> Result<(), Refusal> {
        let mut control = self.control();
        control.may_set_container(key)?;
        let (id, iommu) = {
            let group = control.there(key)?;
            (group.id, group.iommu.clone())
        };
        if iommu.is_none() && !caller.capable(Capability::SysRawio) {
            return Err(GroupRefusal::NoRawio { group: id }.into());
        }
        let other_kind = control
            .protection_of(container)
            .is_some_and(|protection| (protection == crate::container::Protection::Iommu) != iommu.is_some());
        if other_kind {
            return Err(GroupRefusal::Mixed { group: id }.into());
        }
        if let Some(group) = &iommu {
            group
                .claim(owner(key))
                .map_err(|_| GroupRefusal::NotViable { group: id, held: self.host_drivers_of(group) })?;
            if let Some(Iommu::Type1(type1)) = container.iommu()
                && let Err(refusal) = type1.attach(group, self.terms(key, group))
            {
                release(group, key);
                return Err(refusal.into());
            }
        }
        container.add(key);
        if let Some(group) = control.group_mut(key) {
            group.container = Some(container.clone());
        }
        Ok(())
    }

    /// Take a group out of its container.
    pub(crate) fn unset_container(&self, key: GroupKey) -> Result<(), GroupRefusal> {
        let mut control = self.control();
        let group = control.group(key).ok_or(GroupRefusal::Gone { group: key.id })?;
        if group.container.is_none() {
            return Err(GroupRefusal::NoContainer { group: group.id });
        }
        let devices = group.open_devices();
        if !devices.is_empty() {
            return Err(GroupRefusal::DevicesOpen { group: group.id, devices });
        }
        leave_container(&mut control, key);
        Ok(())
    }

    /// What the administrator and a group's IOMMU say about its coming into a container.
    pub(crate) fn terms(&self, key: GroupKey, group: &Group) -> Terms {
        let allowed = self.machine().params().bool("vfio_iommu_type1", "allow_unsafe_interrupts");
        Terms {
            owner: owner(key),
            interrupts: if allowed { UnsafeInterrupts::Allowed } else { UnsafeInterrupts::Refused },
            nesting: self.nesting_errno(group),
        }
    }

    /// `dma_entry_limit`.
    pub(crate) fn entry_limit(&self) -> u32 {
        match self.machine().params().get("vfio_iommu_type1", "dma_entry_limit") {
            Some(Value::Uint(limit)) => limit,
            _ => ENTRY_LIMIT,
        }
    }

    /// What `iommu_enable_nesting` answers where it fails: only the drivers of Arm's SMMUs have it, and that of SMMUv3 fails for a
    /// domain that is made for its device at once.
    fn nesting_errno(&self, group: &Group) -> Option<Errno> {
        match group.iommu().driver().map(|driver| driver.name) {
            Some("arm-smmu-v3") if self.personality().holds(&personality::SMMU_V3_NO_NESTING) => {
                Some(Errno::EPERM)
            }
            Some("arm-smmu-v3" | "arm-smmu") => None,
            _ => Some(Errno::EINVAL),
        }
    }

    /// Members of a group that host drivers have: device and driver.
    fn host_drivers_of(&self, group: &Group) -> Vec<(String, String)> {
        let members = group.members().into_iter();
        let bound = members.filter_map(|port| {
            let name = port.device().to_owned();
            let device = Bus::ALL.into_iter().find_map(|bus| self.machine().device(bus, &name))?;
            let driver = device.driver().filter(|driver| driver.dma_owner() == DmaOwner::Kernel)?;
            Some((name, driver.name().to_owned()))
        });
        bound.collect()
    }
}

/// Take a group out of its container, if it is in one.
pub(crate) fn leave_container(control: &mut Control, key: GroupKey) {
    let Some(group) = control.group_mut(key) else { return };
    let Some(container) = group.container.take() else { return };
    if let Some(iommu) = group.iommu.clone() {
        if let Some(Iommu::Type1(type1)) = container.iommu() {
            type1.detach(&iommu, owner(key));
        }
        release(&iommu, key);
    }
    container.remove(key);
}

/// Give a group back to the host. Only its owner calls this, so that it cannot be refused.
fn release(group: &Group, key: GroupKey) {
    let released = group.release(owner(key));
    debug_assert!(released.is_ok(), "a group in a container is owned by it");
}
