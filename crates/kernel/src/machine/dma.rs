//! Putting devices behind their IOMMUs before they are probed, and sharing their groups' DMA with host drivers.
//!
//! In Linux this is `of_dma_configure` with `of_iommu_configure` (drivers/of/device.c, drivers/iommu/of_iommu.c), called by the
//! bus's `dma_configure`, and `iommu_device_use_default_domain` (drivers/iommu/iommu.c). A device waits for its IOMMU's driver only
//! as long as that may still come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::control::{Control, Expired};
use super::links::{Link, LinkKind};
use super::{Machine, Refusal};
use crate::addr::Iova;
use crate::device::{Deferral, Device, DeviceId, DmaOwner, Membership};
use crate::iommu::{
    Aperture, Domain, Group, GroupId, Iommu, IommuFacts, MemberFacts, ReservedKind, ReservedRegion,
};

/// The IOMMUs whose drivers are there, and the groups they made.
#[derive(Default)]
pub(super) struct Iommus {
    present: BTreeMap<String, Arc<Iommu>>,
    groups: BTreeMap<GroupId, Members>,
    last: u32,
}

struct Members {
    group: Arc<Group>,
    devices: BTreeSet<DeviceId>,
}

impl Iommus {
    pub(super) fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.values().map(|members| &members.group)
    }

    pub(super) fn group(&self, id: GroupId) -> Option<&Arc<Group>> {
        self.groups.get(&id).map(|members| &members.group)
    }

    pub(super) fn members(&self, id: GroupId) -> impl Iterator<Item = DeviceId> {
        self.groups.get(&id).into_iter().flat_map(|members| members.devices.iter().copied())
    }

    /// The driver of this IOMMU is there.
    pub(super) fn came(&mut self, device: &Device) {
        let iommu = Iommu::new(device.path(), facts_of(device));
        self.present.insert(device.path().to_owned(), iommu);
    }

    /// The devices behind this IOMMU.
    fn behind(&self, path: &str) -> Vec<DeviceId> {
        let groups = self.groups.values().filter(|members| members.group.iommu().path() == path);
        groups.flat_map(|members| members.devices.iter().copied()).collect()
    }

    /// Whether this node is an IOMMU whose driver is there.
    pub(super) fn has(&self, path: &str) -> bool {
        self.present.contains_key(path)
    }

    /// The nodes of the IOMMUs whose drivers are there.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.present.keys().map(String::as_str)
    }
}

impl Machine {
    /// Put a device behind its IOMMUs, and take a share of the group's default domain for a driver that leaves DMA to the kernel.
    pub(super) fn configure_dma(&self, device: &Arc<Device>, owner: DmaOwner) -> Result<(), Refusal> {
        if device.group().is_none() {
            self.join(&mut self.control(), device)
                .map_err(|why| Refusal::Deferred { device: device.name().to_owned(), why })?;
        }
        match (owner, device.group()) {
            (DmaOwner::Kernel, Some(group)) => group
                .use_by_host()
                .map_err(|_| Refusal::DmaOwned { device: device.name().to_owned(), group: group.id() }),
            _ => Ok(()),
        }
    }

    /// Give the share back.
    pub(super) fn release_dma(&self, device: &Arc<Device>, owner: DmaOwner) {
        if let (DmaOwner::Kernel, Some(group)) = (owner, device.group()) {
            group.unuse_by_host();
        }
    }

    /// The driver of a device came: where the device is an IOMMU, those behind it get their groups in the order they came
    /// (`bus_iommu_probe`).
    pub(super) fn iommu_came(&self, control: &mut Control, device: &Device) {
        let behind = |(consumer, link): (DeviceId, &Link)| {
            link.kinds.contains(&LinkKind::Iommu).then(|| control.devices.get(&consumer).cloned()).flatten()
        };
        let consumers: Vec<Arc<Device>> = control.links.consumers(device.id()).filter_map(behind).collect();
        if consumers.is_empty() {
            return;
        }
        control.iommus.came(device);
        for consumer in consumers {
            if consumer.group().is_none() && consumer.driver().is_none() {
                // One that still waits for another IOMMU gets its group when it is probed.
                let _ = self.join(control, &consumer);
            }
        }
    }

    /// A device that still has a driver and is behind this one, where it is an IOMMU: it would lose its way to memory.
    pub(super) fn served(&self, iommu: &Device) -> Option<Arc<Device>> {
        let control = self.control();
        let mut behind = control.iommus.behind(iommu.path()).into_iter();
        behind.find_map(|id| control.devices.get(&id).filter(|device| device.driver().is_some()).cloned())
    }

