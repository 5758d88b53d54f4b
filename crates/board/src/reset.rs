//! Reset lines: who uses each, and what kind of sharing it is.
//!
//! VFIO resets a platform device by a driver of its own for the `compatible` (drivers/vfio/platform/reset), and `uvfio run` by a line that
//! is nobody else's besides, see [`OwnLine`]. A line that several devices use matters all the same: whoever keeps one of them resets the
//! others with it. Nodes that are disabled, or are no device, count as users too, but draw nobody along.

use std::collections::{HashMap, HashSet};

use uvfio_firmware::{Board, Bus, Device, NodeId, Reference};
use uvfio_kernel::provider::reset::platform::ResetHandler;

use crate::bond::{Bond, BondKind};
use crate::index::{Index, Referral};
use crate::own_line::{self, OwnLine};
use crate::{Blocker, Caution, DeviceIndex};

/// A line that two or more nodes use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetLine {
    /// The controller's node.
    pub controller: NodeId,
    /// What tells the line from the controller's others.
    pub cells: Vec<u32>,
    /// Who uses it, in the order of the tree.
    pub users: Vec<LineUser>,
    /// What kind of sharing it is among those that are enabled, or among all where that are fewer than two.
    pub sharing: Sharing,
}

/// One user of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineUser {
    /// Its node.
    pub node: NodeId,
    /// The device it is or is part of; `None` where it is disabled or no device's.
    pub device: Option<DeviceIndex>,
}

/// Kinds of sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sharing {
    /// The same block described twice, as host and as endpoint for instance; both are never enabled.
    SameBlock,
    /// A device and what drives its own wires.
    OwnPhy,
    /// Devices that have nothing else in common.
    Coupled,
}

/// What can reset a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResetFacts {
    /// The module of VFIO that resets it, by the first `compatible`.
    pub driver: Option<&'static str>,
    /// Reset lines the description names for it, those of the nodes below it that are no device included.
    pub lines: u32,
    /// How many of them no other enabled device uses.
    pub dedicated: u32,
    /// The one line that is its reset where VFIO has no driver for it.
    pub own_line: Option<OwnLine>,
}

/// All that is known of resets.
pub(crate) struct Resets {
    pub(crate) lines: Vec<ResetLine>,
    pub(crate) facts: Vec<ResetFacts>,
}

pub(crate) fn resets(board: &Board, index: &Index, referrals: &[Referral]) -> Resets {
    let mut uses: Vec<(NodeId, &[u32], NodeId)> = Vec::with_capacity(board.devices.len());
    for device in &board.devices {
        uses.extend(device.resets.iter().map(|line| (line.provider, line.cells.as_slice(), device.node)));
    }
    let resets = referrals.iter().filter(|referral| referral.kind == Reference::Reset);
    uses.extend(resets.map(|referral| (referral.to, referral.cells.as_slice(), referral.from)));
    uses.sort_unstable();
    uses.dedup();
    let phys = Phys::of(board, index, referrals);
    let own = own_line::own_lines(board, index);
    let facts = board.devices.iter().zip(own);
    let mut facts: Vec<ResetFacts> =
        facts.map(|(device, own_line)| ResetFacts { own_line, ..driver(device) }).collect();
    let mut lines = Vec::new();
    let user = |node: NodeId| LineUser { node, device: index.owner(node).filter(|_| index.is_enabled(node)) };
    for uses in uses.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (controller, cells) = (uses[0].0, uses[0].1);
        if let [(.., node)] = uses {
            // Most lines: nothing is shared, and nothing has to be kept.
            if let Some(device) = user(*node).device {
                facts[device.at()].lines += 1;
                facts[device.at()].dedicated += 1;
            }
            continue;
        }
        let users: Vec<LineUser> = uses.iter().map(|one| user(one.2)).collect();
        let mut devices: Vec<DeviceIndex> = users.iter().filter_map(|user| user.device).collect();
        devices.sort_unstable();
        devices.dedup();
        for device in &devices {
            facts[device.at()].lines += 1;
            facts[device.at()].dedicated += u32::from(devices.len() == 1);
        }
        let sharing = sharing(board, &phys, &users, devices.len());
        lines.push(ResetLine { controller, cells: cells.to_vec(), users, sharing });
    }
    Resets { lines, facts }
}

