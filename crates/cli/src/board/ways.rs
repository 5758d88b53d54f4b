//! What a device tree and tables of ACPI both say of a machine: its IOMMUs, and by which ids PCI functions reach them.
//!
//! Firmware often offers both descriptions of one machine, and Linux takes one. Devices have other names in each; addresses of
//! registers, numbers of interrupts (where there is a GIC) and functions, and ids of streams are the hardware's, so those are compared.

use std::collections::{BTreeMap, BTreeSet};

use uvfio_board::acpi::{Place, Who};
use uvfio_firmware::{Board, Device, NodeId};

use super::diff::{Entries, Entry};
use super::tables::Machine;
use super::view::Seen;

/// What one description says.
pub struct Ways {
    /// What each IOMMU is, by where it is.
    iommus: BTreeMap<String, String>,
    /// The ways of PCI functions.
    functions: Vec<Way>,
    /// The interrupts of each device, by where its registers begin; absent where nothing says.
    devices: Option<BTreeMap<u64, BTreeSet<u32>>>,
}

/// Functions that follow one another, and the ids they have.
struct Way {
    segment: u16,
    first: u32,
    last: u32,
    iommu: String,
    /// The id of the first, where the description says.
    id: Option<u32>,
}

/// What a device tree says.
pub fn of_tree(seen: &Seen) -> Ways {
    let iommus = seen.board.iommus().filter(|iommu| iommu.available).map(|iommu| {
        let kind = kind(&iommu.compatible);
        let walks = if iommu.dma_coherent { "coherent" } else { "not coherent" };
        (place(seen, iommu.node), format!("{kind}, walks {walks}"))
    });
    let hosts = seen.board.devices.iter().filter_map(|device| Some((device, device.pci.as_deref()?)));
    let mut functions = Vec::new();
    for (at, (device, host)) in hosts.enumerate() {
        let segment = host.domain.and_then(|domain| u16::try_from(domain).ok());
        let segment = segment.unwrap_or_else(|| u16::try_from(at).unwrap_or(u16::MAX));
        let buses = (u32::from(host.buses.0) << 8, u32::from(host.buses.1) << 8 | 0xff);
        functions.extend(rows(seen, device, buses).map(|way| Way { segment, ..way }));
    }
    Ways { iommus: iommus.collect(), functions, devices: Some(devices(&seen.board)) }
}

/// Devices with registers. Where several begin at one address the interrupts of all count.
fn devices(board: &Board) -> BTreeMap<u64, BTreeSet<u32>> {
    let mut devices: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for device in &board.devices {
        if let Some(region) = device.regions.first() {
            let interrupts = device.interrupts.iter().map(|interrupt| interrupt.number);
            devices.entry(region.base).or_default().extend(interrupts);
        }
    }
    devices
}

/// The rows of a host's `iommu-map`, as far as its buses go.
fn rows<'a>(seen: &'a Seen, device: &'a Device, buses: (u32, u32)) -> impl Iterator<Item = Way> + 'a {
    device.iommu_map.rows.iter().filter_map(move |row| {
        let end = row.first.checked_add(row.count.checked_sub(1)?)?;
        let (first, last) = (row.first.max(buses.0), end.min(buses.1));
        (first <= last).then(|| Way {
            segment: 0,
            first,
            last,
            iommu: place(seen, row.provider),
            id: row.output.checked_add(first - row.first),
        })
    })
}

/// Where an IOMMU's registers are, or its node where they are nowhere.
fn place(seen: &Seen, node: NodeId) -> String {
    let device = seen.board.devices.iter().find(|device| device.node == node);
    let region = device.and_then(|device| device.regions.first());
    region.map_or_else(|| seen.node(node), |region| Place::Registers(region.base).to_string())
}

