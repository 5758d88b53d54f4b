//! Addresses: what `reg` means on the bus it stands on, and where that is for the processor.
//!
//! Each bus between a device and the root may shift its children's addresses with `ranges`, or not pass them on at all. Linux does this
//! in `drivers/of/address.c` (`__of_translate_address`, `of_address_to_resource`), and this follows it to the letter: three kinds of
//! bus write a space into the first cell, `#address-cells` is inherited, and a bus without `ranges` ends the way.

use super::decode::Decoder;
use super::facts::{BusKind, Facts};
use super::node::{Node, Property};
use crate::{NodeId, Problem, Region};

/// `OF_MAX_ADDR_CELLS`.
const MOST_CELLS: usize = 4;

/// Cells of an address or a number, the most significant first.
type Cells = [u32; MOST_CELLS];

/// How the children of a bus are addressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    kind: BusKind,
    pub(super) address: usize,
    pub(super) size: usize,
}

impl Shape {
    pub(super) fn of(facts: &Facts) -> Self {
        let (address, size) = match facts.bus {
            BusKind::Pci => (3, 2),
            BusKind::Isa => (2, 1),
            BusKind::Flags | BusKind::Plain => (facts.address_cells as usize, facts.size_cells as usize),
        };
        Shape { kind: facts.bus, address, size }
    }

    /// Whether Linux takes an address of that many cells (`OF_CHECK_ADDR_COUNT`).
    fn has_addresses(self) -> bool {
        (1..=MOST_CELLS).contains(&self.address)
    }

    /// Cells that say which space an address is in.
    pub(super) fn flag_cells(self) -> usize {
        usize::from(self.kind != BusKind::Plain)
    }

    /// Whether an address is in the space of memory, as against that of ports.
    fn is_memory(self, address: &[u32]) -> bool {
        let first = address.first().copied().unwrap_or(0);
        match self.kind {
            BusKind::Pci => (first >> 24) & 3 >= 2,
            BusKind::Isa => first & 1 == 0,
            // Its flags are taken as they are for resource flags, `IORESOURCE_MEM`.
            BusKind::Flags => first & 0x200 != 0,
            BusKind::Plain => true,
        }
    }

    /// Whether two addresses are in one space.
    fn same_space(self, address: u32, range: u32) -> bool {
        match self.kind {
            BusKind::Pci => pci_space(address) == pci_space(range),
            BusKind::Isa => (address ^ range) & 1 == 0,
            BusKind::Flags => address == range,
            BusKind::Plain => true,
        }
    }
}

/// Ports or memory; 32 and 64 bits of memory are one space here.
fn pci_space(cell: u32) -> u32 {
    match (cell >> 24) & 3 {
        3 => 2,
        space => space,
    }
}

/// A number of any count of cells; what does not fit 64 bits is cut off at the top, as in `of_read_number`.
pub(super) fn number(cells: &[u32]) -> u64 {
    cells.iter().fold(0, |sum, &cell| sum << 32 | u64::from(cell))
}

/// An address on its way to the root.
struct Address {
    cells: Cells,
    shape: Shape,
}

/// Why an address does not get to the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// This bus has no place for it.
    At(NodeId),
    /// A bus on the way counts its cells in a way Linux does not take.
    Cells { address: usize, size: usize },
    /// There is no telling.
    Nowhere,
}

/// Which way up, and which property shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From a register to the processor.
    Registers,
    /// From DMA to memory.
    Dma,
}

/// Take an address in `node`'s terms, that is on the bus its parent is, to the processor (`of_translate_address`).
pub(super) fn translate(
    decoder: &Decoder<'_>,
    node: Node<'_>,
    address: &[u32],
    way: Way,
) -> Result<u64, Stuck> {
    let node = decoder.node(node.id());
    let mut bus = above(decoder, node, way).ok_or(Stuck::Nowhere)?;
    let shape = Shape::of(decoder.facts(bus));
    if !shape.has_addresses() || shape.size == 0 {
        return Err(Stuck::Cells { address: shape.address, size: shape.size });
    }
    let mut cells = Cells::default();
    let given = address.get(..shape.address).ok_or(Stuck::Nowhere)?;
    cells[..shape.address].copy_from_slice(given);
    let mut address = Address { cells, shape };
    loop {
        let Some(next) = above(decoder, bus, way) else {
            return Ok(number(&address.cells[..address.shape.address]));
        };
        let shape = Shape::of(decoder.facts(next));
        if !shape.has_addresses() || shape.size == 0 {
            return Err(Stuck::Cells { address: shape.address, size: shape.size });
        }
        if !decoder.spend(1) {
            return Err(Stuck::Nowhere);
        }
        address = pass(decoder, bus, &address, shape, way)?;
        bus = next;
    }
}

fn above<'t>(decoder: &Decoder<'t>, node: Node<'t>, way: Way) -> Option<Node<'t>> {
    match way {
        Way::Registers => node.parent(),
        Way::Dma => super::dma::parent(decoder, node),
    }
}

