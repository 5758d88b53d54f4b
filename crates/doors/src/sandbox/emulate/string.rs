//! String instructions: MOVS, STOS, LODS, CMPS and SCAS, once or repeated.
//!
//! Each element is one load and one store of its width, in order, and is done before the next begins, so that a fault in the middle
//! leaves the registers at the element that failed. Elements that touch no device are left to the processor.

use iced_x86::{Mnemonic, OpKind, Register};
use uvfio_kernel::hw::Width;

use super::alu;
use super::processor::{DF, STATUS, ZF};
use super::{Machine, Refused, Step};

/// Elements done before other threads get their turn: the instruction is then executed again.
const AT_ONCE: u32 = 4096;

const RAX: usize = 0;
const RCX: usize = 1;
const RSI: usize = 6;
const RDI: usize = 7;

/// A string instruction's fixed facts.
struct Shape {
    width: Width,
    /// The width of addresses: the registers used are RSI or ESI, and so on.
    address: Width,
    /// Which registers hold addresses, and move on.
    source: bool,
    target: bool,
}

impl Machine<'_> {
    pub(super) fn string(&mut self) -> Result<Step, Refused> {
        let shape = self.shape()?;
        let repeated = self.instruction.has_rep_prefix() || self.instruction.has_repne_prefix();
        if !repeated {
            self.string_element(&shape)?;
            return Ok(Step::Done);
        }
        let mut left = AT_ONCE;
        loop {
            if self.processor.general[RCX] & shape.address.mask() == 0 {
                return Ok(Step::Done);
            }
            // The first element is the one that faulted, and done here whatever it touches now.
            if left < AT_ONCE && (left == 0 || !self.touches_device(&shape)) {
                return Ok(Step::Again);
            }
            let goes_on = self.string_element(&shape)?;
            self.advance(RCX, u64::MAX, &shape);
            if !goes_on {
                return Ok(Step::Done);
            }
            left -= 1;
        }
    }

    fn shape(&self) -> Result<Shape, Refused> {
        let width = self.memory_width()?;
        let (source, target) = match self.instruction.mnemonic() {
            Mnemonic::Movsb | Mnemonic::Movsw | Mnemonic::Movsd | Mnemonic::Movsq => (true, true),
            Mnemonic::Cmpsb | Mnemonic::Cmpsw | Mnemonic::Cmpsd | Mnemonic::Cmpsq => (true, true),
            Mnemonic::Lodsb | Mnemonic::Lodsw | Mnemonic::Lodsd | Mnemonic::Lodsq => (true, false),
            Mnemonic::Stosb | Mnemonic::Stosw | Mnemonic::Stosd | Mnemonic::Stosq => (false, true),
            Mnemonic::Scasb | Mnemonic::Scasw | Mnemonic::Scasd | Mnemonic::Scasq => (false, true),
            _ => return Err(Refused::Unknown),
        };
        let narrow = (0..self.instruction.op_count()).any(|operand| {
            matches!(self.instruction.op_kind(operand), OpKind::MemorySegESI | OpKind::MemoryESEDI)
        });
        Ok(Shape { width, address: if narrow { Width::Word } else { Width::Double }, source, target })
    }

    fn source(&self, shape: &Shape) -> u64 {
        let base = self.processor.base(self.instruction.memory_segment());
        base.wrapping_add(self.processor.general[RSI] & shape.address.mask())
    }

    fn target(&self, shape: &Shape) -> u64 {
        self.processor.general[RDI] & shape.address.mask()
    }

    fn touches_device(&mut self, shape: &Shape) -> bool {
        let (source, target) = (self.source(shape), self.target(shape));
        (shape.source && self.memory.is_device(source)) || (shape.target && self.memory.is_device(target))
    }

    /// One element. Returns whether a repetition goes on.
    fn string_element(&mut self, shape: &Shape) -> Result<bool, Refused> {
        let width = shape.width;
        let (source, target) = (self.source(shape), self.target(shape));
        let accumulator = self.processor.general[RAX] & width.mask();
        let mut goes_on = true;
        match (self.instruction.mnemonic(), shape.source, shape.target) {
            (Mnemonic::Movsb | Mnemonic::Movsw | Mnemonic::Movsd | Mnemonic::Movsq, ..) => {
                let value = self.memory.load(source, width)?;
                self.memory.store(target, width, value)?;
            }
            (Mnemonic::Stosb | Mnemonic::Stosw | Mnemonic::Stosd | Mnemonic::Stosq, ..) => {
                self.memory.store(target, width, accumulator)?;
            }
            (_, true, true) => {
                let (a, b) = (self.memory.load(source, width)?, self.memory.load(target, width)?);
                goes_on = self.compare(width, a, b);
            }
            (_, true, false) => {
                let value = self.memory.load(source, width)?;
                let register = match width {
                    Width::Byte => Register::AL,
                    Width::Half => Register::AX,
                    Width::Word => Register::EAX,
                    Width::Double => Register::RAX,
                };
                self.processor.set(register, value).ok_or(Refused::Unknown)?;
            }
            _ => {
                let value = self.memory.load(target, width)?;
                goes_on = self.compare(width, accumulator, value);
            }
        }
        let step = if self.processor.flag(DF) { width.bytes().wrapping_neg() } else { width.bytes() };
        if shape.source {
            self.advance(RSI, step, shape);
        }
        if shape.target {
            self.advance(RDI, step, shape);
        }
        Ok(goes_on)
    }

    /// Compare, and say whether REPE or REPNE goes on.
    fn compare(&mut self, width: Width, a: u64, b: u64) -> bool {
        let outcome = alu::subtract(width, a, b, 0);
        self.processor.set_flags(STATUS, outcome.flags);
        self.processor.flag(ZF) != self.instruction.has_repne_prefix()
    }

    fn advance(&mut self, register: usize, by: u64, shape: &Shape) {
        let value = &mut self.processor.general[register];
        *value = value.wrapping_add(by) & shape.address.mask();
    }
}
