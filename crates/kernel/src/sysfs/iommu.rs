//! `/sys/kernel/iommu_groups` (drivers/iommu/iommu.c) and `/sys/class/iommu` (drivers/iommu/iommu-sysfs.c).

use std::fmt::Write;
use std::sync::Arc;

use super::bus::is_shown;
use super::{Attribute, Directory, Entry, Named, Sysfs, directory, file};
use crate::device::{Device, DeviceId};
use crate::iommu::{DomainKind, Group, GroupId, ReservedKind};

/// A file of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupFile {
    /// `type`.
    Type,
    /// `reserved_regions`.
    ReservedRegions,
}

pub(super) fn group_files(group: GroupId) -> Vec<Named> {
    vec![
        directory("devices", Directory::GroupDevices(group)),
        file("reserved_regions", Attribute::Group(group, GroupFile::ReservedRegions)),
        file("type", Attribute::Group(group, GroupFile::Type)),
    ]
}

impl Sysfs {
    pub(super) fn group(&self, name: &str) -> Option<Entry> {
        let id = GroupId(name.parse().ok()?);
        let group = self.machine.group(id)?;
        (id.to_string() == name).then(|| Entry::Directory(Directory::Group(group.id())))
    }

    pub(super) fn groups(&self) -> Vec<Named> {
        let groups = self.machine.groups().into_iter();
        groups.map(|group| directory(group.id().to_string(), Directory::Group(group.id()))).collect()
    }

    pub(super) fn group_device(&self, group: GroupId, name: &str) -> Option<Entry> {
        self.group_devices(group).into_iter().find(|named| named.name == name).map(|named| named.entry)
    }

    pub(super) fn group_devices(&self, group: GroupId) -> Vec<Named> {
        self.machine
            .members(group)
            .iter()
            .filter(|device| is_shown(device))
            .map(|device| link(&Directory::GroupDevices(group), self, device))
            .collect()
    }

    pub(super) fn read_group(&self, id: GroupId, file: GroupFile) -> Option<String> {
        let group = self.machine.group(id)?;
        Some(match file {
            GroupFile::Type => format!("{}\n", default_type(&group)),
            GroupFile::ReservedRegions => {
                let mut text = String::new();
                for region in &group.iommu().facts().reserved {
                    let kind = match region.kind {
                        ReservedKind::Direct => "direct",
                        ReservedKind::DirectRelaxable => "direct-relaxable",
                        ReservedKind::Reserved => "reserved",
                        ReservedKind::Msi | ReservedKind::SoftwareMsi => "msi",
                    };
                    let _ = writeln!(text, "{:#018x} {:#018x} {kind}", region.first.0, region.last.0);
                }
                text
            }
        })
    }

    /// How an IOMMU's driver names its instance, where the device is one and its driver is there.
    pub(super) fn iommu_name(&self, id: DeviceId) -> Option<String> {
        let device = self.machine.device_by_id(id)?;
        if !self.machine.is_iommu(&device) {
            return None;
        }
        let base = device.regions().first().map_or(0, |region| region.base);
        Some(match device.driver()?.name() {
            "arm-smmu-v3" => format!("smmu3.0x{base:016x}"),
            "arm-smmu" => format!("smmu.0x{base:016x}"),
            _ => device.name().to_owned(),
        })
    }

    pub(super) fn device_iommus(&self, id: DeviceId) -> Vec<Named> {
        self.iommu_name(id).map(|name| directory(name, Directory::Iommu(id))).into_iter().collect()
    }

    pub(super) fn iommu_entries(&self, id: DeviceId) -> Vec<Named> {
        let here = Directory::Iommu(id);
        let mut entries = vec![directory("devices", Directory::IommuDevices(id))];
        let links = [("device", Directory::Device(id)), ("subsystem", Directory::Class("iommu".to_owned()))];
        for (name, to) in links {
            let target = self.link_target(&here, &to).map(Entry::Link);
            entries.extend(target.map(|entry| Named { name: name.to_owned(), entry }));
        }
        entries
    }

    pub(super) fn iommu_devices(&self, id: DeviceId) -> Vec<Named> {
        let Some(iommu) = self.machine.device_by_id(id) else { return Vec::new() };
        let here = Directory::IommuDevices(id);
        let groups = self.machine.groups().into_iter();
        let behind = groups.filter(|group| group.iommu().path() == iommu.path());
        let members = behind.flat_map(|group| self.machine.members(group.id()));
        members.filter(|device| is_shown(device)).map(|device| link(&here, self, &device)).collect()
    }

    pub(super) fn iommu_class(&self) -> Vec<Named> {
        let from = Directory::Class("iommu".to_owned());
        let named = |device: Arc<Device>| {
            let entry = Entry::Link(self.link_target(&from, &Directory::Iommu(device.id()))?);
            Some(Named { name: self.iommu_name(device.id())?, entry })
        };
        self.machine.iommu_devices().into_iter().filter_map(named).collect()
    }
}

fn link(from: &Directory, sysfs: &Sysfs, device: &Device) -> Named {
    let target = sysfs.link_target(from, &Directory::Device(device.id())).unwrap_or_default();
    Named { name: device.name().to_owned(), entry: Entry::Link(target) }
}

/// The type of a group's default domain (`iommu_group_show_type`).
fn default_type(group: &Group) -> &'static str {
    match group.default_domain().kind() {
        DomainKind::Blocked => "blocked",
        DomainKind::Direct(_) => "identity",
        DomainKind::Paging(_) => "DMA",
    }
}