/// Take an address over one bus, to the shape of the bus above (`of_translate_one`).
fn pass(decoder: &Decoder<'_>, bus: Node<'_>, from: &Address, to: Shape, way: Way) -> Result<Address, Stuck> {
    let facts = decoder.facts(decoder.node(bus.id()));
    let ranges = match way {
        Way::Registers => Some(decoder.known(facts.ranges).ok_or(Stuck::At(bus.id()))?),
        // Without `dma-ranges` addresses are passed on as they are.
        Way::Dma => decoder.known(facts.dma_ranges),
    };
    let Some(ranges) = ranges.filter(|ranges| !ranges.value().is_empty()) else {
        let offset = number(&from.cells[..from.shape.address]);
        return Ok(shifted(Cells::default(), to, offset));
    };
    let mut steps = 0;
    let length = from.shape.address + to.address + from.shape.size;
    let found = rows(ranges, from.shape.address, to.address, from.shape.size).find_map(|row| {
        steps += length;
        Some((row, offset_in(from, &row)?))
    });
    let paid = decoder.spend(steps);
    let (row, offset) = found.filter(|_| paid).ok_or(Stuck::At(bus.id()))?;
    Ok(shifted(row.parent, to, offset))
}

/// How far into a row an address is.
fn offset_in(from: &Address, row: &Row) -> Option<u64> {
    let flags = from.shape.flag_cells();
    let (address, child) = (&from.cells[..from.shape.address], &row.child[..from.shape.address]);
    if !from.shape.same_space(address[0], child[0]) {
        return None;
    }
    let (address, child) = (number(&address[flags..]), number(&child[flags..]));
    // The sum wraps in Linux too.
    (address >= child && address < child.wrapping_add(row.size)).then(|| address - child)
}

/// An address of a bus, `offset` further on; its space stays what it is.
fn shifted(base: Cells, shape: Shape, offset: u64) -> Address {
    let mut cells = base;
    let flags = shape.flag_cells().min(shape.address - 1);
    let at = &mut cells[flags..shape.address];
    let sum = number(at).wrapping_add(offset);
    at.fill(0);
    for (cell, part) in at.iter_mut().rev().zip([sum as u32, (sum >> 32) as u32]) {
        *cell = part;
    }
    Address { cells, shape }
}

/// One row of `ranges` or `dma-ranges`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) child: Cells,
    pub(super) parent: Cells,
    pub(super) size: u64,
}

/// The rows of `ranges`; cells that are no whole row are left out.
pub(super) fn rows(
    ranges: Property<'_>,
    child: usize,
    parent: usize,
    size: usize,
) -> impl Iterator<Item = Row> {
    let length = child + parent + size;
    let whole = (ranges.value().len() / 4).checked_div(length).unwrap_or(0);
    let mut cells = ranges.cells();
    (0..whole).map(move |_| {
        let mut next = |count: usize| {
            let mut taken = Cells::default();
            for at in 0..count {
                let cell = cells.next().unwrap_or(0);
                if let Some(place) = taken.get_mut(at) {
                    *place = cell;
                }
            }
            taken
        };
        let (from, to) = (next(child), next(parent));
        let size = (0..size).fold(0, |sum, _| sum << 32 | u64::from(cells.next().unwrap_or(0)));
        Row { child: from, parent: to, size }
    })
}

/// One entry of a node's `reg`.
pub(super) struct RegEntry {
    /// Its address on the bus.
    pub(super) address: u64,
    /// Its bytes.
    pub(super) size: u64,
    /// Where it is for the processor.
    pub(super) place: Result<u64, Stuck>,
}

/// The entries of a node's `reg`, each taken to the processor (`__of_address_to_resource`).
pub(super) fn entries<'a, 't>(
    decoder: &'a Decoder<'t>,
    node: Node<'t>,
) -> impl Iterator<Item = RegEntry> + use<'a, 't> {
    node.parent().into_iter().flat_map(move |bus| entries_on(decoder, node, bus))
}

fn entries_on<'a, 't>(
    decoder: &'a Decoder<'t>,
    node: Node<'t>,
    bus: Node<'t>,
) -> impl Iterator<Item = RegEntry> + use<'a, 't> {
    let facts = decoder.facts(node);
    let shape = Shape::of(decoder.facts(bus));
    // Functions of a PCI bus say where they are in `assigned-addresses`; their `reg` is the configuration space.
    let reg = if shape.kind == BusKind::Pci { facts.assigned_addresses } else { facts.reg };
    let reg = decoder.known(reg).filter(|_| shape.has_addresses());
    let mut cells = reg.unwrap_or(Property::empty()).cells();
    let count = cells.len() / (shape.address + shape.size).max(1);
    (0..count).map(move |_| {
        let mut at = Cells::default();
        at.iter_mut().zip(cells.by_ref().take(shape.address)).for_each(|(place, cell)| *place = cell);
        let at = &at[..shape.address];
        RegEntry {
            address: number(&at[shape.flag_cells().min(shape.address - 1)..]),
            size: cells.by_ref().take(shape.size).fold(0, |sum, cell| sum << 32 | u64::from(cell)),
            place: if shape.is_memory(at) {
                translate(decoder, node, at, Way::Registers)
            } else {
                Err(Stuck::At(bus.id()))
            },
        }
    })
}

