//! PCI host bridges: which IOMMU and MSI controller serves which function, where its interrupts and windows go.
//!
//! Linux: `of_map_id` in drivers/of/base.c for `iommu-map` and `msi-map`, `devm_of_pci_get_host_bridge_resources` in drivers/pci/of.c for
//! the windows. Functions are not in the tree: they are found on the bus.

use super::address::{Shape, Way, number, rows, translate};
use super::decode::Decoder;
use super::dma;
use super::interrupt::{self, Line};
use super::node::{Node, Property};
use crate::{DmaRange, Interrupt, NodeId, Problem, Range};

/// What a tree says of a PCI host bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PciHost {
    /// First and last bus number, from `bus-range`; 0 to 255 where it does not say.
    pub buses: (u8, u8),
    /// `linux,pci-domain`.
    pub domain: Option<u32>,
    /// From requester ids to the streams of IOMMUs.
    pub iommu_map: IdMap,
    /// From requester ids to the device ids of MSI controllers.
    pub msi_map: IdMap,
    /// Windows from the processor to the bus.
    pub windows: Vec<PciWindow>,
    /// From the bus's DMA to memory; empty where addresses are the same.
    pub dma_ranges: Vec<DmaRange>,
    /// Where the pins' interrupts go.
    pub interrupt_map: Vec<MapLine>,
}

/// A map from requester ids to something of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// Bits of a requester id that count.
    pub mask: u32,
    /// The rows; the first that fits is meant.
    pub rows: Vec<IdRange>,
}

/// One row of such a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// First requester id.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// The provider's node.
    pub provider: NodeId,
    /// The provider's path.
    pub path: String,
    /// What the first becomes at the provider.
    pub output: u32,
}

impl Default for IdMap {
    fn default() -> Self {
        IdMap { mask: u32::MAX, rows: Vec::new() }
    }
}

impl IdMap {
    /// What a requester id becomes, and where. `None` where no row has it.
    #[must_use]
    pub fn look_up(&self, id: u32) -> Option<(&IdRange, u32)> {
        let id = id & self.mask;
        let row = self.rows.iter().find(|row| id.checked_sub(row.first).is_some_and(|at| at < row.count))?;
        Some((row, row.output.wrapping_add(id - row.first)))
    }
}

/// The space of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PciSpace {
    /// Ports.
    Io,
    /// Memory below 4 GiB.
    Memory32,
    /// Memory.
    Memory64,
}

/// A window from the processor to a PCI bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciWindow {
    /// Its space on the bus.
    pub space: PciSpace,
    /// May be read ahead of.
    pub prefetchable: bool,
    /// First address on the bus.
    pub bus: u64,
    /// Where it is for the processor.
    pub cpu: Range,
}

/// One row of an `interrupt-map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapLine {
    /// The device's address cells, the first of which has bus, device and function.
    pub unit: Vec<u32>,
    /// Its interrupt cells: the pin, from 1.
    pub pin: Vec<u32>,
    /// Where it goes.
    pub interrupt: Interrupt,
}

/// What a node says as a PCI host bridge; `None` where it is none.
pub(super) fn host<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Option<Box<PciHost>> {
    let facts = decoder.facts(node);
    let kind = facts.device_type.and_then(Property::string)?;
    if !matches!(&*kind, "pci" | "pciex") {
        return None;
    }
    let buses: Vec<u32> = node.property("bus-range").into_iter().flat_map(Property::cells).take(2).collect();
    let bus = |at: usize, default| buses.get(at).and_then(|&bus| u8::try_from(bus).ok()).unwrap_or(default);
    Some(Box::new(PciHost {
        buses: (bus(0, 0), bus(1, u8::MAX)),
        domain: node.property("linux,pci-domain").and_then(Property::u32),
        iommu_map: id_map(decoder, node, "iommu-map", "iommu-map-mask"),
        msi_map: id_map(decoder, node, "msi-map", "msi-map-mask"),
        windows: windows(decoder, node),
        dma_ranges: facts.dma_ranges.map_or_else(Vec::new, |ranges| dma::of_bus(decoder, node, ranges)),
        interrupt_map: interrupt_map(decoder, node),
    }))
}

/// Rows of four cells: first id, phandle, first output, count. Linux takes no other number of cells (`of_map_id`).
fn id_map<'t>(decoder: &Decoder<'t>, node: Node<'t>, name: &str, mask: &str) -> IdMap {
    let mut map = IdMap::default();
    let Some(property) = node.property(name) else { return map };
    map.mask = node.property(mask).and_then(Property::u32).unwrap_or(u32::MAX);
    let length = property.value().len();
    if length % 16 != 0 {
        decoder.report(node, || Problem::Length { property: name.to_owned(), length, entry: 16 });
    }
    let cells: Vec<u32> = property.cells().collect();
    for (index, row) in cells.chunks_exact(4).enumerate() {
        let &[first, phandle, output, count] = row else { continue };
        match decoder.tree.by_phandle(phandle) {
            Some(provider) => {
                let path = decoder.path(provider);
                map.rows.push(IdRange { first, count, provider: provider.id(), path, output });
            }
            None => {
                let property = name.to_owned();
                decoder.report(node, || Problem::NoProvider { property, index, phandle });
            }
        }
    }
    map
}

fn windows<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Vec<PciWindow> {
    let Some((ranges, above)) = decoder.facts(node).ranges.zip(node.parent()) else { return Vec::new() };
    let parent = Shape::of(decoder.facts(above)).address;
    if parent > 4 {
        return Vec::new();
    }
    let window = |row: super::address::Row| {
        let space = match (row.child[0] >> 24) & 3 {
            1 => PciSpace::Io,
            2 => PciSpace::Memory32,
            3 => PciSpace::Memory64,
            _ => return None,
        };
        let base = translate(decoder, node, &row.parent[..parent], Way::Registers).ok()?;
        Some(PciWindow {
            space,
            prefetchable: row.child[0] & 0x4000_0000 != 0,
            bus: number(&row.child[1..3]),
            cpu: Range { base, size: row.size },
        })
    };
    rows(ranges, 3, parent, 2).filter_map(window).collect()
}

fn interrupt_map<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Vec<MapLine> {
    let Some(map) = node.property("interrupt-map") else { return Vec::new() };
    let facts = decoder.facts(node);
    let (Some(unit), Some(pin)) = (facts.own_address_cells, facts.interrupt_cells) else { return Vec::new() };
    let mut lines = Vec::new();
    for (index, row) in interrupt::map_rows(decoder, map, unit as usize, pin as usize).enumerate() {
        let line = Line { controller: row.line.controller, cells: row.line.cells };
        let Some(line) = interrupt::resolve(decoder, line, &row.parent_unit) else {
            decoder.report(node, || Problem::NoController { index });
            continue;
        };
        let interrupt = interrupt::interrupt(decoder, node, line, index, None);
        lines.push(MapLine { unit: row.unit, pin: row.cells, interrupt });
    }
    lines
}
