//! The controller as a whole: its threads in turn, its events and interrupts, its reset.

use uvfio_kernel::hw::{Activity, Level, Model, Progress, ResetFailed, ResetKind, Width, Wires};

use super::channel::{Channel, Origin};
use super::config::{Config, Security};
use super::manager::Manager;
use super::mfifo::Mfifo;
use super::spec::{ChannelFault, State};
use crate::words;

/// What a peripheral asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeripheralRequest {
    /// A burst rather than a single transfer.
    pub burst: bool,
    /// No other request follows.
    pub last: bool,
}

/// One peripheral request interface.
#[derive(Clone, Copy, Default)]
pub(super) struct Peripheral {
    pub pending: Option<PeripheralRequest>,
    pub acknowledged: u64,
}

/// A DMA-330.
pub struct Dma330 {
    pub(super) config: Config,
    pub(super) wires: Wires,
    pub(super) manager: Manager,
    pub(super) channels: Vec<Channel>,
    pub(super) mfifo: Mfifo,
    /// INT_EVENT_RIS: interrupts raised and events nobody has waited for.
    pub(super) events: u32,
    pub(super) inten: u32,
    /// DBGINST0 and DBGINST1.
    pub(super) debug: [u32; 2],
    /// WD: a lock-up only raises the interrupt and aborts nothing.
    pub(super) watchdog_only_interrupts: bool,
    /// The watchdog found a lock-up and nothing has gone on since.
    locked_up: bool,
    pub(super) peripherals: [Peripheral; 32],
    /// Whose turn is next: 0 is the manager, the channels follow.
    turn: usize,
    /// Ones for the lines that are high.
    levels: u64,
    bulk: Bulk,
}

/// Whether copy loops are recognised. The results are the same; the tests hold one against the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bulk {
    /// Done in large steps.
    Recognised,
    /// Instruction by instruction.
    #[cfg(test)]
    Interpreted,
}

/// What came of a thread's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It did this many steps of work.
    Took(u32),
    /// It waits for room in the MFIFO.
    Stalled,
    /// It has nothing to do.
    Nothing,
}

/// An event cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventError {
    /// There is none of this number.
    None,
    /// It is secure, and the thread is not.
    Secure,
}

impl Dma330 {
    /// One that is built as `config` says, after power on.
    #[must_use]
    pub fn new(config: Config, wires: Wires) -> Self {
        let config = config.cut();
        Self {
            manager: Manager::new(&config),
            channels: (0..config.channels).map(|_| Channel::new(&config)).collect(),
            mfifo: Mfifo::new(config.mfifo_lines, config.width, config.channels),
            events: 0,
            inten: 0,
            debug: [0; 2],
            watchdog_only_interrupts: false,
            locked_up: false,
            peripherals: [Peripheral::default(); 32],
            turn: 0,
            levels: 0,
            bulk: Bulk::Recognised,
            wires,
            config,
        }
    }

    /// The same without recognising copy loops.
    #[cfg(test)]
    pub(super) fn interpreted(config: Config, wires: Wires) -> Self {
        Self { bulk: Bulk::Interpreted, ..Self::new(config, wires) }
    }

    /// A peripheral drives its request interface; a request that is already there is replaced. None of this number: nothing happens.
    pub fn request(&mut self, peripheral: usize, request: PeripheralRequest) {
        if peripheral < self.config.peripherals {
            self.peripherals[peripheral].pending = Some(request);
        }
    }

    /// How many requests of this peripheral have been acknowledged since reset.
    #[must_use]
    pub fn acknowledged(&self, peripheral: usize) -> u64 {
        self.peripherals.get(peripheral).map_or(0, |peripheral| peripheral.acknowledged)
    }

    pub(super) fn recognises(&self) -> bool {
        self.bulk == Bulk::Recognised
    }

    /// Can the side that the program is on reach a thread in this state?
    pub(super) fn reachable(&self, thread: Security) -> bool {
        self.config.bus == Security::Secure || thread == Security::NonSecure
    }

    /// The event's bit for a thread in the state `by`.
    pub(super) fn usable_event(&self, event: u8, by: Security) -> Result<u32, EventError> {
        let bit = self.config.event(event).ok_or(EventError::None)?;
        if by == Security::NonSecure && self.config.nonsecure_events & bit == 0 {
            return Err(EventError::Secure);
        }
        Ok(bit)
    }

