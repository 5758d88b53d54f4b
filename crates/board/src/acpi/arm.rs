//! IORT: devices behind SMMUs (drivers/acpi/arm64/iort.c).

use uvfio_firmware::acpi::iort::{Iort, Kind, Node};

use super::{AcpiBlocker, AcpiDevice, AcpiIommu, AcpiView, Place, Who};

pub(super) fn add(view: &mut AcpiView, iort: &Iort) {
    // Where each SMMU of the table is in the view, by its offset.
    let mut at: Vec<(u32, usize)> = Vec::new();
    for node in &iort.nodes {
        if let Some((kind, base)) = smmu(node) {
            at.push((node.offset, view.iommus.len()));
            view.iommus.push(AcpiIommu {
                kind,
                place: Place::Registers(base),
                coherent_walks: Some(walks_coherently(node)),
                interrupts: interrupts(node),
            });
        }
    }
    let index = |offset: u32| at.iter().find(|(other, _)| *other == offset).map(|(_, index)| *index);
    let walks = |offset: u32| iort.node(offset).is_some_and(walks_coherently);
    let first = view.devices.len();
    for node in &iort.nodes {
        match &node.kind {
            Kind::NamedComponent { path, coherent, address_bits } => {
                let streams: Vec<(u32, u32)> =
                    iort.streams(node).map(|target| (target.node.offset, target.id)).collect();
                let iommu = streams.first().map(|(offset, _)| *offset);
                let mut device = AcpiDevice::new(Who::Named(path.clone()), iommu.and_then(index));
                device.ids = streams.iter().map(|(_, id)| (*id, 1)).collect();
                (device.coherent, device.address_bits) = (Some(*coherent), Some(*address_bits));
                let vouched = iommu.is_some_and(|iommu| walks(iommu) || (*coherent && !is_v3(iort, iommu)));
                if iommu.is_some() && !vouched {
                    device.blockers.push(AcpiBlocker::NotCoherent);
                }
                view.devices.push(device);
            }
            Kind::RootComplex { segment, coherent, .. } => {
                let segment = u16::try_from(*segment).unwrap_or(u16::MAX);
                let ranges = node.mappings.iter().filter_map(|mapping| {
                    let target = iort.node(mapping.to).filter(|target| smmu(target).is_some())?;
                    Some((index(target.offset), mapping))
                });
                let before = view.devices.len();
                for (iommu, mapping) in ranges {
                    let last = u64::from(mapping.input) + mapping.count - 1;
                    let (first, last) = (mapping.input.min(0xffff), last.min(0xffff));
                    let who = Who::Functions { segment, first: first as u16, last: last as u16 };
                    let ids = vec![(mapping.output, mapping.count)];
                    let device = AcpiDevice { ids, ..AcpiDevice::new(who, iommu) };
                    view.devices.push(AcpiDevice { coherent: Some(*coherent), ..device });
                }
                if view.devices.len() == before {
                    view.devices.push(AcpiDevice::new(Who::Segment(segment), None));
                }
            }
            _ => {}
        }
    }
    for node in &iort.nodes {
        if let Kind::Reserved { ranges } = &node.kind {
            reserve(view, first, node, ranges, &index);
        }
    }
}

/// Memory that firmware uses by certain streams (`iort_get_rmrs`).
fn reserve(
    view: &mut AcpiView,
    first: usize,
    node: &Node,
    ranges: &[(u64, u64)],
    index: &impl Fn(u32) -> Option<usize>,
) {
    for mapping in &node.mappings {
        let iommu = index(mapping.to);
        let uses = |ids: &[(u32, u64)]| {
            let (start, end) = (u64::from(mapping.output), u64::from(mapping.output) + mapping.count);
            ids.iter().any(|(id, count)| u64::from(*id) < end && start < u64::from(*id) + count)
        };
        let devices = view.devices[first..].iter_mut();
        for device in devices.filter(|device| iommu.is_some() && device.iommu == iommu && uses(&device.ids)) {
            device.blockers.extend(ranges.iter().map(|(start, size)| AcpiBlocker::FirmwareMemory {
                start: *start,
                last: start.saturating_add(size.saturating_sub(1)),
                relaxable: false,
            }));
        }
    }
}

fn smmu(node: &Node) -> Option<(&'static str, u64)> {
    match node.kind {
        Kind::Smmu { base, model, .. } => Some((if model == 0 { "SMMUv1" } else { "SMMUv2" }, base)),
        Kind::SmmuV3 { base, .. } => Some(("SMMUv3", base)),
        _ => None,
    }
}

/// Global system interrupts; of SMMUv3 0 stands for a message (`arm_smmu_v3_init_resources`).
fn interrupts(node: &Node) -> Vec<u32> {
    match &node.kind {
        Kind::Smmu { fault_interrupts, .. } => fault_interrupts.clone(),
        Kind::SmmuV3 { interrupts, .. } => interrupts.iter().copied().filter(|number| *number != 0).collect(),
        _ => Vec::new(),
    }
}

fn walks_coherently(node: &Node) -> bool {
    matches!(node.kind, Kind::Smmu { coherent_walk: true, .. } | Kind::SmmuV3 { coherent_walk: true, .. })
}

fn is_v3(iort: &Iort, offset: u32) -> bool {
    iort.node(offset).is_some_and(|node| matches!(node.kind, Kind::SmmuV3 { .. }))
}
