//! Why a container refuses (`drivers/vfio/container.c`, and `attach_group` of `drivers/vfio/vfio_iommu_type1.c`).

use uvfio_abi::Errno;
use uvfio_kernel::addr::Iova;

use super::refusals;
use crate::file::GroupId;

refusals! {
    /// Why a call on a container was refused before, or instead of, reaching type1.
    pub enum ContainerRefusal {
        /// `VFIO_SET_IOMMU` on a container that no group was added to.
        "container.set_iommu.no_group", "the container has no group" => NoGroup {
            /// The type asked for.
            iommu: u64,
        };
        /// `VFIO_SET_IOMMU` on a container that has one.
        "container.set_iommu.already", "the container has an iommu driver already" => AlreadySet {
            /// The type asked for.
            iommu: u64,
            /// The type it has.
            has: u32,
        };
        /// No IOMMU driver that this container may use offers the type.
        "container.set_iommu.unknown", "no iommu driver offers type {iommu}" => UnknownType {
            /// The type asked for.
            iommu: u64,
        };
        /// The number is an extension, which can be asked about, not an IOMMU type.
        "container.set_iommu.extension", "{iommu} is an extension, not an iommu type" => NotAType {
            /// The number asked for.
            iommu: u64,
        };
        /// Only a process with `CAP_SYS_RAWIO` may use noiommu.
        "container.noiommu.capability", "noiommu needs CAP_SYS_RAWIO" => NoRawio;
        /// The group's interrupts are not isolated and `allow_unsafe_interrupts` is 0.
        "container.attach.unsafe_interrupts", "interrupts of group {group} are not isolated" => InterruptsNotIsolated {
            /// The group.
            group: GroupId,
        };
        /// The IOMMU cannot do nested translation for this group.
        "container.attach.nesting", "the iommu of group {group} cannot nest" => NoNesting {
            /// The group.
            group: GroupId,
            /// What its IOMMU driver answered.
            errno: Errno,
        };
        /// The group's IOMMU could not be attached to a domain.
        "container.attach.domain", "group {group} cannot be attached" => Attach {
            /// The group.
            group: GroupId,
            /// What its IOMMU driver answered.
            errno: Errno,
        };
        /// A mapping of the container lies outside what the new group's IOMMU can address.
        "container.attach.aperture", "a mapping at {iova} is outside the aperture of group {group}" => ApertureConflict {
            /// The group.
            group: GroupId,
            /// First address of the mapping.
            iova: Iova,
        };
        /// A mapping of the container lies in a range that the new group reserves.
        "container.attach.reserved", "a mapping at {iova} is in a range group {group} reserves" => ReservedConflict {
            /// The group.
            group: GroupId,
            /// First address of the mapping.
            iova: Iova,
        };
        /// The group is attached already.
        "container.attach.twice", "group {group} is attached already" => AttachedTwice {
            /// The group.
            group: GroupId,
        };
        /// Mappings wait for a new address (`VFIO_DMA_UNMAP_FLAG_VADDR`).
        "container.attach.vaddr", "{count} mappings have no address now" => VaddrInvalid {
            /// How many.
            count: usize,
        };
        /// A request that only an IOMMU driver could answer, and none is set.
        "container.no_iommu", "no iommu driver is set to answer {request:#x}" => NoIommu {
            /// The request.
            request: u32,
        };
        /// A request that the IOMMU driver does not know.
        "container.unknown_request", "the iommu driver does not know request {request:#x}" => UnknownRequest {
            /// The request.
            request: u32,
        };
        /// A container cannot be read or written.
        "container.transfer", "a container cannot be read or written" => Transfer;
        /// A container cannot be mapped.
        "container.mmap", "a container cannot be mapped" => Mmap;
    }
}
