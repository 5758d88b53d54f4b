//! A virtio-mmio transport with no device in it, of which QEMU's virt machine has 32.
//!
//! Virtio 1.2, section 4.2.2: with device ID 0 a driver is to ignore everything but the first registers (`drivers/virtio/virtio_mmio.c`
//! does). The version is 1, the legacy interface, as QEMU has it by default.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

use crate::words;

/// MagicValue: "virt".
const MAGIC: u32 = 0x7472_6976;
/// Version.
const LEGACY: u32 = 1;
/// VendorID: "QEMU".
const VENDOR: u32 = 0x554d_4551;

/// An empty transport. It has no state.
#[derive(Default)]
pub struct EmptyVirtioMmio;

impl Model for EmptyVirtioMmio {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != 0 {
            return 0;
        }
        words::load(offset, width, |at| match at {
            0x000 => MAGIC,
            0x004 => LEGACY,
            0x00c => VENDOR,
            _ => 0,
        })
    }

    fn write(&mut self, _: usize, _: u64, _: Width, _: u64) {}

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_that_nothing_is_there() {
        let mut transport = EmptyVirtioMmio;
        let mut text = Vec::new();
        for byte in 0..4 {
            text.push(transport.read(0, byte, Width::Byte) as u8);
        }
        assert_eq!(text, b"virt");
        assert_eq!(transport.read(0, 8, Width::Word), 0);
    }
}
