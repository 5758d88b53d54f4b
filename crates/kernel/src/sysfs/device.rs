//! A device's directory below `/sys/devices/platform` (drivers/base/core.c, drivers/base/platform.c, drivers/amba/bus.c).

use std::fmt::Write;
use std::sync::Arc;

use super::acpi;
use super::bus::is_shown;
use super::class::end_name;
use super::{Attribute, Directory, Entry, Named, Sysfs, directory, file};
use crate::device::{Bus, Device, DeviceId, Power};
use crate::machine::Refusal;

/// A file of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceFile {
    /// `driver_override`.
    DriverOverride,
    /// `modalias`; platform only.
    Modalias,
    /// `uevent`.
    Uevent,
    /// `waiting_for_supplier`.
    WaitingForSupplier,
    /// `state_synced`; only where the device has a driver.
    StateSynced,
    /// `id`; AMBA only.
    Id,
    /// `resource`; AMBA only.
    Resource,
    /// `reset_method`; only where the device has a reset. In Linux PCI functions have it.
    ResetMethod,
    /// `power/control`.
    PowerControl,
    /// `power/runtime_status`.
    RuntimeStatus,
}

impl DeviceFile {
    pub(super) fn mode(self) -> u16 {
        match self {
            DeviceFile::DriverOverride
            | DeviceFile::Uevent
            | DeviceFile::ResetMethod
            | DeviceFile::PowerControl => 0o644,
            DeviceFile::Modalias
            | DeviceFile::WaitingForSupplier
            | DeviceFile::StateSynced
            | DeviceFile::Id
            | DeviceFile::Resource
            | DeviceFile::RuntimeStatus => 0o444,
        }
    }
}

pub(super) fn power_files(id: DeviceId) -> Vec<Named> {
    vec![
        file("control", Attribute::Device(id, DeviceFile::PowerControl)),
        file("runtime_status", Attribute::Device(id, DeviceFile::RuntimeStatus)),
    ]
}

impl Sysfs {
    pub(super) fn platform_device(&self, name: &str) -> Option<Entry> {
        let found = [Bus::Platform, Bus::Amba]
            .into_iter()
            .find_map(|bus| self.machine.device(bus, name).filter(|device| device.parent().is_none()))?;
        Some(Entry::Directory(Directory::Device(found.id())))
    }

    pub(super) fn platform_devices(&self) -> Vec<Named> {
        self.children(None)
    }

    fn children(&self, parent: Option<DeviceId>) -> Vec<Named> {
        let children = self.machine.children(parent).into_iter().filter(|device| is_shown(device));
        children.map(|device| directory(device.name(), Directory::Device(device.id()))).collect()
    }

    /// A name in a device's directory, without a look at all who need the device.
    pub(super) fn device_entry(&self, id: DeviceId, name: &str) -> Option<Entry> {
        let device = self.machine.device_by_id(id)?;
        let own = end_name(&device);
        let link = match name.split_once(':') {
            Some(("supplier", other)) => format!("{other}--{own}"),
            Some(("consumer", other)) => format!("{own}--{other}"),
            _ => {
                let mut own = self.own_entries(&device).into_iter();
                return own.find(|named| named.name == name).map(|named| named.entry).or_else(|| {
                    let child = self.machine.child(id, name).filter(|device| is_shown(device))?;
                    Some(Entry::Directory(Directory::Device(child.id())))
                });
            }
        };
        match self.devlink(&link)? {
            Entry::Directory(to) => self.link_target(&Directory::Device(id), &to).map(Entry::Link),
            _ => None,
        }
    }

    pub(super) fn device_entries(&self, id: DeviceId) -> Vec<Named> {
        let Some(device) = self.machine.device_by_id(id) else { return Vec::new() };
        let here = Directory::Device(id);
        let mut entries = self.own_entries(&device);
        let mut link = |name: String, to: Directory| {
            let target = self.link_target(&here, &to);
            entries.extend(target.map(|target| Named { name, entry: Entry::Link(target) }));
        };
        for (supplier, name) in self.ends(self.machine.suppliers(id)) {
            link(format!("supplier:{name}"), Directory::Devlink { supplier, consumer: id });
        }
        for (consumer, name) in self.ends(self.machine.consumers(id)) {
            link(format!("consumer:{name}"), Directory::Devlink { supplier: id, consumer });
        }
        entries.extend(self.children(Some(id)));
        entries
    }

    /// What a device's directory holds whoever else there is.
    fn own_entries(&self, device: &Device) -> Vec<Named> {
        let id = device.id();
        let here = Directory::Device(id);
        let attribute = |which| Attribute::Device(id, which);
        let mut entries = vec![
            file("driver_override", attribute(DeviceFile::DriverOverride)),
            file("uevent", attribute(DeviceFile::Uevent)),
            file("waiting_for_supplier", attribute(DeviceFile::WaitingForSupplier)),
            directory("power", Directory::Power(id)),
        ];
        match device.bus() {
            Bus::Platform | Bus::Pci => entries.push(file("modalias", attribute(DeviceFile::Modalias))),
            Bus::Amba => {
                entries.push(file("id", attribute(DeviceFile::Id)));
                entries.push(file("resource", attribute(DeviceFile::Resource)));
            }
        }
        let mut link = |name: String, to: Directory| {
            let target = self.link_target(&here, &to);
            entries.extend(target.map(|target| Named { name, entry: Entry::Link(target) }));
        };
        link("subsystem".to_owned(), Directory::Bus(device.bus()));
        if let Some(driver) = device.driver() {
            link("driver".to_owned(), Directory::Driver(driver.bus(), driver.name().to_owned()));
        }
        if let Some(node) = self.node_of(device.path()) {
            link("of_node".to_owned(), node);
        }
        if acpi::is_in_namespace(device) {
            link("firmware_node".to_owned(), Directory::AcpiDevice(id));
        }
        if let Some(group) = device.group() {
            link("iommu_group".to_owned(), Directory::Group(group.id()));
        }
        if let Some(iommu) = self.machine.iommu_device_of(device) {
            link("iommu".to_owned(), Directory::Iommu(iommu.id()));
        }
        if self.machine.reset_methods(device).has_any() {
            entries.push(file("reset_method", attribute(DeviceFile::ResetMethod)));
        }
        if device.driver().is_some() {
            entries.push(file("state_synced", attribute(DeviceFile::StateSynced)));
        }
        if self.iommu_name(id).is_some() {
            entries.push(directory("iommu", Directory::DeviceIommus(id)));
        }
        entries
    }