    /// DMASEV: raise the interrupt, or resume whoever waits for the event, or keep it for who will.
    pub(super) fn send_event(&mut self, event: u8, by: Security) -> Result<(), EventError> {
        let bit = self.usable_event(event, by)?;
        let mut taken = false;
        if self.inten & bit == 0 {
            if self.manager.state == State::WaitingForEvent && self.manager.awaited == event {
                self.manager.state = State::Executing;
                taken = true;
            }
            for channel in &mut self.channels {
                if channel.state == State::WaitingForEvent && channel.awaited == event {
                    channel.state = State::Executing;
                    taken = true;
                }
            }
        }
        if !taken {
            self.events |= bit;
        }
        Ok(())
    }

    /// DMAWFE: take the event if it has happened. A number that is an interrupt is no event.
    pub(super) fn take_event(&mut self, event: u8, by: Security) -> Result<bool, EventError> {
        let bit = self.usable_event(event, by)?;
        let happened = self.events & !self.inten & bit != 0;
        if happened {
            self.events &= !bit;
        }
        Ok(happened)
    }

    /// DMAKILL of a channel.
    pub(super) fn kill(&mut self, index: usize) {
        self.channels[index].stop();
        self.mfifo.discard(index);
        self.locked_up = false;
    }

    /// Drive the interrupt outputs to what the state says.
    pub(super) fn drive(&mut self) {
        let mut levels = 0_u64;
        let wiring = &self.config.wiring;
        let faulting = self.manager.faulting() || self.channels.iter().any(Channel::faulting);
        if let Some(line) = wiring.abort.filter(|_| faulting || self.locked_up) {
            levels |= 1_u64.checked_shl(line as u32).unwrap_or(0);
        }
        for (event, line) in wiring.events.iter().enumerate().take(self.config.events) {
            if self.events & self.inten & (1 << event) != 0 {
                levels |= 1_u64.checked_shl(*line as u32).unwrap_or(0);
            }
        }
        let changed = levels ^ self.levels;
        self.levels = levels;
        for (number, line) in self.wires.lines.iter().enumerate().take(64) {
            if changed & (1 << number) != 0 {
                line.set(if levels & (1 << number) != 0 { Level::High } else { Level::Low });
            }
        }
    }

    /// Let each thread have a turn, one instruction each, until `steps` are used up or nobody goes on.
    fn rounds(&mut self, mut steps: u32) -> Progress {
        let threads = self.channels.len() + 1;
        let (mut idle, mut stalled) = (0, false);
        while idle < threads {
            if steps == 0 {
                return Progress::More;
            }
            let turn = if self.turn == 0 { self.manager_turn() } else { self.channel_turn(self.turn - 1) };
            self.turn = (self.turn + 1) % threads;
            match turn {
                Turn::Took(work) => {
                    (idle, stalled) = (0, false);
                    steps = steps.saturating_sub(work);
                    self.locked_up = false;
                }
                Turn::Stalled => {
                    idle += 1;
                    stalled = true;
                }
                Turn::Nothing => idle += 1,
            }
        }
        if stalled { self.lock_up() } else { Progress::Idle }
    }

    /// Nobody goes on, and somebody waits for room in the MFIFO: the watchdog (section 2.9.3).
    fn lock_up(&mut self) -> Progress {
        self.locked_up = true;
        if self.watchdog_only_interrupts {
            return Progress::Idle;
        }
        for index in 0..self.channels.len() {
            if self.channels[index].state == State::Executing {
                self.channels[index].fail(ChannelFault::LockUp, Origin::Program);
            }
        }
        Progress::More
    }
}

impl Model for Dma330 {
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64 {
        if region != 0 {
            return 0;
        }
        words::load(offset, width, |at| self.register(at))
    }

    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        if region != 0 {
            return;
        }
        words::store(offset, width, value, |store| self.set_register(store));
        self.drive();
    }

    fn run(&mut self, steps: u32) -> Progress {
        let progress = self.rounds(steps);
        self.drive();
        progress
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        let levels = self.levels;
        let fresh = Self::new(self.config.clone(), self.wires.clone());
        *self = Self { levels, bulk: self.bulk, ..fresh };
        self.drive();
        Ok(())
    }

    fn activity(&self) -> Activity {
        let at_work = |state| !matches!(state, State::Stopped | State::FaultingCompleting | State::Faulting);
        Activity {
            running: at_work(self.manager.state)
                || self.channels.iter().any(|channel| at_work(channel.state)),
            interrupting: self.levels != 0,
        }
    }

    fn is_reset(&self) -> Option<bool> {
        let fresh = Self::new(self.config.clone(), self.wires.clone());
        let held = self.debug == fresh.debug && self.levels == 0;
        Some(held && (0..0x1000).step_by(4).all(|at| self.register(at) == fresh.register(at)))
    }
}
