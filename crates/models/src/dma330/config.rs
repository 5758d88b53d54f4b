//! What a system-on-chip's designer chose for its DMA-330: sizes, security at reset, and which interrupt goes where.
//!
//! The manual's table 1-1 lists these; a program reads them back in CR0 to CR4 and CRD.

use super::spec::MAX_CHANNELS;

/// In which state a thread, or the bus a program uses, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// May use everything.
    Secure,
    /// May only use what is not reserved for the secure state.
    NonSecure,
}

/// How one controller was built. Values outside what the manual allows are cut to it when a model is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Channel threads, 1 to 8.
    pub channels: usize,
    /// Peripheral request interfaces, 0 to 32.
    pub peripherals: usize,
    /// Events and interrupt outputs, 1 to 32.
    pub events: usize,
    /// Bytes of the data bus: 4, 8 or 16.
    pub width: u32,
    /// Lines of the MFIFO, each of `width` bytes, 1 to 1024.
    pub mfifo_lines: usize,
    /// Bytes of a line of the instruction cache: 4, 8, 16 or 32.
    pub icache_bytes: usize,
    /// Lines of the instruction cache, 1 to 16.
    pub icache_lines: usize,
    /// Outstanding writes and reads (1 to 8 each) and depths of their queues (1 to 16 each), as CRD tells them.
    pub outstanding: Outstanding,
    /// The manager's state after reset.
    pub manager: Security,
    /// Where the manager starts executing after reset, if it does so by itself.
    pub boot: Option<u32>,
    /// A one for each event that is non-secure.
    pub nonsecure_events: u32,
    /// A one for each peripheral that is non-secure.
    pub nonsecure_peripherals: u32,
    /// Which of its two register interfaces the program sees.
    pub bus: Security,
    /// Where its interrupt outputs go.
    pub wiring: Wiring,
}

/// What CRD says of the bus interface. Nothing a program can measure here depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outstanding {
    /// Writes that may be outstanding.
    pub writes: u32,
    /// Entries of the write queue.
    pub write_queue: u32,
    /// Reads that may be outstanding.
    pub reads: u32,
    /// Entries of the read queue.
    pub read_queue: u32,
}

/// Which interrupt line each output drives. A line that several outputs share is high while any of them is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// The line of `irq_abort`.
    pub abort: Option<usize>,
    /// The line of each `irq[n]`, beginning with 0.
    pub events: Vec<usize>,
}

impl Wiring {
    /// Juno: `irq[0]` to `irq[3]`, `irq_abort`, `irq[4]` to `irq[7]` (ARM DDI 0515, interrupt map).
    #[must_use]
    pub fn juno() -> Self {
        Self { abort: Some(4), events: vec![0, 1, 2, 3, 5, 6, 7, 8] }
    }

    /// What a description with `names` (`interrupt-names`, may be empty) for `lines` interrupts means: the line called "abort" is
    /// that, or the last one if none is and there are several; the others are `irq[0]` on, and the last of them takes what is left.
    #[must_use]
    pub fn described(names: &[&str], lines: usize) -> Self {
        let named = names.iter().take(lines).position(|name| *name == "abort");
        let abort = named.or(lines.checked_sub(1));
        let others: Vec<usize> = (0..lines).filter(|line| lines == 1 || Some(*line) != abort).collect();
        let events = (0..32).filter_map(|event| others.get(event).or(others.last()).copied()).collect();
        Self { abort, events }
    }
}

impl Config {
    /// The DMA-330 of Arm's Juno as Linux reports it there ("DBUFF-1024x16bytes Num_Chans-8 Num_Peri-8 Num_Events-8"), seen from
    /// the non-secure side. The instruction cache and the queues are not published; these are in the manual's range.
    #[must_use]
    pub fn juno() -> Self {
        Self {
            channels: 8,
            peripherals: 8,
            events: 8,
            width: 16,
            mfifo_lines: 1024,
            icache_bytes: 32,
            icache_lines: 16,
            outstanding: Outstanding { writes: 8, write_queue: 16, reads: 8, read_queue: 16 },
            manager: Security::NonSecure,
            boot: None,
            nonsecure_events: u32::MAX,
            nonsecure_peripherals: u32::MAX,
            bus: Security::NonSecure,
            wiring: Wiring::juno(),
        }
    }

