//! PCI host bridges: which IOMMUs the functions behind each are seen by.
//!
//! A tree does not name functions. What it says is which requester ids reach which IOMMU (`of_map_id`, drivers/of/base.c); their
//! groups follow from the isolation of the path to them (`pci_device_group`, drivers/iommu/iommu.c), which is found on the bus.

use uvfio_firmware::{Board, NodeId};

use crate::DeviceIndex;
use crate::index::Index;

/// A PCI host bridge and what its functions stand behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciBehind {
    /// The bridge.
    pub host: DeviceIndex,
    /// First and last bus.
    pub buses: (u8, u8),
    /// Which requester ids an IOMMU translates for; empty where none does.
    pub ranges: Vec<PciRange>,
    /// Whether its messages go to a controller that is named.
    pub msi: bool,
}

/// Requester ids behind one IOMMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciRange {
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

/// The host bridges of a board.
pub(crate) fn hosts(board: &Board, index: &Index) -> Vec<PciBehind> {
    let hosts =
        board.devices.iter().enumerate().filter_map(|(at, device)| Some((at, device, device.pci.as_ref()?)));
    let behind =
        |(at, device, pci): (usize, &uvfio_firmware::Device, &Box<uvfio_firmware::dt::PciHost>)| PciBehind {
            host: DeviceIndex::new(at),
            buses: pci.buses,
            ranges: pci
                .iommu_map
                .rows
                .iter()
                .map(|row| PciRange {
                    first: row.first,
                    count: row.count,
                    stream: row.output,
                    iommu: row.provider,
                    enabled: index.is_enabled(row.provider),
                })
                .collect(),
            msi: !pci.msi_map.rows.is_empty()
                || device.suppliers.iter().any(|supplier| supplier.kind == uvfio_firmware::Reference::Msi),
        };
    hosts.map(behind).collect()
}
