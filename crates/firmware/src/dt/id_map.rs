//! `iommu-map` and `msi-map`: which IOMMU and MSI controller serves the devices found on a bus.
//!
//! A PCI host bridge has them, and so has Freescale's management complex (`fsl,qoriq-mc`): what is on such a bus is not in the tree and
//! has a requester id instead. Linux: `of_map_id` in drivers/of/base.c, as of 7.2.

use std::sync::Arc;

use super::decode::{Decoder, ENTRY};
use super::node::{Node, Property};
use crate::{Cells, NodeId, Problem};

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
    pub path: Arc<str>,
    /// What the first becomes at the provider: its first cell there.
    pub output: u32,
    /// The cells behind it, for providers that take more than one.
    pub rest: Cells,
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

impl IdRange {
    /// All cells of the first at the provider. Those behind the one that counts up are every other's too, such as an SMMU's mask.
    #[must_use]
    pub fn cells(&self) -> Cells {
        std::iter::once(self.output).chain(self.rest.iter().copied()).collect()
    }
}

/// Rows of a first id, a phandle, as many cells as that takes, and a count. Rows are read up to the first that cannot be.
pub(super) fn id_map<'t>(decoder: &Decoder<'t>, node: Node<'t>, names: &Names) -> IdMap {
    let mut map = IdMap::default();
    let Some(property) = node.property(names.map) else { return map };
    map.mask = node.property(names.mask).and_then(Property::u32).unwrap_or(u32::MAX);
    let cells: Vec<u32> = property.cells().collect();
    let old = is_old(decoder, &cells, names.cells);
    let mut rest = &cells[..];
    while !rest.is_empty() && decoder.spend(ENTRY) {
        let found = row(decoder, rest, names, old, map.rows.len());
        let (row, behind) = match found {
            Ok(found) => found,
            Err(problem) => {
                decoder.report(node, || problem);
                break;
            }
        };
        map.rows.push(row);
        rest = behind;
    }
    map
}

/// The properties a map is made of.
pub(super) struct Names {
    map: &'static str,
    mask: &'static str,
    cells: &'static str,
}

pub(super) const IOMMU: Names = Names { map: "iommu-map", mask: "iommu-map-mask", cells: "#iommu-cells" };
pub(super) const MSI: Names = Names { map: "msi-map", mask: "msi-map-mask", cells: "#msi-cells" };

/// Up to Linux 7.0 one cell was taken whatever the provider said, and maps were written so for providers of two. Linux knows them by
/// this pattern (`of_check_bad_map`).
fn is_old(decoder: &Decoder<'_>, cells: &[u32], said: &str) -> bool {
    let provider = cells.get(1).and_then(|&phandle| decoder.tree.by_phandle(phandle));
    let two = provider.is_some_and(|provider| outputs(decoder, provider.id(), said) == 2);
    two && cells.len().is_multiple_of(4) && cells.chunks_exact(4).all(|row| row[1] == cells[1] && row[3] == 1)
}

/// How many cells a provider takes; one where it does not say.
fn outputs(decoder: &Decoder<'_>, provider: NodeId, said: &str) -> u32 {
    decoder.property(decoder.node(provider), said).and_then(Property::u32).unwrap_or(1)
}

fn row<'c>(
    decoder: &Decoder<'_>,
    cells: &'c [u32],
    names: &Names,
    old: bool,
    index: usize,
) -> Result<(IdRange, &'c [u32]), Problem> {
    let property = names.map.to_owned();
    let [first, phandle, behind @ ..] = cells else {
        return Err(Problem::Length { property, length: cells.len() * 4, entry: 16 });
    };
    let Some(provider) = decoder.tree.by_phandle(*phandle) else {
        return Err(Problem::NoProvider { property, index, phandle: *phandle });
    };
    let count = if old { 1 } else { outputs(decoder, provider.id(), names.cells) };
    let (want, have) = (count.saturating_add(1), behind.len());
    let path = decoder.path(provider);
    let Some((output, [count, behind @ ..])) = behind.split_at_checked(count as usize) else {
        return Err(Problem::FewCells { property, index, provider: path.to_string(), want, have });
    };
    let (head, rest) = output.split_first().map_or((0, &[][..]), |(head, rest)| (*head, rest));
    let row = IdRange {
        first: *first,
        count: *count,
        provider: provider.id(),
        path,
        output: head,
        rest: rest.into(),
    };
    Ok((row, behind))
}
