//! The buses a device can be on.
//!
//! In Linux a `struct bus_type` each: platform (drivers/base/platform.c), AMBA (drivers/amba/bus.c), PCI (drivers/pci). What sits
//! on them is kept by the machine; this is only their names.

use std::fmt;
use std::str::FromStr;

/// A bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bus {
    /// Devices of the board's description without a bus that could be probed.
    Platform,
    /// Devices with ARM's peripheral identification registers.
    Amba,
    /// PCI functions. They have requester ids and groups but no registers yet, so sysfs shows the bus without them.
    Pci,
}

impl Bus {
    /// All of them.
    pub const ALL: [Bus; 3] = [Bus::Platform, Bus::Amba, Bus::Pci];

    /// The bus a description puts a device on.
    #[must_use]
    pub const fn of(bus: uvfio_firmware::Bus) -> Self {
        match bus {
            uvfio_firmware::Bus::Platform => Bus::Platform,
            uvfio_firmware::Bus::Amba => Bus::Amba,
            uvfio_firmware::Bus::Pci => Bus::Pci,
        }
    }

    /// Its name in `/sys/bus`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Bus::Platform => "platform",
            Bus::Amba => "amba",
            Bus::Pci => "pci",
        }
    }
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no bus of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such bus")]
pub struct NoSuchBus;

impl FromStr for Bus {
    type Err = NoSuchBus;

    fn from_str(name: &str) -> Result<Self, NoSuchBus> {
        Bus::ALL.into_iter().find(|bus| bus.name() == name).ok_or(NoSuchBus)
    }
}
