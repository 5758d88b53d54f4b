//! The stream mapping table of an Arm SMMU, versions 1 and 2: which streams one entry matches.
//!
//! In Linux this is `arm_smmu_find_sme` and `arm_smmu_device_group` (drivers/iommu/arm/arm-smmu/arm-smmu.c). An entry matches every
//! stream that equals its identifier in the bits its mask does not cover. How many entries the hardware has is in a register;
//! here there are as many as are needed.

use std::collections::BTreeMap;

use super::group::GroupId;

/// A stream or, with a mask, several: bits set in the mask are not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamMatch {
    /// Identifier.
    pub id: u16,
    /// Bits that are not compared.
    pub mask: u16,
}

impl StreamMatch {
    /// From a specifier's cells (`arm_smmu_of_xlate`); a provider's `stream-match-mask` serves where a specifier has one cell.
    #[must_use]
    pub fn of_cells(cells: &[u32], provider_mask: Option<u16>) -> Self {
        // The driver keeps 16 bits of either cell.
        let low = |cell: u32| (cell & 0xffff) as u16;
        StreamMatch {
            id: cells.first().copied().map_or(0, low),
            mask: cells.get(1).copied().map(low).or(provider_mask).unwrap_or(0),
        }
    }

    /// Whether every stream of `other` is one of these.
    const fn covers(self, other: StreamMatch) -> bool {
        other.mask & self.mask == other.mask && (self.id ^ other.id) & !self.mask == 0
    }

    /// Whether some stream is matched by both.
    const fn meets(self, other: StreamMatch) -> bool {
        (self.id ^ other.id) & !(self.mask | other.mask) == 0
    }
}

/// Why streams could not be mapped (`-EINVAL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamConflict {
    /// A stream would be matched by two entries.
    #[error("streams {asked:?} overlap {there:?}")]
    Overlap {
        /// What was to be mapped.
        asked: StreamMatch,
        /// What is there.
        there: StreamMatch,
    },
    /// The device's streams are in two groups already.
    #[error("streams are in groups {first} and {second}")]
    TwoGroups {
        /// One.
        first: GroupId,
        /// The other.
        second: GroupId,
    },
}

/// The entries of one SMMU that devices use, by mask and then by the bits of the identifier that are compared: a table has few masks,
/// so that finding a stream does not take longer the more devices there are.
#[derive(Debug, Default)]
pub(super) struct StreamTable {
    entries: BTreeMap<u16, BTreeMap<u16, GroupId>>,
}

impl StreamTable {
    /// The group in which these streams are already; `None` where they are in none.
    pub(super) fn find(&self, streams: &[StreamMatch]) -> Result<Option<GroupId>, StreamConflict> {
        let mut found: Option<GroupId> = None;
        for (at, &asked) in streams.iter().enumerate() {
            let own = &streams[..at];
            if let Some(&there) = own.iter().find(|own| !own.covers(asked) && own.meets(asked)) {
                return Err(StreamConflict::Overlap { asked, there });
            }
            let Some(group) = self.entry(asked)? else { continue };
            match found {
                Some(first) if first != group => {
                    return Err(StreamConflict::TwoGroups { first, second: group });
                }
                _ => found = Some(group),
            }
        }
        Ok(found)
    }

    fn entry(&self, asked: StreamMatch) -> Result<Option<GroupId>, StreamConflict> {
        if let Some(group) = self.covering(asked) {
            return Ok(Some(group));
        }
        // An entry that compares no bit that is not compared here would have covered it.
        let others = self.entries.iter().filter(|(mask, _)| *mask & asked.mask != asked.mask);
        let mut there = others.flat_map(|(&mask, ids)| ids.keys().map(move |&id| StreamMatch { id, mask }));
        match there.find(|there| there.meets(asked)) {
            Some(there) => Err(StreamConflict::Overlap { asked, there }),
            None => Ok(None),
        }
    }

    /// The group of the entry that matches every stream of `asked`.
    fn covering(&self, asked: StreamMatch) -> Option<GroupId> {
        let wide = self.entries.iter().filter(|(mask, _)| *mask & asked.mask == asked.mask);
        wide.into_iter().find_map(|(mask, ids)| ids.get(&(asked.id & !mask)).copied())
    }

    /// These streams belong to a group from now on.
    pub(super) fn add(&mut self, streams: &[StreamMatch], group: GroupId) {
        for &asked in streams {
            if self.covering(asked).is_none() {
                self.entries.entry(asked.mask).or_default().insert(asked.id & !asked.mask, group);
            }
        }
    }

    /// A group is gone.
    pub(super) fn forget(&mut self, group: GroupId) {
        for ids in self.entries.values_mut() {
            ids.retain(|_, of| *of != group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(id: u16, mask: u16) -> StreamMatch {
        StreamMatch { id, mask }
    }

    #[test]
    fn entries_match_by_mask() {
        let mut table = StreamTable::default();
        table.add(&[stream(0x10, 0x3), stream(0x80, 0)], GroupId(1));
        table.add(&[stream(0x40, 0)], GroupId(2));
        assert_eq!(table.find(&[stream(0x12, 0)]), Ok(Some(GroupId(1))));
        assert_eq!(table.find(&[stream(0x14, 0)]), Ok(None));
        assert!(matches!(table.find(&[stream(0x10, 0x7)]), Err(StreamConflict::Overlap { .. })));
        assert!(matches!(table.find(&[stream(1, 0), stream(0, 3)]), Err(StreamConflict::Overlap { .. })));
        let both = table.find(&[stream(0x13, 0), stream(0x40, 0)]);
        assert_eq!(both, Err(StreamConflict::TwoGroups { first: GroupId(1), second: GroupId(2) }));
        table.forget(GroupId(1));
        assert_eq!(table.find(&[stream(0x12, 0)]), Ok(None));
    }

    #[test]
    fn a_mask_comes_from_the_second_cell_or_from_the_provider() {
        assert_eq!(StreamMatch::of_cells(&[0x1_0005, 0x7f], Some(1)), stream(5, 0x7f));
        assert_eq!(StreamMatch::of_cells(&[5], Some(1)), stream(5, 1));
        assert_eq!(StreamMatch::of_cells(&[], None), stream(0, 0));
    }
}
