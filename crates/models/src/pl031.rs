//! ARM PrimeCell PL031: a real-time clock with one alarm.
//!
//! ARM DDI 0224 describes it; `drivers/rtc/rtc-pl031.c` is Linux's driver. It counts seconds and raises its interrupt when the count
//! equals the match register, also where that is written to be what the count is (as QEMU's does, which the recorded answers of a
//! real kernel come from). The clock was started by the board's firmware; as long as there is power it counts.

use std::time::Duration;

use uvfio_kernel::hw::{Activity, Level, Model, Progress, ResetFailed, ResetKind, Width, Wires};

use crate::words::{self, Store};

/// Data register: the count.
const DR: u64 = 0x00;
/// Match register.
const MR: u64 = 0x04;
/// Load register: sets the count.
const LR: u64 = 0x08;
/// Control register: the clock runs, and cannot be stopped once it does.
const CR: u64 = 0x0c;
/// Interrupt mask set or clear register: a one lets the interrupt out.
const IMSC: u64 = 0x10;
/// Raw interrupt status register.
const RIS: u64 = 0x14;
/// Masked interrupt status register.
const MIS: u64 = 0x18;
/// Interrupt clear register.
const ICR: u64 = 0x1c;
/// Identification, eight registers of one byte each.
const ID0: u64 = 0xfe0;
/// The bytes there: part 0x031, designer Arm, revision 1, then the PrimeCell's.
const IDS: [u8; 8] = [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

/// A PL031.
pub struct Pl031 {
    wires: Wires,
    /// What to add to the seconds of the machine's clock to have the count.
    offset: u32,
    matched: u32,
    loaded: u32,
    enabled: bool,
    raised: bool,
    /// When the count will be the match register's, in seconds of the machine's clock.
    alarm: Option<u64>,
    level: Level,
}

impl Pl031 {
    /// One that shows the time of day.
    #[must_use]
    pub fn new(wires: Wires) -> Self {
        let offset = (wires.clock.wall_seconds() as u32).wrapping_sub(wires.clock.now().as_secs() as u32);
        Self {
            wires,
            offset,
            matched: 0,
            loaded: 0,
            enabled: false,
            raised: false,
            alarm: None,
            level: Level::Low,
        }
    }

    fn count(&self) -> u32 {
        (self.wires.clock.now().as_secs() as u32).wrapping_add(self.offset)
    }

    /// The count or the match register was written.
    fn set_alarm(&mut self) {
        let ahead = self.matched.wrapping_sub(self.count());
        self.alarm = Some(self.wires.clock.now().as_secs() + u64::from(ahead));
        self.look();
    }

    /// Has the time come? And drive the line.
    fn look(&mut self) {
        if self.alarm.is_some_and(|due| self.wires.clock.now().as_secs() >= due) {
            self.alarm = None;
            self.raised = true;
        }
        self.level = if self.raised && self.enabled { Level::High } else { Level::Low };
        if let Some(line) = self.wires.lines.first() {
            line.set(self.level);
        }
    }

    fn register(&mut self, offset: u64) -> u32 {
        match offset {
            DR => self.count(),
            MR => self.matched,
            LR => self.loaded,
            CR => 1,
            IMSC => self.enabled.into(),
            RIS => self.raised.into(),
            MIS => (self.raised && self.enabled).into(),
            ID0..=0xffc => IDS.get((offset - ID0) as usize / 4).map_or(0, |byte| u32::from(*byte)),
            _ => 0,
        }
    }

    fn set_register(&mut self, store: Store) {
        match store.offset {
            MR => {
                self.matched = store.over(self.matched);
                self.set_alarm();
            }
            LR => {
                self.loaded = store.over(self.loaded);
                self.offset = self.loaded.wrapping_sub(self.wires.clock.now().as_secs() as u32);
                self.set_alarm();
            }
            IMSC => self.enabled = store.over(self.enabled.into()) & 1 != 0,
            ICR if store.value & 1 != 0 => self.raised = false,
            _ => {}
        }
        self.look();
    }
}

impl Model for Pl031 {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != 0 {
            return 0;
        }
        self.look();
        words::load(offset, width, |at| self.register(at))
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        if region == 0 {
            words::store(offset, width, value, |store| self.set_register(store));
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        self.look();
        self.alarm.map_or(Progress::Idle, |due| Progress::At(Duration::from_secs(due)))
    }

    /// The bus reset clears the match register and the interrupt; the count goes on unless the power was lost.
    fn reset(&mut self, kind: ResetKind) -> Result<(), ResetFailed> {
        let offset = self.offset;
        let fresh = Self::new(self.wires.clone());
        *self = if kind == ResetKind::Power { fresh } else { Self { offset, ..fresh } };
        self.look();
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity { running: false, interrupting: self.level == Level::High }
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.matched == 0 && !self.enabled && !self.raised)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bench::{Wire, wires};

    fn word(model: &mut Pl031, offset: u64) -> u32 {
        model.read(0, offset, Width::Word) as u32
    }

    fn set(model: &mut Pl031, offset: u64, value: u32) {
        model.write(0, offset, Width::Word, value.into());
    }

    #[test]
    fn what_a_real_kernel_was_seen_to_get() {
        let (wires, line, _) = wires();
        let mut rtc = Pl031::new(wires);
        let ids: Vec<u32> = (0..4).map(|id| word(&mut rtc, 0xfe0 + id * 4)).collect();
        assert_eq!(ids, [0x31, 0x10, 0x14, 0]);
        set(&mut rtc, ICR, 1);
        set(&mut rtc, IMSC, 0);
        let now = word(&mut rtc, DR);
        set(&mut rtc, MR, now);
        assert_eq!((word(&mut rtc, RIS), word(&mut rtc, MIS), line.high()), (1, 0, false));
        set(&mut rtc, IMSC, 1);
        assert_eq!((word(&mut rtc, MIS), line.high()), (1, true));
        set(&mut rtc, ICR, 1);
        assert_eq!((word(&mut rtc, MIS), line.high()), (0, false));
        set(&mut rtc, MR, 5);
        assert_eq!(word(&mut rtc, MR), 5);
    }

    #[test]
    fn the_alarm_comes_when_its_second_does() {
        let (wires, line, clock) = wires();
        clock.set(Duration::from_millis(10_500));
        let mut rtc = Pl031::new(wires);
        assert_eq!(word(&mut rtc, DR), Wire::WALL as u32);
        set(&mut rtc, LR, u32::MAX);
        set(&mut rtc, IMSC, 1);
        set(&mut rtc, MR, 2);
        assert_eq!(rtc.run(1), Progress::At(Duration::from_secs(13)));
        clock.set(Duration::from_millis(12_999));
        assert_eq!((rtc.run(1), line.high()), (Progress::At(Duration::from_secs(13)), false));
        clock.set(Duration::from_secs(13));
        assert_eq!((rtc.run(1), line.high()), (Progress::Idle, true));
        assert_eq!(word(&mut rtc, DR), 2);
        rtc.reset(ResetKind::Line).expect("it completes");
        assert_eq!((line.high(), word(&mut rtc, DR), word(&mut rtc, MR)), (false, 2, 0));
        rtc.reset(ResetKind::Power).expect("it completes");
        assert_eq!(word(&mut rtc, DR), Wire::WALL as u32);
        assert_eq!(Arc::strong_count(&line), 2);
    }
}
