//! Devices that a line of a reset controller resets, and nobody else: what `uvfio run` takes for a reset besides VFIO's reset drivers.
//!
//! No Linux does that so far: the patch that was to bring reset controllers to VFIO (2018) was never merged, because a line may be
//! shared. Whether one is, the description tells. What a device wants, which controllers are known and who goes with whom is the kernel
//! crate's, which resets the device when a program has it; here the same is asked of the description alone.

use std::collections::HashMap;

use uvfio_firmware::{Board, Device, NodeId};
use uvfio_kernel::provider::reset::drivers::ResetDriver;
use uvfio_kernel::provider::reset::{Relation, phys, relation, wanted};

use crate::DeviceIndex;
use crate::index::Index;

/// A line of a controller whose driver is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnLine {
    /// The controller's node.
    pub controller: NodeId,
    /// The output of the block.
    pub output: u32,
}

/// No device has more phys; a line that is named by more users is shared, whatever they are to each other.
const MOST_USERS: usize = 16;

/// For each device the line that is its reset.
pub(crate) fn own_lines(board: &Board, index: &Index) -> Vec<Option<OwnLine>> {
    let mut drivers: HashMap<NodeId, Option<(&'static ResetDriver, u64)>> = HashMap::new();
    // A controller's driver, and the bytes of its first window.
    let mut driver_of = |node: NodeId| {
        let found = || {
            let device = &board.devices[index.device(node)?.at()];
            let size = device.regions.first().map_or(0, |region| region.size);
            Some((ResetDriver::of(&device.compatible)?, size))
        };
        *drivers.entry(node).or_insert_with(found)
    };
    let mut uses: Vec<(OwnLine, DeviceIndex)> = Vec::new();
    let mut candidates: Vec<(OwnLine, DeviceIndex)> = Vec::new();
    for (at, device) in board.devices.iter().enumerate() {
        let at = DeviceIndex::new(at);
        let first = uses.len();
        let mut count = 0;
        for specifier in wanted(device) {
            count += 1;
            let controller = specifier.provider;
            let Some((driver, size)) = driver_of(controller) else { continue };
            let output = driver.output(&specifier.cells).filter(|_| driver.has(&specifier.cells, size));
            uses.extend(output.map(|(output, _)| (OwnLine { controller, output }, at)));
        }
        if let ([(line, _)], 1, 0) = (&uses[first..], count, device.lost_resets) {
            candidates.push((*line, at));
        }
    }
    uses.sort_unstable();
    uses.dedup();
    let mut found = vec![None; board.devices.len()];
    for (line, at) in candidates {
        let first = uses.partition_point(|(other, _)| *other < line);
        let users = &uses[first..uses.len().min(first + MOST_USERS + 1)];
        let users = &users[..users.partition_point(|(other, _)| *other == line)];
        let mut others = users.iter().filter(|(_, other)| *other != at);
        if users.len() <= MOST_USERS && others.all(|(_, other)| goes_along(board, at, *other)) {
            found[at.at()] = Some(line);
        }
    }
    found
}

/// Whether one is the other's phy: it goes where that goes.
fn goes_along(board: &Board, one: DeviceIndex, other: DeviceIndex) -> bool {
    let of = |at: DeviceIndex| -> &Device { &board.devices[at.at()] };
    relation(of(one), of(other), phys) == Relation::Phy
}
