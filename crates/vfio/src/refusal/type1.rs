//! Why type1 refuses (`drivers/vfio/vfio_iommu_type1.c`).

use uvfio_kernel::addr::{Iova, UserAddr};

use super::refusals;

/// Which number of a map or unmap request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MapField {
    /// The address for the device.
    Iova,
    /// The address in the process.
    Vaddr,
    /// The number of bytes.
    Size,
}

/// What is wrong with a dirty bitmap request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitmapFact {
    /// No page in the range.
    NoPages,
    /// No byte in the bitmap.
    NoBytes,
    /// More bytes than the largest range needs.
    TooLarge,
    /// It is not within the process's addresses.
    NotAnAddress,
    /// Fewer bytes than the range needs.
    TooSmall {
        /// What it needs.
        needed: u64,
    },
}

refusals! {
    /// Why type1 refused.
    pub enum Type1Refusal {
        /// Flags this kernel does not know.
        "type1.map.flags", "flags {unknown:#x} are not known" => MapFlags {
            /// The unknown ones.
            unknown: u32,
        };
        /// Neither readable nor writable.
        "type1.map.access", "a mapping must be readable or writable" => NoAccess;
        /// The VADDR flag (bit 2, which was EXEC in the platform series of 2014) together with READ or WRITE.
        "type1.map.vaddr_access", "VADDR goes with neither READ nor WRITE" => VaddrWithAccess {
            /// All flags.
            flags: u32,
        };
        /// Nothing to map.
        "type1.map.empty", "size is 0" => MapEmpty;
        /// Not a multiple of the IOMMU's smallest page.
        "type1.map.align", "{value:#x} is not a multiple of {page:#x}" => MapUnaligned {
            /// Which number.
            field: MapField,
            /// Its value.
            value: u64,
            /// The smallest page.
            page: u64,
        };
        /// The range wraps around the end of the address space.
        "type1.map.wrap", "{start:#x} and {size:#x} bytes wrap" => MapWraps {
            /// Which address.
            field: MapField,
            /// The address.
            start: u64,
            /// Bytes.
            size: u64,
        };
        /// Part of the range is mapped.
        "type1.map.overlap", "{iova} overlaps the mapping at {held}" => Overlap {
            /// First address asked for.
            iova: Iova,
            /// Bytes asked for.
            size: u64,
            /// First address of the mapping that is there.
            held: Iova,
            /// Its bytes.
            held_size: u64,
        };
        /// `dma_entry_limit` mappings are there.
        "type1.map.entries", "there are {limit} mappings already" => TooManyMappings {
            /// The limit.
            limit: u32,
        };
        /// Outside what the IOMMU can translate, or in a reserved range.
        "type1.map.range", "{iova} and {size:#x} bytes are not within an allowed range" => OutsideRanges {
            /// First address asked for.
            iova: Iova,
            /// Bytes asked for.
            size: u64,
            /// The allowed ranges, both ends inclusive.
            ranges: Vec<(Iova, Iova)>,
        };
        /// The process may not lock this much memory.
        "type1.map.memlock", "{locked} locked bytes and {size} more are over the limit of {limit}" => MemoryLock {
            /// Bytes asked for.
            size: u64,
            /// Bytes the address space has locked.
            locked: u64,
            /// `RLIMIT_MEMLOCK`.
            limit: u64,
        };
        /// The process has no memory there.
        "type1.map.unmapped", "the process has no memory at {at}" => NoMemory {
            /// The first such address.
            at: UserAddr,
        };
        /// The process may not read its memory there.
        "type1.map.unreadable", "the process may not read {at}" => NotReadable {
            /// The first such address.
            at: UserAddr,
        };
        /// A writable mapping of memory the process may not write.
        "type1.map.readonly", "the process may not write {at}" => NotWritable {
            /// The first such address.
            at: UserAddr,
        };
        /// The IOMMU itself could not map.
        "type1.map.iommu", "the iommu could not map {iova}" => Iommu {
            /// First address asked for.
            iova: Iova,
        };
        /// VADDR for a mapping that is not there.
        "type1.vaddr.none", "nothing is mapped at {iova}" => VaddrNoMapping {
            /// First address asked for.
            iova: Iova,
        };
        /// VADDR for a mapping whose address was not taken away.
        "type1.vaddr.valid", "the mapping at {iova} has an address" => VaddrStillValid {
            /// First address of the mapping.
            iova: Iova,
        };
        /// VADDR for something else than exactly one mapping.
        "type1.vaddr.range", "{iova} and {size:#x} bytes are not the mapping at {held}" => VaddrRange {
            /// First address asked for.
            iova: Iova,
            /// Bytes asked for.
            size: u64,
            /// First address of the mapping.
            held: Iova,
            /// Its bytes.
            held_size: u64,
        };
        /// Flags of an unmap this kernel does not know.
        "type1.unmap.flags", "flags {unknown:#x} are not known" => UnmapFlags {
            /// The unknown ones.
            unknown: u32,
        };
        /// A dirty bitmap together with ALL or VADDR.
        "type1.unmap.dirty_flags", "a dirty bitmap goes with neither ALL nor VADDR" => DirtyWithAll {
            /// All flags.
            flags: u32,
        };
        /// Not a multiple of the IOMMU's smallest page.
        "type1.unmap.align", "{value:#x} is not a multiple of {page:#x}" => UnmapUnaligned {
            /// Which number.
            field: MapField,
            /// Its value.
            value: u64,
            /// The smallest page.
            page: u64,
        };
        /// ALL with a range.
        "type1.unmap.all_range", "ALL goes with iova 0 and size 0" => AllWithRange {
            /// First address passed.
            iova: Iova,
            /// Bytes passed.
            size: u64,
        };
        /// Nothing to unmap.
        "type1.unmap.empty", "size is 0" => UnmapEmpty;
        /// The range wraps around the end of the address space.
        "type1.unmap.wrap", "{iova} and {size:#x} bytes wrap" => UnmapWraps {
            /// First address passed.
            iova: Iova,
            /// Bytes passed.
            size: u64,
        };
        /// The range would cut a mapping in two (v2).
        "type1.unmap.cut", "{iova} and {size:#x} bytes cut the mapping at {held}" => Cuts {
            /// First address passed.
            iova: Iova,
            /// Bytes passed.
            size: u64,
            /// First address of the mapping.
            held: Iova,
            /// Its bytes.
            held_size: u64,
        };
        /// The address of this mapping was taken away before.
        "type1.unmap.vaddr_twice", "the mapping at {held} has no address" => VaddrTwice {
            /// First address of the mapping.
            held: Iova,
        };
        /// Dirty tracking is for v2.
        "type1.dirty.v1", "dirty tracking needs type1 v2" => DirtyV1;
        /// Unknown flags, none, or more than one.
        "type1.dirty.flags", "flags {flags:#x} are not exactly one known flag" => DirtyFlags {
            /// All flags.
            flags: u32,
        };
        /// A bitmap was asked for while nothing is tracked.
        "type1.dirty.off", "dirty tracking is not started" => DirtyOff;
        /// The bitmap does not fit the range.
        "type1.dirty.bitmap", "{bytes} bytes of bitmap do not fit" => DirtyBitmap {
            /// Bytes of the bitmap.
            bytes: u64,
            /// What is wrong.
            fact: BitmapFact,
        };
        /// Only the IOMMU's smallest page is tracked.
        "type1.dirty.page", "{asked:#x} is not the page size {page:#x}" => DirtyPage {
            /// The page size passed.
            asked: u64,
            /// The smallest page.
            page: u64,
        };
        /// The range is empty, unaligned or wraps.
        "type1.dirty.range", "{iova} and {size:#x} bytes are not a range of pages" => DirtyRange {
            /// First address passed.
            iova: Iova,
            /// Bytes passed.
            size: u64,
        };
        /// The range would cut a mapping in two.
        "type1.dirty.cut", "{iova} and {size:#x} bytes cut the mapping at {held}" => DirtyCuts {
            /// First address passed.
            iova: Iova,
            /// Bytes passed.
            size: u64,
            /// First address of the mapping.
            held: Iova,
            /// Its bytes.
            held_size: u64,
        };
    }
}
