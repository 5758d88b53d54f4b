//! PCI host bridges: where their interrupts and windows go.
//!
//! Linux: `devm_of_pci_get_host_bridge_resources` in drivers/pci/of.c for the windows. Functions are not in the tree: they are found on
//! the bus; which IOMMU serves which is in `id_map`.

use super::address::{Shape, Way, number, rows, translate};
use super::decode::Decoder;
use super::dma;
use super::interrupt::{self, Line};
use super::node::{Node, Property};
use crate::{Cells, DmaRange, Interrupt, Problem, Range};

/// What a tree says of a PCI host bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PciHost {
    /// First and last bus number, from `bus-range`; 0 to 255 where it does not say.
    pub buses: (u8, u8),
    /// `linux,pci-domain`.
    pub domain: Option<u32>,
    /// Windows from the processor to the bus.
    pub windows: Vec<PciWindow>,
    /// From the bus's DMA to memory; empty where addresses are the same.
    pub dma_ranges: Vec<DmaRange>,
    /// Where the pins' interrupts go.
    pub interrupt_map: Vec<MapLine>,
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
    pub unit: Cells,
    /// Its interrupt cells: the pin, from 1.
    pub pin: Cells,
    /// Where it goes.
    pub interrupt: Interrupt,
}

/// What a node says as a PCI host bridge; `None` where it is none.
pub(super) fn host<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Option<Box<PciHost>> {
    let facts = decoder.facts(node);
    let kind = decoder.known(facts.device_type).and_then(Property::string)?;
    if !matches!(&*kind, "pci" | "pciex") {
        return None;
    }
    let buses: Vec<u32> = node.property("bus-range").into_iter().flat_map(Property::cells).take(2).collect();
    let bus = |at: usize, default| buses.get(at).and_then(|&bus| u8::try_from(bus).ok()).unwrap_or(default);
    Some(Box::new(PciHost {
        buses: (bus(0, 0), bus(1, u8::MAX)),
        domain: node.property("linux,pci-domain").and_then(Property::u32),
        windows: windows(decoder, node),
        dma_ranges: decoder
            .known(facts.dma_ranges)
            .map_or_else(Vec::new, |ranges| dma::of_bus(decoder, node, ranges)),
        interrupt_map: interrupt_map(decoder, node),
    }))
}

fn windows<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Vec<PciWindow> {
    let Some((ranges, above)) = decoder.known(decoder.facts(node).ranges).zip(node.parent()) else {
        return Vec::new();
    };
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
        let own = line.controller == node.id();
        let line = if own { Some(line) } else { interrupt::resolve(decoder, line, &row.parent_unit) };
        let Some(line) = line else {
            decoder.report(node, || Problem::NoController { index });
            continue;
        };
        let interrupt = interrupt::interrupt(decoder, node, line, index, None);
        lines.push(MapLine { unit: row.unit, pin: row.cells, interrupt });
    }
    lines
}
