//! An OHCI USB 1.1 host with one port and nothing plugged in.
//!
//! The OpenHCI specification 1.0a, chapter 7; `drivers/usb/host/ohci-hcd.c`.

use super::{Register, SoftwareReset, Table};

/// OHCI host.
pub static OHCI: Table = Table {
    name: "OHCI host",
    registers: &[
        // HcRevision 1.0, HcControl, HcCommandStatus, HcInterruptStatus, HcInterruptEnable, HcInterruptDisable.
        Register { offset: 0x00, reset: 0x10, writable: 0 },
        Register { offset: 0x04, reset: 0, writable: 0x7ff },
        Register { offset: 0x08, reset: 0, writable: 0x0e },
        Register { offset: 0x0c, reset: 0, writable: 0 },
        Register { offset: 0x10, reset: 0, writable: 0xc000_007f },
        Register { offset: 0x14, reset: 0, writable: 0 },
        // HcHCCA, HcPeriodCurrentED, HcControlHeadED, HcControlCurrentED, HcBulkHeadED, HcBulkCurrentED, HcDoneHead.
        Register { offset: 0x18, reset: 0, writable: 0xffff_ff00 },
        Register { offset: 0x1c, reset: 0, writable: 0 },
        Register { offset: 0x20, reset: 0, writable: 0xffff_fff0 },
        Register { offset: 0x24, reset: 0, writable: 0xffff_fff0 },
        Register { offset: 0x28, reset: 0, writable: 0xffff_fff0 },
        Register { offset: 0x2c, reset: 0, writable: 0xffff_fff0 },
        Register { offset: 0x30, reset: 0, writable: 0 },
        // HcFmInterval, HcFmRemaining, HcFmNumber, HcPeriodicStart, HcLSThreshold.
        Register { offset: 0x34, reset: 0x2edf, writable: 0xffff_3fff },
        Register { offset: 0x38, reset: 0, writable: 0 },
        Register { offset: 0x3c, reset: 0, writable: 0 },
        Register { offset: 0x40, reset: 0, writable: 0x3fff },
        Register { offset: 0x44, reset: 0x0628, writable: 0x0fff },
        // HcRhDescriptorA: one port. HcRhDescriptorB, HcRhStatus, HcRhPortStatus1.
        Register { offset: 0x48, reset: 0x0100_0001, writable: 0xff00_1b00 },
        Register { offset: 0x4c, reset: 0, writable: u32::MAX },
        Register { offset: 0x50, reset: 0, writable: 0 },
        Register { offset: 0x54, reset: 0, writable: 0 },
    ],
    // HostControllerReset.
    software_reset: Some(SoftwareReset { offset: 0x08, bit: 1 }),
    // HostControllerFunctionalState: operational.
    running: (0x04, 0xc0, 0x80),
    halted: None,
};
