//! The IOMMU core: which devices cannot be told apart, what each of them may reach, and what happened when it tried more.
//!
//! In Linux this is drivers/iommu/iommu.c with the drivers beside it. A [`Group`] is what can be given away, a [`Domain`] is an
//! address space for DMA, a [`DmaPort`] is one device's way to memory, an [`Iommu`] is the hardware whose driver decides about
//! groups. Page tables in memory, caches and their invalidation do not exist here: a [`table`] maps ranges to the memory behind
//! them, and an access happens under its lock.

pub mod domain;
mod driver;
mod fault;
#[cfg(test)]
pub(crate) mod fixture;
mod formation;
mod group;
mod groups;
mod instance;
mod ipmmu;
mod mediatek;
mod port;
mod streams;
pub mod table;

pub use domain::{Aperture, Domain, DomainKind, IommuFacts, MapError, ReservedKind, ReservedRegion};
pub use driver::{Admission, CoherencyRule, Grouping, IommuDriver, MsiWindow};
pub use fault::{Fault, Faults};
pub use formation::{Formation, Newcomer, NoGroup, Placed, Slot, Stream};
pub use group::{AttachError, Busy, Group, GroupId, MemberFacts, NotOwner, Owner};
pub use groups::{Client, Groups};
pub use instance::{DeviceCoherency, Iommu, IommuNode};
pub use mediatek::Soc;
pub use port::{DmaPort, Hold, Transferred};
pub use streams::{StreamConflict, StreamMatch};
pub use table::Prot;
