//! Which devices are in one group: each IOMMU driver's rule, applied to devices as they come.
//!
//! In Linux this is `iommu_probe_device` with `iommu_group_get_for_dev` (drivers/iommu/iommu.c) and the drivers' `of_xlate` and
//! `device_group`. All of a device's `iommus` count: drivers that make one fwspec of them know only the first instance. What rule a
//! driver has is in its own table; this keeps what the rules have to remember.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};

use super::domain::{Aperture, Domain, IommuFacts};
use super::driver::{Admission, Grouping};
use super::group::{Group, GroupId, MemberFacts};
use super::instance::{DeviceCoherency, Iommu};
use super::ipmmu;
use super::mediatek::{Instances, Place, Soc};
use super::port::DmaPort;
use super::streams::{StreamConflict, StreamMatch, StreamTable};
use crate::addr::Iova;

/// One specifier of a device's `iommus`.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The IOMMU.
    pub iommu: Arc<Iommu>,
    /// What it takes to tell streams apart.
    pub cells: Vec<u32>,
}

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
}

/// Why a device is in no group. Linux then leaves it without an IOMMU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGroup {
    /// It names no IOMMU.
    #[error("no iommu")]
    NoIommu,
    /// It names IOMMUs of two drivers (`iommu_fwspec_init`).
    #[error("iommus {first} and {other} have different drivers")]
    TwoDrivers {
        /// The first one's node.
        first: String,
        /// The other's.
        other: String,
    },
    /// The driver does not take this device (`ipmmu_device_is_allowed`).
    #[error("the driver of {iommu} does not take {device}")]
    NotAdmitted {
        /// The IOMMU's node.
        iommu: String,
        /// The device.
        device: String,
    },
    /// Its streams cannot be mapped.
    #[error("{iommu}: {conflict}")]
    Streams {
        /// The IOMMU's node.
        iommu: String,
        /// What is in the way.
        conflict: StreamConflict,
    },
    /// Some of its streams are another device's, and some are not.
    #[error("{iommu}: stream {stream:#x} is not in the group of the others")]
    PartOfSet {
        /// The IOMMU's node.
        iommu: String,
        /// The stream.
        stream: u32,
    },
    /// Its ports are not all in one region of device addresses.
    #[error("{iommu}: the streams are in no common region")]
    NoRegion {
        /// The IOMMU's node.
        iommu: String,
    },
}

/// What is the same for all devices of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The instance at this node.
    Instance(String),
    /// A stream of the instance at this node.
    Stream(String, u32),
    /// A set of streams, by its place in the driver's table.
    SwGroup(String, usize),
    /// A region or bank; of all instances where they act as one.
    Region(Option<String>, u32),
}

