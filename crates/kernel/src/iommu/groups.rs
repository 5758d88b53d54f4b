//! The groups of a machine: made as devices come, gone with the last of them.
//!
//! In Linux this is `iommu_probe_device` and `iommu_release_device` with `iommu_group_alloc` (drivers/iommu/iommu.c). Which group a
//! device belongs to is for `formation` to say.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};

use super::domain::{Aperture, Domain, IommuFacts};
use super::formation::{Formation, Newcomer, NoGroup, Placed, Slot, Stream};
use super::group::{Group, GroupId, MemberFacts};
use super::instance::{DeviceCoherency, Iommu};
use super::port::DmaPort;
use crate::addr::Iova;

/// A device that is to be put into a group.
pub struct Client<'a> {
    /// Its way to memory; the port has the device's name.
    pub port: &'a Arc<DmaPort>,
    /// Its `iommus` in their order.
    pub streams: &'a [Stream],
    /// What its own node says about its DMA.
    pub coherency: DeviceCoherency,
    /// Whether it cannot raise other devices' message-signalled interrupts.
    pub isolated_msi: bool,
    /// The board's compatibles.
    pub board: &'a [String],
    /// Where it is a PCI function, its slot.
    pub slot: Option<Slot>,
}

/// The groups of a machine.
#[derive(Default)]
pub struct Groups {
    groups: BTreeMap<GroupId, Arc<Group>>,
    formation: Formation,
    numbers: Numbers,
}

/// Which numbers are taken.
#[derive(Default)]
struct Numbers {
    /// Groups without members that somebody still holds: their numbers are taken.
    left: Vec<Weak<Group>>,
    /// No number below this is free.
    full_below: u32,
}

impl Groups {
    /// All of them by number.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.values()
    }

    /// One by its number.
    #[must_use]
    pub fn get(&self, id: GroupId) -> Option<&Arc<Group>> {
        self.groups.get(&id)
    }

    /// Put a device into its group, a new one where it shares none. The group's DMA is the device's from now on.
    ///
    /// # Errors
    /// Where its IOMMU's driver does not take it; nothing was changed.
    pub fn join(&mut self, client: &Client<'_>) -> Result<Arc<Group>, NoGroup> {
        let Groups { groups, formation, numbers } = self;
        let (streams, board) = (client.streams, client.board);
        let newcomer = Newcomer { device: client.port.device(), streams, board, slot: client.slot };
        let Placed { group, iommu, aperture } = formation.place(&newcomer, || numbers.lowest(groups))?;
        let make = || {
            let iommu = aperture.map_or_else(|| Arc::clone(iommu), |aperture| iommu.region(aperture));
            Group::new(group, Arc::clone(&iommu), Domain::paging(iommu))
        };
        let group = Arc::clone(groups.entry(group).or_insert_with(make));
        let coherent = streams.first().is_some_and(|stream| stream.iommu.coherent_for(client.coherency));
        let facts = MemberFacts { coherent, isolated_msi: client.isolated_msi };
        group.add(Arc::clone(client.port), facts);
        Ok(group)
    }

    /// A group of its own for a device that no IOMMU is before, whose DMA goes where it went (`iommu_group_alloc` with
    /// `iommu_group_add_device`).
    pub fn alone(&mut self, port: &Arc<DmaPort>) -> Arc<Group> {
        let aperture = Aperture { first: Iova(0), last: Iova(u64::MAX) };
        let none = Iommu::new("", IommuFacts { page_sizes: !0xfff, aperture, reserved: Vec::new() });
        let group = Group::new(self.numbers.lowest(&self.groups), none, port.domain());
        self.groups.insert(group.id(), Arc::clone(&group));
        group.add(Arc::clone(port), MemberFacts { coherent: true, isolated_msi: false });
        group
    }

    /// Take a device out of its group; a group without members is gone, and its number free once nobody holds it.
    pub fn leave(&mut self, group: &Group, port: &Arc<DmaPort>) {
        group.remove(port);
        if group.members().is_empty() {
            let id = group.id();
            self.numbers.left.retain(|group| group.strong_count() > 0);
            self.numbers.left.extend(self.groups.remove(&id).map(|group| Arc::downgrade(&group)));
            self.numbers.full_below = self.numbers.full_below.min(id.0);
            self.formation.forget(id);
        }
    }
}

impl Numbers {
    /// The lowest number that is free (`ida_alloc`).
    fn lowest(&mut self, groups: &BTreeMap<GroupId, Arc<Group>>) -> GroupId {
        self.left.retain(|group| group.strong_count() > 0);
        let held: HashSet<GroupId> =
            self.left.iter().filter_map(Weak::upgrade).map(|group| group.id()).collect();
        let mut free = (self.full_below..u32::MAX)
            .map(GroupId)
            .filter(|id| !groups.contains_key(id) && !held.contains(id));
        let id = free.next().expect("there are fewer devices than numbers");
        if held.is_empty() {
            self.full_below = id.0 + 1;
        }
        id
    }
}

#[cfg(test)]
mod tests;
