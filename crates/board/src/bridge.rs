//! Bridges to buses whose devices are found, not described: which IOMMUs those behind each are seen by.
//!
//! A tree does not name PCI functions, nor the objects of a DPAA2 management complex. What it says is which requester ids reach which
//! IOMMU (`of_map_id`, drivers/of/base.c); their groups follow from the isolation of the path to them (`pci_device_group`,
//! drivers/iommu/iommu.c), which is found on the bus.

use uvfio_firmware::{Board, Device, NodeId, Reference};

use crate::DeviceIndex;
use crate::index::Index;

/// A bridge and what those behind it stand behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The bridge.
    pub host: DeviceIndex,
    /// First and last bus where it is a PCI host bridge.
    pub pci: Option<(u8, u8)>,
    /// Which requester ids an IOMMU translates for; empty where none does.
    pub ranges: Vec<RequesterRange>,
    /// Whether their messages go to a controller that is named.
    pub msi: bool,
}

/// Requester ids behind one IOMMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequesterRange {
    /// First id.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// The stream of the first.
    pub stream: u32,
    /// The IOMMU's node.
    pub iommu: NodeId,
    /// Whether it is enabled.
    pub enabled: bool,
}

/// The bridges of a board.
pub(crate) fn bridges(board: &Board, index: &Index) -> Vec<Bridge> {
    let is_bridge = |device: &Device| device.pci.is_some() || !device.iommu_map.rows.is_empty();
    let bridges = board.devices.iter().enumerate().filter(|(_, device)| is_bridge(device));
    bridges.map(|(at, device)| bridge(index, DeviceIndex::new(at), device)).collect()
}

fn bridge(index: &Index, host: DeviceIndex, device: &Device) -> Bridge {
    let rows = device.iommu_map.rows.iter();
    let ranges = rows.map(|row| RequesterRange {
        first: row.first,
        count: row.count,
        stream: row.output,
        iommu: row.provider,
        enabled: index.is_enabled(row.provider),
    });
    let parent = device.suppliers.iter().any(|supplier| supplier.kind == Reference::Msi);
    Bridge {
        host,
        pci: device.pci.as_ref().map(|pci| pci.buses),
        ranges: ranges.collect(),
        msi: parent || !device.msi_map.rows.is_empty(),
    }
}
