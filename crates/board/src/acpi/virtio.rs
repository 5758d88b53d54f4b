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
            // Each segment of the range has the same functions.
            Devices::PciRange { segments, bdfs } => {
                let count = u64::from(bdfs.1.saturating_sub(bdfs.0)) + 1;
                for segment in segments.0..=segments.1 {
                    let who = Who::Functions { segment, first: bdfs.0, last: bdfs.1 };
                    let before = u32::from(segment - segments.0) << 16;
                    let ids = vec![(endpoint.first_id.wrapping_add(before), count)];
                    view.devices.push(AcpiDevice { ids, ..AcpiDevice::new(who, iommu) });
                }
            }
        }
    }
}
