//! Interrupts: `interrupts-extended`, or `interrupts` with the parent that is inherited (drivers/of/irq.c), through `interrupt-map`s.

use super::specifier::{self, References, Row};
use super::tree::Node;
use crate::board::{Interrupt, Trigger};
use crate::diagnostic::{self, Diagnostic, Problem};

/// The interrupts of a node, in their order.
pub fn interrupts(node: Node<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Interrupt> {
    let rows = if node.has("interrupts-extended") {
        let property = diagnostic::Property::InterruptsExtended;
        specifier::rows(
            node,
            References { property, cells: Some("#interrupt-cells"), names: None },
            diagnostics,
        )
    } else if node.has("interrupts") {
        of_one_parent(node, diagnostics)
    } else {
        return Vec::new();
    };
    rows.into_iter().filter_map(|row| controller_of(row, 0)).map(interrupt).collect()
}

fn of_one_parent<'t>(node: Node<'t>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Row<'t>> {
    let mut say = |problem| diagnostics.push(Diagnostic { path: node.path(), problem });
    let property = diagnostic::Property::Interrupts;
    let Some(parent) = parent(node) else {
        say(Problem::NoInterruptParent);
        return Vec::new();
    };
    let Some(count) = parent.u32("#interrupt-cells").filter(|&count| count > 0) else {
        say(Problem::NoCells { property, phandle: parent.phandle() });
        return Vec::new();
    };
    let cells: Vec<u32> = node.cells("interrupts").collect();
    let count = count as usize;
    if !cells.len().is_multiple_of(count) {
        say(Problem::Ragged { property, length: cells.len() * 4, entry: count.saturating_mul(4) });
    }
    cells.chunks_exact(count).map(|cells| Row { provider: parent, cells: cells.to_vec() }).collect()
}

/// The node that takes a node's interrupts: `interrupt-parent` of the node or of the nearest above it, or the nearest that has
/// `#interrupt-cells` (`of_irq_find_parent`).
fn parent(node: Node<'_>) -> Option<Node<'_>> {
    // Parents that name one another in a circle lead nowhere.
    const FARTHEST: usize = 64;
    let mut at = node;
    for _ in 0..FARTHEST {
        let next = match at.u32("interrupt-parent") {
            Some(phandle) => node.tree().by_phandle(phandle)?,
            None => at.parent()?,
        };
        if next.has("#interrupt-cells") {
            return Some(next);
        }
        at = next;
    }
    None
}

/// Follow an interrupt through nexus nodes (`interrupt-map`) to a controller. Maps that lead in a circle lead nowhere.
fn controller_of(row: Row<'_>, depth: usize) -> Option<Row<'_>> {
    const DEEPEST: usize = 16;
    if depth == DEEPEST {
        return None;
    }
    let nexus = row.provider;
    if nexus.has("interrupt-controller") || !nexus.has("interrupt-map") {
        return Some(row);
    }
    // Platform devices have no unit address in a nexus; entries of such maps have 0 address cells, or the address is masked away.
    let address = nexus.u32("#address-cells").unwrap_or(0) as usize;
    let cells = nexus.u32("#interrupt-cells").unwrap_or(0) as usize;
    let mask: Vec<u32> = nexus.cells("interrupt-map-mask").collect();
    let map: Vec<u32> = nexus.cells("interrupt-map").collect();
    let mut rest = &map[..];
    loop {
        let (key, after) = rest.split_at_checked(address.checked_add(cells)?)?;
        let (&phandle, after) = after.split_first()?;
        let provider = nexus.tree().by_phandle(phandle)?;
        let parent_address =
            if provider.has("interrupt-controller") { provider.u32("#address-cells") } else { None };
        let skipped = parent_address.unwrap_or(0) as usize;
        let wanted = provider.u32("#interrupt-cells")? as usize;
        let (_, after) = after.split_at_checked(skipped)?;
        let (target, after) = after.split_at_checked(wanted)?;
        rest = after;
        let matches = key[address..].iter().zip(&row.cells).enumerate().all(|(at, (key, cell))| {
            let mask = mask.get(address + at).copied().unwrap_or(u32::MAX);
            key & mask == cell & mask
        });
        if matches {
            return controller_of(Row { provider, cells: target.to_vec() }, depth + 1);
        }
    }
}

/// Cells of a controller as a number and a trigger. Three cells and more are a GIC's (arm,gic.yaml): the kind, the number within
/// it, flags. Two are a number and flags; one is a number, taken for level-triggered as Linux does where nothing says otherwise.
fn interrupt(Row { provider, cells }: Row<'_>) -> Interrupt {
    let is_gic = provider.texts("compatible").any(|compatible| {
        compatible.contains("gic") && !compatible.contains("its") || compatible == "arm,armv7-timer"
    });
    let (number, flags) = match cells[..] {
        [0, number, flags, ..] if is_gic => (number.saturating_add(32), flags),
        [1, number, flags, ..] if is_gic => (number.saturating_add(16), flags),
        [_, number, flags, ..] if is_gic => (number, flags),
        [number, flags, ..] => (number, flags),
        [number] => (number, 4),
        [] => (0, 4),
    };
    let trigger = match flags & 0xf {
        1 | 3 => Trigger::EdgeRising,
        2 => Trigger::EdgeFalling,
        8 => Trigger::LevelLow,
        _ => Trigger::LevelHigh,
    };
    Interrupt { controller: provider.id(), path: provider.path(), number, trigger, cells }
}
