//! What a driver is to the driver core: which devices it takes, and what happens when it takes and leaves one.
//!
//! In Linux this is `struct device_driver` (include/linux/device/driver.h) with `probe` and `remove`, called by
//! drivers/base/dd.c. Both are called without the control lock, with the device held for the caller alone (`device_lock`), so
//! a driver may ask the machine anything but must not bind or unbind the device it was called for.

use std::error::Error;
use std::sync::Arc;

use super::{Bus, Device};
use crate::errno::{self, Errno};
use crate::wait::{Interrupted, Wait};

/// Who decides about a device's DMA while the driver has it (`driver_managed_dma`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DmaOwner {
    /// The kernel: probing takes a share of the group's default domain and fails with `EBUSY` while a program owns the group.
    Kernel,
    /// The driver hands DMA to its user and claims the group itself.
    Driver,
}

/// Whether an administrator may bind and unbind by hand (`suppress_bind_attrs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindFiles {
    /// `bind` and `unbind` are there.
    Shown,
    /// They are not: IOMMU drivers cannot be taken from their devices.
    Suppressed,
}

/// A driver.
pub trait Driver: Send + Sync {
    /// Its name, as in `/sys/bus/BUS/drivers`.
    fn name(&self) -> &str;

    /// The bus it is on.
    fn bus(&self) -> Bus;

    /// The module it comes with.
    fn module(&self) -> &str;

    /// The `compatible` strings it takes (`of_match_table`). None for a driver that takes only what it is told to take, which is
    /// what drivers for programs are, and for one that decides otherwise in [`Driver::matches`].
    fn table(&self) -> &[String] {
        &[]
    }

    /// Whether it takes this device by what it is. A device with a driver override is matched by name alone and this is not
    /// asked.
    fn matches(&self, device: &Device) -> bool {
        device.facts().identities().iter().any(|compatible| self.table().contains(compatible))
    }

    /// Take a device.
    ///
    /// # Errors
    /// Why it does not want it now, or at all. It must then have left the device as it found it.
    fn probe(&self, device: &Arc<Device>) -> Result<(), ProbeError>;

    /// Leave a device. It may block until the device is no longer used.
    ///
    /// # Errors
    /// Where `wait` was ended while the device was still used: the driver then keeps it.
    fn remove(&self, device: &Arc<Device>, wait: &dyn Wait) -> Result<(), Interrupted>;

    /// Who decides about DMA.
    fn dma_owner(&self) -> DmaOwner {
        DmaOwner::Kernel
    }

    /// Whether it can be bound by hand.
    fn bind_files(&self) -> BindFiles {
        BindFiles::Shown
    }

    /// The device goes while the driver has it and somebody may be using it: ask them to let go (`vfio_pci_core_request`).
    /// Called once before [`Driver::remove`] where the reason is removal of the device or its module.
    fn ask_back(&self, _device: &Arc<Device>) {}

    /// All consumers of the device have probed: it may drop what it kept only for their boot state (`sync_state`).
    fn sync_state(&self, _device: &Arc<Device>) {}
}

/// Why a probe did not end with the driver having the device.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProbeError {
    /// It must wait for something else (`-EPROBE_DEFER`).
    #[error("probe deferred: {0}")]
    Defer(Deferral),
    /// The driver does not take it.
    #[error("{0}")]
    Refused(Arc<dyn Reason>),
}

impl ProbeError {
    /// A refusal for this reason.
    pub fn refused(reason: impl Reason + 'static) -> Self {
        ProbeError::Refused(Arc::new(reason))
    }

    /// What the kernel answers inside.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            ProbeError::Defer(_) => errno::EPROBE_DEFER,
            ProbeError::Refused(reason) => reason.errno(),
        }
    }
}

/// A driver's reason to refuse a device, with the facts in its own type.
pub trait Reason: Error + Send + Sync {
    /// The kernel's answer.
    fn errno(&self) -> Errno;
    /// A stable name of the rule behind it, such as `vfio.probe.no-reset`.
    fn rule(&self) -> &'static str;
}

/// What a deferred device waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Deferral {
    /// A supplier of the description has no driver yet.
    #[error("supplier {supplier} not ready")]
    Supplier {
        /// The supplier's device name, or its node's path where it is no device.
        supplier: String,
        /// The supplier's node.
        path: String,
    },
    /// Its IOMMU's driver is not there yet.
    #[error("wait for IOMMU {iommu}")]
    Iommu {
        /// The IOMMU's device name, or its node's path where it is no device.
        iommu: String,
        /// The IOMMU's node.
        path: String,
    },
    /// The driver did not say.
    #[error("driver asked to be probed later")]
    Unspecified,
}

impl Deferral {
    /// The node that is waited for, where one is known.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Deferral::Supplier { path, .. } | Deferral::Iommu { path, .. } => Some(path),
            Deferral::Unspecified => None,
        }
    }
}