    fn ends(&self, devices: Vec<DeviceId>) -> Vec<(DeviceId, String)> {
        let named = |id| {
            let device = self.machine.device_by_id(id).filter(|device| is_shown(device))?;
            Some((id, end_name(&device)))
        };
        devices.into_iter().filter_map(named).collect()
    }

    pub(super) fn read_device(&self, id: DeviceId, file: DeviceFile) -> Option<String> {
        let device = self.machine.device_by_id(id)?;
        let number = |yes: bool| if yes { "1\n".to_owned() } else { "0\n".to_owned() };
        match file {
            DeviceFile::DriverOverride => {
                Some(format!("{}\n", device.driver_override().as_deref().unwrap_or("(null)")))
            }
            DeviceFile::Modalias => Some(modalias(&device) + "\n"),
            DeviceFile::Uevent => Some(uevent(&device)),
            DeviceFile::WaitingForSupplier => Some(number(self.machine.waits_for_supplier(id))),
            DeviceFile::StateSynced => Some(number(self.machine.is_synced(id))),
            DeviceFile::Id => Some(format!("{:08x}\n", periphid(&device))),
            DeviceFile::Resource => {
                let region = device.regions().first()?;
                let last = region.base.checked_add(region.size.checked_sub(1)?)?;
                Some(format!("\t0x{:016x}\t0x{last:016x}\t0x0000000000000200\n", region.base))
            }
            DeviceFile::ResetMethod => Some(self.machine.reset_methods(&device).show()),
            DeviceFile::PowerControl => Some("auto\n".to_owned()),
            DeviceFile::RuntimeStatus => Some(match device.power() {
                Power::Active => "active\n".to_owned(),
                Power::Suspended => "suspended\n".to_owned(),
            }),
        }
    }

    pub(super) fn write_device(&self, id: DeviceId, file: DeviceFile, text: &str) -> Result<(), Refusal> {
        let Some(device) = self.machine.device_by_id(id) else { return Err(Refusal::Gone) };
        match file {
            DeviceFile::DriverOverride => self.machine.set_driver_override(device.bus(), device.name(), text),
            DeviceFile::PowerControl if !matches!(text.trim_end_matches('\n'), "auto" | "on") => {
                Err(Refusal::NotAName { length: text.len() })
            }
            DeviceFile::ResetMethod => Ok(self.machine.set_reset_methods(&device, text)?),
            DeviceFile::Uevent | DeviceFile::PowerControl => Ok(()),
            DeviceFile::Modalias
            | DeviceFile::WaitingForSupplier
            | DeviceFile::StateSynced
            | DeviceFile::Id
            | DeviceFile::Resource
            | DeviceFile::RuntimeStatus => Err(Refusal::ReadOnly),
        }
    }
}

/// The name of a device's node, without its unit address.
fn node_name(device: &Device) -> &str {
    let last = device.path().rsplit('/').next().unwrap_or_default();
    last.split('@').next().unwrap_or_default()
}

/// `of_modalias` (drivers/of/module.c). Devices here have no `device_type`.
fn modalias(device: &Device) -> String {
    match (device.bus(), &device.facts().acpi) {
        (Bus::Platform | Bus::Pci, Some(acpi)) => acpi::modalias(device, acpi),
        (Bus::Platform | Bus::Pci, None) => {
            let words = device.facts().compatible.iter();
            let words: String = words.map(|word| format!("C{}", word.replace(' ', "_"))).collect();
            format!("of:N{}T(null){words}", node_name(device))
        }
        (Bus::Amba, _) => format!("amba:d{:08X}", periphid(device)),
    }
}

/// `of_device_uevent` (drivers/of/device.c) and the bus's own line.
fn uevent(device: &Arc<Device>) -> String {
    let mut text = String::new();
    if let Some(driver) = device.driver() {
        let _ = writeln!(text, "DRIVER={}", driver.name());
    }
    if device.facts().acpi.is_none() {
        let _ = writeln!(text, "OF_NAME={}", node_name(device));
        let _ = writeln!(text, "OF_FULLNAME={}", device.path());
        for (number, word) in device.facts().compatible.iter().enumerate() {
            let _ = writeln!(text, "OF_COMPATIBLE_{number}={word}");
        }
        let _ = writeln!(text, "OF_COMPATIBLE_N={}", device.facts().compatible.len());
    }
    if device.bus() == Bus::Amba {
        let _ = writeln!(text, "AMBA_ID={:08x}", periphid(device));
    }
    let _ = writeln!(text, "MODALIAS={}", modalias(device));
    text
}

/// The peripheral identification of ARM's own blocks, which is their part number: `arm,pl330` is 041330. Others show 0, because
/// it stands in the device's registers and not in the description.
fn periphid(device: &Device) -> u32 {
    let number = |word: &String| u32::from_str_radix(word.strip_prefix("arm,pl")?.get(..3)?, 16).ok();
    device.facts().identities().iter().find_map(number).map_or(0, |part| 0x0004_1000 | part)
}
