//! A group: devices an IOMMU cannot tell apart, who owns their DMA, and the domain they are attached to.
//!
//! In Linux this is `struct iommu_group` (drivers/iommu/iommu.c). While host drivers use members, their DMA goes through the
//! default domain; a user space owner first claims the whole group, which blocks it, and then attaches domains of its own
//! (`iommu_group_claim_dma_owner`). Which devices are in a group is decided elsewhere, by the rule of the IOMMU's driver.

use std::fmt;
use std::sync::Arc;

use super::domain::Domain;
use super::instance::Iommu;
use super::port::DmaPort;
use crate::errno::{self, Errno};
use crate::sync::{self, Mutex};

/// A group's number, as in `/sys/kernel/iommu_groups` and `/dev/vfio`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whoever claims a group; two claims are by the same owner where the numbers are equal (`void *owner`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub u64);

/// The group's DMA is in somebody else's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Host drivers use members.
    #[error("group {group} is used by {drivers} host drivers")]
    Host {
        /// The group.
        group: GroupId,
        /// How many members they have.
        drivers: usize,
    },
    /// A user has claimed it.
    #[error("group {group} is owned by a user")]
    User {
        /// The group.
        group: GroupId,
        /// The owner.
        owner: Owner,
    },
}

impl Busy {
    /// What a claim answers (`iommu_group_claim_dma_owner`).
    #[must_use]
    pub const fn claim_errno(&self) -> Errno {
        errno::EPERM
    }

    /// What the probe of a host driver answers (`iommu_device_use_default_domain`).
    #[must_use]
    pub const fn probe_errno(&self) -> Errno {
        errno::EBUSY
    }
}

/// Only the owner may do this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the owner of group {group}")]
pub struct NotOwner {
    /// The group.
    pub group: GroupId,
}

/// Why a domain could not be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Only the owner may attach (`-EBUSY`).
    #[error(transparent)]
    NotOwner(#[from] NotOwner),
    /// The domain is of another IOMMU, or of none (`-EINVAL`).
    #[error("the domain is of another iommu than group {group}")]
    OtherIommu {
        /// The group.
        group: GroupId,
    },
}

impl AttachError {
    /// What `iommu_attach_group()` answers.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            AttachError::NotOwner(_) => errno::EBUSY,
            AttachError::OtherIommu { .. } => errno::EINVAL,
        }
    }
}

/// Devices that are given away together.
pub struct Group {
    id: GroupId,
    iommu: Arc<Iommu>,
    default: Arc<Domain>,
    blocked: Arc<Domain>,
    state: Mutex<State>,
}

struct State {
    members: Vec<Member>,
    user: Option<Owner>,
    hosts: usize,
    domain: Arc<Domain>,
}

struct Member {
    port: Arc<DmaPort>,
    facts: MemberFacts,
}

/// What the IOMMU guarantees for one member (`enum iommu_cap`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MemberFacts {
    /// Its DMA is coherent with the processors' caches (`IOMMU_CAP_CACHE_COHERENCY`).
    pub coherent: bool,
    /// It cannot raise other devices' message-signalled interrupts (`msi_device_has_isolated_msi`).
    pub isolated_msi: bool,
}

