//! Interrupts: from a device's cells through any `interrupt-map` to a controller, its number and its trigger.
//!
//! Linux: `of_irq_parse_one` and `of_irq_parse_raw` in drivers/of/irq.c. What the cells mean at the controller is in `controller`.

use smallvec::SmallVec;

use super::controller;
use super::decode::{Decoder, ENTRY};
use super::node::{Node, Property};
use crate::{Cells, Interrupt, NodeId, Problem, Trigger};

/// `MAX_PHANDLE_ARGS`.
const MOST_CELLS: usize = 16;
/// The most controllers and maps one interrupt goes through. Parents can stand in a circle.
const LONGEST_WAY: usize = 64;

/// An interrupt on its way: at a controller or map, with its cells there.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) controller: NodeId,
    pub(super) cells: Cells,
}

/// All interrupts of a device, up to the first that leads nowhere, as Linux counts them.
pub(super) fn interrupts<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Vec<Interrupt> {
    let extended = node.property("interrupts-extended");
    let plain = node.property("interrupts");
    if extended.is_none() && plain.is_none() {
        return Vec::new();
    }
    let mut names = node.property("interrupt-names").into_iter().flat_map(Property::strings);
    let address: SmallVec<[u32; MOST_CELLS]> = decoder
        .known(decoder.facts(node).reg)
        .into_iter()
        .flat_map(Property::cells)
        .take(MOST_CELLS)
        .collect();
    // Mostly three cells each.
    let cells = extended.or(plain).map_or(0, |property| property.value().len() / 4);
    let mut found: Vec<Interrupt> = Vec::with_capacity(cells.div_ceil(3).min(MOST_CELLS));
    // Adds lines up to the first that leads nowhere; whether there was one.
    let mut add = |found: &mut Vec<Interrupt>, lines: &mut dyn Iterator<Item = Option<Line>>| {
        for line in lines {
            let Some(line) = line.and_then(|line| resolve(decoder, line, &address)) else { return true };
            let index = found.len();
            found.push(interrupt(decoder, node, line, index, names.next().map(Into::into)));
        }
        false
    };
    let mut stuck = extended.is_some_and(|property| add(&mut found, &mut split_extended(decoder, property)));
    // One that cannot be read among the extended ones makes Linux look among the others.
    if let Some(property) = plain {
        let first = found.len();
        stuck = add(&mut found, &mut split(decoder, node, property).skip(first));
    }
    if stuck {
        let index = found.len();
        decoder.report(node, || Problem::NoController { index });
    }
    found
}

/// The entries of `interrupts-extended`; `None` for one whose controller is not there.
fn split_extended<'a, 't>(
    decoder: &'a Decoder<'t>,
    property: Property<'t>,
) -> impl Iterator<Item = Option<Line>> + use<'a, 't> {
    let mut cells = property.cells();
    std::iter::from_fn(move || {
        // An empty entry ends the list for Linux too, but is no mistake: it keeps the place of an input that leads nowhere.
        let phandle = cells.next().filter(|&phandle| phandle != 0)?;
        let mut line = || {
            let controller = decoder.tree.by_phandle(phandle)?;
            let count = decoder.facts(controller).interrupt_cells? as usize;
            let whole = count <= cells.len().min(MOST_CELLS);
            whole.then(|| Line { controller: controller.id(), cells: cells.by_ref().take(count).collect() })
        };
        Some(line())
    })
}

/// The entries of `interrupts`; one `None` where there is no controller above.
fn split<'t>(
    decoder: &Decoder<'t>,
    node: Node<'t>,
    property: Property<'t>,
) -> impl Iterator<Item = Option<Line>> + use<'t> {
    let parent = parent(decoder, node);
    let count = parent.and_then(|parent| decoder.facts(parent).interrupt_cells);
    let length = count.map_or(0, |count| count as usize);
    let mut cells = property.cells();
    let mut lost = parent.is_none();
    std::iter::from_fn(move || {
        if std::mem::take(&mut lost) {
            return Some(None);
        }
        let controller = parent?.id();
        let whole = (1..=cells.len().min(MOST_CELLS)).contains(&length);
        whole.then(|| Some(Line { controller, cells: cells.by_ref().take(length).collect() }))
    })
}

/// The controller or map above a node (`of_irq_find_parent`).
fn parent<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Option<Node<'t>> {
    let mut here = node;
    for _ in 0..LONGEST_WAY * 2 {
        here = match decoder.facts(here).interrupt_parent {
            Some(phandle) => decoder.tree.by_phandle(phandle)?,
            None => here.parent()?,
        };
        if decoder.facts(here).interrupt_cells.is_some() {
            return Some(here);
        }
    }
    None
}

