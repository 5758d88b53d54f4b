//! Operands: where they are, and getting and putting their values.

use iced_x86::{OpKind, Register};
use uvfio_kernel::hw::Width;

use super::processor::width;
use super::{Direction, Machine, Refused};

/// Where an operand is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A general register.
    Register(Register),
    /// Memory at this address.
    Memory(u64),
    /// In the instruction.
    Immediate(u64),
}

impl Machine<'_> {
    /// Where operand `n` is, and how wide.
    pub(super) fn operand(&self, n: u32) -> Result<(Place, Width), Refused> {
        match self.instruction.op_kind(n) {
            OpKind::Register => {
                let register = self.instruction.op_register(n);
                let width = width(register.size()).filter(|_| register.is_gpr()).ok_or(Refused::Unknown)?;
                Ok((Place::Register(register), width))
            }
            OpKind::Memory => Ok((Place::Memory(self.address(n)?), self.memory_width()?)),
            OpKind::Immediate8 => Ok((self.immediate(n), Width::Byte)),
            OpKind::Immediate8to16 | OpKind::Immediate16 => Ok((self.immediate(n), Width::Half)),
            OpKind::Immediate8to32 | OpKind::Immediate32 => Ok((self.immediate(n), Width::Word)),
            OpKind::Immediate8to64 | OpKind::Immediate32to64 | OpKind::Immediate64 => {
                Ok((self.immediate(n), Width::Double))
            }
            _ => Err(Refused::Unknown),
        }
    }

    /// Whether operand `n` is in memory.
    pub(super) fn is_in_memory(&self, n: u32) -> bool {
        matches!(
            self.instruction.op_kind(n),
            OpKind::Memory
                | OpKind::MemorySegRSI
                | OpKind::MemorySegESI
                | OpKind::MemorySegRDI
                | OpKind::MemorySegEDI
                | OpKind::MemoryESRDI
                | OpKind::MemoryESEDI
        )
    }

    fn immediate(&self, n: u32) -> Place {
        Place::Immediate(self.instruction.immediate(n))
    }

    /// The width of the memory operand.
    pub(super) fn memory_width(&self) -> Result<Width, Refused> {
        width(self.instruction.memory_size().size()).ok_or(Refused::Unknown)
    }

    /// The address of memory operand `n`.
    pub(super) fn address(&self, n: u32) -> Result<u64, Refused> {
        self.address_after(n, self.processor.general[4])
    }

    /// The address of memory operand `n` with another stack pointer.
    pub(super) fn address_after(&self, n: u32, rsp: u64) -> Result<u64, Refused> {
        let value = |register: Register, _, _| match register {
            Register::RSP => Some(rsp),
            Register::ESP => Some(rsp & Width::Word.mask()),
            register if register.is_segment_register() => Some(self.processor.base(register)),
            register => self.processor.get(register),
        };
        self.instruction.virtual_address(n, 0, value).ok_or(Refused::Unknown)
    }

    /// The value at a place, zero-extended.
    pub(super) fn get(&mut self, place: Place, width: Width) -> Result<u64, Refused> {
        match place {
            Place::Register(register) => self.processor.get(register).ok_or(Refused::Unknown),
            Place::Memory(at) => Ok(self.memory.load(at, width)?),
            Place::Immediate(value) => Ok(value & width.mask()),
        }
    }

    /// The value at a place that will be written, too: what cannot be written is not read either.
    pub(super) fn get_to_change(&mut self, place: Place, width: Width) -> Result<u64, Refused> {
        if let Place::Memory(at) = place {
            self.memory.check(at, width.bytes(), Direction::Store)?;
        }
        self.get(place, width)
    }

    /// Put a value in a place.
    pub(super) fn put(&mut self, place: Place, width: Width, value: u64) -> Result<(), Refused> {
        match place {
            Place::Register(register) => self.processor.set(register, value).ok_or(Refused::Unknown),
            Place::Memory(at) => Ok(self.memory.store(at, width, value & width.mask())?),
            Place::Immediate(_) => Err(Refused::Unknown),
        }
    }
}
