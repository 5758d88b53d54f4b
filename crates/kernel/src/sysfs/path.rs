//! Where things are in `/sys`, and links from one place to another.

use super::{Attribute, Directory, Entry, Named, Sysfs};

impl Sysfs {
    /// The path of a directory from `/sys` on, without a leading slash.
    #[must_use]
    pub fn path(&self, directory: &Directory) -> Option<String> {
        Some(match directory {
            Directory::Root => String::new(),
            Directory::Buses => "bus".to_owned(),
            Directory::Bus(bus) => format!("bus/{bus}"),
            Directory::BusDevices(bus) => format!("bus/{bus}/devices"),
            Directory::BusDrivers(bus) => format!("bus/{bus}/drivers"),
            Directory::Driver(bus, driver) => format!("bus/{bus}/drivers/{driver}"),
            Directory::Devices => "devices".to_owned(),
            Directory::Platform => "devices/platform".to_owned(),
            Directory::Device(id) => format!("devices/{}", self.machine.device_by_id(*id)?.place()),
            Directory::Power(id) => self.path(&Directory::Device(*id))? + "/power",
            Directory::DeviceIommus(id) => self.path(&Directory::Device(*id))? + "/iommu",
            Directory::Iommu(id) => {
                let name = self.iommu_name(*id)?;
                format!("{}/{name}", self.path(&Directory::DeviceIommus(*id))?)
            }
            Directory::IommuDevices(id) => self.path(&Directory::Iommu(*id))? + "/devices",
            Directory::AcpiSystem => "devices/LNXSYSTM:00".to_owned(),
            Directory::AcpiBus => "devices/LNXSYSTM:00/LNXSYBUS:00".to_owned(),
            Directory::AcpiDevice(id) => {
                format!("devices/LNXSYSTM:00/LNXSYBUS:00/{}", self.machine.device_by_id(*id)?.name())
            }
            Directory::Virtual => "devices/virtual".to_owned(),
            Directory::Devlinks => "devices/virtual/devlink".to_owned(),
            Directory::Devlink { supplier, consumer } => {
                format!("devices/virtual/devlink/{}", self.devlink_name(*supplier, *consumer)?)
            }
            Directory::VirtualClass(class) => format!("devices/virtual/{class}"),
            Directory::ClassDevice(class, name) => format!("devices/virtual/{class}/{name}"),
            Directory::Classes => "class".to_owned(),
            Directory::Class(class) => format!("class/{class}"),
            Directory::Firmware => "firmware".to_owned(),
            Directory::DeviceTree => "firmware/devicetree".to_owned(),
            Directory::Node(path) => format!("firmware/devicetree/base{}", path.trim_end_matches('/')),
            Directory::Kernel => "kernel".to_owned(),
            Directory::Debug => "kernel/debug".to_owned(),
            Directory::Groups => "kernel/iommu_groups".to_owned(),
            Directory::Group(group) => format!("kernel/iommu_groups/{group}"),
            Directory::GroupDevices(group) => format!("kernel/iommu_groups/{group}/devices"),
            Directory::Modules => "module".to_owned(),
            Directory::Module(module) => format!("module/{module}"),
            Directory::Parameters(module) => format!("module/{module}/parameters"),
            Directory::Holders(module) => format!("module/{module}/holders"),
            Directory::ModuleDrivers(module) => format!("module/{module}/drivers"),
        })
    }

    /// The path of a file from `/sys` on, without a leading slash.
    #[must_use]
    pub fn attribute_path(&self, attribute: &Attribute) -> Option<String> {
        let directories = match attribute {
            Attribute::Bus(bus, _) => vec![Directory::Bus(*bus)],
            Attribute::Driver(bus, driver, _) => vec![Directory::Driver(*bus, driver.clone())],
            Attribute::Device(id, _) => vec![Directory::Device(*id), Directory::Power(*id)],
            Attribute::Module(module, _) => vec![Directory::Module(module.clone())],
            Attribute::Parameter(module, _) => vec![Directory::Parameters(module.clone())],
            // Nothing else can be written, which is when somebody asks.
            _ => return None,
        };
        directories.into_iter().find_map(|directory| {
            let is_it = |named: &Named| matches!(&named.entry, Entry::Attribute(one) if one == attribute);
            let name = self.list(&directory).into_iter().find(is_it)?.name;
            Some(format!("{}/{name}", self.path(&directory)?))
        })
    }

    /// The target of a link in `from` that leads to `to`.
    pub(super) fn link_target(&self, from: &Directory, to: &Directory) -> Option<String> {
        Some(relative(&self.path(from)?, &self.path(to)?))
    }
}

/// The way from one directory to another, both from `/sys` on.
pub(super) fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = to.split('/').filter(|part| !part.is_empty()).collect();
    let shared = from.iter().zip(&to).take_while(|(left, right)| left == right).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    up.chain(to[shared..].iter().copied()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_up_and_down() {
        assert_eq!(relative("bus/platform/devices", "devices/platform/a"), "../../../devices/platform/a");
        assert_eq!(relative("devices/platform/soc/a", "devices/platform/soc/b"), "../b");
        assert_eq!(relative("devices/platform", "devices/platform/a"), "a");
    }
}
