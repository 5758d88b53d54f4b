//! Resource templates: the register windows and interrupts in a device's `_CRS`.
//!
//! ACPI 6.5, section 6.4; Linux: drivers/acpi/resource.c. Ports, DMA channels, GPIOs and buses are passed over: no platform device of a
//! machine here has them.

use super::bytes::View;
use crate::{Region, Trigger};

/// A longer template than any device has.
const MOST_BYTES: usize = 1 << 16;
/// More windows or interrupts than any device has.
const MOST: usize = 1024;

/// What a template holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Register windows in their order.
    pub regions: Vec<Region>,
    /// Numbers of interrupts (GSI) in their order, and what they take for a signal.
    pub interrupts: Vec<(u32, Trigger)>,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

/// What is wrong with a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ends outside the template; it and those behind it were left out.
    Ends {
        /// Bytes from the template's start.
        at: usize,
    },
    /// Its window has no bytes, or ends beyond the last address; it was left out.
    Extent {
        /// First address.
        base: u64,
        /// Bytes.
        size: u64,
    },
    /// There are more than are read.
    Many,
}

const END_TAG: u8 = 0x79;

impl Resources {
    /// Read a template.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = View::of_table(bytes).first(MOST_BYTES);
        while rest.len() > 0 {
            let tag = rest.u8(0);
            let length =
                if tag & 0x80 == 0 { 1 + usize::from(tag & 7) } else { 3 + usize::from(rest.u16(1)) };
            if length > rest.len() {
                found.faults.push(Fault::Ends { at: rest.at() });
                return found;
            }
            if tag & 0xf8 == END_TAG & 0xf8 {
                return found;
            }
            if found.regions.len().max(found.interrupts.len()) >= MOST {
                found.faults.push(Fault::Many);
                return found;
            }
            found.descriptor(rest.first(length));
            rest = rest.rest(length);
        }
        found
    }

    fn descriptor(&mut self, item: View<'_>) {
        let tag = item.u8(0);
        match tag {
            0x22 | 0x23 => self.legacy_interrupts(item),
            0x81 => {
                let base = u64::from(item.u16(4)) << 8;
                self.region(base, u64::from(item.u16(10)) << 8);
            }
            0x85 => self.region(item.u32(4).into(), item.u32(16).into()),
            0x86 => self.region(item.u32(4).into(), item.u32(8).into()),
            // Type 0 of an address space is memory.
            0x88 if item.u8(3) == 0 => self.space([8, 10, 12, 14].map(|at| item.u16(at).into())),
            0x87 if item.u8(3) == 0 => self.space([10, 14, 18, 22].map(|at| item.u32(at).into())),
            0x8a if item.u8(3) == 0 => self.space([14, 22, 30, 38].map(|at| item.u64(at))),
            0x8b if item.u8(3) == 0 => self.space([16, 24, 32, 40].map(|at| item.u64(at))),
            0x89 => {
                let flags = item.u8(3);
                let trigger = trigger(flags & 2 != 0, (flags >> 2) & 3);
                let numbers = item.rest(5);
                let count = usize::from(item.u8(4)).min(numbers.len() / 4);
                self.interrupts.extend((0..count).map(|entry| (numbers.u32(entry * 4), trigger)));
            }
            _ => {}
        }
    }

    /// Lowest and highest address, what is added on the way to the processor, and length (`acpi_decode_space`).
    fn space(&mut self, [lowest, highest, offset, length]: [u64; 4]) {
        let size = match length {
            0 => highest.checked_sub(lowest).and_then(|distance| distance.checked_add(1)).unwrap_or(0),
            length => length,
        };
        self.region(lowest.wrapping_add(offset), size);
    }

    fn region(&mut self, base: u64, size: u64) {
        match size.checked_sub(1).and_then(|last| base.checked_add(last)) {
            Some(_) => self.regions.push(Region { name: None, base, size }),
            None => self.faults.push(Fault::Extent { base, size }),
        }
    }

    fn legacy_interrupts(&mut self, item: View<'_>) {
        let flags = if item.len() > 3 { item.u8(3) } else { 1 };
        let trigger = trigger(flags & 1 != 0, (flags >> 3) & 1);
        let lines = item.u16(1);
        let numbers = (0..16).filter(|line| lines & (1 << line) != 0);
        self.interrupts.extend(numbers.map(|line| (line, trigger)));
    }
}

/// From whether it is an edge, and the polarity: 0 high, 1 low, 2 both.
fn trigger(edge: bool, polarity: u8) -> Trigger {
    match (edge, polarity) {
        (true, 0) => Trigger::EdgeRising,
        (true, 1) => Trigger::EdgeFalling,
        (true, _) => Trigger::EdgeBoth,
        (false, 1) => Trigger::LevelLow,
        (false, _) => Trigger::LevelHigh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(base: u64, size: u64) -> Region {
        Region { name: None, base, size }
    }

    #[test]
    fn windows_and_interrupts_of_every_kind_are_read() {
        let mut bytes = vec![0x86, 9, 0, 1, 0, 0, 0xf0, 0x7f, 0, 0x10, 0, 0];
        bytes.extend([0x8a, 43, 0, 0, 0x0c, 1]);
        for word in [0, 0x10_0000_0000u64, 0x10_0000_ffff, 0, 0x1_0000] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([0x89, 10, 0, 0x01, 2, 0x58, 0, 0, 0, 0x59, 0, 0, 0]);
        bytes.extend([0x89, 6, 0, 0x07, 1, 0x5a, 0, 0, 0]);
        bytes.extend([0x22, 0x10, 0x00]);
        bytes.extend([0x79, 0]);
        bytes.extend([0x86, 9, 0]);
        let found = Resources::read(&bytes);
        assert_eq!(found.regions, [region(0x7ff0_0000, 0x1000), region(0x10_0000_0000, 0x1_0000)]);
        assert_eq!(
            found.interrupts,
            [
                (0x58, Trigger::LevelHigh),
                (0x59, Trigger::LevelHigh),
                (0x5a, Trigger::EdgeFalling),
                (4, Trigger::EdgeRising)
            ]
        );
        assert_eq!(found.faults, []);
    }

    #[test]
    fn a_template_that_lies_is_read_as_far_as_it_goes() {
        let found = Resources::read(&[0x86, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x89, 200, 0, 1, 255]);
        assert_eq!(found.faults, [Fault::Extent { base: 0, size: 0 }, Fault::Ends { at: 12 }]);
        let found = Resources::read(&[0x89, 2, 0, 1, 255]);
        assert_eq!(found, Resources::default());
        let many: Vec<u8> = [0x22, 0xff, 0xff].repeat(100);
        assert_eq!(Resources::read(&many).faults, [Fault::Many]);
    }
}
