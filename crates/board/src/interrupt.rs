//! Interrupt lines that several devices use.
//!
//! VFIO asks for a platform interrupt with no intent to share it (`vfio_set_trigger`,
//! drivers/vfio/platform/vfio_platform_irq.c); a line that is another's too is refused, whoever has the other one. So going together
//! does not help here.

use std::collections::HashSet;

use uvfio_firmware::{Board, NodeId};

use crate::{Blocker, DeviceIndex};

/// An interrupt line with two or more users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The controller's node.
    pub controller: NodeId,
    /// The number there.
    pub number: u32,
    /// The devices that use it, without doubles.
    pub users: Vec<DeviceIndex>,
}

/// The shared lines, by controller and number.
pub(crate) fn lines(board: &Board) -> Vec<Line> {
    let mut uses: Vec<(NodeId, u32, DeviceIndex)> = Vec::with_capacity(board.devices.len());
    for (at, device) in board.devices.iter().enumerate() {
        let device_at = DeviceIndex::new(at);
        uses.extend(device.interrupts.iter().map(|one| (one.controller, one.number, device_at)));
    }
    uses.sort_unstable();
    uses.dedup();
    let lines = uses.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|uses| uses.len() > 1);
    let line = |uses: &[(NodeId, u32, DeviceIndex)]| Line {
        controller: uses[0].0,
        number: uses[0].1,
        users: uses.iter().map(|one| one.2).collect(),
    };
    lines.map(line).collect()
}

/// For each device its blockers.
pub(crate) fn blockers(board: &Board, lines: &[Line]) -> Vec<(DeviceIndex, Blocker)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let nodes: HashSet<NodeId> = line.users.iter().map(|user| board.devices[user.at()].node).collect();
        for user in &line.users {
            let iommus = &board.devices[user.at()].iommus;
            let own_iommu = iommus.iter().any(|specifier| nodes.contains(&specifier.provider));
            found.push((*user, Blocker::InterruptShared { line: at, own_iommu }));
        }
    }
    found
}
