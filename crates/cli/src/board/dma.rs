//! `uvfio dma`: how the devices of a board reach memory.

use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::Options;
use uvfio_firmware::{Device, NodeId, Reference};

use super::args::Whole;
use super::source;
use super::table::{Cell, Table};
use super::view::Seen;
use super::{FAINT, say, say_json, words};
use crate::problem::Problem;

/// The JSON of `uvfio dma`.
#[derive(Serialize)]
struct DmaView {
    iommus: Vec<IommuView>,
    devices: Vec<DeviceDma>,
    reserved: Vec<ReservedView>,
}

/// An IOMMU.
#[derive(Serialize)]
struct IommuView {
    name: String,
    compatible: Option<String>,
    enabled: bool,
    coherent_walks: bool,
    devices: usize,
}

/// A device's way to memory.
#[derive(Serialize)]
struct DeviceDma {
    device: String,
    streams: Vec<StreamView>,
    group: Option<u32>,
    coherent: bool,
    ranges: Vec<RangeView>,
    reserved_memory: Vec<String>,
}

#[derive(Serialize)]
struct StreamView {
    iommu: String,
    cells: Vec<u32>,
}

/// Addresses of the device's bus and where they are for the processor.
#[derive(Serialize)]
struct RangeView {
    bus: u64,
    cpu: u64,
    size: u64,
}

/// Memory that is set aside.
#[derive(Serialize)]
struct ReservedView {
    name: String,
    ranges: Vec<(u64, u64)>,
    no_map: bool,
}

/// Print it.
///
/// # Errors
/// Where the board cannot be read or stdout not be written.
pub fn print(args: &Whole) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    let (board, diagnostics) = source::tree(&plain.file, &plain.source.overlay)?;
    let seen = Seen::new(board, diagnostics, Options::default());
    let view = view(&seen, args.all);
    if plain.source.json {
        say_json(&view)?;
    } else {
        say(&text(&view))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn view(seen: &Seen, all: bool) -> DmaView {
    let mut behind: HashMap<NodeId, usize> = HashMap::new();
    for device in &seen.board.devices {
        let named: BTreeSet<NodeId> = device.iommus.iter().map(|specifier| specifier.provider).collect();
        named.into_iter().for_each(|iommu| *behind.entry(iommu).or_default() += 1);
    }
    let iommus = seen.board.iommus().map(|iommu| IommuView {
        name: seen.node(iommu.node),
        compatible: iommu.compatible.first().cloned(),
        enabled: iommu.available,
        coherent_walks: iommu.dma_coherent,
        devices: behind.get(&iommu.node).copied().unwrap_or(0),
    });
    let worth = |device: &Device| all || !device.iommus.is_empty();
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
                streams: device
                    .iommus
                    .iter()
                    .map(|one| StreamView { iommu: seen.node(one.provider), cells: one.cells.clone() })
                    .collect(),
                group: judged.group.map(|group| seen.verdicts.groups[group].id),
                coherent: device.dma_coherent,
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

fn text(view: &DmaView) -> String {
    let mut iommus = Table::new(["IOMMU", "STATE", "WALKS", "DEVICES", "COMPATIBLE"]);
    for iommu in &view.iommus {
        iommus.row([
            iommu.name.clone().into(),
            if iommu.enabled { "enabled" } else { "disabled" }.into(),
            if iommu.coherent_walks { "coherent" } else { "not coherent" }.into(),
            iommu.devices.to_string().into(),
            Cell::styled(iommu.compatible.clone().unwrap_or_default(), FAINT),
        ]);
    }
    let mut devices = Table::new(["DEVICE", "GROUP", "DMA", "STREAMS", "RANGES AND RESERVED MEMORY"]);
    for device in &view.devices {
        devices.row([
            device.device.clone().into(),
            device.group.map_or_else(|| "-".to_owned(), |group| group.to_string()).into(),
            if device.coherent { "coherent" } else { "not coherent" }.into(),
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
        text.push_str(&format!(" {}", words::hex(&stream.cells).replace(' ', "/")));
    }
    text
}

fn ranges(device: &DeviceDma) -> String {
    let range = |range: &RangeView| format!("{:#x} is {:#x}, {:#x} bytes", range.bus, range.cpu, range.size);
    let mut parts: Vec<String> = device.ranges.iter().map(range).collect();
    parts.extend(device.reserved_memory.iter().cloned());
    parts.join(", ")
}
