//! Devices as they are in the namespace of ACPI (drivers/acpi/device_sysfs.c): `/sys/devices/LNXSYSTM:00`, where their `firmware_node`
//! leads.
//!
//! Linux has a directory there for each object of the namespace, one in the other as they are there. Here are those that are devices of
//! the machine, side by side.

use uvfio_firmware::DescribedBy;
use uvfio_firmware::acpi::AcpiFacts;

use super::{Attribute, Directory, Entry, Named, Sysfs, directory, file};
use crate::device::{Bus, Device, DeviceId};

/// A file of a device of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcpiFile {
    /// `path`: the full path in the namespace.
    Path,
    /// `hid`: its hardware id.
    Hid,
    /// `uid`; only where it has one.
    Uid,
    /// `status`: what `_STA` said.
    Status,
    /// `modalias`.
    Modalias,
}

/// Whether a device has a place in the namespace: IORT's SMMUs have none.
pub(super) fn is_in_namespace(device: &Device) -> bool {
    device.facts().acpi.as_ref().is_some_and(|acpi| acpi.hid().is_some())
}

/// `acpi_device_modalias` (drivers/acpi/device_sysfs.c): its ids, or where the only one says to look there, what `_DSD` says; and
/// `platform:NAME` for a device of the kernel's own making.
pub(super) fn modalias(device: &Device, acpi: &AcpiFacts) -> String {
    if let Some(name) = &acpi.platform {
        return format!("platform:{name}");
    }
    let ids: String = acpi.ids.iter().filter(|id| *id != "PRP0001").map(|id| format!("{id}:")).collect();
    if !ids.is_empty() {
        return format!("acpi:{ids}");
    }
    let segment = device.path().rsplit(['.', '\\']).next().unwrap_or_default().to_lowercase();
    let words: String = device.facts().compatible.iter().map(|word| format!("C{word}")).collect();
    format!("of:N{segment}T{words}")
}

impl Sysfs {
    pub(super) fn is_acpi(&self) -> bool {
        self.machine.board().described_by == DescribedBy::Acpi
    }

    /// What `/sys/devices` holds.
    pub(super) fn roots(&self) -> Vec<Named> {
        let mut roots =
            vec![directory("platform", Directory::Platform), directory("virtual", Directory::Virtual)];
        if self.is_acpi() {
            roots.push(directory("LNXSYSTM:00", Directory::AcpiSystem));
        }
        roots
    }

    pub(super) fn acpi_device(&self, name: &str) -> Option<Entry> {
        let found = [Bus::Platform, Bus::Amba].into_iter().find_map(|bus| self.machine.device(bus, name));
        let device = found.filter(|device| is_in_namespace(device))?;
        Some(Entry::Directory(Directory::AcpiDevice(device.id())))
    }

    pub(super) fn acpi_devices(&self) -> Vec<Named> {
        let devices = [Bus::Platform, Bus::Amba].into_iter().flat_map(|bus| self.machine.devices(bus));
        devices
            .filter(|device| is_in_namespace(device))
            .map(|device| directory(device.name(), Directory::AcpiDevice(device.id())))
            .collect()
    }

    pub(super) fn acpi_entries(&self, id: DeviceId) -> Vec<Named> {
        let Some(device) = self.machine.device_by_id(id) else { return Vec::new() };
        let attribute = |name: &str, which| file(name, Attribute::Acpi(id, which));
        let mut entries = vec![
            attribute("path", AcpiFile::Path),
            attribute("hid", AcpiFile::Hid),
            attribute("status", AcpiFile::Status),
            attribute("modalias", AcpiFile::Modalias),
        ];
        if device.facts().acpi.as_ref().is_some_and(|acpi| acpi.uid.is_some()) {
            entries.push(attribute("uid", AcpiFile::Uid));
        }
        let physical = self.link_target(&Directory::AcpiDevice(id), &Directory::Device(id));
        let link = |target| Named { name: "physical_node".to_owned(), entry: Entry::Link(target) };
        entries.extend(physical.map(link));
        entries
    }

    pub(super) fn read_acpi(&self, id: DeviceId, file: AcpiFile) -> Option<String> {
        let device = self.machine.device_by_id(id)?;
        let acpi = device.facts().acpi.as_ref()?;
        Some(match file {
            AcpiFile::Path => format!("{}\n", device.path()),
            AcpiFile::Hid => format!("{}\n", acpi.hid()?),
            AcpiFile::Uid => format!("{}\n", acpi.uid.as_deref()?),
            AcpiFile::Status => format!("{}\n", acpi.status),
            AcpiFile::Modalias => format!("{}\n", modalias(&device, acpi)),
        })
    }
}
