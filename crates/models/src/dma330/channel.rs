//! One channel thread: what its registers hold (ARM DDI 0424, section 3.3).

use super::config::{Config, Security};
use super::decode::{Address, When};
use super::icache::Cache;
use super::spec::{CCR_RESET, ChannelFault, Control, FROM_DEBUG, State};

/// Where a thread's instruction came from; a fault register tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Fetched from memory.
    Program,
    /// Written to the debug registers.
    Debug,
}

impl Origin {
    /// Its bit of the fault type registers.
    pub fn bit(self) -> u32 {
        match self {
            Origin::Program => 0,
            Origin::Debug => FROM_DEBUG,
        }
    }
}

/// A channel thread.
pub(super) struct Channel {
    pub state: State,
    pub security: Security,
    pub pc: u32,
    pub source: u32,
    pub destination: u32,
    pub ccr: u32,
    pub counters: [u8; 2],
    /// The event or peripheral it waits for.
    pub awaited: u8,
    /// Bits 14 and 15 of CSR: which kind of DMAWFP was executed.
    pub wait_bits: u32,
    /// The request that the last DMAWFP was answered with.
    pub request: When,
    /// That request was the peripheral's last.
    pub last: bool,
    /// FTRn.
    pub fault: u32,
    pub cache: Cache,
}

impl Channel {
    /// As after reset.
    pub fn new(config: &Config) -> Self {
        Self {
            state: State::Stopped,
            security: Security::Secure,
            pc: 0,
            source: 0,
            destination: 0,
            ccr: CCR_RESET,
            counters: [0; 2],
            awaited: 0,
            wait_bits: 0,
            request: When::Single,
            last: false,
            fault: 0,
            cache: Cache::new(config.icache_bytes, config.icache_lines),
        }
    }

    /// Start at `pc`, what DMAGO does to a stopped channel.
    pub fn start(&mut self, pc: u32, security: Security) {
        self.state = State::Executing;
        self.security = security;
        self.pc = pc;
        self.awaited = 0;
        self.wait_bits = 0;
        self.request = When::Single;
        self.last = false;
        self.cache.invalidate();
    }

    /// Stop, what DMAEND and DMAKILL do.
    pub fn stop(&mut self) {
        self.state = State::Stopped;
        self.fault = 0;
        self.cache.invalidate();
    }

    /// Enter the fault states.
    pub fn fail(&mut self, fault: ChannelFault, origin: Origin) {
        self.state = State::FaultingCompleting;
        self.fault |= fault as u32 | origin.bit();
    }

    /// Is it in a fault state?
    pub fn faulting(&self) -> bool {
        matches!(self.state, State::FaultingCompleting | State::Faulting)
    }

    /// CCR taken apart.
    pub fn control(&self) -> Control {
        Control::of(self.ccr)
    }

    /// Its source or destination address.
    pub fn address(&mut self, which: Address) -> &mut u32 {
        match which {
            Address::Source => &mut self.source,
            Address::Destination => &mut self.destination,
        }
    }

    /// Is an instruction with this condition executed?
    pub fn meets(&self, when: When) -> bool {
        when == When::Always || when == self.request
    }

    /// CSRn.
    pub fn status(&self) -> u32 {
        let nonsecure = u32::from(self.security == Security::NonSecure);
        self.state as u32 | u32::from(self.awaited) << 4 | self.wait_bits | nonsecure << 21
    }
}
