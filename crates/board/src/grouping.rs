//! IOMMU groups of a whole board, by the rules of Linux's IOMMU drivers.
//!
//! The rules and their sources are the kernel crate's (`uvfio_kernel::iommu`), which forms the same groups when a board is brought
//! up; here they are formed as if every driver were there and every device came in the board's order.

use std::sync::Arc;

use uvfio_firmware::{Board, Device, NodeId};
use uvfio_kernel::iommu::{
    DeviceCoherency, Formation, GroupId, Grouping, Iommu, IommuDriver, IommuNode, Newcomer, Stream,
};

use crate::bond::{Bond, BondKind};
use crate::index::Index;
use crate::{Blocker, DeviceIndex};

/// An IOMMU group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The number it has where the devices come in the board's order.
    pub id: u32,
    /// The IOMMU's node.
    pub iommu: NodeId,
    /// Its driver.
    pub driver: &'static str,
    /// The driver's rule.
    pub rule: Grouping,
    /// Where the rule can be read in Linux.
    pub source: &'static str,
    /// Its devices.
    pub members: Vec<DeviceIndex>,
}

/// The groups of a board, and why devices are in none.
pub(crate) struct Grouped {
    pub(crate) groups: Vec<Group>,
    /// For each device its group's index.
    pub(crate) of: Vec<Option<usize>>,
    /// For each device what its IOMMU has against it.
    pub(crate) blockers: Vec<Option<Blocker>>,
}

pub(crate) fn groups(board: &Board, index: &Index) -> Grouped {
    let devices = board.devices.len();
    let mut former = Former {
        board,
        index,
        iommus: Vec::new(),
        known: vec![UNKNOWN; board.tree.nodes().len()],
        formation: Formation::default(),
        found: Grouped {
            groups: Vec::new(),
            of: Vec::with_capacity(devices),
            blockers: Vec::with_capacity(devices),
        },
    };
    let mut streams = Vec::new();
    for (at, device) in board.devices.iter().enumerate() {
        streams.clear();
        let (group, blocker) = former.place(DeviceIndex::new(at), device, &mut streams);
        former.found.of.push(group);
        former.found.blockers.push(blocker);
    }
    former.found
}

struct Former<'b> {
    board: &'b Board,
    index: &'b Index,
    /// The IOMMUs that devices named; `None` for one no driver is known for.
    iommus: Vec<Option<Arc<Iommu>>>,
    /// For each node its place among those.
    known: Vec<u32>,
    formation: Formation,
    found: Grouped,
}

/// Of a node that no device named as its IOMMU so far.
const UNKNOWN: u32 = u32::MAX;

impl Former<'_> {
    /// A device's group, and what speaks against handing it out. `streams` is empty, and space for the work.
    fn place(
        &mut self,
        at: DeviceIndex,
        device: &Device,
        streams: &mut Vec<Stream>,
    ) -> (Option<usize>, Option<Blocker>) {
        let Some(first) = device.iommus.first() else { return (None, Some(Blocker::NoIommu)) };
        for specifier in &device.iommus {
            // One that cannot be used makes Linux go on without any (`of_iommu_xlate`).
            if !self.index.is_enabled(specifier.provider) {
                return (None, Some(Blocker::IommuDisabled { iommu: specifier.provider }));
            }
            let Some(iommu) = self.iommu(specifier.provider) else {
                return (None, Some(Blocker::IommuWithoutDriver { iommu: specifier.provider }));
            };
            streams.push(Stream { iommu, cells: specifier.cells.clone() });
        }
        let newcomer = Newcomer { device: &device.name, streams, board: &self.board.compatible, slot: None };
        let next = self.found.groups.len();
        let placed = match self.formation.place(&newcomer, || GroupId(next as u32)) {
            Ok(placed) => placed,
            Err(why) => return (None, Some(Blocker::NotGrouped(Box::new(why)))),
        };
        let (iommu, number) = (first.provider, placed.group.0 as usize);
        if number == next {
            let driver = placed.iommu.driver();
            self.found.groups.push(Group {
                id: placed.group.0,
                iommu,
                driver: driver.map_or("", |driver| driver.name),
                rule: driver.map_or(Grouping::Device, |driver| driver.grouping),
                source: driver.map_or("", |driver| driver.source),
                members: Vec::new(),
            });
        }
        self.found.groups[number].members.push(at);
        let coherency =
            if device.dma_coherent { DeviceCoherency::Coherent } else { DeviceCoherency::NonCoherent };
        let coherent = streams.first().is_some_and(|stream| stream.iommu.coherent_for(coherency));
        (Some(number), (!coherent).then_some(Blocker::NotCoherent { iommu }))
    }

    /// The IOMMU at a node; `None` where no driver is known for it.
    fn iommu(&mut self, node: NodeId) -> Option<Arc<Iommu>> {
        let known = self.known.get(node.0 as usize).copied().unwrap_or(UNKNOWN);
        if let Some(known) = self.iommus.get(known as usize) {
            return known.clone();
        }
        let found = self.find(node);
        if let Some(known) = self.known.get_mut(node.0 as usize) {
            *known = self.iommus.len() as u32;
        }
        self.iommus.push(found.clone());
        found
    }

    fn find(&self, node: NodeId) -> Option<Arc<Iommu>> {
        let at = self.board.tree.node(node);
        let compatible: Vec<String> = at.compatible().map(Into::into).collect();
        let driver = IommuDriver::of(&compatible)?;
        let coherent = match self.index.device(node) {
            Some(device) => self.board.devices[device.at()].dma_coherent,
            None => at.property("dma-coherent").is_some(),
        };
        let mask = at.property("stream-match-mask").and_then(|mask| mask.u32());
        let facts = IommuNode { dma_coherent: coherent, stream_match_mask: mask.map(|mask| mask as u16) };
        Some(Iommu::of_driver(at.path(), driver, facts))
    }
}

/// The bonds that groups make, and those of streams that devices of several groups share.
pub(crate) fn bonds(board: &Board, grouped: &Grouped) -> Vec<Bond> {
    let shared = grouped.groups.iter().enumerate().filter(|(_, group)| group.members.len() > 1);
    let mut bonds: Vec<Bond> = shared
        .map(|(at, group)| Bond { kind: BondKind::Group { group: at }, members: group.members.clone() })
        .collect();
    let mut uses: Vec<(NodeId, &[u32], DeviceIndex)> = Vec::with_capacity(board.devices.len());
    for (at, device) in board.devices.iter().enumerate() {
        // An IOMMU without cells has one stream for all, and its driver has said what that means.
        let streams = device.iommus.iter().filter(|stream| !stream.cells.is_empty());
        uses.extend(streams.map(|stream| (stream.provider, stream.cells.as_slice(), DeviceIndex::new(at))));
    }
    uses.sort_unstable();
    uses.dedup();
    for users in uses.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let mut groups = users.iter().map(|user| grouped.of[user.2.at()]);
        let first = groups.next().flatten();
        if users.len() > 1 && (first.is_none() || groups.any(|group| group != first)) {
            let kind = BondKind::Stream { iommu: users[0].0, cells: users[0].1.to_vec() };
            bonds.push(Bond { kind, members: users.iter().map(|user| user.2).collect() });
        }
    }
    bonds
}
