//! QEMU's firmware configuration device, without files in it.
//!
//! QEMU's docs/specs/fw_cfg.rst; `drivers/firmware/qemu_fw_cfg.c` is Linux's driver. A 16-bit selector, big-endian, chooses an item;
//! each byte read from the data register is the item's next. The DMA interface is optional and not here.

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

/// Bytes of the data register, at 0.
const DATA: u64 = 8;
/// Where the selector is.
const SELECTOR: u64 = 8;
/// Item 0: the signature.
const SIGNATURE: &[u8] = b"QEMU";
/// Item 1: the features, of which there is the traditional interface only.
const FEATURES: &[u8] = &[1, 0, 0, 0];

/// A fw-cfg device.
#[derive(Default)]
pub struct FwCfg {
    selector: u16,
    position: usize,
}

impl FwCfg {
    fn next(&mut self) -> u8 {
        let item = match self.selector {
            0 => SIGNATURE,
            1 => FEATURES,
            _ => &[],
        };
        let byte = item.get(self.position).copied().unwrap_or(0);
        self.position = self.position.saturating_add(1);
        byte
    }
}

impl Model for FwCfg {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != 0 || offset >= DATA {
            return 0;
        }
        (0..width.bytes()).fold(0, |value, at| value | u64::from(self.next()) << (at * 8))
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        if region == 0 && offset == SELECTOR && width == Width::Half {
            *self = Self { selector: (value as u16).swap_bytes(), position: 0 };
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        *self = Self::default();
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
    fn an_item_is_read_byte_after_byte() {
        let mut device = FwCfg::default();
        assert_eq!(device.read(0, 0, Width::Word).to_le_bytes()[..4], *SIGNATURE);
        assert_eq!(device.read(0, 0, Width::Double), 0);
        device.write(0, SELECTOR, Width::Half, 0x0100);
        assert_eq!(device.read(0, 0, Width::Byte), 1);
        device.write(0, SELECTOR, Width::Half, 0);
        assert_eq!(device.read(0, 0, Width::Byte), u64::from(b'Q'));
    }
}
