//! IOMMU groups of devices of the namespace, by the rule of each IOMMU's driver.
//!
//! PCI functions are not among them: their groups follow from the isolation of the path to them (`pci_device_group`,
//! drivers/iommu/iommu.c), and the path is found on the bus. Nor have the groups numbers: Linux counts them as it finds devices.

use std::collections::BTreeMap;

use super::{AcpiIommu, AcpiView, Who};

/// By which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcpiGrouping {
    /// One group for each device (`generic_device_group`).
    Device,
    /// Devices whose streams are matched by one entry share a group (`arm_smmu_device_group`).
    Stream,
    /// Devices with one id share a group (`acpihid_device_group`).
    Id,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcpiGroup {
    /// Its IOMMU, as an index in [`AcpiView::iommus`].
    pub iommu: usize,
    /// Its devices, as indices in [`AcpiView::devices`].
    pub devices: Vec<usize>,
}

impl AcpiIommu {
    /// Linux's driver for it.
    #[must_use]
    pub fn driver(&self) -> &'static str {
        match self.kind {
            "SMMUv1" | "SMMUv2" => "arm-smmu",
            "SMMUv3" => "arm-smmu-v3",
            "VT-d" => "intel-iommu",
            "AMD-Vi" => "amd-iommu",
            _ => "virtio-iommu",
        }
    }

    /// The rule of that driver for devices of the namespace.
    #[must_use]
    pub fn grouping(&self) -> AcpiGrouping {
        match self.kind {
            "SMMUv1" | "SMMUv2" => AcpiGrouping::Stream,
            "AMD-Vi" => AcpiGrouping::Id,
            _ => AcpiGrouping::Device,
        }
    }

    /// Where that rule can be read.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self.kind {
            "SMMUv1" | "SMMUv2" => "drivers/iommu/arm/arm-smmu/arm-smmu.c",
            "SMMUv3" => "drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c",
            "VT-d" => "drivers/iommu/intel/iommu.c",
            "AMD-Vi" => "drivers/iommu/amd/iommu.c",
            _ => "drivers/iommu/virtio-iommu.c",
        }
    }
}

impl AcpiView {
    /// The groups of devices that are no PCI functions, in the order of their first device.
    #[must_use]
    pub fn groups(&self) -> Vec<AcpiGroup> {
        let mut groups: Vec<AcpiGroup> = Vec::new();
        let mut by_id: BTreeMap<(usize, u32), usize> = BTreeMap::new();
        for (at, device) in self.devices.iter().enumerate() {
            let Some(iommu) = device.iommu else { continue };
            if !matches!(device.who, Who::Named(_) | Who::Registers(_)) {
                continue;
            }
            let ids: &[(u32, u64)] = match self.iommus[iommu].grouping() {
                AcpiGrouping::Device => &[],
                AcpiGrouping::Stream | AcpiGrouping::Id => &device.ids,
            };
            let known = ids.iter().find_map(|(id, _)| by_id.get(&(iommu, *id)).copied());
            let group = known.unwrap_or(groups.len());
            match groups.get_mut(group) {
                Some(group) => group.devices.push(at),
                None => groups.push(AcpiGroup { iommu, devices: vec![at] }),
            }
            ids.iter().for_each(|(id, _)| {
                by_id.entry((iommu, *id)).or_insert(group);
            });
        }
        groups
    }
}
