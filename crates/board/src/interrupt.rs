//! Interrupt lines that several devices use.
//!
//! VFIO asks for a platform interrupt with no intent to share it (`vfio_set_trigger`,
//! drivers/vfio/platform/vfio_platform_irq.c); a line that is another's too is refused, whoever has the other one. So going together
//! does not help here.

use std::collections::HashMap;

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
    let mut users: HashMap<(NodeId, u32), Vec<DeviceIndex>> = HashMap::new();
    for (at, device) in board.devices.iter().enumerate() {
        for interrupt in &device.interrupts {
            let users = users.entry((interrupt.controller, interrupt.number)).or_default();
            if users.last() != Some(&DeviceIndex::new(at)) {
                users.push(DeviceIndex::new(at));
            }
        }
    }
    let shared = users.into_iter().filter(|(_, users)| users.len() > 1);
    let mut lines: Vec<Line> =
        shared.map(|((controller, number), users)| Line { controller, number, users }).collect();
    lines.sort_by_key(|line| (line.controller, line.number));
    lines
}

/// For each device its blockers.
pub(crate) fn blockers(board: &Board, lines: &[Line]) -> Vec<(DeviceIndex, Blocker)> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let nodes: Vec<NodeId> = line.users.iter().map(|user| board.devices[user.at()].node).collect();
        for user in &line.users {
            let iommus = &board.devices[user.at()].iommus;
            let own_iommu = iommus.iter().any(|specifier| nodes.contains(&specifier.provider));
            found.push((*user, Blocker::InterruptShared { line: at, own_iommu }));
        }
    }
    found
}