fn driver(device: &Device) -> ResetFacts {
    let handler = device.compatible.first().and_then(|first| ResetHandler::of(first));
    ResetFacts { driver: handler.map(|handler| handler.module), ..ResetFacts::default() }
}

/// Whose phys nodes are: phy's node, or that of the device it is part of, and the consumers' nodes.
struct Phys(HashMap<NodeId, Vec<NodeId>>);

impl Phys {
    fn of(board: &Board, index: &Index, referrals: &[Referral]) -> Self {
        let mut phys = Phys(HashMap::new());
        let mut add = |provider: NodeId, consumer: NodeId| {
            // A phy is often a part of a device that has several.
            let whole = index.owner(provider).map(|device| board.devices[device.at()].node);
            for provider in [Some(provider), whole.filter(|whole| *whole != provider)].into_iter().flatten() {
                phys.0.entry(provider).or_default().push(consumer);
            }
        };
        for device in &board.devices {
            for supplier in device.suppliers.iter().filter(|supplier| supplier.kind == Reference::Phy) {
                add(supplier.specifier.provider, device.node);
            }
        }
        for referral in referrals.iter().filter(|referral| referral.kind == Reference::Phy) {
            add(referral.to, referral.from);
        }
        phys
    }

    /// Whether a node is the phy of one of these.
    fn serves(&self, provider: NodeId, consumers: &HashSet<NodeId>) -> bool {
        self.0.get(&provider).is_some_and(|served| served.iter().any(|consumer| consumers.contains(consumer)))
    }
}

fn sharing(board: &Board, phys: &Phys, users: &[LineUser], devices: usize) -> Sharing {
    let counts = |user: &&LineUser| devices < 2 || user.device.is_some();
    let nodes: Vec<NodeId> = users.iter().filter(counts).map(|user| user.node).collect();
    if blocks(board, &nodes) < 2 {
        return Sharing::SameBlock;
    }
    let all: HashSet<NodeId> = nodes.iter().copied().collect();
    let rest: Vec<NodeId> = nodes.iter().copied().filter(|node| !phys.serves(*node, &all)).collect();
    if rest.len() < nodes.len() && blocks(board, &rest) < 2 { Sharing::OwnPhy } else { Sharing::Coupled }
}

/// How many blocks these nodes describe: those in one place with one unit address are one.
fn blocks(board: &Board, nodes: &[NodeId]) -> usize {
    let mut places: HashSet<(Option<NodeId>, Vec<u8>)> = HashSet::new();
    for &node in nodes {
        let node = board.tree.node(node);
        let name = node.name_bytes();
        let unit = name.iter().position(|&byte| byte == b'@').map_or(name, |at| &name[at..]);
        places.insert((node.parent().map(|parent| parent.id()), unit.to_vec()));
    }
    places.len()
}

/// The bonds of lines that two or more devices use.
pub(crate) fn bonds(lines: &[ResetLine]) -> impl Iterator<Item = Bond> {
    lines.iter().enumerate().filter_map(|(at, line)| {
        let mut members: Vec<DeviceIndex> = line.users.iter().filter_map(|user| user.device).collect();
        members.sort_unstable();
        members.dedup();
        (members.len() > 1)
            .then_some(Bond { kind: BondKind::Reset { line: at, sharing: line.sharing }, members })
    })
}

/// What a device's lack of a reset is: a blocker where VFIO asks for one, else worth a word.
pub(crate) fn judge(device: &Device, facts: &ResetFacts) -> (Option<Blocker>, Option<Caution>) {
    match (device.bus, facts.driver, facts.own_line) {
        (_, Some(_), _) => (None, None),
        (_, None, Some(line)) => (None, Some(Caution::ResetByLine(line))),
        (Bus::Platform, None, None) => (Some(Blocker::NoReset), None),
        (Bus::Amba | Bus::Pci, None, None) => (None, Some(Caution::NeverReset)),
    }
}