/// What tables call an IOMMU with this `compatible`.
fn kind(compatible: &[String]) -> String {
    let kind = compatible.iter().find_map(|name| match name.as_str() {
        "arm,smmu-v3" => Some("SMMUv3"),
        "arm,smmu-v2" | "arm,mmu-500" | "qcom,smmu-v2" | "cavium,smmu-v2" => Some("SMMUv2"),
        "arm,smmu-v1" | "arm,mmu-400" | "arm,mmu-401" => Some("SMMUv1"),
        "virtio,pci-iommu" => Some("virtio-iommu"),
        _ => None,
    });
    kind.map_or_else(|| compatible.first().cloned().unwrap_or_default(), str::to_owned)
}

/// What tables say.
pub fn of_tables(machine: &Machine) -> Ways {
    let iommus = machine.view.iommus.iter().map(|iommu| {
        let walks = match iommu.coherent_walks {
            Some(true) => ", walks coherent",
            Some(false) => ", walks not coherent",
            None => "",
        };
        (iommu.place.to_string(), format!("{}{walks}", iommu.kind))
    });
    let functions = machine.view.devices.iter().filter_map(|device| match &device.who {
        Who::Functions { segment, first, last } => Some(Way {
            segment: *segment,
            first: u32::from(*first),
            last: u32::from(*last),
            iommu: machine.view.iommus[device.iommu?].place.to_string(),
            id: device.ids.first().map(|(id, _)| *id),
        }),
        _ => None,
    });
    let devices = machine.namespace.as_deref().map(devices);
    Ways { iommus: iommus.collect(), functions: functions.collect(), devices }
}

/// Both, cut into pieces that have one answer in each: the entries of either.
pub fn entries(before: &Ways, after: &Ways) -> (Entries, Entries) {
    let cuts = cuts(before, after);
    let (mut first, mut second) = (before.entries(&cuts), after.entries(&cuts));
    if let (Some(one), Some(other)) = (&before.devices, &after.devices) {
        first.extend(device_entries(one));
        second.extend(device_entries(other));
    }
    (first, second)
}

fn device_entries(
    devices: &BTreeMap<u64, BTreeSet<u32>>,
) -> impl Iterator<Item = ((String, &'static str), Entry)> {
    devices.iter().map(|(base, interrupts)| {
        let numbers: Vec<String> = interrupts.iter().map(u32::to_string).collect();
        let why = match &numbers[..] {
            [] => "no interrupt".to_owned(),
            _ => format!("interrupts {}", numbers.join(", ")),
        };
        ((format!("registers at {base:#x}"), "device"), Entry { verdict: "present", why })
    })
}

/// Where something begins in either, by segment.
fn cuts(before: &Ways, after: &Ways) -> BTreeSet<(u16, u32)> {
    let ways = before.functions.iter().chain(&after.functions);
    ways.flat_map(|way| [(way.segment, way.first), (way.segment, way.last.saturating_add(1))]).collect()
}

impl Ways {
    fn entries(&self, cuts: &BTreeSet<(u16, u32)>) -> Entries {
        let mut entries = Entries::new();
        for (place, kind) in &self.iommus {
            let entry = Entry { verdict: "present", why: kind.clone() };
            entries.insert((format!("IOMMU {place}"), "iommu"), entry);
        }
        // Where ways overlap the first counts; each piece is gone over once.
        let mut open = cuts.clone();
        for way in &self.functions {
            let range = (way.segment, way.first)..(way.segment, way.last.saturating_add(1));
            while let Some((segment, first)) = open.range(range.clone()).next().copied() {
                open.remove(&(segment, first));
                let next = cuts.range((segment, first.saturating_add(1))..).next();
                let last = next.filter(|(of, _)| *of == segment).map_or(way.last, |(_, next)| next - 1);
                let who = Who::Functions {
                    segment,
                    first: u16::try_from(first).unwrap_or(u16::MAX),
                    last: u16::try_from(last).unwrap_or(u16::MAX),
                };
                let ids = way.id.map(|id| {
                    let id = u64::from(id) + u64::from(first - way.first);
                    format!(", ids from {id:#x}")
                });
                let why = format!("at {}{}", way.iommu, ids.unwrap_or_default());
                entries.insert((who.to_string(), "pci"), Entry { verdict: "translated", why });
            }
        }
        entries
    }
}
