//! `uvfio dma`: how the devices of a board reach memory.

use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::Options;
use uvfio_firmware::{Device, NodeId, Reference};

use super::args::Whole;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::tables::gap::{self, Gap};
use super::view::Seen;
use super::{FAINT, say, say_of_tables, say_of_tree, status_of, tables, words};
use crate::problem::Problem;

/// The JSON of `uvfio dma`.
#[derive(Serialize)]
pub struct DmaView {
    pub iommus: Vec<IommuView>,
    pub devices: Vec<DeviceDma>,
    pub reserved: Vec<ReservedView>,
}

/// An IOMMU.
#[derive(Serialize)]
pub struct IommuView {
    pub name: String,
    /// The first `compatible` of its node; the driver's name where tables describe it.
    pub compatible: Option<String>,
    pub enabled: bool,
    /// Absent where the description does not say.
    pub coherent_walks: Option<bool>,
    pub devices: usize,
}

/// A device's way to memory.
#[derive(Serialize)]
pub struct DeviceDma {
    pub device: String,
    pub streams: Vec<StreamView>,
    pub group: Option<u32>,
    /// Absent where the description does not say.
    pub coherent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_bits: Option<u8>,
    pub ranges: Vec<RangeView>,
    pub reserved_memory: Vec<String>,
}

#[derive(Serialize)]
pub struct StreamView {
    /// The first requester id, where what is on the device's bus is meant, not the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<u32>,
    pub iommu: String,
    pub cells: Vec<u32>,
    /// How many follow one another; absent where its own id is meant, which the description does not repeat.
    pub count: Option<u64>,
}

/// Addresses of the device's bus and where they are for the processor.
#[derive(Serialize)]
pub struct RangeView {
    pub bus: u64,
    pub cpu: u64,
    pub size: u64,
}

/// Memory that is set aside.
#[derive(Serialize)]
pub struct ReservedView {
    pub name: String,
    /// First address and bytes of each.
    pub ranges: Vec<(u64, u64)>,
    pub no_map: bool,
}

/// Print it.
///
/// # Errors
/// Where the board cannot be read or stdout not be written.
pub fn print(args: &Whole) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    let (view, gaps) = match source::read(&plain.file, &plain.source.overlay, Options::default())? {
        Description::Tree(seen) => (view(&seen, args.all), None),
        Description::Acpi(machine) => {
            let view = tables::dma(&machine);
            // IORT says of each device whether it is coherent; the others leave it to the DSDT.
            let open = view.devices.iter().any(|device| device.coherent.is_none());
            let gaps: &[Gap] = if open { &[Gap::Coherence] } else { &[] };
            (view, Some(machine.gaps(gaps)))
        }
    };
    match &gaps {
        None if plain.source.json => say_of_tree(&view)?,
        Some(gaps) if plain.source.json => say_of_tables(&view, gaps)?,
        _ => say(&(text(&view) + &gap::text(gaps.as_deref().unwrap_or_default())))?,
    }
    Ok(status_of(gaps.as_deref().unwrap_or_default()))
}

fn coherence(coherent: Option<bool>) -> &'static str {
    match coherent {
        Some(true) => "coherent",
        Some(false) => "not coherent",
        None => "not said",
    }
}

fn view(seen: &Seen, all: bool) -> DmaView {
    let mut behind: HashMap<NodeId, usize> = HashMap::new();
    for device in &seen.board.devices {
        let named: BTreeSet<NodeId> = device.iommus.iter().map(|specifier| specifier.provider).collect();
        let named = named.into_iter().chain(device.iommu_map.rows.iter().map(|row| row.provider).take(1));
        named.for_each(|iommu| *behind.entry(iommu).or_default() += 1);
    }
    let iommus = seen.board.iommus().map(|iommu| IommuView {
        name: seen.node(iommu.node),
        compatible: iommu.compatible.first().cloned(),
        enabled: iommu.available,
        coherent_walks: Some(iommu.dma_coherent),
        devices: behind.get(&iommu.node).copied().unwrap_or(0),
    });
    let worth = |device: &Device| all || !device.iommus.is_empty() || !device.iommu_map.rows.is_empty();
    let devices = seen.devices().filter(|(_, device, _)| worth(device));
    let reserved = seen.board.reserved.iter().map(|memory| ReservedView {
        name: seen.node(memory.node),
        ranges: memory.ranges.iter().map(|range| (range.base, range.size)).collect(),
        no_map: memory.no_map,
    });
    DmaView {
        iommus: iommus.collect(),
        devices: devices
            .map(|(_, device, judged)| DeviceDma {
                device: device.name.clone(),
                streams: streams_of(seen, device),
                group: judged.group.map(|group| seen.verdicts.groups[group].id),
                coherent: Some(device.dma_coherent),
                address_bits: None,
                ranges: device
                    .dma_ranges
                    .iter()
                    .map(|range| RangeView { bus: range.bus, cpu: range.cpu, size: range.size })
                    .collect(),
                reserved_memory: device
                    .suppliers
                    .iter()
                    .filter(|supplier| supplier.kind == Reference::Memory)
                    .map(|supplier| seen.node(supplier.specifier.provider))
                    .collect(),
            })
            .collect(),
        reserved: reserved.collect(),
    }
}

