//! A device's DMA: through which buses it goes, whether it sees the processor's caches, and how its addresses are shifted.
//!
//! Linux: `of_dma_is_coherent` and `of_dma_get_range` in drivers/of/address.c, with `__of_get_dma_parent`: an interconnect named
//! `dma-mem` stands in for the node above.

use super::address::{Shape, Way, number, rows, translate};
use super::decode::Decoder;
use super::node::{Node, Property};
use super::specifier;
use crate::DmaRange;
use crate::reference::CellCount;

/// The most nodes on one way up. Interconnects can lead in a circle.
const LONGEST_WAY: usize = 64;

/// The bus a node's DMA goes to.
pub(super) fn parent<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Option<Node<'t>> {
    let names = decoder.known(decoder.facts(node).interconnect_names);
    let names = names.filter(|names| decoder.spend(names.value().len()));
    let index = names.and_then(|names| names.strings().position(|name| name == "dma-mem"));
    let interconnect = index.and_then(|index| {
        let property = decoder.property(node, "interconnects")?;
        specifier::entry(decoder, node, property, CellCount::Said("#interconnect-cells"), index)
    });
    interconnect.or_else(|| node.parent())
}

/// Whether the DMA of a node's device sees the processor's caches; `by_default` is the architecture's word where no node has one.
pub(super) fn is_coherent<'t>(decoder: &Decoder<'t>, node: Node<'t>, by_default: bool) -> bool {
    let up = std::iter::successors(Some(node), |node| parent(decoder, *node));
    up.take(LONGEST_WAY).find_map(|node| decoder.facts(node).coherent).unwrap_or(by_default)
}

/// Whether DMA is coherent where no node says so (`CONFIG_ARCH_DMA_DEFAULT_COHERENT`): on RISC-V it is, on Arm it is not.
pub(super) fn coherent_by_default(decoder: &Decoder<'_>) -> bool {
    let cpus = decoder.tree.by_path("/cpus");
    cpus.is_some_and(|cpus| cpus.children().any(|cpu| cpu.is_compatible("riscv")))
}

/// The first `dma-ranges` above a node that shifts anything, with addresses for the processor. Empty where nothing is shifted.
pub(super) fn ranges<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Vec<DmaRange> {
    let up = std::iter::successors(parent(decoder, node), |node| parent(decoder, *node));
    let mut found = None;
    for bus in up.take(LONGEST_WAY) {
        match decoder.known(decoder.facts(bus).dma_ranges) {
            Some(ranges) if !ranges.value().is_empty() => {
                found = Some((bus, ranges));
                break;
            }
            _ => {}
        }
    }
    found.map_or_else(Vec::new, |(bus, ranges)| of_bus(decoder, bus, ranges))
}

/// The rows of a bus's `dma-ranges`, taken to the processor; rows that do not get there are left out.
pub(super) fn of_bus<'t>(decoder: &Decoder<'t>, bus: Node<'t>, ranges: Property<'t>) -> Vec<DmaRange> {
    let child = Shape::of(decoder.facts(bus));
    let Some(above) = bus.parent() else { return Vec::new() };
    let parent = Shape::of(decoder.facts(above));
    if parent.address > 4 || child.address > 4 || !decoder.spend(ranges.value().len() / 4) {
        return Vec::new();
    }
    let flags = child.flag_cells().min(child.address);
    let rows = rows(ranges, child.address, parent.address, child.size);
    let range = |row: super::address::Row| {
        let cpu = translate(decoder, bus, &row.parent[..parent.address], Way::Dma).ok()?;
        Some(DmaRange { bus: number(&row.child[flags..child.address]), cpu, size: row.size })
    };
    rows.filter_map(range).collect()
}
