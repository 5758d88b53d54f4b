//! References from one node to others: phandles, each followed by as many cells as its provider takes.
//!
//! Linux reads them all with `of_parse_phandle_with_args` (`of_phandle_iterator_next`, drivers/of/base.c). Where one entry cannot be
//! read there is no telling where the next starts, so the list ends there.

use super::decode::{Decoder, ENTRY};
use super::node::{Node, Property};
use crate::reference::{Binding, CellCount};
use crate::{Cells, Problem, Specifier};

/// `MAX_PHANDLE_ARGS`.
const MOST_CELLS: u32 = 16;

/// One entry that could be read.
struct Entry<'t> {
    /// Which, from 0; empty ones are counted too.
    index: usize,
    provider: Node<'t>,
    cells: Cells,
}

/// The references of one property of `node`. `name` is the part of the property's name that names them, where that is so.
pub(super) fn specifiers<'t>(
    decoder: &Decoder<'t>,
    node: Node<'t>,
    property: Property<'t>,
    binding: Binding,
    name: Option<&[u8]>,
) -> Vec<Specifier> {
    let names = binding.names.and_then(|names| decoder.property(node, names));
    let mut names = names.into_iter().flat_map(Property::strings).enumerate();
    let mut list = Vec::new();
    for entry in entries(decoder, node, property, binding.cells) {
        if list.is_empty() {
            // Entries are mostly of one length, and a list that grows by itself begins with room for four.
            list.reserve_exact(property.value().len() / 4 / (1 + entry.cells.len()));
        }
        // Names count empty entries too.
        let listed =
            names.by_ref().find(|(index, _)| *index == entry.index).map(|(_, name)| name.into_owned());
        list.push(Specifier {
            provider: entry.provider.id(),
            path: decoder.path(entry.provider),
            cells: entry.cells,
            name: listed.or_else(|| name.map(|name| String::from_utf8_lossy(name).into_owned())),
        });
    }
    list
}

/// The node the entry of that index refers to.
pub(super) fn entry<'t>(
    decoder: &Decoder<'t>,
    node: Node<'t>,
    property: Property<'t>,
    cells: CellCount,
    index: usize,
) -> Option<Node<'t>> {
    if !decoder.spend(property.value().len() / 4) {
        return None;
    }
    entries(decoder, node, property, cells).find(|entry| entry.index == index).map(|entry| entry.provider)
}

fn entries<'a, 't>(
    decoder: &'a Decoder<'t>,
    node: Node<'t>,
    property: Property<'t>,
    cells: CellCount,
) -> impl Iterator<Item = Entry<'t>> + use<'a, 't> {
    let mut index = 0;
    let mut values = property.cells();
    if !property.value().len().is_multiple_of(4) {
        let (property, length) = (property.name().into_owned(), property.value().len());
        decoder.report(node, || Problem::Length { property, length, entry: 4 });
    }
    std::iter::from_fn(move || {
        loop {
            let phandle = values.next().filter(|_| decoder.spend(ENTRY))?;
            let here = index;
            index += 1;
            // A place left empty, so that those behind it keep their index.
            if phandle == 0 {
                continue;
            }
            let read = read(decoder, property, cells, here, phandle, &mut values);
            let entry = read.unwrap_or_else(|problem| {
                decoder.report(node, || problem);
                None
            });
            if entry.is_none() {
                values = Property::empty().cells();
            }
            return entry;
        }
    })
}

fn read<'t>(
    decoder: &Decoder<'t>,
    property: Property<'t>,
    cells: CellCount,
    index: usize,
    phandle: u32,
    values: &mut (impl ExactSizeIterator<Item = u32> + Clone),
) -> Result<Option<Entry<'t>>, Problem> {
    let named = || property.name().into_owned();
    let Some(provider) = decoder.tree.by_phandle(phandle) else {
        return Err(Problem::NoProvider { property: named(), index, phandle });
    };
    let want = match cells {
        CellCount::None => 0,
        CellCount::SaidOrNone(said) => said_by(decoder, provider, said).unwrap_or(0),
        CellCount::Said(said) => match said_by(decoder, provider, said) {
            Some(count) => count,
            None if !decoder.spend(0) => return Ok(None),
            None => {
                let (provider, cells) = (provider.path(), said.to_owned());
                return Err(Problem::NoCells { property: named(), index, provider, cells });
            }
        },
    };
    if want > MOST_CELLS {
        return Err(Problem::ManyCells { property: named(), provider: provider.path(), want });
    }
    let have = values.len();
    if have < want as usize {
        return Err(Problem::FewCells { property: named(), index, provider: provider.path(), want, have });
    }
    Ok(Some(Entry { index, provider, cells: values.by_ref().take(want as usize).collect() }))
}

/// How many cells a provider takes.
fn said_by<'t>(decoder: &Decoder<'t>, provider: Node<'t>, property: &str) -> Option<u32> {
    decoder.property(provider, property)?.u32()
}
