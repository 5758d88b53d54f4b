//! Addresses: `reg` in the cells of its bus, and `ranges` of every bus up to the root (drivers/of/address.c).

use super::tree::Node;
use crate::board::Region;
use crate::diagnostic::{self, Diagnostic, Problem};

/// The cells of the addresses and sizes that children of a node use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cells {
    address: usize,
    size: usize,
}

/// Most cells an address may have in Linux (`OF_MAX_ADDR_CELLS`).
const MOST_CELLS: u32 = 4;

/// What a bus says of its children's addresses; Linux's defaults are 1 and 1 for a node that says nothing, 2 and 1 at the root
/// (`of_bus_n_addr_cells` asks the parents until one says).
fn cells_of(bus: Node<'_>) -> Result<Cells, Problem> {
    let ask = |name: &str, otherwise: u32| {
        let mut node = Some(bus);
        while let Some(at) = node {
            if let Some(cells) = at.u32(name) {
                return cells;
            }
            node = at.parent();
        }
        otherwise
    };
    let (address, size) = (ask("#address-cells", 1), ask("#size-cells", 1));
    if address == 0 || address > MOST_CELLS || size > MOST_CELLS {
        return Err(Problem::CellCount { address, size });
    }
    Ok(Cells { address: address as usize, size: size as usize })
}

/// The low 64 bits of a number of `cells`.
fn number(cells: &[u32]) -> u64 {
    cells.iter().fold(0, |number, &cell| number << 32 | u64::from(cell))
}

/// How many entries of `reg` a node may have before the rest is ignored; no real node comes near.
const MOST_WINDOWS: usize = 4096;

/// The register windows of a node, in the physical address space. A window that no bus on the way passes on is left out with a
/// diagnostic, as Linux makes no resource of it.
pub fn windows(node: Node<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Region> {
    let (Some(value), Some(bus)) = (node.value("reg"), node.parent()) else { return Vec::new() };
    let mut say = |problem| diagnostics.push(Diagnostic { path: node.path(), problem });
    let cells = match cells_of(bus) {
        Ok(cells) => cells,
        Err(problem) => {
            // A bus without addresses, such as that of processors, is no trouble: its children have no registers.
            if !matches!(problem, Problem::CellCount { address: 0, .. }) {
                say(problem);
            }
            return Vec::new();
        }
    };
    let entry = cells.address + cells.size;
    if !value.len().is_multiple_of(entry * 4) {
        say(Problem::Ragged { property: diagnostic::Property::Reg, length: value.len(), entry: entry * 4 });
    }
    // A bus without sizes gives numbers, such as an I2C address, not windows.
    if cells.size == 0 {
        return Vec::new();
    }
    let words: Vec<u32> = node.cells("reg").take(entry * MOST_WINDOWS).collect();
    let mut names = node.texts("reg-names");
    let mut windows = Vec::new();
    for row in words.chunks_exact(entry) {
        let (address, size) = row.split_at(cells.address);
        let (address, size) = (number(address), number(size));
        let name = names.next().map(str::to_owned);
        match translate(bus, address) {
            Some(base) => windows.push(Region { name, base, size }),
            None => say(Problem::Untranslated { address }),
        }
    }
    windows
}

/// An address of a bus's children as a physical address: through the `ranges` of the bus and of every bus above it. `None` where one
/// has no window for it, or none at all.
#[must_use]
pub fn translate(bus: Node<'_>, address: u64) -> Option<u64> {
    let mut bus = bus;
    let mut address = address;
    while let Some(parent) = bus.parent() {
        address = through(bus, parent, address)?;
        bus = parent;
    }
    Some(address)
}

/// Through the `ranges` of one bus.
fn through(bus: Node<'_>, parent: Node<'_>, address: u64) -> Option<u64> {
    let value = bus.value("ranges")?;
    // An empty property passes every address on as it is.
    if value.is_empty() {
        return Some(address);
    }
    let (child, above) = (cells_of(bus).ok()?, cells_of(parent).ok()?);
    let entry = child.address + above.address + child.size;
    let mut row = Vec::with_capacity(entry);
    let mut words = bus.cells("ranges");
    loop {
        row.clear();
        row.extend(words.by_ref().take(entry));
        if row.len() < entry {
            return None;
        }
        let (from, rest) = row.split_at(child.address);
        let (to, size) = rest.split_at(above.address);
        // A PCI bus has a cell of flags in front of its addresses; only memory and I/O windows of the same kind would match, and
        // no device of a platform or AMBA bus stands there.
        let distance = address.checked_sub(number(from));
        if let Some(distance) = distance.filter(|&distance| distance < number(size)) {
            return number(to).checked_add(distance);
        }
    }
}
