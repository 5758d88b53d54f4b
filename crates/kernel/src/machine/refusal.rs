//! Why the machine did not do what was asked, as facts; the error number follows from them in one place.

use std::sync::Arc;

use crate::device::{Bus, Deferral, Reason};
use crate::errno::{self, Errno};
use crate::iommu::GroupId;
use crate::module::{ModuleError, ParamError};
use crate::provider::reset::BadMethod;
use crate::wait::Interrupted;

/// A refused request of an administrator. Devices and drivers are named as in sysfs.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The bus has no such device.
    #[error("bus {bus} has no device {device:?}")]
    NoDevice {
        /// The bus.
        bus: Bus,
        /// The name asked for.
        device: String,
    },
    /// The bus has no such driver.
    #[error("bus {bus} has no driver {driver:?}")]
    NoDriver {
        /// The bus.
        bus: Bus,
        /// The name asked for.
        driver: String,
    },
    /// The driver does not take this device.
    #[error("driver {driver} does not match {device}")]
    NoMatch {
        /// The device.
        device: String,
        /// The driver.
        driver: String,
        /// The device's override, where it is what keeps the driver away.
        driver_override: Option<String>,
    },
    /// The device has a driver.
    #[error("{device} is bound to {driver}")]
    Bound {
        /// The device.
        device: String,
        /// The driver that has it.
        driver: String,
    },
    /// The device is not this driver's.
    #[error("{device} is not bound to {driver}")]
    NotBoundTo {
        /// The device.
        device: String,
        /// The driver asked for.
        driver: String,
        /// The driver that has it.
        bound: Option<String>,
    },
    /// The driver's `bind` and `unbind` are not there.
    #[error("driver {driver} cannot be bound by hand")]
    BindSuppressed {
        /// The driver.
        driver: String,
    },
    /// A program owns the DMA of the device's group.
    #[error("the DMA of group {group}, which {device} is in, is owned")]
    DmaOwned {
        /// The device.
        device: String,
        /// The group.
        group: GroupId,
    },
    /// The device must wait for something.
    #[error("{device} is deferred: {why}")]
    Deferred {
        /// The device.
        device: String,
        /// What for.
        why: Deferral,
    },
    /// The driver refused it.
    #[error("driver {driver} refused {device}: {reason}")]
    Probe {
        /// The device.
        device: String,
        /// The driver.
        driver: String,
        /// Why.
        reason: Arc<dyn Reason>,
    },
    /// `drivers_probe` failed before a driver was asked.
    #[error("{0}")]
    Rescan(Box<Refusal>),
    /// The device is being removed.
    #[error("{device} is being removed")]
    Going {
        /// The device.
        device: String,
    },
    /// What was written is too long or empty.
    #[error("{length} bytes are no name")]
    NotAName {
        /// Its length.
        length: usize,
    },
    /// Others still need the device, and they were not asked for.
    #[error("{device} supplies {consumer}")]
    Needed {
        /// The supplier.
        device: String,
        /// A bound consumer.
        consumer: String,
    },
    /// A device of this name or node is there already.
    #[error("{device} is there already")]
    Exists {
        /// The device.
        device: String,
    },
    /// What was written to is gone.
    #[error("gone")]
    Gone,
    /// What was written to cannot be written.
    #[error("read-only")]
    ReadOnly,
    /// What was written is no list of reset methods of the device.
    #[error("{0}")]
    ResetMethod(#[from] BadMethod),
    /// The wait was ended.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
    /// A module's matter.
    #[error("{0}")]
    Module(#[from] ModuleError),
    /// A parameter's matter.
    #[error("{0}")]
    Param(#[from] ParamError),
}

impl Refusal {
    /// What a program that wrote to sysfs sees (drivers/base/bus.c, drivers/base/dd.c).
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            Refusal::NoDevice { .. }
            | Refusal::NoDriver { .. }
            | Refusal::NoMatch { .. }
            | Refusal::NotBoundTo { .. }
            | Refusal::Gone
            | Refusal::Going { .. } => errno::ENODEV,
            Refusal::Bound { .. } | Refusal::DmaOwned { .. } | Refusal::Needed { .. } => errno::EBUSY,
            Refusal::BindSuppressed { .. } | Refusal::ReadOnly => errno::EACCES,
            Refusal::Deferred { .. } => errno::EAGAIN,
            Refusal::Probe { reason, .. } => reason.errno(),
            Refusal::Rescan(_) | Refusal::NotAName { .. } => errno::EINVAL,
            Refusal::Exists { .. } => errno::EEXIST,
            Refusal::ResetMethod(bad) => bad.errno(),
            Refusal::Interrupted(_) => errno::EINTR,
            Refusal::Module(error) => error.errno(),
            Refusal::Param(error) => error.errno(),
        }
    }

    /// A stable name of the rule behind it.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Refusal::NoDevice { .. } => "bus.no-device",
            Refusal::NoDriver { .. } => "bus.no-driver",
            Refusal::NoMatch { .. } => "bus.no-match",
            Refusal::Bound { .. } => "bus.bound",
            Refusal::NotBoundTo { .. } => "bus.not-bound-to",
            Refusal::BindSuppressed { .. } => "bus.bind-suppressed",
            Refusal::DmaOwned { .. } => "group.dma-owned",
            Refusal::Deferred { .. } => "probe.deferred",
            Refusal::Probe { reason, .. } => reason.rule(),
            Refusal::Rescan(_) => "bus.rescan",
            Refusal::Going { .. } => "device.going",
            Refusal::NotAName { .. } => "sysfs.not-a-name",
            Refusal::Needed { .. } => "device.needed",
            Refusal::Exists { .. } => "device.exists",
            Refusal::Gone => "sysfs.gone",
            Refusal::ReadOnly => "sysfs.read-only",
            Refusal::ResetMethod(_) => "device.reset-method",
            Refusal::Interrupted(_) => "wait.interrupted",
            Refusal::Module(_) => "module",
            Refusal::Param(_) => "param",
        }
    }
}
