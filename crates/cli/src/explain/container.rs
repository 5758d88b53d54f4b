//! What a container refuses, in words.

use uvfio_vfio::refusal::ContainerRefusal as R;

/// Why a call on a container was refused.
pub fn container(refusal: &R) -> String {
    match refusal {
        R::NoGroup { .. } => {
            "the container has no group yet, so there is no IOMMU to drive; VFIO_GROUP_SET_CONTAINER comes first".to_owned()
        }
        R::AlreadySet { has, .. } => {
            format!("the container already has {}; it keeps it until its last group leaves", iommu_type(u64::from(*has)))
        }
        R::UnknownType { iommu } => format!(
            "no IOMMU driver here offers {}; VFIO_CHECK_EXTENSION tells which there are",
            iommu_type(*iommu)
        ),
        R::NotAType { iommu } => {
            format!("{iommu} is the number of an extension, which can be asked about, not of an IOMMU type that can be set")
        }
        R::NoRawio => "noiommu lets a device reach all memory, so only a process with CAP_SYS_RAWIO may use it".to_owned(),
        R::InterruptsNotIsolated { group } => format!(
            "a device of group {group} could raise any interrupt of the machine (its interrupts are not remapped); \
             vfio_iommu_type1.allow_unsafe_interrupts=1 allows it all the same"
        ),
        R::NoNesting { group, .. } => format!("the IOMMU of group {group} has no second stage for nested translation"),
        R::Attach { group, errno } => format!("the IOMMU of group {group} did not take a domain for it ({errno})"),
        R::ApertureConflict { group, iova } => format!(
            "the container has a mapping at {iova}, which the IOMMU of group {group} cannot address; unmap it before the group joins"
        ),
        R::ReservedConflict { group, iova } => format!(
            "the container has a mapping at {iova}, in a range that group {group} reserves; unmap it before the group joins"
        ),
        R::AttachedTwice { group } => format!("group {group} is attached to this container already"),
        R::VaddrInvalid { count } => {
            format!("{count} mappings wait for their new address (VFIO_DMA_MAP_FLAG_VADDR), and no group can join until they have it")
        }
        R::NoIommu { request } => {
            format!("only an IOMMU driver answers request {request:#x}, and the container has none; VFIO_SET_IOMMU comes first")
        }
        R::UnknownRequest { request } => format!("request {request:#x} is none that type1 knows"),
        R::Transfer => "a container holds no bytes; it answers only ioctls".to_owned(),
        R::Mmap => "a container holds no memory; it answers only ioctls".to_owned(),
    }
}

fn iommu_type(number: u64) -> String {
    let name = match number {
        1 => "VFIO_TYPE1_IOMMU",
        2 => "VFIO_SPAPR_TCE_IOMMU",
        3 => "VFIO_TYPE1v2_IOMMU",
        6 => "VFIO_TYPE1_NESTING_IOMMU",
        7 => "VFIO_SPAPR_TCE_v2_IOMMU",
        8 => "VFIO_NOIOMMU_IOMMU",
        _ => return format!("IOMMU type {number}"),
    };
    format!("{name} ({number})")
}