/// A device's own streams, and those of what is on its bus.
fn streams_of(seen: &Seen, device: &Device) -> Vec<StreamView> {
    let own = device.iommus.iter().map(|one| StreamView {
        requester: None,
        iommu: seen.node(one.provider),
        cells: one.cells.to_vec(),
        count: Some(1),
    });
    let of_bus = device.iommu_map.rows.iter().map(|row| StreamView {
        requester: Some(row.first),
        iommu: seen.node(row.provider),
        cells: row.cells().to_vec(),
        count: Some(row.count.into()),
    });
    own.chain(of_bus).collect()
}

fn text(view: &DmaView) -> String {
    let mut iommus = Table::new(["IOMMU", "STATE", "WALKS", "DEVICES", "COMPATIBLE"]);
    for iommu in &view.iommus {
        iommus.row([
            iommu.name.clone().into(),
            if iommu.enabled { "enabled" } else { "disabled" }.into(),
            coherence(iommu.coherent_walks).into(),
            iommu.devices.to_string().into(),
            Cell::styled(iommu.compatible.clone().unwrap_or_default(), FAINT),
        ]);
    }
    let mut devices = Table::new(["DEVICE", "GROUP", "DMA", "STREAMS", "RANGES AND RESERVED MEMORY"]);
    for device in &view.devices {
        devices.row([
            device.device.clone().into(),
            device.group.map_or_else(|| "-".to_owned(), |group| group.to_string()).into(),
            coherence(device.coherent).into(),
            streams(device).into(),
            ranges(device).into(),
        ]);
    }
    let mut parts = Vec::new();
    parts.push(if iommus.is_empty() { "the description has no IOMMU\n".to_owned() } else { iommus.text() });
    if !devices.is_empty() {
        parts.push(devices.text());
    }
    let mut reserved = Table::new(["RESERVED MEMORY", "WHERE", ""]);
    for memory in &view.reserved {
        let places: Vec<String> =
            memory.ranges.iter().map(|(base, size)| format!("{base:#x}+{size:#x}")).collect();
        let places = if places.is_empty() { "where Linux puts it".to_owned() } else { places.join(", ") };
        let rule = if memory.no_map { "not mapped by the system" } else { "" };
        reserved.row([memory.name.clone().into(), places.into(), Cell::styled(rule, FAINT)]);
    }
    if !reserved.is_empty() {
        parts.push(reserved.text());
    }
    parts.join("\n")
}

/// Streams, the IOMMU named once for those that follow one another.
fn streams(device: &DeviceDma) -> String {
    let mut text = String::new();
    let mut latest = "";
    for stream in &device.streams {
        if stream.iommu != latest {
            text.push_str(if latest.is_empty() { "" } else { "; " });
            text.push_str(&format!("{}:", stream.iommu));
            latest = &stream.iommu;
        }
        text.push_str(&format!(" {}", stream_text(stream)));
    }
    text
}

fn stream_text(stream: &StreamView) -> String {
    let span = |first: u32, count: u64| format!("{first:#x} to {:#x}", u64::from(first) + count - 1);
    let first = stream.cells.first().copied().unwrap_or(0);
    match (stream.requester, stream.count) {
        // A bootloader fills such a map in.
        (Some(_), Some(0)) => "no requester".to_owned(),
        (Some(requester), Some(count)) => {
            format!("requesters {} as {}", span(requester, count), span(first, count))
        }
        (_, None) => "its own id".to_owned(),
        (None, Some(0 | 1)) => words::hex(&stream.cells).replace(' ', "/"),
        (None, Some(count)) => span(first, count),
    }
}

fn ranges(device: &DeviceDma) -> String {
    let range = |range: &RangeView| format!("{:#x} is {:#x}, {:#x} bytes", range.bus, range.cpu, range.size);
    let bits = device.address_bits.map(|bits| format!("{bits} bits of address"));
    let mut parts: Vec<String> = bits.into_iter().collect();
    parts.extend(device.ranges.iter().map(range));
    parts.extend(device.reserved_memory.iter().cloned());
    parts.join(", ")
}
