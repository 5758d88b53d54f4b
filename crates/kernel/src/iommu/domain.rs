//! A domain: an address space for DMA, and the facts of the IOMMU that a user of it must respect.
//!
//! In Linux this is `struct iommu_domain` (include/linux/iommu.h) with `iommu_map()` and `iommu_unmap()` of
//! drivers/iommu/iommu.c. Every access translates and happens under the domain's lock for reading, so that an unmap, which takes
//! it for writing, waits for the accesses under way, and none happens after it has returned. Reserved regions are facts here:
//! who maps decides whether to respect them, as in Linux (`vfio_iommu_resv_exclude`).

use std::sync::Arc;

use super::instance::Iommu;
use super::table::{Overlap, Prot, Table, Unmapped};
use crate::addr::{Iova, UserAddr};
use crate::errno::{self, Errno};
use crate::hw::Backing;
use crate::sync::{self, RwLock, RwLockReadGuard};

/// The device addresses an IOMMU can translate, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aperture {
    /// First.
    pub first: Iova,
    /// Last.
    pub last: Iova,
}

/// Why a range is reserved (`enum iommu_resv_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReservedKind {
    /// Must stay mapped one to one (`IOMMU_RESV_DIRECT`).
    Direct,
    /// Should be mapped one to one while the host uses it (`IOMMU_RESV_DIRECT_RELAXABLE`): not in a user's way.
    DirectRelaxable,
    /// Never to be mapped (`IOMMU_RESV_RESERVED`).
    Reserved,
    /// The hardware takes writes there for message-signalled interrupts (`IOMMU_RESV_MSI`).
    Msi,
    /// Software maps the interrupt controller's doorbell there (`IOMMU_RESV_SW_MSI`).
    SoftwareMsi,
}

/// A range of device addresses with a purpose of its own, as `/sys/kernel/iommu_groups/N/reserved_regions` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReservedRegion {
    /// First address.
    pub first: Iova,
    /// Last address, inclusive.
    pub last: Iova,
    /// Why.
    pub kind: ReservedKind,
}

/// What an IOMMU can do, as its driver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IommuFacts {
    /// A bit for each page size (`pgsize_bitmap`); never 0.
    pub page_sizes: u64,
    /// What it translates.
    pub aperture: Aperture,
    /// Ranges reserved for every device behind it.
    pub reserved: Vec<ReservedRegion>,
}

/// What a domain does with addresses.
#[derive(Clone)]
pub enum DomainKind {
    /// Nothing gets through (`IOMMU_DOMAIN_BLOCKED`).
    Blocked,
    /// Device addresses are the board's addresses (`IOMMU_DOMAIN_IDENTITY`, or no IOMMU at all). The memory, where the board has
    /// any that devices could reach.
    Direct(Option<Arc<dyn Backing>>),
    /// Addresses are translated by the table (`IOMMU_DOMAIN_UNMANAGED`).
    Paging(Arc<Iommu>),
}

/// Why a range could not be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The domain does not translate.
    #[error("the domain has no table")]
    NoTable,
    /// Nothing to map.
    #[error("empty range")]
    Empty,
    /// Not a multiple of the smallest page.
    #[error("{iova}, {user} or size {size:#x} is not a multiple of {page:#x}")]
    Unaligned {
        /// The device address.
        iova: Iova,
        /// The process's address.
        user: UserAddr,
        /// Bytes.
        size: u64,
        /// The smallest page.
        page: u64,
    },
    /// The range wraps around the end of one of its address spaces.
    #[error("{size:#x} bytes at {iova} from {user} wrap around")]
    Wraps {
        /// The device address.
        iova: Iova,
        /// The process's address.
        user: UserAddr,
        /// Bytes.
        size: u64,
    },
    /// The IOMMU cannot translate these addresses.
    #[error("{size:#x} bytes at {iova} reach outside {aperture:?}")]
    OutsideAperture {
        /// The device address.
        iova: Iova,
        /// Bytes.
        size: u64,
        /// What it can translate.
        aperture: Aperture,
    },
    /// Something is mapped there.
    #[error("{size:#x} bytes are mapped at {iova}")]
    Overlaps {
        /// Where the mapping in the way starts.
        iova: Iova,
        /// Its bytes.
        size: u64,
    },
}