/// The first address of `reg` for the processor, which devices are named by.
pub(super) fn first(decoder: &Decoder<'_>, node: Node<'_>) -> Option<u64> {
    let node = decoder.node(node.id());
    let reg = decoder.known(decoder.facts(node).reg)?;
    let mut cells = Cells::default();
    let mut count = 0;
    for (place, cell) in cells.iter_mut().zip(reg.cells()) {
        *place = cell;
        count += 1;
    }
    translate(decoder, node, &cells[..count], Way::Registers).ok()
}

/// A device's register windows: the entries of `reg` up to the first that cannot be reached, as `of_device_alloc` counts them.
pub(super) fn regions<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> Vec<Region> {
    let mut names = node.property("reg-names").into_iter().flat_map(Property::strings);
    let entries = entries(decoder, node);
    let mut regions = Vec::with_capacity(entries.size_hint().1.unwrap_or(0).min(MOST_CELLS));
    if let (Some(bus), Some(reg)) = (node.parent(), decoder.known(decoder.facts(node).reg)) {
        check_length(decoder, node, reg, Shape::of(decoder.facts(bus)));
    }
    for (index, entry) in entries.enumerate() {
        let RegEntry { address, size, place } = entry;
        let base = match place {
            Ok(base) => base,
            Err(stuck) => {
                report_stuck(decoder, node, index, address, stuck);
                break;
            }
        };
        if size == 0 || base.checked_add(size - 1).is_none() {
            decoder.report(node, || Problem::Extent { index, base, size });
            if size > 0 {
                break;
            }
        }
        regions.push(Region { name: names.next().map(Into::into), base, size });
    }
    regions
}

/// Look whether rows of a bus's `ranges` contradict each other. Linux takes the first that fits.
pub(super) fn check_ranges<'t>(decoder: &Decoder<'t>, bus: Node<'t>) {
    let facts = decoder.facts(bus);
    let Some((ranges, above)) = decoder.known(facts.ranges).zip(bus.parent()) else { return };
    let (child, parent) = (Shape::of(facts), Shape::of(decoder.facts(above)));
    if !child.has_addresses() || !parent.has_addresses() || !decoder.spend(ranges.value().len() / 4) {
        return;
    }
    let flags = child.flag_cells().min(child.address - 1);
    let above_flags = parent.flag_cells().min(parent.address - 1);
    // Space, first address, bytes, and how far the rows shift: two that shift alike do not contradict each other.
    let place = |row: Row| {
        let space = if child.kind == BusKind::Plain { 0 } else { row.child[0] };
        let from = number(&row.child[flags..child.address]);
        let to = number(&row.parent[above_flags..parent.address]);
        (space, from, row.size, to.wrapping_sub(from))
    };
    let rows = rows(ranges, child.address, parent.address, child.size).filter(|row| row.size > 0);
    let mut rows: Vec<(u32, u64, u64, u64)> = rows.map(place).collect();
    rows.sort_unstable();
    let mut longest: Option<(u32, u64, u64, u64)> = None;
    for row in rows {
        let meets = |last: &(u32, u64, u64, u64)| last.0 == row.0 && row.1 - last.1 < last.2;
        match longest.filter(meets) {
            Some(last) if last.3 != row.3 => {
                return decoder.report(bus, || Problem::RangesOverlap { one: last.1, other: row.1 });
            }
            Some(last) if row.2 <= last.2 - (row.1 - last.1) => {}
            _ => longest = Some(row),
        }
    }
}

fn check_length<'t>(decoder: &Decoder<'t>, node: Node<'t>, reg: Property<'t>, shape: Shape) {
    let length = reg.value().len();
    if !shape.has_addresses() {
        let (address, size) = (clip(shape.address), clip(shape.size));
        return decoder.report(node, || Problem::AddressCells { address, size });
    }
    let entry = (shape.address + shape.size) * 4;
    if shape.kind != BusKind::Pci && !length.is_multiple_of(entry) {
        decoder.report(node, || Problem::Length { property: "reg".to_owned(), length, entry });
    }
}

fn report_stuck<'t>(decoder: &Decoder<'t>, node: Node<'t>, index: usize, address: u64, stuck: Stuck) {
    match stuck {
        Stuck::At(bus) => {
            // A bus whose children have addresses of their own, such as I2C, is no trouble.
            if decoder.facts(decoder.node(bus)).ranges.is_some() {
                let bus = decoder.node(bus).path();
                decoder.report(node, || Problem::Untranslatable { index, address, bus });
            }
        }
        Stuck::Cells { address, size } if size > 0 => {
            let (address, size) = (clip(address), clip(size));
            decoder.report(node, || Problem::AddressCells { address, size });
        }
        Stuck::Cells { .. } | Stuck::Nowhere => {}
    }
}

fn clip(cells: usize) -> u32 {
    u32::try_from(cells).unwrap_or(u32::MAX)
}
