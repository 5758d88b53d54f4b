//! Where memory is, and what of it is set aside.
//!
//! Linux: `early_init_dt_scan_memory` in drivers/of/fdt.c and drivers/of/of_reserved_mem.c.

use super::address::{self, RegEntry};
use super::decode::Decoder;
use super::node::{Node, Property};
use crate::{Range, Reserved};

/// The windows of all nodes of `device_type` memory below the root.
pub(super) fn memory(decoder: &Decoder<'_>) -> Vec<Range> {
    let is_memory = |node: &Node<'_>| {
        let kind =
            decoder.known(decoder.facts(decoder.node(node.id())).device_type).and_then(Property::string);
        kind.is_some_and(|kind| kind == "memory")
    };
    let nodes = decoder.tree.root().children().filter(is_memory);
    nodes.flat_map(|node| windows(decoder, node)).filter(|range| range.size > 0).collect()
}

/// The children of `/reserved-memory` that can be used.
pub(super) fn reserved(decoder: &Decoder<'_>) -> Vec<Reserved> {
    let Some(parent) = decoder.tree.by_path("/reserved-memory") else { return Vec::new() };
    let nodes = parent.children().filter(|node| decoder.facts(*node).available);
    let reserved = |node: Node<'_>| Reserved {
        node: node.id(),
        path: decoder.path(node),
        compatible: decoder.compatible(node),
        ranges: windows(decoder, node),
        size: node
            .property("size")
            .map(|size| size.cells().take(2).fold(0, |sum, cell| sum << 32 | u64::from(cell))),
        no_map: node.property("no-map").is_some(),
        reusable: node.property("reusable").is_some(),
    };
    nodes.map(reserved).collect()
}

fn windows(decoder: &Decoder<'_>, node: Node<'_>) -> Vec<Range> {
    let entries = address::entries(decoder, decoder.node(node.id()));
    let range = |entry: RegEntry| Some(Range { base: entry.place.ok()?, size: entry.size });
    entries.filter_map(range).collect()
}
