//! How what is in the way of one device gets into the way of those that have to go with it.
//!
//! Each bond is gone through once whoever reaches it first, so a board costs what its devices and bonds are together.

use std::collections::{BTreeSet, HashSet};

use crate::DeviceIndex;
use crate::bond::{Bond, BondKind, Strength};
use crate::options::Weakenings;

/// Bonds by device.
pub(crate) struct Ties {
    /// Bonds in which a device draws along the members.
    drawing: Lists,
    /// Bonds in which a device is drawn along.
    drawn: Lists,
}

/// Lists one behind another.
struct Lists {
    starts: Vec<u32>,
    entries: Vec<u32>,
}

impl Lists {
    fn new(devices: usize, pairs: &[(DeviceIndex, usize)]) -> Self {
        let mut starts = vec![0u32; devices + 1];
        for (device, _) in pairs {
            starts[device.at() + 1] += 1;
        }
        for at in 0..devices {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut entries = vec![0; pairs.len()];
        for (device, bond) in pairs {
            let slot = &mut next[device.at()];
            entries[*slot as usize] = u32::try_from(*bond).unwrap_or(u32::MAX);
            *slot += 1;
        }
        Lists { starts, entries }
    }

    fn of(&self, device: DeviceIndex) -> impl Iterator<Item = usize> + '_ {
        let range = self.starts[device.at()] as usize..self.starts[device.at() + 1] as usize;
        self.entries[range].iter().map(|&bond| bond as usize)
    }
}

/// Through which bond, and from whom, something got into a device's way.
pub(crate) type Cause = (usize, DeviceIndex);

impl Ties {
    pub(crate) fn new(devices: usize, bonds: &[Bond]) -> Self {
        let members = bonds.iter().map(|bond| bond.members.len()).sum();
        let (mut drawing, mut drawn) = (Vec::with_capacity(members), Vec::with_capacity(members));
        for (at, bond) in bonds.iter().enumerate() {
            drawn.extend(bond.members.iter().map(|member| (*member, at)));
            match bond.kind {
                BondKind::Supplies { provider, .. } => drawing.push((provider, at)),
                _ => drawing.extend(bond.members.iter().map(|member| (*member, at))),
            }
        }
        Ties { drawing: Lists::new(devices, &drawing), drawn: Lists::new(devices, &drawn) }
    }

    /// The bonds by which a device draws others along.
    pub(crate) fn drawing(&self, device: DeviceIndex) -> impl Iterator<Item = usize> + '_ {
        self.drawing.of(device)
    }

    /// The bonds by which a device is drawn along, or is a member.
    pub(crate) fn drawn(&self, device: DeviceIndex) -> impl Iterator<Item = usize> + '_ {
        self.drawn.of(device)
    }

    /// Who cannot go: `blocked` are those with something in their own way, and comes back with all that have to go with them.
    pub(crate) fn spread(
        &self,
        bonds: &[Bond],
        blocked: &mut [bool],
        given_up: Weakenings,
    ) -> Vec<Option<Cause>> {
        let mut causes = vec![None; blocked.len()];
        let mut done = vec![false; bonds.len()];
        let first = blocked.iter().enumerate().filter(|(_, blocked)| **blocked);
        let mut work: Vec<DeviceIndex> = first.map(|(at, _)| DeviceIndex::new(at)).collect();
        work.reverse();
        while let Some(device) = work.pop() {
            for at in self.drawn.of(device) {
                let bond = &bonds[at];
                if done[at] || !bond.holds(given_up) {
                    continue;
                }
                done[at] = true;
                let mut reach = |other: DeviceIndex| {
                    if !std::mem::replace(&mut blocked[other.at()], true) {
                        causes[other.at()] = Some((at, device));
                        work.push(other);
                    }
                };
                match (bond.strength(), &bond.kind) {
                    (Strength::FromProvider, BondKind::Supplies { provider, .. }) => reach(*provider),
                    _ => bond.members.iter().for_each(|member| reach(*member)),
                }
            }
        }
        causes
    }

    /// All that have to go where one goes, itself included, in the order of the board; no more than `most`, whichever come first.
    pub(crate) fn closure(
        &self,
        bonds: &[Bond],
        from: DeviceIndex,
        given_up: Weakenings,
        most: usize,
    ) -> Vec<DeviceIndex> {
        let mut found = BTreeSet::from([from]);
        let mut done = HashSet::new();
        let mut work = vec![from];
        while let Some(device) = work.pop() {
            for at in self.drawing.of(device) {
                if !bonds[at].holds(given_up) || !done.insert(at) {
                    continue;
                }
                for member in &bonds[at].members {
                    if found.len() >= most {
                        return found.into_iter().collect();
                    }
                    if found.insert(*member) {
                        work.push(*member);
                    }
                }
            }
        }
        found.into_iter().collect()
    }
}
