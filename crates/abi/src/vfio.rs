//! `include/uapi/linux/vfio.h`: ioctl numbers, flags and structures of the legacy (group and container) interface.
//!
//! All VFIO ioctls are `_IO(';', 100 + n)`: the number carries no size; the structures carry `argsz` instead.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The ioctl type byte, `;`.
pub const VFIO_TYPE: u32 = b';' as u32;
/// The first command number.
pub const VFIO_BASE: u32 = 100;

/// The request number of VFIO command `n`, `_IO(';', 100 + n)`.
#[must_use]
pub const fn request(n: u32) -> u32 {
    (VFIO_TYPE << 8) | (VFIO_BASE + n)
}

macro_rules! numbers {
    ($ty:ty; $($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $($(#[$doc])* #[doc = concat!("`", stringify!($name), "` of vfio.h.")] pub const $name: $ty = $value;)*
    };
}

numbers! { u32;
    VFIO_API_VERSION = 0;
    VFIO_GET_API_VERSION = request(0);
    VFIO_CHECK_EXTENSION = request(1);
    VFIO_SET_IOMMU = request(2);
    VFIO_GROUP_GET_STATUS = request(3);
    VFIO_GROUP_SET_CONTAINER = request(4);
    VFIO_GROUP_UNSET_CONTAINER = request(5);
    VFIO_GROUP_GET_DEVICE_FD = request(6);
    VFIO_DEVICE_GET_INFO = request(7);
    VFIO_DEVICE_GET_REGION_INFO = request(8);
    VFIO_DEVICE_GET_IRQ_INFO = request(9);
    VFIO_DEVICE_SET_IRQS = request(10);
    VFIO_DEVICE_RESET = request(11);
    VFIO_DEVICE_GET_PCI_HOT_RESET_INFO = request(12);
    /// On a container the same number is `VFIO_IOMMU_SPAPR_TCE_GET_INFO` or `VFIO_IOMMU_GET_INFO`.
    VFIO_IOMMU_GET_INFO = request(12);
    VFIO_DEVICE_PCI_HOT_RESET = request(13);
    VFIO_IOMMU_MAP_DMA = request(13);
    VFIO_IOMMU_UNMAP_DMA = request(14);
    VFIO_IOMMU_ENABLE = request(15);
    VFIO_IOMMU_DISABLE = request(16);
    VFIO_IOMMU_DIRTY_PAGES = request(17);
    VFIO_DEVICE_QUERY_GFX_PLANE = request(14);
    VFIO_DEVICE_GET_GFX_DMABUF = request(15);
    VFIO_DEVICE_IOEVENTFD = request(16);
    VFIO_DEVICE_FEATURE = request(17);
}

numbers! { u32;
    VFIO_TYPE1_IOMMU = 1;
    VFIO_SPAPR_TCE_IOMMU = 2;
    VFIO_TYPE1V2_IOMMU = 3;
    VFIO_DMA_CC_IOMMU = 4;
    VFIO_EEH = 5;
    VFIO_TYPE1_NESTING_IOMMU = 6;
    VFIO_SPAPR_TCE_V2_IOMMU = 7;
    VFIO_NOIOMMU_IOMMU = 8;
    VFIO_UNMAP_ALL = 9;
    VFIO_UPDATE_VADDR = 10;
}

numbers! { u32;
    VFIO_GROUP_FLAGS_VIABLE = 1 << 0;
    VFIO_GROUP_FLAGS_CONTAINER_SET = 1 << 1;

    VFIO_DEVICE_FLAGS_RESET = 1 << 0;
    VFIO_DEVICE_FLAGS_PCI = 1 << 1;
    VFIO_DEVICE_FLAGS_PLATFORM = 1 << 2;
    VFIO_DEVICE_FLAGS_AMBA = 1 << 3;
    VFIO_DEVICE_FLAGS_CCW = 1 << 4;
    VFIO_DEVICE_FLAGS_AP = 1 << 5;
    VFIO_DEVICE_FLAGS_FSL_MC = 1 << 6;
    VFIO_DEVICE_FLAGS_CAPS = 1 << 7;

    VFIO_REGION_INFO_FLAG_READ = 1 << 0;
    VFIO_REGION_INFO_FLAG_WRITE = 1 << 1;
    VFIO_REGION_INFO_FLAG_MMAP = 1 << 2;
    VFIO_REGION_INFO_FLAG_CAPS = 1 << 3;

    VFIO_IRQ_INFO_EVENTFD = 1 << 0;
    VFIO_IRQ_INFO_MASKABLE = 1 << 1;
    VFIO_IRQ_INFO_AUTOMASKED = 1 << 2;
    VFIO_IRQ_INFO_NORESIZE = 1 << 3;

    VFIO_IRQ_SET_DATA_NONE = 1 << 0;
    VFIO_IRQ_SET_DATA_BOOL = 1 << 1;
    VFIO_IRQ_SET_DATA_EVENTFD = 1 << 2;
    VFIO_IRQ_SET_ACTION_MASK = 1 << 3;
    VFIO_IRQ_SET_ACTION_UNMASK = 1 << 4;
    VFIO_IRQ_SET_ACTION_TRIGGER = 1 << 5;
    VFIO_IRQ_SET_DATA_TYPE_MASK = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_DATA_EVENTFD;
    VFIO_IRQ_SET_ACTION_TYPE_MASK = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER;

    VFIO_IOMMU_INFO_PGSIZES = 1 << 0;
    VFIO_IOMMU_INFO_CAPS = 1 << 1;

    VFIO_DMA_MAP_FLAG_READ = 1 << 0;
    VFIO_DMA_MAP_FLAG_WRITE = 1 << 1;
    VFIO_DMA_MAP_FLAG_VADDR = 1 << 2;
    /// Bit 2 in RFC v4 of the platform series (2014); mainline gave the bit to VADDR in 2021.
    VFIO_DMA_MAP_FLAG_EXEC_RFC = 1 << 2;

    VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP = 1 << 0;
    VFIO_DMA_UNMAP_FLAG_ALL = 1 << 1;
    VFIO_DMA_UNMAP_FLAG_VADDR = 1 << 2;

    VFIO_IOMMU_DIRTY_PAGES_FLAG_START = 1 << 0;
    VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP = 1 << 1;
    VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP = 1 << 2;

    VFIO_DEVICE_FEATURE_MASK = 0xffff;
    VFIO_DEVICE_FEATURE_GET = 1 << 16;
    VFIO_DEVICE_FEATURE_SET = 1 << 17;
    VFIO_DEVICE_FEATURE_PROBE = 1 << 18;
}

numbers! { u16;
    VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1;
    VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION = 2;
    VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL = 3;
}

macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident[$size:literal] { $($(#[$fdoc:meta])* $field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
            pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* }
            const _: () = assert!(size_of::<$name>() == $size);
        )*
    };
}

layouts! {
    /// `struct vfio_group_status`.
    GroupStatus[8] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_GROUP_FLAGS_*`.
        flags: u32,
    }
    /// `struct vfio_device_info`, with the padding that follows `cap_offset`.
    DeviceInfo[24] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_DEVICE_FLAGS_*`.
        flags: u32,
        /// One more than the largest region index.
        num_regions: u32,
        /// One more than the largest interrupt index.
        num_irqs: u32,
        /// Offset of the first capability, from the start of the structure.
        cap_offset: u32,
        /// Not used.
        pad: u32,
    }
    /// `struct vfio_region_info`.
    RegionInfo[32] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_REGION_INFO_FLAG_*`.
        flags: u32,
        /// Region index.
        index: u32,
        /// Offset of the first capability.
        cap_offset: u32,
        /// Bytes.
        size: u64,
        /// Offset within the device file.
        offset: u64,
    }
    /// `struct vfio_irq_info`.
    IrqInfo[16] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_IRQ_INFO_*`.
        flags: u32,
        /// Interrupt index.
        index: u32,
        /// Interrupts within this index.
        count: u32,
    }
    /// `struct vfio_pci_hot_reset` without the descriptors that follow it, and `struct vfio_pci_hot_reset_info` without the devices.
    PciHotReset[12] {
        /// Bytes the caller provides.
        argsz: u32,
        /// None are known.
        flags: u32,
        /// How many follow.
        count: u32,
    }
    /// `struct vfio_pci_dependent_device`.
    PciDependentDevice[8] {
        /// Its IOMMU group.
        group_id: u32,
        /// PCI segment.
        segment: u16,
        /// PCI bus.
        bus: u8,
        /// PCI device and function.
        devfn: u8,
    }
    /// `struct vfio_irq_set`, without the data that follows it.
    IrqSet[20] {
        /// Bytes the caller provides, data included.
        argsz: u32,
        /// One `VFIO_IRQ_SET_DATA_*` and one `VFIO_IRQ_SET_ACTION_*`.
        flags: u32,
        /// Interrupt index.
        index: u32,
        /// First interrupt within the index.
        start: u32,
        /// How many.
        count: u32,
    }
    /// `struct vfio_info_cap_header`.
    InfoCapHeader[8] {
        /// Which capability.
        id: u16,
        /// Its version.
        version: u16,
        /// Offset of the next, 0 at the end.
        next: u32,
    }
    /// `struct vfio_iommu_type1_info`, with the padding after `cap_offset`.
    Type1Info[24] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_IOMMU_INFO_*`.
        flags: u32,
        /// Bitmap of page sizes.
        iova_pgsizes: u64,
        /// Offset of the first capability.
        cap_offset: u32,
        /// Not used.
        pad: u32,
    }
    /// `struct vfio_iommu_type1_info_cap_iova_range`, without the ranges.
    CapIovaRange[16] {
        /// `VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE`.
        header: InfoCapHeader,
        /// How many ranges follow.
        nr_iovas: u32,
        /// Not used.
        reserved: u32,
    }
    /// `struct vfio_iova_range`, both ends inclusive.
    IovaRange[16] {
        /// First address.
        start: u64,
        /// Last address.
        end: u64,
    }
    /// `struct vfio_iommu_type1_info_cap_migration`, with its trailing padding left out of the chain's arithmetic by the kernel.
    CapMigration[32] {
        /// `VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION`.
        header: InfoCapHeader,
        /// Always 0.
        flags: u32,
        /// Alignment of `pgsize_bitmap`.
        pad: u32,
        /// Bitmap of page sizes for dirty tracking.
        pgsize_bitmap: u64,
        /// Largest dirty bitmap, bytes.
        max_dirty_bitmap_size: u64,
    }
    /// `struct vfio_iommu_type1_info_dma_avail`.
    CapDmaAvail[12] {
        /// `VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL`.
        header: InfoCapHeader,
        /// Mappings that may still be made.
        avail: u32,
    }
    /// `struct vfio_iommu_type1_dma_map`.
    DmaMap[32] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_DMA_MAP_FLAG_*`.
        flags: u32,
        /// Address in the process.
        vaddr: u64,
        /// Address for the device.
        iova: u64,
        /// Bytes.
        size: u64,
    }
    /// `struct vfio_iommu_type1_dma_unmap`, without the data that may follow.
    DmaUnmap[24] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_DMA_UNMAP_FLAG_*`.
        flags: u32,
        /// First address.
        iova: u64,
        /// Bytes; on return, bytes unmapped.
        size: u64,
    }
    /// `struct vfio_bitmap`; `data` is an address in the process.
    Bitmap[24] {
        /// Bytes each bit stands for.
        pgsize: u64,
        /// Bytes of the bitmap.
        size: u64,
        /// Where it is.
        data: u64,
    }
    /// `struct vfio_iommu_type1_dirty_bitmap`, without the data that may follow.
    DirtyBitmap[8] {
        /// Bytes the caller provides.
        argsz: u32,
        /// `VFIO_IOMMU_DIRTY_PAGES_FLAG_*`.
        flags: u32,
    }
    /// `struct vfio_iommu_type1_dirty_bitmap_get`.
    DirtyBitmapGet[40] {
        /// First address.
        iova: u64,
        /// Bytes.
        size: u64,
        /// Where the answer goes.
        bitmap: Bitmap,
    }
    /// `struct vfio_device_feature`, without its data.
    DeviceFeature[8] {
        /// Bytes the caller provides.
        argsz: u32,
        /// Feature index and `VFIO_DEVICE_FEATURE_*`.
        flags: u32,
    }
}
