//! What a program reads and writes (ARM DDI 0424, section 3.2).

use super::config::Security;
use super::model::Dma330;
use super::spec;
use crate::words::Store;

impl Dma330 {
    /// The register at `offset`, a multiple of 4. What there is none of reads as zero, and so does a secure thread's from the
    /// non-secure side.
    pub(super) fn register(&self, offset: u64) -> u32 {
        let manager = self.reachable(self.manager.security).then_some(&self.manager);
        match offset {
            spec::DSR => manager.map_or(0, |manager| manager.status()),
            spec::DPC => manager.map_or(0, |manager| manager.pc),
            spec::INTEN => self.inten & self.visible_events(),
            spec::INT_EVENT_RIS => self.events & self.visible_events(),
            spec::INTMIS => self.events & self.inten & self.visible_events(),
            spec::FSRD => manager.map_or(0, |manager| u32::from(manager.faulting())),
            spec::FSRC => self
                .channels
                .iter()
                .enumerate()
                .filter(|(_, channel)| channel.faulting() && self.reachable(channel.security))
                .fold(0, |bits, (index, _)| bits | 1 << index),
            spec::FTRD => manager.map_or(0, |manager| manager.fault),
            spec::WD => u32::from(self.watchdog_only_interrupts),
            // DBGSTATUS is never busy: a debug instruction is done when the write to DBGCMD is. DBGCMD and DBGINST are write-only.
            spec::DBGSTATUS..=spec::DBGINST1 => 0,
            spec::CR0..=spec::CRD => self.config.register((offset - spec::CR0) / 4),
            spec::ID0..=0xffc => {
                spec::IDS.get((offset - spec::ID0) as usize / 4).map_or(0, |byte| u32::from(*byte))
            }
            _ => self.channel_register(offset),
        }
    }

    fn channel_register(&self, offset: u64) -> u32 {
        let (first, stride) = match offset {
            spec::FTR0..0x060 => (spec::FTR0, 4),
            spec::CSR0..0x140 => (spec::CSR0, 8),
            spec::SAR0..0x500 => (spec::SAR0, 32),
            _ => return 0,
        };
        let index = ((offset - first) / stride) as usize;
        let Some(channel) = self.channels.get(index).filter(|channel| self.reachable(channel.security))
        else {
            return 0;
        };
        match (first, (offset - first) % stride) {
            (spec::FTR0, _) => channel.fault,
            (spec::CSR0, 0) => channel.status(),
            (spec::CSR0, _) => channel.pc,
            (_, 0x00) => channel.source,
            (_, 0x04) => channel.destination,
            (_, 0x08) => channel.ccr,
            (_, 0x0c) => channel.counters[0].into(),
            (_, 0x10) => channel.counters[1].into(),
            _ => 0,
        }
    }

    /// A store to a register. The others are read-only.
    pub(super) fn set_register(&mut self, store: Store) {
        let events = self.visible_events();
        match store.offset {
            spec::INTEN => self.inten = (self.inten & !events) | (store.over(self.inten) & events),
            spec::INTCLR => self.events &= !(store.value & self.inten & events),
            spec::DBGCMD => self.debug_command(store.value),
            spec::DBGINST0 => self.debug[0] = store.over(self.debug[0]),
            spec::DBGINST1 => self.debug[1] = store.over(self.debug[1]),
            spec::WD if self.config.bus == Security::Secure || self.config.manager == Security::NonSecure => {
                self.watchdog_only_interrupts = store.over(u32::from(self.watchdog_only_interrupts)) & 1 != 0;
            }
            _ => {}
        }
    }

    /// The events that exist for the side the program is on.
    fn visible_events(&self) -> u32 {
        let there = if self.config.events >= 32 { u32::MAX } else { (1 << self.config.events) - 1 };
        match self.config.bus {
            Security::Secure => there,
            Security::NonSecure => there & self.config.nonsecure_events,
        }
    }
}
