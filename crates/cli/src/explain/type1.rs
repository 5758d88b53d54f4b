//! What type1 refuses, in words.

use uvfio_vfio::refusal::{BitmapFact, MapField, Type1Refusal as R};

use super::range;

/// Why type1 refused.
pub fn type1(refusal: &R) -> String {
    match refusal {
        R::MapFlags { unknown } => format!("flags {unknown:#x} mean nothing to VFIO_IOMMU_MAP_DMA"),
        R::NoAccess => {
            "a mapping must be readable or writable for the device: set FLAG_READ, FLAG_WRITE or both"
                .to_owned()
        }
        R::VaddrWithAccess { flags } => format!(
            "flags {flags:#x} have bit 2 beside READ or WRITE; bit 2 is VADDR, which only gives an existing mapping a new address \
             (it was EXEC in the series of 2014: --personality rfc-v4)"
        ),
        R::MapEmpty => "the size to map is 0".to_owned(),
        R::MapUnaligned { field, value, page } => unaligned(*field, *value, *page),
        R::MapWraps { field, start, size } => {
            format!("{} and size {size:#x} wrap around the end of the address space", named(*field, *start))
        }
        R::Overlap { iova, size, held, held_size } => {
            format!(
                "{} overlaps the mapping at {}; unmap that first",
                range(iova.0, *size),
                range(held.0, *held_size)
            )
        }
        R::TooManyMappings { limit } => {
            format!(
                "the container has {limit} mappings, the most vfio_iommu_type1.dma_entry_limit allows; map larger ranges"
            )
        }
        R::OutsideRanges { iova, size, ranges } => {
            let ranges: Vec<String> =
                ranges.iter().map(|(first, last)| format!("{first}..={last}")).collect();
            format!(
                "{} is not within what the IOMMU can translate: {}",
                range(iova.0, *size),
                super::list(&ranges)
            )
        }
        R::MemoryLock { size, locked, limit } => format!(
            "{size} bytes more would be pinned beside {locked}, over the limit of {limit} (RLIMIT_MEMLOCK); raise it with ulimit -l, or \
             have CAP_IPC_LOCK"
        ),
        R::NoMemory { at } => format!("the process has no memory at {at}"),
        R::NotReadable { at } => format!("the process itself may not read {at}"),
        R::NotWritable { at } => format!("the process itself may not write {at}, so no device may for it"),
        R::Iommu { iova } => format!("the IOMMU could not map {iova}"),
        R::VaddrNoMapping { iova } => format!("nothing is mapped at {iova} whose address could be changed"),
        R::VaddrStillValid { iova } => {
            format!(
                "the mapping at {iova} has its address still; VFIO_DMA_UNMAP_FLAG_VADDR takes it away first"
            )
        }
        R::VaddrRange { iova, size, held, held_size } => format!(
            "{} is not the whole mapping at {}, and only whole mappings get a new address",
            range(iova.0, *size),
            range(held.0, *held_size)
        ),
        R::UnmapFlags { unknown } => format!("flags {unknown:#x} mean nothing to VFIO_IOMMU_UNMAP_DMA"),
        R::DirtyWithAll { flags } => {
            format!("flags {flags:#x} ask for a dirty bitmap together with ALL or VADDR")
        }
        R::UnmapUnaligned { field, value, page } => unaligned(*field, *value, *page),
        R::AllWithRange { iova, size } => {
            format!("FLAG_ALL unmaps everything; iova and size must be 0, not {iova} and {size:#x}")
        }
        R::UnmapEmpty => "the size to unmap is 0".to_owned(),
        R::UnmapWraps { iova, size } => {
            format!("iova {iova} and size {size:#x} wrap around the end of the address space")
        }
        R::Cuts { iova, size, held, held_size } => format!(
            "{} would cut the mapping at {} in two; type1 v2 only unmaps what was mapped",
            range(iova.0, *size),
            range(held.0, *held_size)
        ),
        R::VaddrTwice { held } => format!("the address of the mapping at {held} was taken away before"),
        R::DirtyV1 => "dirty tracking needs VFIO_TYPE1v2_IOMMU; this container has version 1".to_owned(),
        R::DirtyFlags { flags } => {
            format!("flags {flags:#x} must be exactly one of START, STOP and GET_BITMAP")
        }
        R::DirtyOff => "dirty tracking was not started".to_owned(),
        R::DirtyBitmap { bytes, fact } => bitmap(*bytes, *fact),
        R::DirtyPage { asked, page } => {
            format!("pages of {asked:#x} bytes were asked for, but {page:#x} is what is tracked")
        }
        R::DirtyRange { iova, size } => {
            format!("iova {iova} and size {size:#x} are not a range of whole pages")
        }
        R::DirtyCuts { iova, size, held, held_size } => {
            format!("{} would cut the mapping at {}", range(iova.0, *size), range(held.0, *held_size))
        }
    }
}

fn unaligned(field: MapField, value: u64, page: u64) -> String {
    format!("{} is not a multiple of the IOMMU's smallest page, {page:#x}", named(field, value))
}

fn named(field: MapField, value: u64) -> String {
    let name = match field {
        MapField::Iova => "iova",
        MapField::Vaddr => "vaddr",
        MapField::Size => "size",
    };
    format!("{name} {value:#x}")
}

fn bitmap(bytes: u64, fact: BitmapFact) -> String {
    match fact {
        BitmapFact::NoPages => "the range for the dirty bitmap has no page".to_owned(),
        BitmapFact::NoBytes => "the dirty bitmap has no byte".to_owned(),
        BitmapFact::NotAnAddress => "the address of the dirty bitmap is none a program can have".to_owned(),
        BitmapFact::TooLarge => format!("a dirty bitmap of {bytes} bytes is larger than any range needs"),
        BitmapFact::TooSmall { needed } => {
            format!("the dirty bitmap has {bytes} bytes, the range needs {needed}")
        }
    }
}
