//! Why a device file refuses, and why a device cannot be bound (`drivers/vfio/platform/vfio_platform_common.c`,
//! `drivers/vfio/vfio_main.c`).

use uvfio_kernel::addr::PhysAddr;
use uvfio_kernel::provider::reset::ResetRefusal;

use super::refusals;

refusals! {
    /// Why a call on a device file was refused.
    pub enum DeviceRefusal {
        /// A request that device files do not know.
        "device.unknown_request", "device files do not know request {request:#x}" => UnknownRequest {
            /// The request.
            request: u32,
        };
        /// No such region.
        "device.region.index", "the device has {regions} regions, not number {index}" => NoRegion {
            /// The index asked for.
            index: u64,
            /// How many there are.
            regions: u32,
        };
        /// No such interrupt.
        "device.irq.index", "the device has {irqs} interrupts, not number {index}" => NoIrq {
            /// The index asked for.
            index: u32,
            /// How many there are.
            irqs: u32,
        };
        /// The access starts past the end of the region.
        "device.region.end", "{offset:#x} is past the {size:#x} bytes of region {index}" => PastEnd {
            /// The region.
            index: u32,
            /// Offset within it.
            offset: u64,
            /// Its bytes.
            size: u64,
        };
        /// A register access of a mapped page that crosses the end of the region or is not aligned to its width.
        "device.region.access", "{bytes} bytes at {offset:#x} are not one register access" => BadAccess {
            /// The region.
            index: u32,
            /// Offset within it.
            offset: u64,
            /// Bytes.
            bytes: u64,
        };
        /// The device has no reset.
        "device.reset.none", "the device has no reset" => NoReset {
            /// The first `compatible`, which names the reset driver.
            compatible: String,
        };
        /// The firmware has no `_RST` for the device.
        "device.reset.acpi", "the device has no _RST" => NoRst;
        /// The reset would reach somebody else's device, or did not come to its end.
        "device.reset.refused", "{why}" => Reset {
            /// What the kernel says.
            why: Box<ResetRefusal>,
        };
        /// The structure has no room for the devices that would be reset.
        "device.hot_reset.room", "argsz {argsz} has no room for {devices} devices" => HotResetInfo {
            /// What it says.
            argsz: u32,
            /// How many there are.
            devices: u32,
        };
        /// A hot reset takes no flags.
        "device.hot_reset.flags", "a hot reset has no flags {flags:#x}" => HotResetFlags {
            /// All flags.
            flags: u32,
        };
        /// No group was shown, or more than can be reset.
        "device.hot_reset.count", "{count} groups were shown for {devices} devices" => HotResetCount {
            /// How many.
            count: u32,
            /// The devices that would be reset.
            devices: u32,
        };
        /// A descriptor that is not open.
        "device.hot_reset.badfd", "descriptor {fd} is not open" => HotResetBadFd {
            /// The descriptor.
            fd: i32,
        };
        /// A descriptor of something else.
        "device.hot_reset.fd", "descriptor {fd} is no group" => HotResetNoGroup {
            /// The descriptor.
            fd: i32,
        };
        /// It would reach a device whose group was not shown, or did not come to its end.
        "device.hot_reset.refused", "{why}" => HotReset {
            /// What the kernel says.
            why: Box<ResetRefusal>,
        };
        /// The device could not be opened: its first open resets it, a reset is required, and it failed.
        "device.open.reset", "the reset at open failed: {why}" => OpenReset {
            /// What the reset answered.
            why: Box<DeviceRefusal>,
        };
        /// The device cannot do this feature.
        "device.feature.unsupported", "the device has no feature {feature}" => NoFeature {
            /// The feature's index.
            feature: u32,
        };
        /// Unknown flags, or GET and SET at once.
        "device.feature.flags", "flags {flags:#x} do not go together" => FeatureFlags {
            /// All flags.
            flags: u32,
        };
        /// Only shared mappings of registers make sense.
        "device.mmap.private", "a mapping of registers must be shared" => MapPrivate;
        /// The region has no MMAP flag: it does not start or end at a page.
        "device.mmap.region", "region {index} cannot be mapped" => MapRegion {
            /// The region.
            index: u32,
            /// Where it starts.
            base: PhysAddr,
            /// Its bytes.
            size: u64,
        };
        /// No region can be mapped, because whoever started VFIO wants it so.
        "device.mmap.withheld", "region {index} is not offered for mapping" => MapWithheld {
            /// The region.
            index: u32,
        };
        /// The mapping would go past the end of the region.
        "device.mmap.end", "{len:#x} bytes at {offset:#x} are past the {size:#x} bytes of region {index}" => MapPastEnd {
            /// The region.
            index: u32,
            /// Offset within it.
            offset: u64,
            /// Bytes asked for.
            len: u64,
            /// Bytes there are.
            size: u64,
        };
        /// Files without a path may not be mapped executable.
        "device.mmap.exec", "registers may not be mapped executable" => MapExec;
        /// The offset is not at a page.
        "device.mmap.align", "offset {offset:#x} is not at a page" => MapUnaligned {
            /// The offset passed.
            offset: u64,
        };
    }
}

refusals! {
    /// Why a device cannot be bound to vfio-platform or vfio-amba.
    pub enum BindRefusal {
        /// The device has no `compatible`.
        "bind.compatible", "{device} has no compatible" => NoCompatible {
            /// The device.
            device: String,
        };
        /// No reset driver for the first `compatible`, and one is required.
        "bind.reset", "{device} has no reset" => NoReset {
            /// The device.
            device: String,
            /// The first `compatible`.
            compatible: String,
        };
        /// The firmware has no `_RST` for it, and a reset is required.
        "bind.reset_acpi", "{device} has no _RST" => NoRst {
            /// The device.
            device: String,
        };
        /// It has a reset, but not one that may be used: its lines are not its own, or not one.
        "bind.reset_unfit", "{why}" => ResetUnfit {
            /// The device.
            device: String,
            /// What the kernel says.
            why: Box<ResetRefusal>,
        };
        /// This kernel refuses a device without a reset even where none is required.
        "bind.reset_unrequired", "{device} has no reset, which this kernel insists on" => NoResetAnyway {
            /// The device.
            device: String,
            /// The first `compatible`.
            compatible: String,
        };
        /// The device has no IOMMU group.
        "bind.group", "{device} has no iommu group" => NoGroup {
            /// The device.
            device: String,
        };
        /// The IOMMU does not keep the device's DMA coherent.
        "bind.coherent", "the iommu does not keep the dma of {device} coherent" => NotCoherent {
            /// The device.
            device: String,
        };
    }
}
