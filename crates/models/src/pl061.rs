//! ARM PrimeCell PL061: eight GPIO pins, each of which may be some device's reset.
//!
//! ARM DDI 0190; `drivers/gpio/gpio-pl061.c` is Linux's driver, and `drivers/reset/reset-gpio.c` makes a reset line of a pin. Nobody drives the
//! pins from outside, so an input reads low.

use uvfio_kernel::hw::{Activity, Level, Model, Progress, ResetFailed, ResetKind, ResetLines, Width, Wires};

use crate::words::{self, Store};

/// First address after the data register, which bits 2 to 9 of the address mask.
const DATA_END: u64 = 0x400;
/// Direction: a one is an output.
const DIR: u64 = 0x400;
/// Interrupt sense: a one is a level.
const IS: u64 = 0x404;
/// Interrupt on both edges.
const IBE: u64 = 0x408;
/// Interrupt event: a one is the high level or the rising edge.
const IEV: u64 = 0x40c;
/// Interrupt enable.
const IE: u64 = 0x410;
/// Raw interrupt status.
const RIS: u64 = 0x414;
/// Masked interrupt status.
const MIS: u64 = 0x418;
/// Hardware mode.
const AFSEL: u64 = 0x420;
/// Identification, eight registers of one byte each.
const ID0: u64 = 0xfe0;
/// The bytes there: part 0x061, designer Arm, then the PrimeCell's.
const IDS: [u8; 8] = [0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

/// A PL061.
pub struct Pl061 {
    wires: Wires,
    /// What the outputs are driven to.
    data: u8,
    /// Direction, sense, both edges, event, enable and hardware mode, in the order of [`PLAIN`].
    plain: [u8; 6],
    level: Level,
}

/// Registers that only hold what was written.
const PLAIN: [u64; 6] = [DIR, IS, IBE, IEV, IE, AFSEL];

impl Pl061 {
    /// One with all pins inputs.
    #[must_use]
    pub fn new(wires: Wires) -> Self {
        Self { wires, data: 0, plain: [0; 6], level: Level::Low }
    }

    fn pins(&self) -> u8 {
        self.data & self.plain[0]
    }

    /// Level interrupts only: no edge ever comes from outside.
    fn raised(&self) -> u8 {
        let [_, sense, _, event, ..] = self.plain;
        sense & !(self.pins() ^ event)
    }

    fn register(&self, offset: u64) -> u32 {
        if offset < DATA_END {
            return u32::from(self.pins() & (offset >> 2) as u8);
        }
        if let Some(index) = PLAIN.iter().position(|at| *at == offset) {
            return self.plain[index].into();
        }
        match offset {
            RIS => self.raised().into(),
            MIS => (self.raised() & self.plain[4]).into(),
            ID0..=0xffc => IDS.get((offset - ID0) as usize / 4).map_or(0, |byte| u32::from(*byte)),
            _ => 0,
        }
    }

    fn set_register(&mut self, store: Store) {
        let (value, written) = (store.value as u8, store.mask as u8);
        if store.offset < DATA_END {
            let mask = (store.offset >> 2) as u8 & written & self.plain[0];
            self.data = (self.data & !mask) | (value & mask);
        } else if let Some(index) = PLAIN.iter().position(|at| *at == store.offset) {
            self.plain[index] = (self.plain[index] & !written) | value;
        }
        self.drive();
    }

    fn drive(&mut self) {
        self.level = if self.raised() & self.plain[4] == 0 { Level::Low } else { Level::High };
        if let Some(line) = self.wires.lines.first() {
            line.set(self.level);
        }
    }
}

impl ResetLines for Pl061 {
    fn count(&self) -> u32 {
        8
    }

    fn is_asserted(&self, line: u32) -> bool {
        line < 8 && self.pins() & (1 << line) != 0
    }
}

impl Model for Pl061 {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != 0 {
            return 0;
        }
        words::load(offset, width, |at| self.register(at))
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        if region == 0 {
            words::store(offset, width, value, |store| self.set_register(store));
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        (self.data, self.plain) = (0, [0; 6]);
        self.drive();
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity { running: false, interrupting: self.level == Level::High }
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.data == 0 && self.plain == [0; 6])
    }

    fn reset_lines(&self) -> Option<&dyn ResetLines> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::wires;

    #[test]
    fn the_address_masks_the_data() {
        let (wires, line, _) = wires();
        let mut gpio = Pl061::new(wires);
        gpio.write(0, DIR, Width::Word, 0x0f);
        gpio.write(0, 0x3fc, Width::Word, 0xff);
        assert_eq!(gpio.read(0, 0x3fc, Width::Word), 0x0f, "inputs read low");
        gpio.write(0, 0x04 << 2, Width::Word, 0);
        assert_eq!((0..9).filter(|pin| gpio.is_asserted(*pin)).collect::<Vec<_>>(), [0, 1, 3]);
        assert_eq!(gpio.is_reset(), Some(false));
        gpio.write(0, IS, Width::Word, 0x80);
        gpio.write(0, IE, Width::Word, 0x80);
        assert!(line.high(), "an input that is low, at level low");
        gpio.reset(ResetKind::Line).expect("it completes");
        assert_eq!((line.high(), gpio.is_reset()), (false, Some(true)));
    }
}
