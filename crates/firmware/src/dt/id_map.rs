//! `iommu-map` and `msi-map`: which IOMMU and MSI controller serves the devices found on a bus.
//!
//! A PCI host bridge has them, and so has Freescale's management complex (`fsl,qoriq-mc`): what is on such a bus is not in the tree and
//! has a requester id instead. Linux: `of_map_id` in drivers/of/base.c.

use super::decode::Decoder;
use super::node::{Node, Property};
use crate::{NodeId, Problem};

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

/// Rows of four cells: first id, phandle, first output, count. Linux takes no other number of cells (`of_map_id`).
pub(super) fn id_map<'t>(decoder: &Decoder<'t>, node: Node<'t>, name: &str, mask: &str) -> IdMap {
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
        if !decoder.spend(1) {
            break;
        }
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
