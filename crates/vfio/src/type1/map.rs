//! `VFIO_IOMMU_MAP_DMA`: making a mapping, and giving one a new address in the process.
//!
//! In Linux `vfio_dma_do_map` of `drivers/vfio/vfio_iommu_type1.c`; the order of the checks is Linux's.

use std::sync::Arc;

use uvfio_abi::vfio::{
    DmaMap, VFIO_DMA_MAP_FLAG_EXEC_RFC, VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_VADDR,
    VFIO_DMA_MAP_FLAG_WRITE,
};
use uvfio_kernel::addr::{Iova, UserAddr};

use super::mappings::Mapping;
use super::memlock::Allowance;
use super::{State, Type1};
use crate::caller::{AddressSpace, Caller, Capability};
use crate::personality;
use crate::refusal::{MapField, Refusal, Type1Refusal};
use crate::sync::lock;
use crate::user;
use uvfio_kernel::iommu::Prot;

/// What the flags of a request ask for.
enum Wish {
    /// A new mapping.
    Map(Prot),
    /// A new address for one that is there.
    Vaddr,
}

/// What a process may lock without `CAP_IPC_LOCK`.
fn limit(caller: &dyn Caller) -> Allowance {
    caller.memlock_limit().map_or(Allowance::Unlimited, Allowance::Limit)
}

/// What a process may lock.
fn allowance(caller: &dyn Caller) -> Allowance {
    match caller.memlock_limit() {
        Some(bytes) if !caller.capable(Capability::IpcLock) => Allowance::Limit(bytes),
        _ => Allowance::Unlimited,
    }
}

impl Type1 {
    pub(super) fn map_dma(&self, caller: &dyn Caller, arg: u64) -> Result<(), Refusal> {
        let map: DmaMap = user::read(caller, arg)?;
        user::at_least(map.argsz, size_of::<DmaMap>())?;
        let wish = self.wish(map.flags)?;
        let (iova, vaddr, size) = (Iova(map.iova), UserAddr(map.vaddr), map.size);
        let mut state = lock(&self.state);
        let last = state.check_range(&map)?;
        let held = state.mappings.first_in(iova, last);
        let prot = match (wish, held) {
            (Wish::Map(prot), None) => prot,
            (Wish::Map(_), Some(held)) => {
                let refusal = Type1Refusal::Overlap { iova, size, held: held.iova, held_size: held.size };
                return Err(refusal.into());
            }
            (Wish::Vaddr, None) => return Err(Type1Refusal::VaddrNoMapping { iova }.into()),
            (Wish::Vaddr, Some(held)) if held.iova != iova || held.size != size => {
                // A mapping that still has its address is the first thing Linux looks at, but the number is the same.
                let refusal = Type1Refusal::VaddrRange { iova, size, held: held.iova, held_size: held.size };
                return Err(refusal.into());
            }
            (Wish::Vaddr, Some(_)) => return Ok(self.change_vaddr(&mut state, caller, iova, vaddr)?),
        };
        if state.avail() == 0 {
            return Err(Type1Refusal::TooManyMappings { limit: state.limit }.into());
        }
        if !state.ranges.allow(iova, last) {
            let ranges = state.ranges.list();
            return Err(Type1Refusal::OutsideRanges { iova, size, ranges }.into());
        }
        let space = caller.address_space();
        let pin = |allowance| self.shared.ledger.pin(&*space, vaddr, size, prot, allowance);
        // Who may lock more than its limit is asked only where it wants to: a refused pin has counted nothing.
        let locked = pin(limit(caller)).or_else(|refusal| match caller.capable(Capability::IpcLock) {
            true => pin(Allowance::Unlimited),
            false => Err(refusal),
        })?;
        if let Err(refusal) = state.enter(iova, size, prot, &space, vaddr) {
            self.shared.ledger.refund(space.id(), locked);
            return Err(refusal.into());
        }
        state.mappings.insert(iova, Mapping { size, vaddr, prot, space, locked, vaddr_invalid: false });
        Ok(())
    }

