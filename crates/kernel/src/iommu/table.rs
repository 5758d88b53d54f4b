//! The translation table of a domain: ranges of device addresses, and the memory behind each.
//!
//! In Linux this is drivers/iommu/io-pgtable-arm.c and its like: a radix tree with one entry per page. Nothing walks this one in
//! hardware, so it is a map of intervals: what mapping and unmapping cost depends on how many mappings there are, by their
//! logarithm, and not on how large they are. Checks of alignment and range are the domain's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::addr::{Iova, UserAddr};
use crate::hw::{Access, Backing, FaultReason};

/// What a mapping allows (`IOMMU_READ`, `IOMMU_WRITE`, and the absence of `IOMMU_NOEXEC`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prot {
    /// Devices may read.
    pub read: bool,
    /// Devices may write.
    pub write: bool,
    /// Devices may fetch their program.
    pub exec: bool,
}

impl Prot {
    /// Read and write, what most mappings are.
    pub const READ_WRITE: Prot = Prot { read: true, write: true, exec: false };

    /// Whether this access is allowed.
    #[must_use]
    pub const fn allows(self, access: Access) -> bool {
        match access {
            Access::Read => self.read,
            Access::Write => self.write,
            Access::Execute => self.exec,
        }
    }
}

/// A range of a process's memory at a range of device addresses.
struct Mapping {
    /// Last device address, inclusive, so that the last page of all has one.
    last: u64,
    prot: Prot,
    backing: Arc<dyn Backing>,
    user: UserAddr,
    used: AtomicBool,
}

/// Where an access goes: memory behind the table, contiguous from `at` on.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The memory.
    pub backing: &'a Arc<dyn Backing>,
    /// Where in it.
    pub at: UserAddr,
    /// Bytes until the mapping ends; at least 1.
    pub len: u64,
}

/// A range is mapped already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Where the mapping in the way starts.
    pub iova: Iova,
    /// Its bytes.
    pub size: u64,
}

/// What [`Table::unmap`] took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmapped {
    /// Bytes that are no longer mapped. 0 also where all 2^64 were.
    pub bytes: u64,
    /// Mappings that went wholly or lost a part.
    pub mappings: u64,
    /// Those of them that no access had ever used.
    pub unused: u64,
}

/// Ranges of device addresses, no two of which overlap.
#[derive(Default)]
pub struct Table {
    by_start: BTreeMap<u64, Mapping>,
}

impl Table {
    /// Mappings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_start.len()
    }

    /// Whether nothing is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_start.is_empty()
    }

    /// Map `iova..=last` to the memory at `user` on.
    ///
    /// # Errors
    /// The first mapping in the way; nothing was changed.
    pub fn map(
        &mut self,
        iova: Iova,
        last: Iova,
        prot: Prot,
        backing: Arc<dyn Backing>,
        user: UserAddr,
    ) -> Result<(), Overlap> {
        if let Some((start, mapping)) = self.first_in(iova.0, last.0) {
            return Err(Overlap { iova: Iova(start), size: (mapping.last - start).wrapping_add(1) });
        }
        let mapping = Mapping { last: last.0, prot, backing, user, used: AtomicBool::new(false) };
        self.by_start.insert(iova.0, mapping);
        Ok(())
    }

    /// Take `iova..=last` away, cutting mappings that stick out.
    pub fn unmap(&mut self, iova: Iova, last: Iova) -> Unmapped {
        let mut gone = Unmapped::default();
        while let Some(start) = self.first_in(iova.0, last.0).map(|(start, _)| start) {
            let Some(mapping) = self.by_start.remove(&start) else { break };
            let (from, to) = (start.max(iova.0), mapping.last.min(last.0));
            gone.bytes = gone.bytes.wrapping_add((to - from).wrapping_add(1));
            gone.mappings += 1;
            gone.unused += u64::from(!mapping.used.load(Ordering::Relaxed));
            self.keep_tail(start, &mapping, to);
            if start < from {
                self.by_start.insert(start, Mapping { last: from - 1, ..mapping });
            }
        }
        gone
    }

    fn keep_tail(&mut self, start: u64, mapping: &Mapping, to: u64) {
        if to == mapping.last {
            return;
        }
        let tail = Mapping {
            last: mapping.last,
            prot: mapping.prot,
            backing: mapping.backing.clone(),
            user: UserAddr(mapping.user.0.wrapping_add(to - start + 1)),
            used: AtomicBool::new(mapping.used.load(Ordering::Relaxed)),
        };
        self.by_start.insert(to + 1, tail);
    }

    /// Where an access at `iova` goes.
    ///
    /// # Errors
    /// No mapping there, or one that does not allow it.
    pub fn translate(&self, iova: Iova, access: Access) -> Result<Run<'_>, FaultReason> {
        let (start, mapping) = self.at(iova.0).ok_or(FaultReason::NotMapped)?;
        if !mapping.prot.allows(access) {
            return Err(FaultReason::NotAllowed);
        }
        // Checked first, so that the line is not written to by every access of every device.
        if !mapping.used.load(Ordering::Relaxed) {
            mapping.used.store(true, Ordering::Relaxed);
        }
        let into = iova.0 - start;
        Ok(Run {
            backing: &mapping.backing,
            at: UserAddr(mapping.user.0.wrapping_add(into)),
            len: (mapping.last - iova.0).saturating_add(1),
        })
    }

    /// Every mapping in order: where it starts, its last address, and whether an access ever used it.
    pub fn iter(&self) -> impl Iterator<Item = (Iova, Iova, bool)> {
        self.by_start
            .iter()
            .map(|(start, mapping)| (Iova(*start), Iova(mapping.last), mapping.used.load(Ordering::Relaxed)))
    }

    fn at(&self, iova: u64) -> Option<(u64, &Mapping)> {
        let (start, mapping) = self.by_start.range(..=iova).next_back()?;
        (iova <= mapping.last).then_some((*start, mapping))
    }

    fn first_in(&self, from: u64, to: u64) -> Option<(u64, &Mapping)> {
        self.at(from)
            .or_else(|| self.by_start.range(from..=to).next().map(|(start, mapping)| (*start, mapping)))
    }
}

#[cfg(test)]
mod tests;
