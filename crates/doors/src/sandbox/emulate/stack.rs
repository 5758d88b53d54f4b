//! PUSH and POP of an operand in memory: one access there, one on the stack.

use iced_x86::{Mnemonic, OpKind};

use super::operand::Place;
use super::{Direction, Machine, Refused};

impl Machine<'_> {
    /// PUSH and POP. The address of what is popped is that after the stack pointer has moved, of what is pushed that before.
    pub(super) fn stack(&mut self) -> Result<(), Refused> {
        if self.instruction.op0_kind() != OpKind::Memory {
            return Err(Refused::Unknown);
        }
        let width = self.memory_width()?;
        let rsp = self.processor.general[4];
        if self.instruction.mnemonic() == Mnemonic::Push {
            let below = rsp.wrapping_sub(width.bytes());
            self.memory.check(below, width.bytes(), Direction::Store)?;
            let value = self.get(Place::Memory(self.address(0)?), width)?;
            self.memory.store(below, width, value)?;
            self.processor.general[4] = below;
        } else {
            let above = rsp.wrapping_add(width.bytes());
            let to = self.address_after(0, above)?;
            let value = self.memory.load(rsp, width)?;
            self.memory.store(to, width, value)?;
            self.processor.general[4] = above;
        }
        Ok(())
    }
}
