//! Locked memory: how many pages of each address space are pinned, and whether a range of one may be pinned at all.
//!
//! In Linux this is `vfio_pin_pages_remote` and `vfio_lock_acct` of `drivers/vfio/vfio_iommu_type1.c` over `mm->locked_vm`. Each
//! mapping counts all its pages, so a page mapped twice counts twice. Nothing is pinned here: the pages stay the program's, and a
//! page that it takes away while it is mapped becomes a fault of the device that uses it.

use std::collections::HashMap;

use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::iommu::Prot;

use crate::caller::AddressSpace;
use crate::refusal::Type1Refusal;
use crate::sync::{Mutex, lock};

/// The page of the host.
pub(crate) const PAGE: u64 = 4096;

/// Pages locked, by address space, over all containers.
#[derive(Default)]
pub(crate) struct Ledger {
    pages: Mutex<HashMap<u64, u64>>,
}

/// What a process may lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// It has `CAP_IPC_LOCK`, or no limit.
    Unlimited,
    /// `RLIMIT_MEMLOCK`, bytes.
    Limit(u64),
}

impl Allowance {
    fn admits(self, pages: u64) -> bool {
        match self {
            Allowance::Unlimited => true,
            Allowance::Limit(bytes) => pages <= bytes / PAGE,
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Allowance::Unlimited => u64::MAX,
            Allowance::Limit(bytes) => bytes,
        }
    }
}

impl Ledger {
    /// Count pages of an address space.
    ///
    /// # Errors
    /// Where it has too many then; nothing is counted.
    pub(crate) fn charge(&self, space: u64, pages: u64, allowance: Allowance) -> Result<(), Type1Refusal> {
        let mut ledger = lock(&self.pages);
        let locked = ledger.get(&space).copied().unwrap_or(0);
        let sum = locked.saturating_add(pages);
        if !allowance.admits(sum) {
            return Err(over(locked, pages, allowance));
        }
        if pages > 0 {
            ledger.insert(space, sum);
        }
        Ok(())
    }

    /// Count pages of an address space no longer.
    pub(crate) fn refund(&self, space: u64, pages: u64) {
        let mut ledger = lock(&self.pages);
        if let Some(locked) = ledger.get_mut(&space) {
            *locked = locked.saturating_sub(pages);
            if *locked == 0 {
                ledger.remove(&space);
            }
        }
    }

    /// Pages counted of an address space.
    pub(crate) fn locked(&self, space: u64) -> u64 {
        lock(&self.pages).get(&space).copied().unwrap_or(0)
    }

    /// Check that all of a range can be pinned, and count it. Returns the pages counted: registers of devices are not memory
    /// and do not count. The cost grows with the number of differently mapped parts, not with the size.
    ///
    /// # Errors
    /// Whatever Linux, which pins from low to high addresses, would have met first; nothing is counted then.
    pub(crate) fn pin(
        &self,
        space: &dyn AddressSpace,
        vaddr: UserAddr,
        size: u64,
        prot: Prot,
        allowance: Allowance,
    ) -> Result<u64, Type1Refusal> {
        let mut pages = 0_u64;
        let mut done = 0_u64;
        while done < size {
            let at = UserAddr(vaddr.0 + done);
            let part = match usable(space, at, size - done, prot) {
                Ok(part) => part,
                Err(refusal) => {
                    let locked = self.locked(space.id());
                    let limit_first = !allowance.admits(locked.saturating_add(pages));
                    return Err(if limit_first { over(locked, pages, allowance) } else { refusal });
                }
            };
            if part.counted {
                pages += part.len.div_ceil(PAGE);
            }
            done += part.len;
        }
        self.charge(space.id(), pages, allowance)?;
        Ok(pages)
    }
}

struct Part {
    len: u64,
    counted: bool,
}

/// The part of a range, from its beginning, that is mapped alike and may be used so.
fn usable(space: &dyn AddressSpace, at: UserAddr, len: u64, prot: Prot) -> Result<Part, Type1Refusal> {
    let mapped = space.mapped(at, len).ok_or(Type1Refusal::NoMemory { at })?;
    let readable = mapped.read || mapped.write && !prot.read;
    if !readable {
        return Err(Type1Refusal::NotReadable { at });
    }
    if prot.write && !mapped.write {
        return Err(Type1Refusal::NotWritable { at });
    }
    match mapped.len.min(len) {
        0 => Err(Type1Refusal::NoMemory { at }),
        len => Ok(Part { len, counted: !mapped.device }),
    }
}

fn over(locked: u64, pages: u64, allowance: Allowance) -> Type1Refusal {
    Type1Refusal::MemoryLock {
        size: pages.saturating_mul(PAGE),
        locked: locked.saturating_mul(PAGE),
        limit: allowance.bytes(),
    }
}
