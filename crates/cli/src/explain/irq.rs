//! What `VFIO_DEVICE_SET_IRQS` refuses, in words.

use uvfio_vfio::refusal::{IrqRefusal as R, MaskAction};

/// Why it was refused.
pub fn irq(refusal: &R) -> String {
    match refusal {
        R::NoIrq { index, irqs: 0 } => format!("interrupt {index} was asked for, but the device has none"),
        R::NoIrq { index, irqs } => {
            format!("interrupt {index} was asked for, but the device has {irqs}, counted from 0")
        }
        R::Flags { unknown } => format!("flags {unknown:#x} mean nothing here"),
        R::Wraps { start, count } => {
            format!("start {start} and count {count} wrap around the end of their numbers")
        }
        R::Count { start, count, irqs } => {
            format!("start {start} and count {count} are not within the {irqs} of this index")
        }
        R::Data { flags } => {
            format!("flags {flags:#x} must name exactly one of DATA_NONE, DATA_BOOL and DATA_EVENTFD")
        }
        R::ShortData { argsz, needed } => {
            format!("argsz is {argsz} and leaves no room for the {needed} bytes of data that count asks for")
        }
        R::Action { flags } => {
            format!("flags {flags:#x} must name exactly one of ACTION_MASK, ACTION_UNMASK and ACTION_TRIGGER")
        }
        R::NotSingle { start, count } => {
            format!(
                "each index of a platform device is one interrupt: start must be 0 and count 1, not {start} and {count}"
            )
        }
        R::NotMaskable { index } => {
            format!(
                "interrupt {index} is edge-triggered and has no MASKABLE flag; only level-triggered ones can be masked"
            )
        }
        R::BadFd { fd } => format!("{fd} is not an open file descriptor"),
        R::NotAnEventFd { fd } => format!("file descriptor {fd} is not an eventfd"),
        R::EventFdBusy { index, action } => {
            let action = match action {
                MaskAction::Mask => "masks",
                MaskAction::Unmask => "unmasks",
            };
            format!("another eventfd {action} interrupt {index} already; pass -1 first to take it away")
        }
        R::NotRequested { index, errno } => {
            format!(
                "interrupt {index} could not be requested when the device was opened ({errno}), so it stays unusable until the next open"
            )
        }
    }
}
