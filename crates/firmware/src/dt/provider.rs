//! Nodes that others refer to: IOMMUs, interrupt controllers, reset controllers, clocks and the rest.
//!
//! A node is one where it says how many cells a reference to it takes (`#iommu-cells`). Linux knows them by their drivers; a tree has
//! no other mark for most.

use super::decode::Decoder;
use super::node::{Node, Property};
use crate::Provider;
use crate::reference::PROVISIONS;

/// All of them, by kind and then in the order of the tree.
pub(super) fn providers(decoder: &Decoder<'_>) -> Vec<Provider> {
    let mut found = Vec::new();
    for node in decoder.tree.nodes().filter(|node| decoder.facts(*node).provides) {
        let first = found.len();
        for property in node.properties() {
            let name = property.name_bytes();
            let provision = PROVISIONS.iter().find(|(provision, _)| provision.as_bytes() == name);
            let Some(&(_, kind)) = provision else { continue };
            if !decoder.spend(1) {
                break;
            }
            if found[first..].iter().all(|other: &Provider| other.kind != kind) {
                found.push(provider(decoder, node, property, kind));
            }
        }
    }
    found.sort_by_key(|provider| (provider.kind, provider.node));
    found
}

fn provider<'t>(
    decoder: &Decoder<'t>,
    node: Node<'t>,
    property: Property<'t>,
    kind: crate::Reference,
) -> Provider {
    Provider {
        kind,
        node: node.id(),
        path: decoder.path(node),
        compatible: decoder.compatible(node),
        cells: if property.name_bytes().starts_with(b"#") { property.u32().unwrap_or(0) } else { 0 },
        available: decoder.is_reachable(node),
        dma_coherent: decoder.facts(node).coherent == Some(true),
    }
}
