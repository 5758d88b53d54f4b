//! What a device file refuses, in words.

use uvfio_kernel::provider::reset::{NotYours, ResetRefusal};
use uvfio_vfio::refusal::DeviceRefusal as R;

use super::range;
use super::reset::{held_by, reset};

/// Why a call on a device was refused.
pub fn device(refusal: &R) -> String {
    match refusal {
        R::UnknownRequest { request } => format!("request {request:#x} is none that a device knows"),
        R::NoRegion { index, regions } => {
            format!("region {index} was asked for, {}", count(*regions, "region"))
        }
        R::NoIrq { index, irqs } => format!("interrupt {index} was asked for, {}", count(*irqs, "interrupt")),
        R::PastEnd { index, offset, size } => {
            format!("offset {offset:#x} is past the end of region {index}, which has {size:#x} bytes")
        }
        R::BadAccess { index, offset, bytes } => {
            format!(
                "{bytes} bytes at offset {offset:#x} of region {index} are not one aligned access to a register within it"
            )
        }
        R::NoReset { compatible } => {
            format!(
                "the device has no reset: no reset driver knows {compatible:?}; its flags say so (VFIO_DEVICE_FLAGS_RESET is not set)"
            )
        }
        R::NoRst => "the device has no reset: the firmware has no _RST for it; its flags say so \
                     (VFIO_DEVICE_FLAGS_RESET is not set)"
            .to_owned(),
        R::Reset { why } if why.before_anything() => reset(why),
        R::Reset { why } => format!("{}; its DMA and interrupts stay off until a reset succeeds", reset(why)),
        R::HotReset { why } => {
            if let ResetRefusal::NotYours(NotYours { device, holder }) = &**why {
                let whose = held_by(holder);
                return format!(
                    "the reset would also reach {device}, which is {whose}, and whose group was not shown"
                );
            }
            let also = if why.before_anything() {
                ""
            } else {
                "; their DMA and interrupts stay off until a reset succeeds"
            };
            format!("{}{also}", reset(why))
        }
        R::HotResetInfo { argsz, devices } => {
            format!(
                "argsz {argsz} has no room for the {devices} devices that would be reset; count says how many"
            )
        }
        R::HotResetFlags { flags } => format!("flags is {flags:#x}, and a hot reset has none"),
        R::HotResetCount { count, devices } => format!(
            "{count} groups were shown, and the reset reaches {devices} devices: at least one group must be, and no more than devices"
        ),
        R::HotResetBadFd { fd } => format!("descriptor {fd} is not open; show the files of the groups"),
        R::HotResetNoGroup { fd } => {
            format!("descriptor {fd} is no group; show the files of the groups, not of devices or containers")
        }
        R::OpenReset { why } => {
            format!("the first open resets the device, and a reset is required: {}", device(why))
        }
        R::NoFeature { feature } => format!("a platform device has no feature {feature}"),
        R::FeatureFlags { flags } => {
            format!("flags {flags:#x} do not say exactly one of GET and SET (PROBE may be added)")
        }
        R::MapPrivate => "registers cannot be copied on write; map them with MAP_SHARED".to_owned(),
        R::MapRegion { index, base, size } => format!(
            "region {index} ({}) does not begin and end at a page, so a mapping would show what lies beside it; use pread and pwrite",
            range(base.0, *size)
        ),
        R::MapWithheld { index } => {
            format!(
                "region {index} is not offered for mapping, because of --mmio rw; its flags say so, use pread and pwrite"
            )
        }
        R::MapPastEnd { index, offset, len, size } => {
            format!(
                "{len:#x} bytes at offset {offset:#x} go past the end of region {index}, which has {size:#x} bytes"
            )
        }
        R::MapExec => "registers may not be mapped executable".to_owned(),
        R::MapUnaligned { offset } => format!("offset {offset:#x} is not a multiple of the page size"),
    }
}

fn count(number: u32, what: &str) -> String {
    match number {
        0 => format!("but the device has no {what}s"),
        1 => format!("but the device has one {what}, number 0"),
        more => format!("but the device has {more} {what}s, numbers 0 to {}", more - 1),
    }
}
