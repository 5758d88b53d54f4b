//! Which devices are in one group: each IOMMU driver's rule, applied to devices as they come.
//!
//! In Linux this is `iommu_group_get_for_dev` (drivers/iommu/iommu.c) and the drivers' `of_xlate` and `device_group`. All of a device's
//! `iommus` count: drivers that make one fwspec of them know only the first instance. What rule a driver has is in its own table; this
//! keeps what the rules have to remember, and knows groups by their number only: whoever asks about a board makes no more of them.

use std::collections::HashMap;
use std::sync::Arc;

use uvfio_firmware::Cells;

use super::domain::Aperture;
use super::driver::{Admission, Grouping};
use super::group::GroupId;
use super::instance::Iommu;
use super::ipmmu;
use super::mediatek::{Instances, Place, Soc};
use super::streams::{StreamConflict, StreamMatch, StreamTable};

/// One specifier of a device's `iommus`.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The IOMMU.
    pub iommu: Arc<Iommu>,
    /// What it takes to tell streams apart.
    pub cells: Cells,
}

/// A device that looks for its group.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    /// Its name.
    pub device: &'a str,
    /// Its `iommus` in their order.
    pub streams: &'a [Stream],
    /// The board's compatibles.
    pub board: &'a [String],
    /// Where it is a PCI function, its slot.
    pub slot: Option<Slot>,
}

/// A slot of a PCI bus, one number for the whole machine. Its functions are in one group where nothing says that they are isolated
/// from each other (`pci_device_group` with `get_pci_function_alias_group`, drivers/iommu/iommu.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

/// Where a device belongs.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// Its group.
    pub group: GroupId,
    /// The IOMMU the group is behind.
    pub iommu: &'a Arc<Iommu>,
    /// The part of what that translates which is the group's, where it is not all.
    pub aperture: Option<Aperture>,
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

/// An IOMMU, by its path's place among those that were seen.
type Instance = u32;

/// What is the same for all devices of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// An instance.
    Instance(Instance),
    /// A stream of an instance.
    Stream(Instance, u32),
    /// A set of streams, by its place in the driver's table.
    SwGroup(Instance, usize),
    /// A slot of a PCI bus.
    Slot(Slot),
    /// A region or bank; of all instances where they act as one.
    Region(Option<Instance>, u32),
}

/// What the rules remember of the devices that came.
#[derive(Debug, Default)]
pub struct Formation {
    /// IOMMUs by path.
    instances: HashMap<String, Instance>,
    keys: HashMap<Key, GroupId>,
    /// By instance.
    tables: HashMap<Instance, StreamTable>,
}

