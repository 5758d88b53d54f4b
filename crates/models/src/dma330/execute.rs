//! What each instruction does to a channel (ARM DDI 0424, section 4.3).

use uvfio_kernel::addr::Iova;

use super::channel::Origin;
use super::config::Security;
use super::decode::{Instruction, Target, Undefined, Wait, When};
use super::mfifo::Room;
use super::model::{Dma330, EventError, Turn};
use super::spec::{ChannelFault, Control, State};

/// The most bytes one instruction moves: 16 beats of 16 bytes.
const LARGEST_BURST: usize = 256;

/// What came of an instruction that did not fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// Go on with the next one.
    Next,
    /// Go on there; more steps were done on the way.
    At(u32, u32),
    /// Try the same one again later.
    Stay,
}

/// A fault, and whether the thread had already gone past the instruction when it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abort {
    /// CPC is the instruction's.
    Precise(ChannelFault),
    /// CPC is the next one's.
    Imprecise(ChannelFault),
}

impl Dma330 {
    /// Let a channel execute one instruction, or a recognised loop.
    pub(super) fn channel_turn(&mut self, index: usize) -> Turn {
        let state = self.channels[index].state;
        match state {
            State::Executing => {}
            State::FaultingCompleting => {
                self.channels[index].state = State::Faulting;
                return Turn::Took(1);
            }
            State::WaitingForPeripheral if self.answered(index) => {
                self.channels[index].state = State::Executing
            }
            _ => return Turn::Nothing,
        }
        let channel = &mut self.channels[index];
        let pc = channel.pc;
        let (instruction, length) = match channel.cache.fetch(pc, &*self.wires.dma) {
            Ok(Ok(fetched)) => fetched,
            Ok(Err(undefined)) => {
                channel.fail(undefined.into(), Origin::Program);
                return Turn::Took(1);
            }
            Err(_) => {
                channel.fail(ChannelFault::Fetch, Origin::Program);
                return Turn::Took(1);
            }
        };
        let next = pc.wrapping_add(length);
        match self.execute(index, instruction, pc, next) {
            Ok(Done::Next) => self.channels[index].pc = next,
            Ok(Done::At(pc, steps)) => {
                self.channels[index].pc = pc;
                return Turn::Took(steps);
            }
            Ok(Done::Stay) if self.channels[index].state == State::Executing => return Turn::Stalled,
            Ok(Done::Stay) => {}
            Err(Abort::Precise(fault)) => self.channels[index].fail(fault, Origin::Program),
            Err(Abort::Imprecise(fault)) => {
                self.channels[index].pc = next;
                self.channels[index].fail(fault, Origin::Program);
            }
        }
        Turn::Took(1)
    }

