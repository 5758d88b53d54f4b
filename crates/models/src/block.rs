//! Small devices described by a table: which registers there are, what they hold after reset, which bits a program may write.
//!
//! They do nothing with what is written but show whether they run; they are there to be handed over and reset. A watch counts the resets
//! that reached one and whether it was at work then, which is how a test sees that a neighbour on a shared reset line was left alone.

mod ehci;
mod ohci;
mod pwm_rcar;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uvfio_kernel::hw::{Activity, Model, Progress, ResetFailed, ResetKind, Width};

use crate::words::{self, Store};

pub use ehci::EHCI;
pub use ohci::OHCI;
pub use pwm_rcar::PWM_RCAR;

/// One 32-bit register.
#[derive(Debug)]
pub struct Register {
    /// Where it is, a multiple of 4.
    pub offset: u64,
    /// What it holds after reset.
    pub reset: u32,
    /// Ones where a program may write.
    pub writable: u32,
}

/// A bit that resets the device and is clear again when that is done.
#[derive(Debug)]
pub struct SoftwareReset {
    /// Its register.
    pub offset: u64,
    /// The bit.
    pub bit: u32,
}

/// What a device is made of.
#[derive(Debug)]
pub struct Table {
    /// What it is called.
    pub name: &'static str,
    /// Its registers.
    pub registers: &'static [Register],
    /// Its own reset bit, if it has one.
    pub software_reset: Option<SoftwareReset>,
    /// It is at work while the masked bits of this register have this value: offset, mask, value.
    pub running: (u64, u32, u32),
    /// A bit that reads as the opposite of "running": offset and bit.
    pub halted: Option<(u64, u32)>,
}

/// What a test sees of a device's resets.
#[derive(Debug, Default)]
pub struct Watch {
    resets: AtomicU64,
    disturbed: AtomicU64,
}

impl Watch {
    /// Resets that reached the device, its own included.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::Relaxed)
    }

    /// Those of them that found it running: a driver lost what it was doing.
    #[must_use]
    pub fn disturbed(&self) -> u64 {
        self.disturbed.load(Ordering::Relaxed)
    }
}

/// A device of a table.
pub struct Block {
    table: &'static Table,
    /// What its registers hold, in the order of the table.
    values: Vec<u32>,
    watch: Arc<Watch>,
}

impl Block {
    /// One as after power on.
    #[must_use]
    pub fn new(table: &'static Table) -> Self {
        Self::watched(table, Arc::default())
    }

    /// The same, watched.
    #[must_use]
    pub fn watched(table: &'static Table, watch: Arc<Watch>) -> Self {
        Self { table, values: table.registers.iter().map(|register| register.reset).collect(), watch }
    }

    fn index(&self, offset: u64) -> Option<usize> {
        self.table.registers.iter().position(|register| register.offset == offset)
    }

    fn held(&self, offset: u64) -> u32 {
        self.index(offset).map_or(0, |index| self.values[index])
    }

    fn running(&self) -> bool {
        let (offset, mask, value) = self.table.running;
        self.held(offset) & mask == value
    }

    fn register(&self, offset: u64) -> u32 {
        let value = self.held(offset);
        match self.table.halted {
            Some((at, bit)) if at == offset => {
                if self.running() {
                    value & !bit
                } else {
                    value | bit
                }
            }
            _ => value,
        }
    }

    fn set_register(&mut self, store: Store) {
        let resets = self.table.software_reset.as_ref();
        if resets.is_some_and(|reset| reset.offset == store.offset && store.value & reset.bit != 0) {
            self.clear();
        } else if let Some(index) = self.index(store.offset) {
            let writable = self.table.registers[index].writable;
            let old = self.values[index];
            self.values[index] = (old & !writable) | (store.over(old) & writable);
        }
    }

    fn clear(&mut self) {
        self.watch.resets.fetch_add(1, Ordering::Relaxed);
        if self.running() {
            self.watch.disturbed.fetch_add(1, Ordering::Relaxed);
        }
        for (value, register) in self.values.iter_mut().zip(self.table.registers) {
            *value = register.reset;
        }
    }
}

impl Model for Block {
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
        self.clear();
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity { running: self.running(), interrupting: false }
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.values.iter().zip(self.table.registers).all(|(value, register)| *value == register.reset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_in_order_and_starts_stopped() {
        for table in [&EHCI, &OHCI, &PWM_RCAR] {
            let offsets: Vec<u64> = table.registers.iter().map(|register| register.offset).collect();
            assert!(offsets.is_sorted() && offsets.iter().all(|offset| offset % 4 == 0), "{}", table.name);
            let block = Block::new(table);
            assert_eq!(
                (block.activity(), block.is_reset()),
                (Activity::default(), Some(true)),
                "{}",
                table.name
            );
        }
    }

    #[test]
    fn the_watch_sees_who_was_disturbed() {
        let watch = Arc::new(Watch::default());
        let mut pwm = Block::watched(&PWM_RCAR, watch.clone());
        pwm.reset(ResetKind::Line).expect("it completes");
        pwm.write(0, 4, Width::Word, 0x0100_0080);
        pwm.write(0, 0, Width::Word, 1);
        assert!(pwm.activity().running);
        assert_eq!((watch.resets(), watch.disturbed(), pwm.is_reset()), (1, 0, Some(false)));
        pwm.reset(ResetKind::Line).expect("it completes");
        assert_eq!((watch.resets(), watch.disturbed(), pwm.is_reset()), (2, 1, Some(true)));
        assert_eq!(pwm.read(0, 4, Width::Word), 0);
    }

    #[test]
    fn a_usb_host_resets_itself() {
        let mut ehci = Block::new(&EHCI);
        let command = ehci.read(0, 0, Width::Byte);
        ehci.write(0, command, Width::Word, 0x0008_0001);
        assert_eq!(ehci.read(0, command + 4, Width::Word) & 1 << 12, 0, "not halted");
        ehci.write(0, command, Width::Word, 2);
        assert_eq!(ehci.read(0, command, Width::Word), 0x0008_0000);
        assert_eq!((ehci.read(0, command + 4, Width::Word), ehci.is_reset()), (1 << 12, Some(true)));
        let mut ohci = Block::new(&OHCI);
        assert_eq!(ohci.read(0, 0, Width::Word), 0x10);
        ohci.write(0, 4, Width::Word, 0x80);
        assert!(ohci.activity().running);
        ohci.write(0, 8, Width::Word, 1);
        assert_eq!(ohci.is_reset(), Some(true));
    }
}
