//! Why `VFIO_DEVICE_SET_IRQS` refuses (`drivers/vfio/platform/vfio_platform_irq.c`, `vfio_set_irqs_validate_and_prepare` of
//! `drivers/vfio/vfio_main.c`, `drivers/vfio/virqfd.c`).

use uvfio_abi::Errno;

use super::refusals;

/// Which of the two an eventfd does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaskAction {
    /// It masks.
    Mask,
    /// It unmasks.
    Unmask,
}

refusals! {
    /// Why `VFIO_DEVICE_SET_IRQS` was refused.
    pub enum IrqRefusal {
        /// No such interrupt.
        "irq.index", "the device has {irqs} interrupts, not number {index}" => NoIrq {
            /// The index asked for.
            index: u32,
            /// How many there are.
            irqs: u32,
        };
        /// Unknown flags.
        "irq.flags", "flags {unknown:#x} are not known" => Flags {
            /// The unknown ones.
            unknown: u32,
        };
        /// `start` and `count` wrap.
        "irq.wrap", "start {start} and count {count} wrap" => Wraps {
            /// First interrupt.
            start: u32,
            /// How many.
            count: u32,
        };
        /// `start` and `count` are not within the device's interrupts.
        "irq.count", "start {start} and count {count} are not within {irqs}" => Count {
            /// First interrupt.
            start: u32,
            /// How many.
            count: u32,
            /// How many there are.
            irqs: u32,
        };
        /// Not exactly one kind of data.
        "irq.data", "flags {flags:#x} name no or several kinds of data" => Data {
            /// All flags.
            flags: u32,
        };
        /// The data does not fit into `argsz`.
        "irq.argsz", "argsz {argsz} has no room for {needed} bytes of data" => ShortData {
            /// `argsz` as passed.
            argsz: u32,
            /// Bytes of data needed.
            needed: u64,
        };
        /// Not exactly one action.
        "irq.action", "flags {flags:#x} name no or several actions" => Action {
            /// All flags.
            flags: u32,
        };
        /// Each index has exactly one interrupt, number 0.
        "irq.single", "start {start} and count {count} are not the one interrupt" => NotSingle {
            /// First interrupt.
            start: u32,
            /// How many.
            count: u32,
        };
        /// Edge-triggered interrupts cannot be masked.
        "irq.maskable", "interrupt {index} is edge-triggered and cannot be masked" => NotMaskable {
            /// The interrupt.
            index: u32,
        };
        /// The number passed is not an open file.
        "irq.eventfd.fd", "file descriptor {fd} is not open" => BadFd {
            /// The number passed.
            fd: i32,
        };
        /// The file passed is not an eventfd.
        "irq.eventfd.kind", "file descriptor {fd} is not an eventfd" => NotAnEventFd {
            /// The number passed.
            fd: i32,
        };
        /// Another eventfd masks, or unmasks, this interrupt already.
        "irq.eventfd.busy", "interrupt {index} has an eventfd for that already" => EventFdBusy {
            /// The interrupt.
            index: u32,
            /// For what.
            action: MaskAction,
        };
        /// The interrupt could not be requested when the device was opened.
        "irq.request", "interrupt {index} could not be requested" => NotRequested {
            /// The interrupt.
            index: u32,
            /// What `request_irq` answered.
            errno: Errno,
        };
    }
}