/// The groups of a machine.
#[derive(Default)]
pub struct Groups {
    groups: BTreeMap<GroupId, Arc<Group>>,
    keys: HashMap<Key, GroupId>,
    tables: HashMap<String, StreamTable>,
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
        let (iommu, grouping) = admit(client)?;
        let path = || iommu.path().to_owned();
        let instance = |iommu: &Arc<Iommu>| vec![Key::Instance(iommu.path().to_owned())];
        let first_cell = |stream: &Stream| stream.cells.first().copied().unwrap_or(0);
        let group = match grouping {
            Grouping::Device => self.make(iommu),
            Grouping::Instance => self.by_keys(instance(iommu), iommu),
            Grouping::LastInstance => {
                let last = client.streams.last().map_or(iommu, |stream| &stream.iommu);
                self.by_keys(instance(last), last)
            }
            Grouping::StreamMap => self.by_stream_map(client, iommu)?,
            Grouping::StreamSets => self.by_stream_sets(client, iommu)?,
            Grouping::SwGroups(sets) => {
                let first = client.streams.first().map_or(0, first_cell);
                let key = match sets.iter().position(|set| set.contains(&first)) {
                    Some(set) => Key::SwGroup(path(), set),
                    None => Key::Stream(path(), first),
                };
                self.by_keys(vec![key], iommu)
            }
            Grouping::Regions(soc) => {
                let place = soc.place(client.streams.iter().map(first_cell));
                let place = place.ok_or_else(|| NoGroup::NoRegion { iommu: path() })?;
                self.by_region(soc, place, iommu)
            }
        };
        let coherent = iommu.coherent_for(client.coherency);
        let facts = MemberFacts { coherent, isolated_msi: client.isolated_msi };
        group.add(Arc::clone(client.port), facts);
        Ok(group)
    }

    /// A group of its own for a device that no IOMMU is before, whose DMA goes where it went (`iommu_group_alloc` with
    /// `iommu_group_add_device`).
    pub fn alone(&mut self, port: &Arc<DmaPort>) -> Arc<Group> {
        let aperture = Aperture { first: Iova(0), last: Iova(u64::MAX) };
        let none = Iommu::new("", IommuFacts { page_sizes: !0xfff, aperture, reserved: Vec::new() });
        let group = self.make_with(&none, port.domain());
        group.add(Arc::clone(port), MemberFacts { coherent: true, isolated_msi: false });
        group
    }

    /// Take a device out of its group; a group without members is gone, and its number free once nobody holds it.
    pub fn leave(&mut self, group: &Group, port: &Arc<DmaPort>) {
        group.remove(port);
        if group.members().is_empty() {
            let id = group.id();
            self.left.retain(|group| group.strong_count() > 0);
            self.left.extend(self.groups.remove(&id).map(|group| Arc::downgrade(&group)));
            self.full_below = self.full_below.min(id.0);
            self.keys.retain(|_, of| *of != id);
            self.tables.values_mut().for_each(|table| table.forget(id));
        }
    }

    /// A new group, with the lowest number that is free (`ida_alloc`).
    fn make(&mut self, iommu: &Arc<Iommu>) -> Arc<Group> {
        self.make_with(iommu, Domain::paging(Arc::clone(iommu)))
    }

    fn make_with(&mut self, iommu: &Arc<Iommu>, default: Arc<Domain>) -> Arc<Group> {
        self.left.retain(|group| group.strong_count() > 0);
        let held: HashSet<GroupId> =
            self.left.iter().filter_map(Weak::upgrade).map(|group| group.id()).collect();
        let mut free = (self.full_below..u32::MAX)
            .map(GroupId)
            .filter(|id| !self.groups.contains_key(id) && !held.contains(id));
        let id = free.next().expect("there are fewer devices than numbers");
        if held.is_empty() {
            self.full_below = id.0 + 1;
        }
        let group = Group::new(id, Arc::clone(iommu), default);
        self.groups.insert(id, Arc::clone(&group));
        group
    }

    /// The group of one of these keys, or a new one; it has all of them from now on.
    fn by_keys(&mut self, keys: Vec<Key>, iommu: &Arc<Iommu>) -> Arc<Group> {
        let there = keys.iter().find_map(|key| self.groups.get(self.keys.get(key)?)).cloned();
        let group = there.unwrap_or_else(|| self.make(iommu));
        self.keys.extend(keys.into_iter().map(|key| (key, group.id())));
        group
    }

    /// `arm_smmu_device_group`: the streams of all specifiers count as streams of the first instance.
    fn by_stream_map(&mut self, client: &Client<'_>, iommu: &Arc<Iommu>) -> Result<Arc<Group>, NoGroup> {
        let of =
            |stream: &Stream| StreamMatch::of_cells(&stream.cells, stream.iommu.node().stream_match_mask);
        let streams: Vec<StreamMatch> = client.streams.iter().map(of).collect();
        let table = self.tables.entry(iommu.path().to_owned()).or_default();
        let found = table
            .find(&streams)
            .map_err(|conflict| NoGroup::Streams { iommu: iommu.path().to_owned(), conflict })?;
        let group = match found.and_then(|id| self.groups.get(&id)) {
            Some(group) => Arc::clone(group),
            None => self.make(iommu),
        };
        if let Some(table) = self.tables.get_mut(iommu.path()) {
            table.add(&streams, group.id());
        }
        Ok(group)
    }

    /// `apple_dart_device_group`: once one stream has a group, each after it must have the same.
    fn by_stream_sets(&mut self, client: &Client<'_>, iommu: &Arc<Iommu>) -> Result<Arc<Group>, NoGroup> {
        let key = |stream: &Stream| {
            Key::Stream(stream.iommu.path().to_owned(), stream.cells.first().copied().unwrap_or(0))
        };
        let keys: Vec<Key> = client.streams.iter().map(key).collect();
        let mut group = None;
        for key in &keys {
            let of = self.keys.get(key);
            if let (Some(_), Key::Stream(path, stream)) = (group.filter(|group| Some(*group) != of), key) {
                return Err(NoGroup::PartOfSet { iommu: path.clone(), stream: *stream });
            }
            group = of;
        }
        Ok(self.by_keys(keys, iommu))
    }

    fn by_region(&mut self, soc: &Soc, place: Place, iommu: &Arc<Iommu>) -> Arc<Group> {
        let instance = match soc.instances {
            Instances::Apart => Some(iommu.path().to_owned()),
            Instances::Together => None,
        };
        let keys = vec![Key::Region(instance, place.group)];
        match soc.aperture(place.region) {
            Some(aperture) => self.by_keys(keys, &iommu.region(aperture)),
            None => self.by_keys(keys, iommu),
        }
    }
}

/// The IOMMU a device is behind and its driver's rule, where the driver takes the device.
fn admit<'a>(client: &Client<'a>) -> Result<(&'a Arc<Iommu>, Grouping), NoGroup> {
    let Some(Stream { iommu, .. }) = client.streams.first() else { return Err(NoGroup::NoIommu) };
    let Some(driver) = iommu.driver() else { return Ok((iommu, Grouping::Device)) };
    let of_another = |stream: &&Stream| stream.iommu.driver().is_none_or(|other| other.name != driver.name);
    if let Some(other) = client.streams.iter().find(of_another) {
        let (first, other) = (iommu.path().to_owned(), other.iommu.path().to_owned());
        return Err(NoGroup::TwoDrivers { first, other });
    }
    let device = client.port.device();
    match driver.admission {
        Admission::RenesasList if !ipmmu::allows(client.board, device) => {
            Err(NoGroup::NotAdmitted { iommu: iommu.path().to_owned(), device: device.to_owned() })
        }
        Admission::RenesasList | Admission::Every => Ok((iommu, driver.grouping)),
    }
}

#[cfg(test)]
mod tests;
