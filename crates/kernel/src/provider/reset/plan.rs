//! What a reset would do, told before anything happens, and why it may not.
//!
//! In Linux only PCI hot reset has such a question (`VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`); everywhere else one finds out afterwards.

use std::sync::Arc;

use super::acpi::AcpiFailure;
use super::error::ResetError;
use super::ownership::NotYours;
use super::platform::HandlerFailed;
use super::scope::Scope;
use super::wiring::Line;
use crate::device::Device;
use crate::errno::{self, Errno};

/// Which lines a reset by the controller may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Breadth {
    /// One line that is the device's alone: what the patch that was to bring reset controllers to VFIO came to demand.
    Dedicated,
    /// All lines of the device, whoever else is on them: then everybody on them must be the asker's.
    Shared,
}

/// A reset, before it happens.
#[derive(Clone)]
pub struct ResetPlan {
    /// The device it is for.
    pub device: Arc<Device>,
    /// The way.
    pub scope: Scope,
    /// The lines that would move; none where the way is another.
    pub lines: Vec<Line>,
    /// All devices that would be reset, the one it is for first.
    pub affected: Vec<Arc<Device>>,
}

/// Why a device was not reset, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResetRefusal {
    /// The device has no way of those asked for.
    #[error("{device} has no such reset")]
    NoMethod {
        /// The device.
        device: String,
    },
    /// The way is one of PCI's, and there is no PCI.
    #[error("{scope} is not available")]
    NotAvailable {
        /// The way.
        scope: Scope,
    },
    /// A dedicated line was asked for, and the device has several, or none.
    #[error("{device} has {lines} reset lines, not one")]
    NotOneLine {
        /// The device.
        device: String,
        /// How many it has.
        lines: usize,
    },
    /// A dedicated line was asked for, and another device is on it.
    #[error("line {cells:?} of {provider}, of {device}, is also that of {other}")]
    NotDedicated {
        /// The device.
        device: String,
        /// The controller's node.
        provider: String,
        /// The line, as the description writes it.
        cells: Vec<u32>,
        /// Another device on it.
        other: String,
    },
    /// It would reach a device that is not the asker's.
    #[error(transparent)]
    NotYours(#[from] NotYours),
    /// It was asked for from within a reset that reaches the same device.
    #[error("{device} is being reset")]
    UnderWay {
        /// The device.
        device: String,
    },
    /// Since it was planned, a device has come that it would reach, too.
    #[error("the reset of {device} would now reach {other}, too")]
    Stale {
        /// The device it is for.
        device: String,
        /// The one that came.
        other: String,
    },
    /// A reset line could not be had or moved.
    #[error(transparent)]
    Line(#[from] ResetError),
    /// The device's own reset did not come to its end.
    #[error("{device}: {why}")]
    Handler {
        /// The device.
        device: String,
        /// What hung.
        why: HandlerFailed,
    },
    /// The firmware's method failed.
    #[error("the firmware's reset of {device} failed: {why}")]
    Acpi {
        /// The device.
        device: String,
        /// How.
        why: AcpiFailure,
    },
    /// The reset went by, and the device is not as its manual says it is after one.
    #[error("{device} is not reset")]
    NotReset {
        /// The device.
        device: String,
    },
    /// The reset went by, and the device still does DMA or raises its interrupt.
    #[error("{device} is still at work")]
    StillAtWork {
        /// The device.
        device: String,
    },
}

impl ResetRefusal {
    /// What the kernel answers.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            ResetRefusal::NoMethod { .. }
            | ResetRefusal::NotAvailable { .. }
            | ResetRefusal::NotOneLine { .. } => errno::EINVAL,
            ResetRefusal::NotDedicated { .. } | ResetRefusal::UnderWay { .. } => errno::EBUSY,
            ResetRefusal::Stale { .. } => errno::EAGAIN,
            ResetRefusal::NotYours(_) => errno::EPERM,
            ResetRefusal::Line(error) => error.errno(),
            ResetRefusal::Handler { why, .. } => why.errno(),
            ResetRefusal::Acpi { why, .. } => why.errno(),
            ResetRefusal::NotReset { .. } | ResetRefusal::StillAtWork { .. } => errno::EIO,
        }
    }

    /// Whether nothing was done at all: the refusal came before the first step.
    #[must_use]
    pub const fn before_anything(&self) -> bool {
        match self {
            ResetRefusal::Line(error) => error.before_anything(),
            ResetRefusal::Handler { .. }
            | ResetRefusal::Acpi { .. }
            | ResetRefusal::NotReset { .. }
            | ResetRefusal::StillAtWork { .. } => false,
            _ => true,
        }
    }
}
