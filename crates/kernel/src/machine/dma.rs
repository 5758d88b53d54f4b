//! Putting devices behind their IOMMUs before they are probed, and sharing their groups' DMA with host drivers.
//!
//! In Linux this is `of_dma_configure` with `of_iommu_configure` (drivers/of/device.c, drivers/iommu/of_iommu.c), called by the
//! bus's `dma_configure`, and `iommu_device_use_default_domain` (drivers/iommu/iommu.c). A device waits for its IOMMU's driver only
//! as long as that may still come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uvfio_firmware as firmware;

use super::control::{Control, Expired};
use super::links::{Link, LinkKind};
use super::{Machine, Refusal, functions};
use crate::addr::Iova;
use crate::device::{Deferral, Device, DeviceId, DmaOwner, Membership};
use crate::iommu::{
    Aperture, Client, DeviceCoherency, Group, GroupId, Groups, Iommu, IommuDriver, IommuFacts, IommuNode,
    Stream,
};

/// The IOMMUs whose drivers are there, and the groups they made.
#[derive(Default)]
pub(super) struct Iommus {
    present: BTreeMap<String, Arc<Iommu>>,
    groups: Groups,
    members: BTreeMap<GroupId, BTreeSet<DeviceId>>,
}

impl Iommus {
    pub(super) fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.iter()
    }

    pub(super) fn group(&self, id: GroupId) -> Option<&Arc<Group>> {
        self.groups.get(id)
    }

    pub(super) fn members(&self, id: GroupId) -> impl Iterator<Item = DeviceId> {
        self.members.get(&id).into_iter().flatten().copied()
    }

    /// The driver of this IOMMU is there.
    pub(super) fn came(&mut self, device: &Device, mask: impl FnOnce() -> Option<u16>) -> &Arc<Iommu> {
        self.present.entry(device.path().to_owned()).or_insert_with(|| iommu_of(device, mask()))
    }

    /// The devices behind this IOMMU.
    fn behind(&self, path: &str) -> Vec<DeviceId> {
        if !self.has(path) {
            return Vec::new();
        }
        let groups = self.groups.iter().filter(|group| group.iommu().path() == path);
        groups.flat_map(|group| self.members(group.id())).collect()
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
        self.join(&mut self.control(), device)
            .map_err(|why| Refusal::Deferred { device: device.name().to_owned(), why })?;
        match (owner, device.group()) {
            (DmaOwner::Kernel, Some(group)) => {
                group
                    .use_by_host()
                    .map_err(|_| Refusal::DmaOwned { device: device.name().to_owned(), group: group.id() })?;
                device.set_shared(Some(group));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Give the share back, where there is one.
    pub(super) fn release_dma(&self, device: &Arc<Device>) {
        if let Some(group) = device.set_shared(None) {
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
        control.iommus.came(device, || self.stream_match_mask(device));
        for consumer in consumers {
            if !control.has_driver(consumer.id()) {
                // One that still waits for another IOMMU gets its group when it is probed.
                let _ = self.join(control, &consumer);
            }
        }
    }

    /// A device that still has a driver and is behind this one, where it is an IOMMU: it would lose its way to memory.
    pub(super) fn served(&self, iommu: &Device) -> Option<Arc<Device>> {
        let control = self.control();
        let mut behind = control.iommus.behind(iommu.path()).into_iter();
        behind.find(|id| control.has_driver(*id)).and_then(|id| control.devices.get(&id).cloned())
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

    /// Put a device into a group, where its IOMMUs' driver is there and takes it.
    fn join(&self, control: &mut Control, device: &Arc<Device>) -> Result<(), Deferral> {
        if device.group().is_some() {
            return Ok(());
        }
        let mut streams = Vec::new();
        let mut driver = None;
        for specifier in &device.facts().iommus {
            let Some(iommu) = control.device_at(&specifier.path).cloned() else {
                let path = specifier.path.to_string();
                return match control.iommu_may_come(&path) {
                    true => Err(Deferral::Iommu { iommu: path.clone(), path }),
                    false => Ok(()),
                };
            };
            match iommu.driver().filter(|_| control.is_ready(&iommu)) {
                Some(bound) => driver = Some(bound),
                None if control.expired == Expired::Yes => return Ok(()),
                None => {
                    return Err(Deferral::Iommu {
                        iommu: iommu.name().to_owned(),
                        path: iommu.path().to_owned(),
                    });
                }
            }
            let iommu = Arc::clone(control.iommus.came(&iommu, || self.stream_match_mask(&iommu)));
            streams.push(Stream { iommu, cells: specifier.cells.clone() });
        }
        let Some(module) = driver.and_then(|driver| self.modules.hold(driver.module())) else {
            return Ok(());
        };
        let coherency = match device.facts().dma_coherent {
            true => DeviceCoherency::Coherent,
            false => DeviceCoherency::NonCoherent,
        };
        let client = Client {
            port: device.dma(),
            streams: &streams,
            coherency,
            isolated_msi: self.has_isolated_msi(device),
            board: &self.board().compatible,
            slot: functions::slot(device.facts()),
        };
        // A device the driver does not take is left without an IOMMU.
        let Ok(group) = control.iommus.groups.join(&client) else { return Ok(()) };
        control.iommus.members.entry(group.id()).or_default().insert(device.id());
        device.set_membership(Some(Membership { group, _module: module }));
        Ok(())
    }

    /// `stream-match-mask` of an SMMU's node; the driver keeps its lower 16 bits.
    fn stream_match_mask(&self, iommu: &Device) -> Option<u16> {
        let board = self.board();
        let mask = board.tree.by_path(iommu.path())?.property("stream-match-mask")?.u32()?;
        Some((mask & 0xffff) as u16)
    }

    /// Whether a device's message-signalled interrupts reach only its own: those that go through a GICv3 ITS do
    /// (`msi_device_has_isolated_msi`, kernel/irq/msi.c; `IRQ_DOMAIN_FLAG_ISOLATED_MSI`, drivers/irqchip/irq-gic-v3-its.c).
    fn has_isolated_msi(&self, device: &Device) -> bool {
        let board = self.board();
        let of_its = |supplier: &firmware::Supplier| {
            let controller = board.provider(firmware::Reference::Msi, supplier.specifier.provider);
            supplier.kind == firmware::Reference::Msi
                && controller.is_some_and(|it| it.compatible.iter().any(|word| word == "arm,gic-v3-its"))
        };
        device.facts().suppliers.iter().any(of_its)
    }

    /// Take a device that goes out of its group; a group without members is gone.
    pub(super) fn leave(&self, control: &mut Control, device: &Device) {
        let Some(group) = device.group() else { return };
        control.iommus.groups.leave(&group, device.dma());
        if let Some(members) = control.iommus.members.get_mut(&group.id()) {
            members.remove(&device.id());
            if members.is_empty() {
                control.iommus.members.remove(&group.id());
            }
        }
        device.set_membership(None);
    }

    /// Put a device that no IOMMU is before into a group of its own, as VFIO does for noiommu (`vfio_noiommu_group_alloc`,
    /// drivers/vfio/group.c). The module that asks is held as long. `None` where the device has a group, or the module is not there.
    pub fn make_group(&self, device: &Device, module: &str) -> Option<Arc<Group>> {
        let module = self.modules.hold(module)?;
        let mut control = self.control();
        if device.group().is_some() {
            return None;
        }
        let group = control.iommus.groups.alone(device.dma());
        control.iommus.members.entry(group.id()).or_default().insert(device.id());
        device.set_membership(Some(Membership { group: Arc::clone(&group), _module: module }));
        Some(group)
    }

    /// Undo [`Machine::make_group`]: the device's DMA goes where it went before.
    pub fn unmake_group(&self, device: &Device) {
        let Some(group) = device.group() else { return };
        self.leave(&mut self.control(), device);
        device.dma().attach(group.default_domain());
    }
}

/// The IOMMU a device is; one no driver is known for translates 48 bits in pages of 4 KiB and groups nothing.
fn iommu_of(device: &Device, stream_match_mask: Option<u16>) -> Arc<Iommu> {
    let node = IommuNode { dma_coherent: device.facts().dma_coherent, stream_match_mask };
    match IommuDriver::of(device.facts().identities()) {
        Some(driver) => Iommu::of_driver(device.path(), driver, node),
        None => {
            let aperture = Aperture { first: Iova(0), last: Iova((1 << 48) - 1) };
            Iommu::new(device.path(), IommuFacts { page_sizes: 0x1000, aperture, reserved: Vec::new() })
        }
    }
}