impl Group {
    /// A group without members, attached to the domain its host drivers use.
    #[must_use]
    pub fn new(id: GroupId, iommu: Arc<Iommu>, default: Arc<Domain>) -> Arc<Self> {
        let state = State { members: Vec::new(), user: None, hosts: 0, domain: default.clone() };
        Arc::new(Self { id, iommu, default, blocked: Domain::blocked(), state: Mutex::new(state) })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// The domain its host drivers use.
    #[must_use]
    pub fn default_domain(&self) -> &Arc<Domain> {
        &self.default
    }

    /// The IOMMU its members are behind.
    #[must_use]
    pub fn iommu(&self) -> &Arc<Iommu> {
        &self.iommu
    }

    /// A device comes. Its DMA goes wherever the group's goes now (`iommu_group_add_device`).
    pub fn add(&self, port: Arc<DmaPort>, facts: MemberFacts) {
        let mut state = sync::lock(&self.state);
        port.attach(&state.domain);
        state.members.push(Member { port, facts });
    }

    /// A device goes, and is blocked. Whether it was a member.
    pub fn remove(&self, port: &Arc<DmaPort>) -> bool {
        let mut state = sync::lock(&self.state);
        let Some(at) = state.members.iter().position(|member| Arc::ptr_eq(&member.port, port)) else {
            return false;
        };
        state.members.remove(at);
        port.attach(&self.blocked);
        true
    }

    /// The members' ports, in the order they came.
    #[must_use]
    pub fn members(&self) -> Vec<Arc<DmaPort>> {
        sync::lock(&self.state).members.iter().map(|member| member.port.clone()).collect()
    }

    /// Whether no member's interrupts can reach another's (`iommu_group_has_isolated_msi`).
    #[must_use]
    pub fn isolated_msi(&self) -> bool {
        sync::lock(&self.state).members.iter().all(|member| member.facts.isolated_msi)
    }

    /// Whether all members' DMA is coherent.
    #[must_use]
    pub fn coherent(&self) -> bool {
        sync::lock(&self.state).members.iter().all(|member| member.facts.coherent)
    }

    /// What the IOMMU guarantees for one member.
    #[must_use]
    pub fn facts_of(&self, port: &Arc<DmaPort>) -> Option<MemberFacts> {
        let state = sync::lock(&self.state);
        state.members.iter().find(|member| Arc::ptr_eq(&member.port, port)).map(|member| member.facts)
    }

    /// A host driver begins to use a member (`iommu_device_use_default_domain`).
    ///
    /// # Errors
    /// Where a user owns the group.
    pub fn use_by_host(&self) -> Result<(), Busy> {
        let mut state = sync::lock(&self.state);
        if let Some(owner) = state.user {
            return Err(Busy::User { group: self.id, owner });
        }
        state.hosts += 1;
        Ok(())
    }

    /// A host driver has left a member (`iommu_device_unuse_default_domain`).
    pub fn unuse_by_host(&self) {
        let mut state = sync::lock(&self.state);
        state.hosts = state.hosts.saturating_sub(1);
    }

    /// How many members host drivers use.
    #[must_use]
    pub fn hosts(&self) -> usize {
        sync::lock(&self.state).hosts
    }

    /// Claim the group's DMA: nothing gets through until a domain is attached (`iommu_group_claim_dma_owner`).
    ///
    /// # Errors
    /// Where host drivers or another claim have it.
    pub fn claim(&self, owner: Owner) -> Result<(), Busy> {
        let mut state = sync::lock(&self.state);
        if state.hosts > 0 {
            return Err(Busy::Host { group: self.id, drivers: state.hosts });
        }
        if let Some(owner) = state.user {
            return Err(Busy::User { group: self.id, owner });
        }
        state.user = Some(owner);
        switch(&mut state, &self.blocked);
        Ok(())
    }

    /// Give the group back to the host: no access goes through the owner's domain any more (`iommu_group_release_dma_owner`).
    ///
    /// # Errors
    /// Where it is somebody else's.
    pub fn release(&self, owner: Owner) -> Result<(), NotOwner> {
        let mut state = self.owned_by(owner)?;
        state.user = None;
        switch(&mut state, &self.default);
        Ok(())
    }

    /// Who has claimed it.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        sync::lock(&self.state).user
    }

    /// Let all members' DMA go through this domain (`iommu_attach_group`).
    ///
    /// # Errors
    /// Where the caller does not own the group, or the domain is of another IOMMU: a user of several then needs a domain for each.
    pub fn attach(&self, owner: Owner, domain: &Arc<Domain>) -> Result<(), AttachError> {
        let mut state = self.owned_by(owner)?;
        if !domain.iommu().is_some_and(|iommu| Arc::ptr_eq(iommu, &self.iommu)) {
            return Err(AttachError::OtherIommu { group: self.id });
        }
        switch(&mut state, domain);
        Ok(())
    }

    /// Block all members: no access goes through the domain any more (`iommu_detach_group`).
    ///
    /// # Errors
    /// Where the caller does not own the group.
    pub fn detach(&self, owner: Owner) -> Result<(), NotOwner> {
        let mut state = self.owned_by(owner)?;
        switch(&mut state, &self.blocked);
        Ok(())
    }

    /// The domain its members go through now.
    #[must_use]
    pub fn domain(&self) -> Arc<Domain> {
        sync::lock(&self.state).domain.clone()
    }

    fn owned_by(&self, owner: Owner) -> Result<sync::MutexGuard<'_, State>, NotOwner> {
        let state = sync::lock(&self.state);
        if state.user == Some(owner) { Ok(state) } else { Err(NotOwner { group: self.id }) }
    }
}

fn switch(state: &mut State, domain: &Arc<Domain>) {
    state.domain = domain.clone();
    state.members.iter().for_each(|member| member.port.attach(domain));
}

#[cfg(test)]
mod tests;