/// Follow maps until a controller takes the interrupt (`of_irq_parse_raw`).
pub(super) fn resolve(decoder: &Decoder<'_>, mut line: Line, address: &[u32]) -> Option<Line> {
    if !decoder.spend(ENTRY) {
        return None;
    }
    let first = decoder.node(line.controller);
    let address_cells = address_cells(decoder, first) as usize;
    if address_cells + line.cells.len() > MOST_CELLS {
        return None;
    }
    let mut unit: Cells = (0..address_cells).map(|at| address.get(at).copied().unwrap_or(0)).collect();
    let mut has_address = !address.is_empty();
    for _ in 0..LONGEST_WAY {
        let node = decoder.node(line.controller);
        let facts = decoder.facts(node);
        let map = decoder.property(node, "interrupt-map");
        if facts.interrupt_controller && (map.is_none() || facts.family.map_is_its_own) {
            return Some(line);
        }
        let Some(map) = map else {
            line.controller = parent(decoder, node)?.id();
            continue;
        };
        if !unit.is_empty() && !has_address {
            return None;
        }
        let (next, next_unit) = look_up(decoder, node, map, &unit, &line.cells)?;
        // A controller that maps what comes from its bus to inputs of its own.
        if next.controller == line.controller {
            return Some(next);
        }
        line = next;
        unit = next_unit;
        has_address = true;
    }
    None
}

/// `#address-cells` of a node or the first above it that has them.
fn address_cells(decoder: &Decoder<'_>, node: Node<'_>) -> u32 {
    let up = std::iter::successors(Some(decoder.node(node.id())), |node| node.parent());
    up.into_iter().find_map(|node| decoder.facts(node).own_address_cells).unwrap_or(2)
}

/// One row of an `interrupt-map`.
pub(super) struct MapRow {
    pub(super) unit: Cells,
    pub(super) cells: Cells,
    pub(super) parent_unit: Cells,
    pub(super) line: Line,
    available: bool,
}

/// The rows of an `interrupt-map` up to the first that cannot be read.
pub(super) fn map_rows<'a, 't>(
    decoder: &'a Decoder<'t>,
    map: Property<'t>,
    unit: usize,
    cells: usize,
) -> impl Iterator<Item = MapRow> + use<'a, 't> {
    let mut values = map.cells();
    std::iter::from_fn(move || {
        let mut take = |count: usize| {
            let enough = count <= MOST_CELLS && values.len() >= count;
            enough.then(|| values.by_ref().take(count).collect::<Cells>())
        };
        let (unit, cells) = (take(unit)?, take(cells)?);
        let controller = decoder.tree.by_phandle(*take(1)?.first()?)?;
        let facts = decoder.facts(controller);
        let parent_unit = take(facts.own_address_cells.unwrap_or(0) as usize)?;
        let line = Line { controller: controller.id(), cells: take(facts.interrupt_cells? as usize)? };
        let row = MapRow { unit, cells, parent_unit, line, available: facts.available };
        decoder.spend(8).then_some(row)
    })
}

/// The line a map gives for a unit and cells, and the unit there.
fn look_up<'t>(
    decoder: &Decoder<'t>,
    node: Node<'t>,
    map: Property<'t>,
    unit: &[u32],
    cells: &[u32],
) -> Option<(Line, Cells)> {
    let mask: SmallVec<[u32; 2 * MOST_CELLS]> = decoder
        .property(node, "interrupt-map-mask")
        .into_iter()
        .flat_map(Property::cells)
        .take(2 * MOST_CELLS)
        .collect();
    let wanted = || unit.iter().chain(cells);
    let matches = |row: &MapRow| {
        let given = row.unit.iter().chain(&row.cells);
        let mut pairs = wanted().zip(given).enumerate();
        pairs.all(|(at, (want, have))| (want ^ have) & mask.get(at).copied().unwrap_or(u32::MAX) == 0)
    };
    let row = map_rows(decoder, map, unit.len(), cells.len()).find(|row| row.available && matches(row))?;
    Some((row.line, row.parent_unit))
}

/// What the cells mean at the controller.
pub(super) fn interrupt<'t>(
    decoder: &Decoder<'t>,
    node: Node<'t>,
    line: Line,
    index: usize,
    name: Option<String>,
) -> Interrupt {
    let controller = decoder.node(line.controller);
    let (number, flags) = decoder.facts(controller).family.meaning(&line.cells);
    let trigger = flags.map_or(Trigger::Unsaid, controller::trigger);
    if flags.is_some() && trigger == Trigger::Unsaid {
        decoder.report(node, || Problem::NoTrigger { index, taken: trigger });
    }
    Interrupt {
        controller: line.controller,
        path: decoder.path(controller),
        number,
        trigger,
        cells: line.cells,
        name,
    }
}
