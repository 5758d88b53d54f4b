//! Cycles among suppliers: the strongly connected parts of a graph, in one pass and without recursion.
//!
//! In Linux `__fw_devlink_relax_cycles` (drivers/base/core.c) looks for them at each link; a board of ten thousand devices wants
//! them all at once. This is Tarjan's algorithm (Depth-first search and linear graph algorithms, 1972).

use std::collections::HashMap;

use crate::device::DeviceId;

struct Visit {
    index: usize,
    low: usize,
    on_stack: OnStack,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnStack {
    Yes,
    No,
}

/// The groups of two or more devices that reach each other, and single devices that reach themselves, from these roots.
pub(super) fn find(
    roots: impl Iterator<Item = DeviceId>,
    suppliers: impl Fn(DeviceId) -> Vec<DeviceId>,
) -> Vec<Vec<DeviceId>> {
    let mut visits: HashMap<DeviceId, Visit> = HashMap::new();
    let mut stack: Vec<DeviceId> = Vec::new();
    let mut cycles = Vec::new();
    for root in roots {
        if visits.contains_key(&root) {
            continue;
        }
        let mut path: Vec<(DeviceId, Vec<DeviceId>)> = Vec::new();
        enter(root, &suppliers, &mut visits, &mut stack, &mut path);
        while let Some((device, rest)) = path.last_mut() {
            let device = *device;
            if let Some(next) = rest.pop() {
                match visits.get(&next) {
                    None => enter(next, &suppliers, &mut visits, &mut stack, &mut path),
                    Some(Visit { index, on_stack: OnStack::Yes, .. }) => {
                        let index = *index;
                        lower(&mut visits, device, index);
                    }
                    Some(_) => {}
                }
                continue;
            }
            path.pop();
            let (index, low) = visits.get(&device).map_or((0, 0), |visit| (visit.index, visit.low));
            if let Some((parent, _)) = path.last() {
                lower(&mut visits, *parent, low);
            }
            if index == low {
                let part = leave(device, &mut visits, &mut stack);
                if part.len() > 1 || suppliers(device).contains(&device) {
                    cycles.push(part);
                }
            }
        }
    }
    cycles
}

fn enter(
    device: DeviceId,
    suppliers: &impl Fn(DeviceId) -> Vec<DeviceId>,
    visits: &mut HashMap<DeviceId, Visit>,
    stack: &mut Vec<DeviceId>,
    path: &mut Vec<(DeviceId, Vec<DeviceId>)>,
) {
    let index = visits.len();
    visits.insert(device, Visit { index, low: index, on_stack: OnStack::Yes });
    stack.push(device);
    path.push((device, suppliers(device)));
}

fn lower(visits: &mut HashMap<DeviceId, Visit>, device: DeviceId, low: usize) {
    if let Some(visit) = visits.get_mut(&device) {
        visit.low = visit.low.min(low);
    }
}

/// Take a finished part from the stack.
fn leave(root: DeviceId, visits: &mut HashMap<DeviceId, Visit>, stack: &mut Vec<DeviceId>) -> Vec<DeviceId> {
    let mut part = Vec::new();
    while let Some(device) = stack.pop() {
        if let Some(visit) = visits.get_mut(&device) {
            visit.on_stack = OnStack::No;
        }
        part.push(device);
        if device == root {
            break;
        }
    }
    part.sort_unstable();
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles(links: &[(u64, u64)]) -> Vec<Vec<u64>> {
        let roots = links.iter().map(|(consumer, _)| DeviceId(*consumer));
        let found = find(roots, |device| {
            links.iter().filter(|(consumer, _)| *consumer == device.0).map(|(_, to)| DeviceId(*to)).collect()
        });
        found.into_iter().map(|part| part.into_iter().map(|device| device.0).collect()).collect()
    }

    #[test]
    fn a_chain_has_none() {
        assert!(cycles(&[(1, 2), (2, 3), (1, 3), (4, 3)]).is_empty());
    }

    #[test]
    fn each_is_found_once() {
        assert_eq!(cycles(&[(1, 2), (2, 3), (3, 1), (3, 4), (5, 5), (6, 1)]), [vec![1, 2, 3], vec![5]]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let found = find(std::iter::once(DeviceId(0)), |device| vec![DeviceId((device.0 + 1) % 100_000)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].len(), 100_000);
    }
}
