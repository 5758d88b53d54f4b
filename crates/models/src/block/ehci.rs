//! An EHCI USB 2.0 host with one port and nothing plugged in.
//!
//! The EHCI specification 1.0, sections 2.2 and 2.3; `drivers/usb/host/ehci-hcd.c`.

use super::{Register, SoftwareReset, Table};

/// EHCI host: the capability registers take 16 bytes, the operational ones follow.
pub static EHCI: Table = Table {
    name: "EHCI host",
    registers: &[
        // CAPLENGTH 0x10 and HCIVERSION 1.0; HCSPARAMS: one port, no companion; HCCPARAMS.
        Register { offset: 0x00, reset: 0x0100_0010, writable: 0 },
        Register { offset: 0x04, reset: 0x0000_0001, writable: 0 },
        Register { offset: 0x08, reset: 0, writable: 0 },
        // USBCMD: interrupts every 8 microframes. USBSTS holds nothing: what halts it is told apart.
        Register { offset: 0x10, reset: 0x0008_0000, writable: 0x00ff_0b71 },
        Register { offset: 0x14, reset: 0, writable: 0 },
        // USBINTR, FRINDEX, CTRLDSSEGMENT, PERIODICLISTBASE, ASYNCLISTADDR.
        Register { offset: 0x18, reset: 0, writable: 0x3f },
        Register { offset: 0x1c, reset: 0, writable: 0x3fff },
        Register { offset: 0x20, reset: 0, writable: 0 },
        Register { offset: 0x24, reset: 0, writable: 0xffff_f000 },
        Register { offset: 0x28, reset: 0, writable: 0xffff_ffe0 },
        // CONFIGFLAG and PORTSC: the port has power and belongs to a companion until configured.
        Register { offset: 0x50, reset: 0, writable: 1 },
        Register { offset: 0x54, reset: 0x0000_3000, writable: 0x0070_2000 },
    ],
    // HCRESET.
    software_reset: Some(SoftwareReset { offset: 0x10, bit: 1 << 1 }),
    // Run/Stop, and HCHalted.
    running: (0x10, 1, 1),
    halted: Some((0x14, 1 << 12)),
};