    fn execute(&mut self, index: usize, instruction: Instruction, pc: u32, next: u32) -> Result<Done, Abort> {
        let channel = &mut self.channels[index];
        match instruction {
            Instruction::End | Instruction::Kill => {
                channel.pc = next;
                self.kill(index);
                return Ok(Done::At(next, 1));
            }
            Instruction::Load(when) if channel.meets(when) => return self.load(index, when, None),
            Instruction::LoadPeripheral(when, peripheral) => {
                self.usable_peripheral(index, peripheral)?;
                if self.channels[index].meets(when) {
                    return self.load(index, when, Some(peripheral));
                }
            }
            Instruction::Store(when) if channel.meets(when) => self.store(index, when)?,
            Instruction::StorePeripheral(when, peripheral) => {
                self.usable_peripheral(index, peripheral)?;
                if self.channels[index].meets(when) {
                    self.store(index, when)?;
                    self.acknowledge(peripheral);
                }
            }
            Instruction::StoreZeros => self.store_zeros(index)?,
            Instruction::LoopEnd { counter, when, back } if channel.meets(when) => {
                let Some(left) = channel.counters[counter].checked_sub(1) else { return Ok(Done::Next) };
                channel.counters[counter] = left;
                channel.pc = pc.wrapping_sub(back.into());
                let steps = if when == When::Always { self.copy_loop(index, counter, pc) } else { 0 };
                return Ok(Done::At(self.channels[index].pc, 1 + steps));
            }
            Instruction::LoopEndForever { when, back } if channel.meets(when) && !channel.last => {
                return Ok(Done::At(pc.wrapping_sub(back.into()), 1));
            }
            Instruction::WaitForPeripheral(wait, peripheral) => {
                self.usable_peripheral(index, peripheral)?;
                let channel = &mut self.channels[index];
                channel.awaited = peripheral;
                channel.wait_bits = match wait {
                    Wait::Single => 0,
                    Wait::Burst => 1 << 14,
                    Wait::Peripheral => 1 << 15,
                };
                if !self.answered(index) {
                    // The instruction is executed again when the request is there.
                    self.channels[index].state = State::WaitingForPeripheral;
                    return Ok(Done::Stay);
                }
            }
            Instruction::WaitForEvent { event, invalidate } => {
                if invalidate {
                    channel.cache.invalidate();
                }
                let security = channel.security;
                if !self.take_event(event, security).map_err(ChannelFault::from)? {
                    let channel = &mut self.channels[index];
                    channel.awaited = event;
                    channel.state = State::WaitingForEvent;
                }
            }
            Instruction::Go { .. } => return Err(ChannelFault::UndefinedInstruction.into()),
            simple => self.execute_simple(index, simple)?,
        }
        Ok(Done::Next)
    }

    /// Instructions that move no data and never wait.
    pub(super) fn execute_simple(
        &mut self,
        index: usize,
        instruction: Instruction,
    ) -> Result<(), ChannelFault> {
        let width = self.config.width;
        let channel = &mut self.channels[index];
        match instruction {
            Instruction::Add(which, addend) => {
                let address = channel.address(which);
                *address = address.wrapping_add(addend);
            }
            Instruction::Move(Target::Address(which), value) => *channel.address(which) = value,
            Instruction::Move(Target::Control, ccr) => {
                if !Control::valid(ccr, width) {
                    return Err(ChannelFault::OperandInvalid);
                }
                if channel.security == Security::NonSecure && Control::secure(ccr) {
                    return Err(ChannelFault::SecureTransfer);
                }
                channel.ccr = ccr & 0x7fff_ffff;
            }
            Instruction::Loop(counter, iterations) => channel.counters[counter] = iterations,
            Instruction::SendEvent(event) => {
                let security = channel.security;
                self.send_event(event, security)?;
            }
            Instruction::FlushPeripheral(peripheral) => {
                self.usable_peripheral(index, peripheral)?;
                self.peripherals[usize::from(peripheral)].pending = None;
            }
            _ => {}
        }
        Ok(())
    }

    /// DMALD and DMALDP.
    fn load(&mut self, index: usize, when: When, peripheral: Option<u8>) -> Result<Done, Abort> {
        let channel = &mut self.channels[index];
        let control = channel.control();
        let burst = if when == When::Single { control.source.single() } else { control.source };
        let (from, count) = (channel.source, burst.bytes(channel.source));
        match self.mfifo.room(index, count, channel.destination) {
            Room::Now => {}
            Room::Later => return Ok(Done::Stay),
            Room::Never => return Err(Abort::Imprecise(ChannelFault::Mfifo)),
        }
        channel.source = burst.advance(from);
        let mut buffer = [0; LARGEST_BURST];
        let bytes = &mut buffer[..count as usize];
        let result = if burst.incrementing {
            self.wires.dma.read(Iova(from.into()), bytes)
        } else {
            let beat = (count / burst.beats).max(1) as usize;
            bytes.chunks_mut(beat).try_for_each(|beat| self.wires.dma.read(Iova(from.into()), beat))
        };
        result.map_err(|_| Abort::Imprecise(ChannelFault::DataRead))?;
        self.mfifo.push(index, bytes, self.channels[index].destination);
        if let Some(peripheral) = peripheral {
            self.acknowledge(peripheral);
        }
        Ok(Done::Next)
    }

