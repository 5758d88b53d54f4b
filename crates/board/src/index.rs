//! From nodes to devices, and what nodes that are no device refer to.
//!
//! Linux makes devices of a part of the nodes only: a regulator on an I2C bus is a node below the bus's controller. What such a node
//! needs, or is needed for, counts for the device it is part of.

use uvfio_firmware::{Board, Cells, NodeId, Reference};

/// A device, by its place in [`Board::devices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceIndex(pub u32);

impl DeviceIndex {
    pub(crate) fn new(at: usize) -> Self {
        DeviceIndex(u32::try_from(at).expect("a board has fewer devices than its tree has bytes"))
    }

    /// The place.
    #[must_use]
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// Nobody.
const NONE: u32 = u32::MAX;

/// Whose part each node is.
pub(crate) struct Index {
    /// The device of a node, or of the nearest one above that has one.
    owner: Vec<u32>,
    /// The device of the node itself.
    device: Vec<u32>,
    /// Whether it and all above it are enabled.
    enabled: Vec<bool>,
}

impl Index {
    pub(crate) fn of(board: &Board) -> Self {
        let nodes = board.tree.nodes();
        let mut index = Index {
            owner: vec![NONE; nodes.len()],
            device: vec![NONE; nodes.len()],
            enabled: vec![false; nodes.len()],
        };
        for (at, device) in board.devices.iter().enumerate() {
            if let Some(slot) = index.device.get_mut(device.node.0 as usize) {
                *slot = DeviceIndex::new(at).0;
            }
        }
        for node in nodes {
            let at = node.id().0 as usize;
            let above = node.parent().map(|parent| parent.id().0 as usize);
            let (owner, enabled) =
                above.map_or((NONE, true), |above| (index.owner[above], index.enabled[above]));
            index.owner[at] = if index.device[at] == NONE { owner } else { index.device[at] };
            index.enabled[at] = enabled && node.is_available();
        }
        index
    }

    /// The device of a node.
    pub(crate) fn device(&self, node: NodeId) -> Option<DeviceIndex> {
        some(self.device.get(node.0 as usize))
    }

    /// The device a node is, or is part of.
    pub(crate) fn owner(&self, node: NodeId) -> Option<DeviceIndex> {
        some(self.owner.get(node.0 as usize))
    }

    /// Whether a node and all above it are enabled.
    pub(crate) fn is_enabled(&self, node: NodeId) -> bool {
        self.enabled.get(node.0 as usize).copied().unwrap_or(false)
    }
}

fn some(slot: Option<&u32>) -> Option<DeviceIndex> {
    slot.copied().filter(|&at| at != NONE).map(DeviceIndex)
}

/// A reference of a node that is no device, or of one that is disabled.
pub(crate) struct Referral {
    pub(crate) from: NodeId,
    pub(crate) kind: Reference,
    pub(crate) to: NodeId,
    pub(crate) cells: Cells,
}

/// What the nodes that are no device refer to: all references of those that are enabled, only resets and phys of
/// those that are not.
pub(crate) fn referrals(board: &Board, index: &Index) -> Vec<Referral> {
    let mut found = Vec::new();
    for node in board.tree.nodes().filter(|node| index.device(node.id()).is_none()) {
        let enabled = index.is_enabled(node.id());
        for property in node.properties() {
            let length = property.value().len();
            if length < 4 || !length.is_multiple_of(4) {
                continue;
            }
            let Some(kind) = kind_of(property.name_bytes()) else { continue };
            if enabled || matches!(kind, Reference::Reset | Reference::Phy) {
                refer(board, node.id(), kind, property.cells(), &mut found);
            }
        }
    }
    found
}

/// Most properties are no reference, and their first letter or their end says so.
fn kind_of(name: &[u8]) -> Option<Reference> {
    let maybe = name.ends_with(b"s") || name.ends_with(b"-supply") || name.ends_with(b"-gpio");
    let kind = if maybe { Reference::of_property(name)? } else { return None };
    // Memory is nobody's device, and pins are the pin controller's own business.
    (!matches!(kind, Reference::Memory | Reference::Pinctrl)).then_some(kind)
}

fn refer(
    board: &Board,
    from: NodeId,
    kind: Reference,
    mut cells: impl ExactSizeIterator<Item = u32>,
    found: &mut Vec<Referral>,
) {
    while let Some(phandle) = cells.next() {
        if phandle == 0 {
            continue;
        }
        let Some(to) = board.tree.by_phandle(phandle) else { return };
        let take = match board.provider(kind, to.id()) {
            Some(provider) => provider.cells as usize,
            None if kind.has_no_cells() => 0,
            None => return,
        };
        if take > cells.len() {
            return;
        }
        found.push(Referral { from, kind, to: to.id(), cells: cells.by_ref().take(take).collect() });
    }
}
