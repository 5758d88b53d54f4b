//! IORT: devices behind SMMUs (drivers/acpi/arm64/iort.c).

use std::collections::BTreeMap;

use uvfio_firmware::acpi::iort::{Iort, Kind, Node};

use super::claim::Claims;
use super::{AcpiBlocker, AcpiDevice, AcpiIommu, AcpiView, Place, Who};

pub(super) fn add(view: &mut AcpiView, iort: &Iort) {
    // Where each SMMU of the table is in the view, by its offset.
    let mut at: BTreeMap<u32, usize> = BTreeMap::new();
    for node in &iort.nodes {
        if let Some((kind, base)) = smmu(node) {
            at.insert(node.offset, view.iommus.len());
            view.iommus.push(AcpiIommu {
                kind,
                place: Place::Registers(base),
                coherent_walks: Some(walks_coherently(node)),
                interrupts: interrupts(node),
            });
        }
    }
    let index = |offset: u32| at.get(&offset).copied();
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
    reserve(&mut view.devices[first..], iort, &index);
}

/// Memory that firmware uses by certain streams (`iort_get_rmrs`). Of several nodes that speak of a stream the first counts.
fn reserve(devices: &mut [AcpiDevice], iort: &Iort, index: &impl Fn(u32) -> Option<usize>) {
    let mut uses: BTreeMap<usize, Vec<Use<'_>>> = BTreeMap::new();
    for node in &iort.nodes {
        let Kind::Reserved { ranges } = &node.kind else { continue };
        for mapping in &node.mappings {
            if let Some(iommu) = index(mapping.to) {
                let first = u64::from(mapping.output);
                let streams = (first, first.saturating_add(mapping.count));
                uses.entry(iommu).or_default().push(Use { streams, ranges });
            }
        }
    }
    for (iommu, uses) in uses {
        let claims = Claims::of(&uses.iter().map(|one| one.streams).collect::<Vec<_>>());
        for device in devices.iter_mut().filter(|device| device.iommu == Some(iommu)) {
            let ids = device.ids.iter();
            let found =
                ids.filter_map(|(id, count)| claims.first((*id).into(), u64::from(*id) + count)).next();
            let ranges = found.map_or(&[][..], |at| uses[at].ranges);
            device.blockers.extend(ranges.iter().take(MOST).map(|(start, size)| {
                AcpiBlocker::FirmwareMemory {
                    start: *start,
                    last: start.saturating_add(size.saturating_sub(1)),
                    relaxable: false,
                }
            }));
        }
    }
}

/// Memory and the streams that firmware uses it by.
struct Use<'a> {
    streams: (u64, u64),
    ranges: &'a [(u64, u64)],
}

/// So many ranges of memory are named of one device.
const MOST: usize = 16;

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