    /// DMAST and DMASTP.
    fn store(&mut self, index: usize, when: When) -> Result<(), Abort> {
        let channel = &self.channels[index];
        let control = channel.control();
        let burst = if when == When::Single { control.destination.single() } else { control.destination };
        let count = burst.bytes(channel.destination) as usize;
        if count > self.config.mfifo_lines * self.config.width as usize {
            return Err(Abort::Imprecise(ChannelFault::Mfifo));
        }
        if self.mfifo.held(index) < count {
            return Err(ChannelFault::StoreDataUnavailable.into());
        }
        let mut buffer = [0; LARGEST_BURST];
        let bytes = &mut buffer[..count];
        self.mfifo.pop(index, bytes);
        for group in bytes.chunks_exact_mut(control.swap) {
            group.reverse();
        }
        self.put(index, burst, bytes)
    }

    /// DMASTZ: the MFIFO has no part in it.
    fn store_zeros(&mut self, index: usize) -> Result<(), Abort> {
        let channel = &self.channels[index];
        let burst = channel.control().destination;
        let count = burst.bytes(channel.destination) as usize;
        self.put(index, burst, &[0; LARGEST_BURST][..count])
    }

    fn put(&mut self, index: usize, burst: super::spec::Burst, bytes: &[u8]) -> Result<(), Abort> {
        let channel = &mut self.channels[index];
        let to = channel.destination;
        channel.destination = burst.advance(to);
        let result = if burst.incrementing {
            self.wires.dma.write(Iova(to.into()), bytes)
        } else {
            let beat = (bytes.len() / burst.beats as usize).max(1);
            bytes.chunks(beat).try_for_each(|beat| self.wires.dma.write(Iova(to.into()), beat))
        };
        result.map_err(|_| Abort::Imprecise(ChannelFault::DataWrite))
    }

    /// The number of a peripheral that exists and that this channel may use.
    fn usable_peripheral(&self, index: usize, peripheral: u8) -> Result<(), ChannelFault> {
        if usize::from(peripheral) >= self.config.peripherals {
            return Err(ChannelFault::OperandInvalid);
        }
        let nonsecure = self.config.nonsecure_peripherals & (1 << peripheral) != 0;
        if self.channels[index].security == Security::NonSecure && !nonsecure {
            return Err(ChannelFault::Peripheral);
        }
        Ok(())
    }

    /// Is there a request that this channel's DMAWFP takes? Then it knows what kind.
    fn answered(&mut self, index: usize) -> bool {
        let channel = &mut self.channels[index];
        let Some(request) = self.peripherals[usize::from(channel.awaited) % 32].pending else { return false };
        let kind = if request.burst { When::Burst } else { When::Single };
        (channel.request, channel.last) = match channel.wait_bits {
            0 => (When::Single, false),
            0x4000 if kind == When::Burst => (When::Burst, false),
            0x8000 => (kind, request.last),
            _ => return false,
        };
        true
    }

    fn acknowledge(&mut self, peripheral: u8) {
        let peripheral = &mut self.peripherals[usize::from(peripheral) % 32];
        if peripheral.pending.take().is_some() {
            peripheral.acknowledged += 1;
        }
    }
}

impl From<ChannelFault> for Abort {
    fn from(fault: ChannelFault) -> Self {
        Abort::Precise(fault)
    }
}

impl From<Undefined> for ChannelFault {
    fn from(undefined: Undefined) -> Self {
        match undefined {
            Undefined::Opcode => ChannelFault::UndefinedInstruction,
            Undefined::Operand => ChannelFault::OperandInvalid,
        }
    }
}

impl From<EventError> for ChannelFault {
    fn from(error: EventError) -> Self {
        match error {
            EventError::None => ChannelFault::OperandInvalid,
            EventError::Secure => ChannelFault::Event,
        }
    }
}
