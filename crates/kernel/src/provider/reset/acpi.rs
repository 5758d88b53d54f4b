//! Where ACPI's `_RST` comes in.
//!
//! In Linux `vfio_platform_acpi_call_reset` (drivers/vfio/platform/vfio_platform_common.c) evaluates the method of the device's ACPI
//! companion, and on a machine with ACPI nothing else resets a platform device. Evaluating AML is not done here: whoever can
//! implements this, with the method's operation regions reaching the registers of the models.

use super::ownership::NotYours;
use crate::errno::{self, Errno};
use crate::hw::Width;

/// The `_RST` methods of a machine's firmware.
pub trait AcpiReset: Send + Sync {
    /// Whether the machine was described by ACPI: then nothing but `_RST` resets its platform devices.
    fn describes_machine(&self) -> bool;

    /// Whether this device has one.
    fn has(&self, device: &str) -> bool;

    /// Evaluate it. Where an access to memory is refused, the evaluation ends with that refusal.
    ///
    /// # Errors
    /// How it failed, or that there is none. It must not take longer than a bound of its own.
    fn evaluate(&self, device: &str, memory: &dyn SystemMemory) -> Result<(), AcpiFailure>;
}

/// Registers by their physical address, as operation regions name them.
pub trait SystemMemory {
    /// Load a register. Where nothing is, all bits are ones.
    ///
    /// # Errors
    /// Where it is a device's that the reset must leave alone.
    fn load(&self, address: u64, width: Width) -> Result<u64, AcpiFailure>;

    /// Store to a register. Where nothing is, the value is lost.
    ///
    /// # Errors
    /// Likewise.
    fn store(&self, address: u64, width: Width, value: u64) -> Result<(), AcpiFailure>;
}

/// How a method of the firmware failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcpiFailure {
    /// There is none.
    #[error("there is no such method")]
    NoMethod,
    /// It is wrong, or does what the interpreter does not know.
    #[error("the interpreter says: {says}")]
    Interpreter {
        /// The interpreter's words.
        says: String,
    },
    /// It did not end within its bound.
    #[error("it did not end within {bound}")]
    Endless {
        /// The bound.
        bound: Bound,
    },
    /// It reached for the registers of a device that is not the asker's.
    #[error(transparent)]
    NotYours(#[from] NotYours),
    /// It reached for the registers of a device that is just being reset, or given to somebody.
    #[error("{device} is busy")]
    Busy {
        /// The device.
        device: String,
    },
}

/// What an evaluation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// So many operations.
    Operations(u64),
    /// So many seconds.
    Seconds(u64),
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Bound::Operations(operations) => write!(f, "{operations} operations"),
            Bound::Seconds(seconds) => write!(f, "{seconds} seconds"),
        }
    }
}

impl AcpiFailure {
    /// What the kernel answers: `EINVAL` for all that ACPI itself reports.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            AcpiFailure::NotYours(_) => errno::EPERM,
            AcpiFailure::Busy { .. } => errno::EBUSY,
            AcpiFailure::NoMethod | AcpiFailure::Interpreter { .. } | AcpiFailure::Endless { .. } => {
                errno::EINVAL
            }
        }
    }
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

    fn evaluate(&self, _: &str, _: &dyn SystemMemory) -> Result<(), AcpiFailure> {
        Err(AcpiFailure::NoMethod)
    }
}
