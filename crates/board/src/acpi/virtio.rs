//! VIOT: endpoints behind virtio-iommus (drivers/acpi/viot.c).

use uvfio_firmware::acpi::viot::{self, Devices, Viot};

use super::{AcpiDevice, AcpiIommu, AcpiView, Place, Who};

pub(super) fn add(view: &mut AcpiView, table: &Viot) {
    let first = view.iommus.len();
    view.iommus.extend(table.iommus.iter().map(|iommu| {
        let place = match iommu.place {
            viot::Place::Pci { segment, bdf } => Place::Function { segment, bdf },
            viot::Place::Mmio { base } => Place::Registers(base),
        };
        AcpiIommu::new("virtio-iommu", place)
    }));
    for endpoint in &table.endpoints {
        let iommu = endpoint.iommu.map(|iommu| first + iommu);
        match endpoint.devices {
            Devices::Mmio { base } => {
                let ids = vec![(endpoint.first_id, 1)];
                view.devices.push(AcpiDevice { ids, ..AcpiDevice::new(Who::Registers(base), iommu) });
            }
            Devices::PciRange { segments, bdfs } => {
                let count = u64::from(bdfs.1.saturating_sub(bdfs.0)) + 1;
                let (first, last) = bdfs;
                let who = match segments {
                    (segment, end) if segment == end => Who::Functions { segment, first, last },
                    _ => Who::Spread { segments, first, last },
                };
                // Each segment's ids begin where 65,536 of the one before would end.
                let apart = u64::from(segments.1.saturating_sub(segments.0)) << 16;
                let ids = vec![(endpoint.first_id, apart + count)];
                view.devices.push(AcpiDevice { ids, ..AcpiDevice::new(who, iommu) });
            }
        }
    }
}