    /// What the flags ask for on this kernel.
    fn wish(&self, flags: u32) -> Result<Wish, Type1Refusal> {
        let unknown = flags & !(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE | VFIO_DMA_MAP_FLAG_VADDR);
        if unknown != 0 {
            return Err(Type1Refusal::MapFlags { unknown });
        }
        let read = flags & VFIO_DMA_MAP_FLAG_READ != 0;
        let write = flags & VFIO_DMA_MAP_FLAG_WRITE != 0;
        if self.shared.personality.holds(&personality::MAP_EXEC) {
            let exec = flags & VFIO_DMA_MAP_FLAG_EXEC_RFC != 0;
            return if read || write || exec {
                Ok(Wish::Map(Prot { read, write, exec }))
            } else {
                Err(Type1Refusal::NoAccess)
            };
        }
        match (read || write, flags & VFIO_DMA_MAP_FLAG_VADDR != 0) {
            (true, false) => Ok(Wish::Map(Prot { read, write, exec: read })),
            (false, true) => Ok(Wish::Vaddr),
            (true, true) => Err(Type1Refusal::VaddrWithAccess { flags }),
            (false, false) => Err(Type1Refusal::NoAccess),
        }
    }

    /// The address of a mapping that was taken away is given anew, possibly by another process (`vfio_change_dma_owner`).
    fn change_vaddr(
        &self,
        state: &mut State,
        caller: &dyn Caller,
        iova: Iova,
        vaddr: UserAddr,
    ) -> Result<(), Type1Refusal> {
        let State { mappings, attached, vaddr_invalid, .. } = state;
        let Some(mapping) = mappings.get_mut(iova).filter(|mapping| mapping.vaddr_invalid) else {
            return Err(Type1Refusal::VaddrStillValid { iova });
        };
        let space = caller.address_space();
        if space.id() != mapping.space.id() {
            self.shared.ledger.charge(space.id(), mapping.locked, allowance(caller))?;
            self.shared.ledger.refund(mapping.space.id(), mapping.locked);
        }
        for domain in attached.iter().map(|attached| &attached.domain) {
            domain.unmap(iova, mapping.size);
            domain
                .map(iova, mapping.size, mapping.prot, space.clone().backing(), vaddr)
                .map_err(|_| Type1Refusal::Iommu { iova })?;
        }
        mapping.space = space;
        mapping.vaddr = vaddr;
        mapping.vaddr_invalid = false;
        *vaddr_invalid -= 1;
        Ok(())
    }
}

impl State {
    /// Check the numbers of a request. Returns the last address.
    fn check_range(&self, map: &DmaMap) -> Result<Iova, Type1Refusal> {
        let page = self.smallest_page();
        if map.size == 0 {
            return Err(Type1Refusal::MapEmpty);
        }
        let numbers = [(MapField::Size, map.size), (MapField::Iova, map.iova), (MapField::Vaddr, map.vaddr)];
        if let Some(&(field, value)) = numbers.iter().find(|(_, value)| !value.is_multiple_of(page)) {
            return Err(Type1Refusal::MapUnaligned { field, value, page });
        }
        let last = |field, start: u64| {
            start.checked_add(map.size - 1).ok_or(Type1Refusal::MapWraps { field, start, size: map.size })
        };
        last(MapField::Vaddr, map.vaddr)?;
        Ok(Iova(last(MapField::Iova, map.iova)?))
    }

    /// Enter a mapping into every domain, or into none.
    fn enter(
        &self,
        iova: Iova,
        size: u64,
        prot: Prot,
        space: &Arc<dyn AddressSpace>,
        vaddr: UserAddr,
    ) -> Result<(), Type1Refusal> {
        for (done, attached) in self.attached.iter().enumerate() {
            if attached.domain.map(iova, size, prot, space.clone().backing(), vaddr).is_err() {
                for attached in &self.attached[..done] {
                    attached.domain.unmap(iova, size);
                }
                return Err(Type1Refusal::Iommu { iova });
            }
        }
        Ok(())
    }
}