impl Formation {
    /// The group of a device. A new one, whose number is asked for, where it shares none.
    ///
    /// # Errors
    /// Where its IOMMU's driver does not take it; nothing was changed.
    pub fn place<'a>(
        &mut self,
        newcomer: &Newcomer<'a>,
        number: impl FnOnce() -> GroupId,
    ) -> Result<Placed<'a>, NoGroup> {
        let (iommu, grouping) = admit(newcomer)?;
        let streams = newcomer.streams;
        let first_cell = |stream: &Stream| stream.cells.first().copied().unwrap_or(0);
        let whole = |group: GroupId, iommu: &'a Arc<Iommu>| Placed { group, iommu, aperture: None };
        Ok(match grouping {
            Grouping::Device => match newcomer.slot {
                Some(slot) => whole(self.by_keys(&[Key::Slot(slot)], number), iommu),
                None => whole(number(), iommu),
            },
            Grouping::Instance => whole(self.by_instance(iommu, number), iommu),
            Grouping::LastInstance => {
                let last = streams.last().map_or(iommu, |stream| &stream.iommu);
                whole(self.by_instance(last, number), last)
            }
            Grouping::StreamMap => {
                let slot = newcomer.slot.map(Key::Slot);
                let of_slot = slot.and_then(|slot| self.keys.get(&slot)).copied();
                let number = || of_slot.unwrap_or_else(number);
                let group = self.by_stream_map(streams, iommu, number)?;
                self.keys.extend(slot.map(|slot| (slot, group)));
                whole(group, iommu)
            }
            Grouping::StreamSets => whole(self.by_stream_sets(streams, number)?, iommu),
            Grouping::SwGroups(sets) => {
                let first = streams.first().map_or(0, first_cell);
                let instance = self.instance(iommu);
                let key = match sets.iter().position(|set| set.contains(&first)) {
                    Some(set) => Key::SwGroup(instance, set),
                    None => Key::Stream(instance, first),
                };
                whole(self.by_keys(&[key], number), iommu)
            }
            Grouping::Regions(soc) => {
                let place = soc.place(streams.iter().map(first_cell));
                let place = place.ok_or_else(|| NoGroup::NoRegion { iommu: iommu.path().to_owned() })?;
                let group = self.by_region(soc, place, iommu, number);
                Placed { group, iommu, aperture: soc.aperture(place.region) }
            }
        })
    }

    /// A group is gone.
    pub(super) fn forget(&mut self, group: GroupId) {
        self.keys.retain(|_, of| *of != group);
        self.tables.values_mut().for_each(|table| table.forget(group));
    }

    fn instance(&mut self, iommu: &Iommu) -> Instance {
        if let Some(&known) = self.instances.get(iommu.path()) {
            return known;
        }
        let new = Instance::try_from(self.instances.len()).unwrap_or(Instance::MAX);
        self.instances.insert(iommu.path().to_owned(), new);
        new
    }

    /// The group of one of these keys, or a new one; it has all of them from now on.
    fn by_keys(&mut self, keys: &[Key], number: impl FnOnce() -> GroupId) -> GroupId {
        let there = keys.iter().find_map(|key| self.keys.get(key)).copied();
        let group = there.unwrap_or_else(number);
        self.keys.extend(keys.iter().map(|key| (*key, group)));
        group
    }

    fn by_instance(&mut self, iommu: &Iommu, number: impl FnOnce() -> GroupId) -> GroupId {
        let key = Key::Instance(self.instance(iommu));
        self.by_keys(&[key], number)
    }

    /// `arm_smmu_device_group`: the streams of all specifiers count as streams of the first instance.
    fn by_stream_map(
        &mut self,
        streams: &[Stream],
        iommu: &Iommu,
        number: impl FnOnce() -> GroupId,
    ) -> Result<GroupId, NoGroup> {
        let of =
            |stream: &Stream| StreamMatch::of_cells(&stream.cells, stream.iommu.node().stream_match_mask);
        let streams: Vec<StreamMatch> = streams.iter().map(of).collect();
        let instance = self.instance(iommu);
        let table = self.tables.entry(instance).or_default();
        let found = table
            .find(&streams)
            .map_err(|conflict| NoGroup::Streams { iommu: iommu.path().to_owned(), conflict })?;
        let group = found.unwrap_or_else(number);
        table.add(&streams, group);
        Ok(group)
    }

    /// `apple_dart_device_group`: once one stream has a group, each after it must have the same.
    fn by_stream_sets(
        &mut self,
        streams: &[Stream],
        number: impl FnOnce() -> GroupId,
    ) -> Result<GroupId, NoGroup> {
        let mut keys = Vec::with_capacity(streams.len());
        let mut group = None;
        for Stream { iommu, cells } in streams {
            let stream = cells.first().copied().unwrap_or(0);
            let key = Key::Stream(self.instance(iommu), stream);
            let of = self.keys.get(&key).copied();
            if group.is_some() && group != of {
                return Err(NoGroup::PartOfSet { iommu: iommu.path().to_owned(), stream });
            }
            group = of;
            keys.push(key);
        }
        Ok(self.by_keys(&keys, number))
    }

    fn by_region(
        &mut self,
        soc: &Soc,
        place: Place,
        iommu: &Iommu,
        number: impl FnOnce() -> GroupId,
    ) -> GroupId {
        let instance = match soc.instances {
            Instances::Apart => Some(self.instance(iommu)),
            Instances::Together => None,
        };
        self.by_keys(&[Key::Region(instance, place.group)], number)
    }
}

/// The IOMMU a device is behind and its driver's rule, where the driver takes the device.
fn admit<'a>(newcomer: &Newcomer<'a>) -> Result<(&'a Arc<Iommu>, Grouping), NoGroup> {
    let Some(Stream { iommu, .. }) = newcomer.streams.first() else { return Err(NoGroup::NoIommu) };
    let Some(driver) = iommu.driver() else { return Ok((iommu, Grouping::Device)) };
    let of_another = |stream: &&Stream| stream.iommu.driver().is_none_or(|other| other.name != driver.name);
    if let Some(other) = newcomer.streams.iter().find(of_another) {
        let (first, other) = (iommu.path().to_owned(), other.iommu.path().to_owned());
        return Err(NoGroup::TwoDrivers { first, other });
    }
    let device = newcomer.device;
    match driver.admission {
        Admission::RenesasList if !ipmmu::allows(newcomer.board, device) => {
            Err(NoGroup::NotAdmitted { iommu: iommu.path().to_owned(), device: device.to_owned() })
        }
        Admission::RenesasList | Admission::Every => Ok((iommu, driver.grouping)),
    }
}
