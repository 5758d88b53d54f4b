//! VIOT, the virtual I/O translation table: which endpoints a virtio-iommu translates for.
//!
//! ACPI 6.5, section 5.2.34; Linux: `drivers/acpi/viot.c`. QEMU and other virtual machine monitors make it.

use std::collections::HashMap;

use super::bytes::{View, walk};
use super::{Report, Trouble};

/// What the table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viot {
    /// The IOMMUs.
    pub iommus: Vec<Iommu>,
    /// Who stands behind them.
    pub endpoints: Vec<Endpoint>,
}

/// A virtio-iommu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iommu {
    /// Where its node stands; endpoints name it by this.
    pub offset: u16,
    /// What it is.
    pub place: Place,
}

/// Where a device of the table is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A PCI function.
    Pci {
        /// Its segment.
        segment: u16,
        /// Bus, device and function.
        bdf: u16,
    },
    /// Registers at a physical address.
    Mmio {
        /// The address.
        base: u64,
    },
}

/// Endpoints behind an IOMMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Which devices.
    pub devices: Devices,
    /// The id of the first at the IOMMU.
    pub first_id: u32,
    /// Index of their IOMMU in [`Viot::iommus`]; `None` where the table names none.
    pub iommu: Option<usize>,
}

/// A range of PCI functions, or one device with registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// All functions of the range, both ends included.
    PciRange {
        /// First and last segment.
        segments: (u16, u16),
        /// First and last bus, device and function.
        bdfs: (u16, u16),
    },
    /// One device.
    Mmio {
        /// Its registers' physical address.
        base: u64,
    },
}

const PCI_RANGE: u16 = 1;
const MMIO_ENDPOINT: u16 = 2;
const VIRTIO_PCI: u16 = 3;
const VIRTIO_MMIO: u16 = 4;

pub(super) fn read(bytes: &[u8], report: &mut Report<'_>) -> Viot {
    let table = View::of_table(bytes);
    let mut viot = Viot::default();
    let mut references = Vec::new();
    let mut count = 0;
    walk(
        table.rest(usize::from(table.u16(38))),
        report,
        |node| (node.u8(0).into(), node.u16(2).into()),
        |kind| match kind {
            PCI_RANGE | MMIO_ENDPOINT => 24,
            VIRTIO_PCI | VIRTIO_MMIO => 16,
            _ => 4,
        },
        |kind, node, report| {
            count += 1;
            let offset = u16::try_from(node.at()).unwrap_or(u16::MAX);
            let mut endpoint = |devices| {
                viot.endpoints.push(Endpoint { devices, first_id: node.u32(4), iommu: None });
                references.push((node.at(), node.u16(16)));
            };
            match kind {
                PCI_RANGE => endpoint(Devices::PciRange {
                    segments: (node.u16(8), node.u16(10)),
                    bdfs: (node.u16(12), node.u16(14)),
                }),
                MMIO_ENDPOINT => endpoint(Devices::Mmio { base: node.u64(8) }),
                VIRTIO_PCI => {
                    viot.iommus
                        .push(Iommu { offset, place: Place::Pci { segment: node.u16(4), bdf: node.u16(6) } });
                }
                VIRTIO_MMIO => viot.iommus.push(Iommu { offset, place: Place::Mmio { base: node.u64(8) } }),
                _ => report.add(node.at(), Trouble::Unknown { kind }),
            }
        },
    );
    let claimed = u32::from(table.u16(36));
    if claimed != count {
        report.add(36, Trouble::Count { claimed, have: count });
    }
    // Of two at one offset, which only those beyond 64 KiB are, the first counts.
    let mut known: HashMap<u16, usize> = HashMap::new();
    for (index, iommu) in viot.iommus.iter().enumerate() {
        known.entry(iommu.offset).or_insert(index);
    }
    for (endpoint, (at, to)) in viot.endpoints.iter_mut().zip(references) {
        endpoint.iommu = known.get(&to).copied();
        if endpoint.iommu.is_none() {
            report.add(at, Trouble::Reference { to: to.into() });
        }
    }
    viot
}