impl MapError {
    /// What `iommu_map()` answers.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            MapError::NoTable | MapError::Empty | MapError::Unaligned { .. } | MapError::Wraps { .. } => {
                errno::EINVAL
            }
            MapError::OutsideAperture { .. } => errno::ERANGE,
            MapError::Overlaps { .. } => errno::EEXIST,
        }
    }
}

/// An address space for DMA.
pub struct Domain {
    kind: DomainKind,
    table: RwLock<Table>,
}

impl Domain {
    /// A domain through which nothing gets.
    #[must_use]
    pub fn blocked() -> Arc<Self> {
        Self::new(DomainKind::Blocked)
    }

    /// A domain without translation, onto this memory.
    #[must_use]
    pub fn direct(memory: Option<Arc<dyn Backing>>) -> Arc<Self> {
        Self::new(DomainKind::Direct(memory))
    }

    /// An empty translated domain of this IOMMU (`iommu_paging_domain_alloc`).
    #[must_use]
    pub fn paging(iommu: Arc<Iommu>) -> Arc<Self> {
        Self::new(DomainKind::Paging(iommu))
    }

    fn new(kind: DomainKind) -> Arc<Self> {
        Arc::new(Self { kind, table: RwLock::default() })
    }

    /// What it does with addresses.
    #[must_use]
    pub fn kind(&self) -> &DomainKind {
        &self.kind
    }

    /// The IOMMU whose domain it is, where it translates.
    #[must_use]
    pub fn iommu(&self) -> Option<&Arc<Iommu>> {
        match &self.kind {
            DomainKind::Paging(iommu) => Some(iommu),
            DomainKind::Blocked | DomainKind::Direct(_) => None,
        }
    }

    /// A bit for each page size; 0 where it does not translate.
    #[must_use]
    pub fn page_sizes(&self) -> u64 {
        self.iommu().map_or(0, |iommu| iommu.facts().page_sizes)
    }

    /// What it can translate (`domain->geometry`).
    #[must_use]
    pub fn aperture(&self) -> Option<Aperture> {
        self.iommu().map(|iommu| iommu.facts().aperture)
    }

    /// Map `size` bytes at `iova` to the memory at `user`. What it costs does not depend on `size`.
    ///
    /// # Errors
    /// See [`MapError`]; nothing was changed.
    pub fn map(
        &self,
        iova: Iova,
        size: u64,
        prot: Prot,
        backing: Arc<dyn Backing>,
        user: UserAddr,
    ) -> Result<(), MapError> {
        let facts = self.iommu().ok_or(MapError::NoTable)?.facts();
        let more = size.checked_sub(1).ok_or(MapError::Empty)?;
        let page = 1u64.checked_shl(facts.page_sizes.trailing_zeros()).unwrap_or(1);
        if (iova.0 | size | user.0) & (page - 1) != 0 {
            return Err(MapError::Unaligned { iova, user, size, page });
        }
        let wraps = MapError::Wraps { iova, user, size };
        let last = iova.checked_add(more).ok_or(wraps)?;
        user.checked_add(more).ok_or(wraps)?;
        let aperture = facts.aperture;
        if iova < aperture.first || last > aperture.last {
            return Err(MapError::OutsideAperture { iova, size, aperture });
        }
        sync::write(&self.table)
            .map(iova, last, prot, backing, user)
            .map_err(|Overlap { iova, size }| MapError::Overlaps { iova, size })
    }

    /// Take `size` bytes at `iova` away, cutting mappings that stick out. When it returns, no access goes there any more. A range
    /// that reaches beyond the end of the address space ends there.
    pub fn unmap(&self, iova: Iova, size: u64) -> Unmapped {
        match size.checked_sub(1) {
            Some(more) => sync::write(&self.table).unmap(iova, Iova(iova.0.saturating_add(more))),
            None => Unmapped::default(),
        }
    }

    /// Take everything away, the last page of the address space included.
    pub fn unmap_all(&self) -> Unmapped {
        sync::write(&self.table).unmap(Iova(0), Iova(u64::MAX))
    }

    /// Look at the table, or use it; no mapping goes as long as the guard lives.
    pub fn table(&self) -> RwLockReadGuard<'_, Table> {
        sync::read(&self.table)
    }

    /// Wait until every access that began before has ended.
    pub(super) fn drain(&self) {
        drop(sync::write(&self.table));
    }
}

#[cfg(test)]
mod tests;
