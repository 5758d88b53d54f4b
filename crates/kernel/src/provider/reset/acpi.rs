//! Where ACPI's `_RST` comes in.
//!
//! In Linux `vfio_platform_acpi_call_reset` (drivers/vfio/platform/vfio_platform_common.c) evaluates the method of the device's ACPI
//! companion, and on a machine with ACPI nothing else resets a platform device. Evaluating AML is not done here: whoever can
//! implements this, with the method's operation regions reaching the registers of the models.

use crate::errno::Errno;

/// The `_RST` methods of a machine's firmware.
pub trait AcpiReset: Send + Sync {
    /// Whether the machine was described by ACPI: then nothing but `_RST` resets its platform devices.
    fn describes_machine(&self) -> bool;

    /// Whether this device has one.
    fn has(&self, device: &str) -> bool;

    /// Evaluate it.
    ///
    /// # Errors
    /// The error number of its failure, or of none being there.
    fn evaluate(&self, device: &str) -> Result<(), Errno>;
}

/// A machine that ACPI did not describe.
#[derive(Clone, Copy, Debug)]
pub struct NoAcpi;

impl AcpiReset for NoAcpi {
    fn describes_machine(&self) -> bool {
        false
    }

    fn has(&self, _: &str) -> bool {
        false
    }

    fn evaluate(&self, _: &str) -> Result<(), Errno> {
        Err(crate::errno::ENOENT)
    }
}
