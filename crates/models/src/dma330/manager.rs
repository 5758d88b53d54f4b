//! The manager thread and the debug registers: how channels are started and killed (ARM DDI 0424, sections 2.5 and 3.3).

use super::channel::Origin;
use super::config::{Config, Security};
use super::decode::{self, Instruction, Undefined};
use super::icache::Cache;
use super::model::{Dma330, EventError, Turn};
use super::spec::{LONGEST, ManagerFault, State};

/// The manager thread.
pub(super) struct Manager {
    pub state: State,
    pub security: Security,
    pub pc: u32,
    /// The event it waits for.
    pub awaited: u8,
    /// FTRD.
    pub fault: u32,
    cache: Cache,
}

impl Manager {
    /// As after reset: stopped, or at its boot address.
    pub fn new(config: &Config) -> Self {
        Self {
            state: if config.boot.is_some() { State::Executing } else { State::Stopped },
            security: config.manager,
            pc: config.boot.unwrap_or(0),
            awaited: 0,
            fault: 0,
            cache: Cache::new(config.icache_bytes, config.icache_lines),
        }
    }

    /// DSR.
    pub fn status(&self) -> u32 {
        let nonsecure = u32::from(self.security == Security::NonSecure);
        self.state as u32 | u32::from(self.awaited) << 4 | nonsecure << 9
    }

    /// Is it in a fault state?
    pub fn faulting(&self) -> bool {
        matches!(self.state, State::FaultingCompleting | State::Faulting)
    }

    fn fail(&mut self, fault: ManagerFault, origin: Origin) {
        self.state = State::FaultingCompleting;
        self.fault |= fault as u32 | origin.bit();
    }
}

impl Dma330 {
    /// Execute one instruction of the manager's own program.
    pub(super) fn manager_turn(&mut self) -> Turn {
        match self.manager.state {
            State::Executing => {}
            State::FaultingCompleting => {
                self.manager.state = State::Faulting;
                return Turn::Took(1);
            }
            _ => return Turn::Nothing,
        }
        let (instruction, length) = match self.manager.cache.fetch(self.manager.pc, &*self.wires.dma) {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(undefined)) => {
                self.manager.fail(undefined.into(), Origin::Program);
                return Turn::Took(1);
            }
            Err(_) => {
                self.manager.fail(ManagerFault::Fetch, Origin::Program);
                return Turn::Took(1);
            }
        };
        let pc = self.manager.pc;
        self.manager.pc = pc.wrapping_add(length);
        if let Err(fault) = self.manage(instruction) {
            self.manager.pc = pc;
            self.manager.fail(fault, Origin::Program);
        }
        Turn::Took(1)
    }

    /// The manager executes `instruction`.
    fn manage(&mut self, instruction: Instruction) -> Result<(), ManagerFault> {
        match instruction {
            Instruction::Nop => {}
            Instruction::End | Instruction::Kill => {
                self.manager.state = State::Stopped;
                self.manager.fault = 0;
                self.manager.cache.invalidate();
            }
            Instruction::Go { channel, nonsecure, pc } => self.go(channel, nonsecure, pc)?,
            Instruction::SendEvent(event) => self.send_event(event, self.manager.security)?,
            Instruction::WaitForEvent { event, invalidate } => {
                if invalidate {
                    self.manager.cache.invalidate();
                }
                if !self.take_event(event, self.manager.security)? {
                    self.manager.awaited = event;
                    self.manager.state = State::WaitingForEvent;
                }
            }
            _ => return Err(ManagerFault::UndefinedInstruction),
        }
        Ok(())
    }

    /// DMAGO. A channel that is not stopped goes on with what it does.
    fn go(&mut self, channel: u8, nonsecure: bool, pc: u32) -> Result<(), ManagerFault> {
        let security = if nonsecure { Security::NonSecure } else { Security::Secure };
        let Some(thread) = self.channels.get_mut(usize::from(channel)) else {
            return Err(ManagerFault::OperandInvalid);
        };
        if self.manager.security == Security::NonSecure && security == Security::Secure {
            return Err(ManagerFault::Go);
        }
        if thread.state == State::Stopped {
            thread.start(pc, security);
            self.mfifo.discard(usize::from(channel));
        }
        Ok(())
    }

    /// DBGCMD was written: execute what DBGINST0 and DBGINST1 hold. A program of the non-secure side cannot reach secure threads.
    pub(super) fn debug_command(&mut self, command: u32) {
        if command & 3 != 0 {
            return;
        }
        let [first, rest] = self.debug;
        let mut bytes = [0; LONGEST];
        bytes[..2].copy_from_slice(&first.to_le_bytes()[2..]);
        bytes[2..].copy_from_slice(&rest.to_le_bytes());
        let instruction = decode::decode(&bytes);
        if first & 1 == 0 {
            self.debug_manager(instruction);
        } else {
            self.debug_channel((first >> 8 & 7) as usize, instruction);
        }
    }

    /// The manager takes DMAGO, DMASEV and DMAKILL this way (section 2.5.1); one that faults only the last.
    fn debug_manager(&mut self, instruction: Result<Instruction, Undefined>) {
        if !self.reachable(self.manager.security) {
            return;
        }
        let result = match instruction {
            Ok(Instruction::Kill) => self.manage(Instruction::Kill),
            _ if self.manager.faulting() => return,
            Ok(allowed @ (Instruction::Go { .. } | Instruction::SendEvent(_))) => self.manage(allowed),
            Ok(_) => Err(ManagerFault::UndefinedInstruction),
            Err(undefined) => Err(undefined.into()),
        };
        if let Err(fault) = result {
            self.manager.fail(fault, Origin::Debug);
        }
    }

    /// A channel takes DMAKILL this way, and DMASEV unless it faults.
    fn debug_channel(&mut self, index: usize, instruction: Result<Instruction, Undefined>) {
        let Some(channel) = self.channels.get(index) else { return };
        if !self.reachable(channel.security) {
            return;
        }
        match instruction {
            Ok(Instruction::Kill) => self.kill(index),
            Ok(event @ Instruction::SendEvent(_)) if !channel.faulting() => {
                if let Err(fault) = self.execute_simple(index, event) {
                    self.channels[index].fail(fault, Origin::Debug);
                }
            }
            _ if channel.faulting() || channel.state == State::Stopped => {}
            Ok(_) => self.channels[index].fail(super::ChannelFault::UndefinedInstruction, Origin::Debug),
            Err(undefined) => self.channels[index].fail(undefined.into(), Origin::Debug),
        }
    }
}

impl From<Undefined> for ManagerFault {
    fn from(undefined: Undefined) -> Self {
        match undefined {
            Undefined::Opcode => ManagerFault::UndefinedInstruction,
            Undefined::Operand => ManagerFault::OperandInvalid,
        }
    }
}

impl From<EventError> for ManagerFault {
    fn from(error: EventError) -> Self {
        match error {
            EventError::None => ManagerFault::OperandInvalid,
            EventError::Secure => ManagerFault::Event,
        }
    }
}
