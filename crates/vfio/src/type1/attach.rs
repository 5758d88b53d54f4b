//! Groups come to a container and leave it: domains shared or replayed, and what the container may map from then on.
//!
//! In Linux `vfio_iommu_type1_attach_group` and `vfio_iommu_type1_detach_group` of `drivers/vfio/vfio_iommu_type1.c`. A group joins
//! a domain the container has where its IOMMU takes that domain; otherwise it gets a domain of its own, into which every mapping is
//! entered.

use std::sync::Arc;

use uvfio_abi::Errno;
use uvfio_kernel::addr::Iova;
use uvfio_kernel::iommu::{Domain, Group, Owner, ReservedKind, ReservedRegion};

use super::memlock::PAGE;
use super::ranges::Ranges;
use super::{State, Type1, Version};
use crate::refusal::ContainerRefusal;
use crate::sync::lock;

/// A domain of the container and the groups attached to it.
pub(crate) struct Attached {
    /// The domain.
    pub(crate) domain: Arc<Domain>,
    groups: Vec<Arc<Group>>,
}

/// What the administrator and the IOMMU say about a group that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Who has claimed it.
    pub(crate) owner: Owner,
    /// What to make of interrupts that are not isolated.
    pub(crate) interrupts: UnsafeInterrupts,
    /// What enabling nested translation answers, where it fails.
    pub(crate) nesting: Option<Errno>,
}

/// `allow_unsafe_interrupts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum UnsafeInterrupts {
    /// The parameter is set.
    Allowed,
    /// It is not.
    Refused,
}

impl Type1 {
    /// A group comes.
    ///
    /// # Errors
    /// Why it cannot; it is then attached to nothing.
    pub(crate) fn attach(&self, group: &Arc<Group>, terms: Terms) -> Result<(), ContainerRefusal> {
        let mut state = lock(&self.state);
        if state.vaddr_invalid > 0 {
            return Err(ContainerRefusal::VaddrInvalid { count: state.vaddr_invalid });
        }
        let id = group.id();
        if state.attached.iter().flat_map(|attached| &attached.groups).any(|other| other.id() == id) {
            return Err(ContainerRefusal::AttachedTwice { group: id });
        }
        if self.version == Version::Nesting
            && let Some(errno) = terms.nesting
        {
            return Err(ContainerRefusal::NoNesting { group: id, errno });
        }
        let own = Domain::paging(group.iommu().clone());
        let refused = |error: uvfio_kernel::iommu::AttachError| ContainerRefusal::Attach {
            group: id,
            errno: Errno(error.errno()),
        };
        group.attach(terms.owner, &own).map_err(refused)?;
        let joined = self.join(&mut state, group, own, terms);
        if joined.is_err() {
            detach(group, terms.owner);
        }
        joined
    }

    fn join(
        &self,
        state: &mut State,
        group: &Arc<Group>,
        own: Arc<Domain>,
        terms: Terms,
    ) -> Result<(), ContainerRefusal> {
        let id = group.id();
        state.check_conflicts(group, &own)?;
        let mut ranges = state.ranges.clone();
        narrow(&mut ranges, group, &own);
        if terms.interrupts == UnsafeInterrupts::Refused && !group.isolated_msi() {
            return Err(ContainerRefusal::InterruptsNotIsolated { group: id });
        }
        if !state.share(group, terms.owner) {
            for (iova, mapping) in state.mappings.iter() {
                let backing = mapping.space.clone().backing();
                own.map(iova, mapping.size, mapping.prot, backing, mapping.vaddr)
                    .map_err(|error| ContainerRefusal::Attach { group: id, errno: Errno(error.errno()) })?;
            }
            group
                .attach(terms.owner, &own)
                .map_err(|error| ContainerRefusal::Attach { group: id, errno: Errno(error.errno()) })?;
            state.attached.push(Attached { domain: own, groups: vec![group.clone()] });
        }
        state.ranges = ranges;
        state.update_page_sizes();
        Ok(())
    }

    /// A group leaves. Where it is the last, every mapping goes too.
    pub(crate) fn detach(&self, group: &Arc<Group>, owner: Owner) {
        let mut state = lock(&self.state);
        detach(group, owner);
        for attached in &mut state.attached {
            attached.groups.retain(|other| other.id() != group.id());
        }
        if state.attached.iter().all(|attached| attached.groups.is_empty()) {
            self.remove_all(&mut state);
        }
        state.attached.retain(|attached| !attached.groups.is_empty());
        state.ranges = Ranges::default();
        let State { attached, ranges, .. } = &mut *state;
        for attached in attached.iter() {
            attached.groups.iter().for_each(|group| narrow(ranges, group, &attached.domain));
        }
        state.update_page_sizes();
    }

    fn remove_all(&self, state: &mut State) {
        let all: Vec<Iova> = state.mappings.iter().map(|(iova, _)| iova).collect();
        all.into_iter().for_each(|iova| self.remove(state, iova));
    }
}

impl State {
    /// Whether every mapping may stay where it is with a group that comes.
    fn check_conflicts(&self, group: &Group, domain: &Domain) -> Result<(), ContainerRefusal> {
        let id = group.id();
        if let Some(aperture) = domain.aperture() {
            let inside =
                |iova: Iova, size: u64| iova >= aperture.first && iova.0 + (size - 1) <= aperture.last.0;
            if let Some((iova, _)) = self.mappings.iter().find(|(iova, mapping)| !inside(*iova, mapping.size))
            {
                return Err(ContainerRefusal::ApertureConflict { group: id, iova });
            }
        }
        for region in reserved(group) {
            if let Some(held) = self.mappings.first_in(region.first, region.last) {
                return Err(ContainerRefusal::ReservedConflict { group: id, iova: held.iova });
            }
        }
        Ok(())
    }

    /// Put a group into a domain the container has, where its IOMMU takes it.
    fn share(&mut self, group: &Arc<Group>, owner: Owner) -> bool {
        let taker = self.attached.iter_mut().find(|attached| group.attach(owner, &attached.domain).is_ok());
        let Some(attached) = taker else { return false };
        attached.groups.push(group.clone());
        true
    }

    /// `vfio_update_pgsize_bitmap`: sizes below the host's page are one page.
    fn update_page_sizes(&mut self) {
        let common =
            self.attached.iter().fold(u64::MAX, |sizes, attached| sizes & attached.domain.page_sizes());
        let below = common & (PAGE - 1) != 0;
        self.pgsizes = common & !(PAGE - 1) | if below { PAGE } else { 0 };
    }
}

/// Let a group reach nothing. Only its owner calls this, so that it cannot be refused.
fn detach(group: &Group, owner: Owner) {
    let detached = group.detach(owner);
    debug_assert!(detached.is_ok(), "a group in a container is owned by it");
}

/// What of a group's reserved regions is in the way of a user.
fn reserved(group: &Group) -> Vec<ReservedRegion> {
    let mut regions = group.iommu().facts().reserved.clone();
    regions.retain(|region| region.kind != ReservedKind::DirectRelaxable);
    regions
}

/// Leave out what a group cannot have mapped.
fn narrow(ranges: &mut Ranges, group: &Group, domain: &Domain) {
    if let Some(aperture) = domain.aperture() {
        ranges.within(aperture.first, aperture.last);
    }
    reserved(group).iter().for_each(|region| ranges.exclude(region.first, region.last));
}