    /// The driver of a device that may be an IOMMU is gone: those behind it are in no group any more.
    pub(super) fn iommu_went(&self, control: &mut Control, iommu: &Device) {
        for id in control.iommus.behind(iommu.path()) {
            if let Some(device) = control.devices.get(&id).cloned() {
                self.leave(control, &device);
            }
        }
        control.iommus.present.remove(iommu.path());
    }

    /// Put a device into a group, where its IOMMU's driver is there.
    fn join(&self, control: &mut Control, device: &Arc<Device>) -> Result<(), Deferral> {
        let mut driver = None;
        for specifier in &device.facts().iommus {
            let Some(iommu) = control.device_at(&specifier.path) else { return Ok(()) };
            match iommu.driver() {
                Some(bound) => driver = Some((Arc::clone(iommu), bound)),
                None if control.expired == Expired::Yes => return Ok(()),
                None => {
                    return Err(Deferral::Iommu {
                        iommu: iommu.name().to_owned(),
                        path: iommu.path().to_owned(),
                    });
                }
            }
        }
        let Some((iommu_device, driver)) = driver else { return Ok(()) };
        let Some(module) = self.modules.hold(driver.module()) else { return Ok(()) };
        let group = group_of(control, device, &iommu_device);
        let facts = MemberFacts {
            coherent: device.facts().dma_coherent || iommu_device.facts().dma_coherent,
            isolated_msi: false,
        };
        group.add(Arc::clone(device.dma()), facts);
        if let Some(members) = control.iommus.groups.get_mut(&group.id()) {
            members.devices.insert(device.id());
        }
        device.set_membership(Some(Membership { group, _module: module }));
        Ok(())
    }

    /// Take a device that goes out of its group; a group without members is gone.
    pub(super) fn leave(&self, control: &mut Control, device: &Device) {
        let Some(group) = device.group() else { return };
        group.remove(device.dma());
        if let Some(members) = control.iommus.groups.get_mut(&group.id()) {
            members.devices.remove(&device.id());
            if members.devices.is_empty() {
                control.iommus.groups.remove(&group.id());
            }
        }
        device.set_membership(None);
    }
}

/// The group of a device behind this IOMMU: one that is there already, by the rule of the IOMMU's driver, or a new one.
fn group_of(control: &mut Control, device: &Device, iommu_device: &Device) -> Arc<Group> {
    if !control.iommus.has(iommu_device.path()) {
        control.iommus.came(iommu_device);
    }
    let iommus = &mut control.iommus;
    let iommu = Arc::clone(&iommus.present[iommu_device.path()]);
    let rule = Rule::of(iommu_device);
    let shares = |other: &DeviceId| {
        control.devices.get(other).is_some_and(|other| match rule {
            Rule::Instance => true,
            Rule::Device => false,
            Rule::Streams => {
                let mut own = device.facts().iommus.iter();
                own.any(|own| {
                    other.facts().iommus.iter().any(|it| it.path == own.path && it.cells == own.cells)
                })
            }
        })
    };
    let behind = |members: &&Members| Arc::ptr_eq(members.group.iommu(), &iommu);
    let existing = match rule {
        Rule::Device => None,
        _ => iommus.groups.values().filter(behind).find(|members| members.devices.iter().any(shares)),
    };
    if let Some(members) = existing {
        return Arc::clone(&members.group);
    }
    let id = GroupId(iommus.last);
    iommus.last += 1;
    let group = Group::new(id, Arc::clone(&iommu), Domain::paging(iommu));
    iommus.groups.insert(id, Members { group: Arc::clone(&group), devices: BTreeSet::new() });
    group
}

/// How an IOMMU's driver makes groups of platform devices (`device_group` in `struct iommu_ops`).
#[derive(Clone, Copy)]
enum Rule {
    /// One for each device.
    Device,
    /// One for all devices of an instance.
    Instance,
    /// One for the devices whose streams are mapped by the same entry.
    Streams,
}

impl Rule {
    fn of(iommu: &Device) -> Self {
        let has = |part: &str| iommu.facts().compatible.iter().any(|word| word.contains(part));
        if has("smmu-v3") {
            Rule::Device
        } else if has("smmu") || has("arm,mmu-") {
            Rule::Streams
        } else if has("ipmmu") || has("rockchip") || has("sun50i") {
            Rule::Instance
        } else {
            Rule::Device
        }
    }
}

fn facts_of(_: &Device) -> IommuFacts {
    let aperture = Aperture { first: Iova(0), last: Iova((1 << 48) - 1) };
    let msi =
        ReservedRegion { first: Iova(0x800_0000), last: Iova(0x80f_ffff), kind: ReservedKind::SoftwareMsi };
    IommuFacts { page_sizes: 0x4020_1000, aperture, reserved: vec![msi] }
}
