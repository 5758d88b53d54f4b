//! Instructions on general registers: moves, arithmetic, exchanges, and the dispatch to the rest.

use iced_x86::{ConditionCode, Mnemonic, OpKind, Register};
use uvfio_kernel::hw::Width;

use super::alu::{self, Outcome};
use super::operand::Place;
use super::processor::{AF, CF, OF, PF, SF, STATUS, ZF};
use super::shift;
use super::{Direction, Machine, Refused};

impl Machine<'_> {
    /// Perform an instruction without vector operands.
    pub(super) fn integer(&mut self) -> Result<(), Refused> {
        if self.instruction.condition_code() != ConditionCode::None {
            return self.conditional();
        }
        match self.instruction.mnemonic() {
            Mnemonic::Mov | Mnemonic::Movnti | Mnemonic::Movdiri | Mnemonic::Movzx => {
                self.mov(|_, value| value)
            }
            Mnemonic::Movsx | Mnemonic::Movsxd => self.mov(|width, value| alu::extend(width, value) as u64),
            Mnemonic::Movbe => self.mov(|width, value| value.swap_bytes() >> (64 - alu::bits(width))),
            Mnemonic::Add
            | Mnemonic::Adc
            | Mnemonic::Sub
            | Mnemonic::Sbb
            | Mnemonic::And
            | Mnemonic::Or
            | Mnemonic::Xor
            | Mnemonic::Cmp
            | Mnemonic::Test => self.two_operands(),
            Mnemonic::Inc | Mnemonic::Dec | Mnemonic::Neg | Mnemonic::Not => self.one_operand(),
            Mnemonic::Shl
            | Mnemonic::Sal
            | Mnemonic::Shr
            | Mnemonic::Sar
            | Mnemonic::Rol
            | Mnemonic::Ror
            | Mnemonic::Rcl
            | Mnemonic::Rcr => self.shifted(),
            Mnemonic::Shld | Mnemonic::Shrd => self.shifted_double(),
            Mnemonic::Xchg => self.exchange(),
            Mnemonic::Xadd => self.exchange_add(),
            Mnemonic::Cmpxchg => self.compare_exchange(),
            Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b => self.compare_exchange_pair(),
            Mnemonic::Push | Mnemonic::Pop => self.stack(),
            Mnemonic::Mul | Mnemonic::Imul | Mnemonic::Mulx | Mnemonic::Div | Mnemonic::Idiv => {
                self.multiply()
            }
            // These touch the cache, never the bus as an access of a register, but may fault as a load does.
            Mnemonic::Clflush | Mnemonic::Clflushopt | Mnemonic::Clwb => {
                let at = self.address(0)?;
                Ok(self.memory.check(at, 1, Direction::Load)?)
            }
            _ => self.bits(),
        }
    }

    fn mov(&mut self, convert: impl Fn(Width, u64) -> u64) -> Result<(), Refused> {
        let (to, to_width) = self.operand(0)?;
        let (from, from_width) = self.operand(1)?;
        let value = self.get(from, from_width)?;
        self.put(to, to_width, convert(from_width, value))
    }

    /// SETcc and CMOVcc. A conditional move reads its source whatever the condition.
    fn conditional(&mut self) -> Result<(), Refused> {
        let holds = self.condition()?;
        match self.instruction.op_count() {
            1 if self.instruction.op0_kind() == OpKind::Memory => {
                let (to, width) = self.operand(0)?;
                self.put(to, width, u64::from(holds))
            }
            2 if self.instruction.op0_kind() == OpKind::Register
                && self.instruction.op1_kind() == OpKind::Memory =>
            {
                let (to, width) = self.operand(0)?;
                let (from, _) = self.operand(1)?;
                let loaded = self.get(from, width)?;
                let value = if holds { loaded } else { self.get(to, width)? };
                self.put(to, width, value)
            }
            _ => Err(Refused::Unknown),
        }
    }

    fn condition(&self) -> Result<bool, Refused> {
        let flag = |flag| self.processor.flag(flag);
        Ok(match self.instruction.condition_code() {
            ConditionCode::o => flag(OF),
            ConditionCode::no => !flag(OF),
            ConditionCode::b => flag(CF),
            ConditionCode::ae => !flag(CF),
            ConditionCode::e => flag(ZF),
            ConditionCode::ne => !flag(ZF),
            ConditionCode::be => flag(CF) || flag(ZF),
            ConditionCode::a => !flag(CF) && !flag(ZF),
            ConditionCode::s => flag(SF),
            ConditionCode::ns => !flag(SF),
            ConditionCode::p => flag(PF),
            ConditionCode::np => !flag(PF),
            ConditionCode::l => flag(SF) != flag(OF),
            ConditionCode::ge => flag(SF) == flag(OF),
            ConditionCode::le => flag(ZF) || flag(SF) != flag(OF),
            ConditionCode::g => !flag(ZF) && flag(SF) == flag(OF),
            _ => return Err(Refused::Unknown),
        })
    }

    fn two_operands(&mut self) -> Result<(), Refused> {
        let mnemonic = self.instruction.mnemonic();
        let (to, width) = self.operand(0)?;
        let (from, _) = self.operand(1)?;
        let only_compares = matches!(mnemonic, Mnemonic::Cmp | Mnemonic::Test);
        let a = if only_compares { self.get(to, width)? } else { self.get_to_change(to, width)? };
        let b = self.get(from, width)?;
        let carry = self.processor.flags & CF;
        let outcome = match mnemonic {
            Mnemonic::Add => alu::add(width, a, b, 0),
            Mnemonic::Adc => alu::add(width, a, b, carry),
            Mnemonic::Sub | Mnemonic::Cmp => alu::subtract(width, a, b, 0),
            Mnemonic::Sbb => alu::subtract(width, a, b, carry),
            Mnemonic::And | Mnemonic::Test => alu::logic(width, a & b),
            Mnemonic::Or => alu::logic(width, a | b),
            _ => alu::logic(width, a ^ b),
        };
        if !only_compares {
            self.put(to, width, outcome.value)?;
        }
        self.processor.set_flags(STATUS, outcome.flags);
        Ok(())
    }

    fn one_operand(&mut self) -> Result<(), Refused> {
        let (to, width) = self.operand(0)?;
        let value = self.get_to_change(to, width)?;
        let (outcome, changes) = match self.instruction.mnemonic() {
            Mnemonic::Inc => (alu::add(width, value, 1, 0), STATUS & !CF),
            Mnemonic::Dec => (alu::subtract(width, value, 1, 0), STATUS & !CF),
            Mnemonic::Neg => (alu::subtract(width, 0, value, 0), STATUS),
            _ => (Outcome { value: !value & width.mask(), flags: 0 }, 0),
        };
        self.put(to, width, outcome.value)?;
        self.processor.set_flags(changes, outcome.flags);
        Ok(())
    }

    fn shifted(&mut self) -> Result<(), Refused> {
        let (to, width) = self.operand(0)?;
        let (count, count_width) = self.operand(1)?;
        let value = self.get_to_change(to, width)?;
        let count = self.get(count, count_width)?;
        let flags = self.processor.flags;
        let shifted =
            shift::shift(self.instruction.mnemonic(), width, value, count, flags).ok_or(Refused::Unknown)?;
        self.put(to, width, shifted.outcome.value)?;
        self.processor.set_flags(shifted.changes, shifted.outcome.flags);
        Ok(())
    }

    fn shifted_double(&mut self) -> Result<(), Refused> {
        let (to, width) = self.operand(0)?;
        let (other, _) = self.operand(1)?;
        let (count, count_width) = self.operand(2)?;
        let (other, count) = (self.get(other, width)?, self.get(count, count_width)?);
        // Whether it is defined does not depend on the value, which must not be read for nothing.
        let mnemonic = self.instruction.mnemonic();
        shift::double(mnemonic, width, 0, other, count).ok_or(Refused::Unknown)?;
        let value = self.get_to_change(to, width)?;
        let shifted = shift::double(mnemonic, width, value, other, count).ok_or(Refused::Unknown)?;
        self.put(to, width, shifted.outcome.value)?;
        self.processor.set_flags(shifted.changes, shifted.outcome.flags);
        Ok(())
    }

    /// The operand in memory and the register beside it: iced keeps the encoding's order, which for XCHG is either.
    fn memory_and_register(&mut self) -> Result<(Place, Place, Width), Refused> {
        let ((one, width), (other, _)) = (self.operand(0)?, self.operand(1)?);
        Ok(if matches!(one, Place::Memory(_)) { (one, other, width) } else { (other, one, width) })
    }

    fn exchange(&mut self) -> Result<(), Refused> {
        let (memory, register, width) = self.memory_and_register()?;
        let value = self.get(register, width)?;
        let old = self.get_to_change(memory, width)?;
        self.put(memory, width, value)?;
        self.put(register, width, old)
    }

    fn exchange_add(&mut self) -> Result<(), Refused> {
        let (memory, register, width) = self.memory_and_register()?;
        let value = self.get(register, width)?;
        let old = self.get_to_change(memory, width)?;
        let sum = alu::add(width, old, value, 0);
        self.put(memory, width, sum.value)?;
        self.put(register, width, old)?;
        self.processor.set_flags(STATUS, sum.flags);
        Ok(())
    }

    /// CMPXCHG stores in any case: what it found where it does not match.
    fn compare_exchange(&mut self) -> Result<(), Refused> {
        let (memory, register, width) = self.memory_and_register()?;
        let accumulator = match width {
            Width::Byte => Register::AL,
            Width::Half => Register::AX,
            Width::Word => Register::EAX,
            Width::Double => Register::RAX,
        };
        let expected = self.processor.get(accumulator).ok_or(Refused::Unknown)?;
        let value = self.get(register, width)?;
        let old = self.get_to_change(memory, width)?;
        let compared = alu::subtract(width, expected, old, 0);
        self.put(memory, width, if old == expected { value } else { old })?;
        if old != expected {
            self.processor.set(accumulator, old).ok_or(Refused::Unknown)?;
        }
        self.processor.set_flags(CF | PF | AF | ZF | SF | OF, compared.flags);
        Ok(())
    }

    fn compare_exchange_pair(&mut self) -> Result<(), Refused> {
        let width =
            if self.instruction.mnemonic() == Mnemonic::Cmpxchg8b { Width::Word } else { Width::Double };
        let at = self.address(0)?;
        let [rax, rcx, rdx, rbx, ..] = self.processor.general.map(|value| value & width.mask());
        let second = at.wrapping_add(width.bytes());
        self.memory.check(at, 2 * width.bytes(), Direction::Store)?;
        // Eight bytes are one access, sixteen are two.
        let (low, high) = match width {
            Width::Word => {
                let both = self.memory.load(at, Width::Double)?;
                (both & width.mask(), both >> 32)
            }
            _ => (self.memory.load(at, width)?, self.memory.load(second, width)?),
        };
        let equal = (low, high) == (rax, rdx);
        let (new_low, new_high) = if equal { (rbx, rcx) } else { (low, high) };
        match width {
            Width::Word => self.memory.store(at, Width::Double, new_low | new_high << 32)?,
            _ => {
                self.memory.store(at, width, new_low)?;
                self.memory.store(second, width, new_high)?;
            }
        }
        if !equal {
            self.processor.general[0] = low;
            self.processor.general[2] = high;
        }
        self.processor.set_flags(ZF, alu::when(ZF, equal));
        Ok(())
    }
}