    /// The same with every value in the manual's range.
    pub(super) fn cut(mut self) -> Self {
        let power = |value: usize, most: usize| value.clamp(4, most).next_power_of_two();
        self.channels = self.channels.clamp(1, MAX_CHANNELS);
        self.peripherals = self.peripherals.min(32);
        self.events = self.events.clamp(1, 32);
        self.width = power(self.width as usize, 16) as u32;
        self.mfifo_lines = self.mfifo_lines.clamp(1, 1024);
        self.icache_bytes = power(self.icache_bytes, 32);
        self.icache_lines = self.icache_lines.clamp(1, 16);
        let Outstanding { writes, write_queue, reads, read_queue } = self.outstanding;
        self.outstanding = Outstanding {
            writes: writes.clamp(1, 8),
            write_queue: write_queue.clamp(1, 16),
            reads: reads.clamp(1, 8),
            read_queue: read_queue.clamp(1, 16),
        };
        self
    }

    /// The event's bit, if there is such an event.
    pub(super) fn event(&self, event: u8) -> Option<u32> {
        (usize::from(event) < self.events).then(|| 1 << event)
    }

    /// CR0 to CR4 and CRD (section 3.3).
    pub(super) fn register(&self, index: u64) -> u32 {
        let ones = |count: usize| if count >= 32 { u32::MAX } else { (1 << count) - 1 };
        let less_one = |count: usize| count.saturating_sub(1) as u32;
        match index {
            0 => {
                u32::from(self.peripherals > 0)
                    | u32::from(self.boot.is_some()) << 1
                    | u32::from(self.manager == Security::NonSecure) << 2
                    | less_one(self.channels) << 4
                    | less_one(self.peripherals) << 12
                    | less_one(self.events) << 17
            }
            1 => self.icache_bytes.trailing_zeros() | less_one(self.icache_lines) << 4,
            2 => self.boot.unwrap_or(0),
            3 => self.nonsecure_events & ones(self.events),
            4 => self.nonsecure_peripherals & ones(self.peripherals),
            5 => {
                self.width.trailing_zeros()
                    | (self.outstanding.writes - 1) << 4
                    | (self.outstanding.write_queue - 1) << 8
                    | (self.outstanding.reads - 1) << 12
                    | (self.outstanding.read_queue - 1) << 16
                    | less_one(self.mfifo_lines) << 20
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_says_which_line_is_which() {
        assert_eq!(Wiring::described(&[], 0), Wiring { abort: None, events: vec![] });
        assert_eq!(Wiring::described(&[], 1), Wiring { abort: Some(0), events: vec![0; 32] });
        let nine = Wiring::described(&[], 9);
        assert_eq!((nine.abort, &nine.events[..9]), (Some(8), &[0, 1, 2, 3, 4, 5, 6, 7, 7][..]));
        let named = Wiring::described(&["abort", "dma0", "dma1"], 3);
        assert_eq!((named.abort, &named.events[..3]), (Some(0), &[1, 2, 2][..]));
    }

    #[test]
    fn junos_configuration_reads_as_linux_decodes_it() {
        let juno = Config::juno().cut();
        assert_eq!(juno, Config::juno());
        assert_eq!(juno.register(0), 1 | 1 << 2 | 7 << 4 | 7 << 12 | 7 << 17);
        assert_eq!(juno.register(5) & 7, 4, "128 bits");
        assert_eq!(juno.register(5) >> 20, 1023);
        assert_eq!(juno.register(3), 0xff);
    }
}
