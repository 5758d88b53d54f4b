//! What a device says about itself: regions, interrupts, features.
//!
//! In Linux `vfio_platform_ioctl` of `drivers/vfio/platform/vfio_platform_common.c` and `vfio_ioctl_device_feature` of
//! `drivers/vfio/vfio_main.c`. There are no capability chains; `argsz` and `cap_offset` come back as they were passed.

use uvfio_abi::vfio::{
    DeviceFeature, DeviceInfo, IrqInfo, RegionInfo, VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_MASK,
    VFIO_DEVICE_FEATURE_PROBE, VFIO_DEVICE_FEATURE_SET, VFIO_DEVICE_FLAGS_AMBA, VFIO_DEVICE_FLAGS_PLATFORM,
    VFIO_DEVICE_FLAGS_RESET, VFIO_IRQ_INFO_AUTOMASKED, VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_MASKABLE,
};

use uvfio_kernel::provider::reset::ResetRefusal;

use super::VfioDevice;
use super::opened::Opened;
use super::region::{Regions, SHIFT};
use crate::caller::Caller;
use crate::irq::Kind;
use crate::refusal::{DeviceRefusal, Refusal};
use crate::user;

/// Bytes of `struct vfio_device_info` every version had (`offsetofend(.., num_irqs)`).
const DEVICE_INFO_LEAST: usize = 16;

/// `VFIO_DEVICE_GET_INFO`.
pub(super) fn device(
    caller: &dyn Caller,
    arg: u64,
    device: &VfioDevice,
    reset: Result<(), ResetRefusal>,
) -> Result<(), Refusal> {
    let mut info: DeviceInfo = user::read_prefix(caller, arg, DEVICE_INFO_LEAST)?;
    user::at_least(info.argsz, DEVICE_INFO_LEAST)?;
    let bus = if device.is_amba() { VFIO_DEVICE_FLAGS_AMBA } else { VFIO_DEVICE_FLAGS_PLATFORM };
    let reset = if reset.is_ok() { VFIO_DEVICE_FLAGS_RESET } else { 0 };
    info.flags = bus | reset;
    info.num_regions = device.device.regions().len() as u32;
    info.num_irqs = device.device.facts().interrupts.len() as u32;
    user::write_prefix(caller, arg, &info, DEVICE_INFO_LEAST)
}

/// `VFIO_DEVICE_GET_REGION_INFO`.
pub(super) fn region(caller: &dyn Caller, arg: u64, regions: &Regions<'_>) -> Result<(), Refusal> {
    let mut info: RegionInfo = user::read(caller, arg)?;
    user::at_least(info.argsz, size_of::<RegionInfo>())?;
    let (flags, size) = regions.describe(info.index)?;
    info.flags = flags;
    info.size = size;
    info.offset = u64::from(info.index) << SHIFT;
    user::write(caller, arg, &info)
}

/// `VFIO_DEVICE_GET_IRQ_INFO`.
pub(super) fn irq(caller: &dyn Caller, arg: u64, opened: &Opened) -> Result<(), Refusal> {
    let mut info: IrqInfo = user::read(caller, arg)?;
    user::at_least(info.argsz, size_of::<IrqInfo>())?;
    let irqs = opened.irqs();
    let no_irq = DeviceRefusal::NoIrq { index: info.index, irqs: irqs.len() as u32 };
    let irq = irqs.get(info.index as usize).ok_or(no_irq)?;
    info.flags = match irq.irq.kind() {
        Kind::Automasked => VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED,
        Kind::Plain => VFIO_IRQ_INFO_EVENTFD,
    };
    info.count = 1;
    user::write(caller, arg, &info)
}

/// `VFIO_DEVICE_FEATURE`: platform devices have none.
pub(super) fn feature(caller: &dyn Caller, arg: u64) -> Result<(), Refusal> {
    const ACCESS: u32 = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
    let feature: DeviceFeature = user::read(caller, arg)?;
    user::at_least(feature.argsz, size_of::<DeviceFeature>())?;
    let flags = feature.flags;
    let unknown = flags & !(VFIO_DEVICE_FEATURE_MASK | ACCESS | VFIO_DEVICE_FEATURE_PROBE) != 0;
    let both = flags & VFIO_DEVICE_FEATURE_PROBE == 0 && flags & ACCESS == ACCESS;
    if unknown || both {
        return Err(DeviceRefusal::FeatureFlags { flags }.into());
    }
    Err(DeviceRefusal::NoFeature { feature: flags & VFIO_DEVICE_FEATURE_MASK }.into())
}
