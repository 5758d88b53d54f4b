//! Multiplication and division by an operand in memory.

use iced_x86::Mnemonic;
use uvfio_kernel::hw::Width;

use super::alu::{bits, extend, when};
use super::processor::{CF, OF};
use super::{Machine, Refused};

impl Machine<'_> {
    pub(super) fn multiply(&mut self) -> Result<(), Refused> {
        match (self.instruction.mnemonic(), self.instruction.op_count()) {
            (Mnemonic::Mul | Mnemonic::Imul, 1) => self.multiply_accumulator(),
            (Mnemonic::Imul, _) => self.multiply_register(),
            (Mnemonic::Mulx, _) => self.multiply_without_flags(),
            _ => self.divide(),
        }
    }

    /// MUL and IMUL with one operand: RDX:RAX, or AX for bytes, becomes the product.
    fn multiply_accumulator(&mut self) -> Result<(), Refused> {
        let (from, width) = self.operand(0)?;
        let value = self.get(from, width)?;
        let a = self.processor.general[0] & width.mask();
        let (product, fits) = if self.instruction.mnemonic() == Mnemonic::Mul {
            let product = u128::from(a) * u128::from(value);
            (product, product >> bits(width) == 0)
        } else {
            let product = i128::from(extend(width, a)) * i128::from(extend(width, value));
            (product as u128, product == i128::from(extend(width, product as u64)))
        };
        self.put_pair(width, product as u64, (product >> bits(width)) as u64);
        self.processor.set_flags(CF | OF, when(CF | OF, !fits));
        Ok(())
    }

    fn multiply_register(&mut self) -> Result<(), Refused> {
        let (to, width) = self.operand(0)?;
        let (one, other) = match self.instruction.op_count() {
            2 => (self.operand(0)?.0, self.operand(1)?.0),
            _ => (self.operand(1)?.0, self.operand(2)?.0),
        };
        let a = i128::from(extend(width, self.get(one, width)?));
        let product = a * i128::from(extend(width, self.get(other, width)?));
        let fits = product == i128::from(extend(width, product as u64));
        self.put(to, width, product as u64 & width.mask())?;
        self.processor.set_flags(CF | OF, when(CF | OF, !fits));
        Ok(())
    }

    /// MULX: the product of RDX goes to two registers, and no flag changes.
    fn multiply_without_flags(&mut self) -> Result<(), Refused> {
        let ((high, width), (low, _), (from, _)) = (self.operand(0)?, self.operand(1)?, self.operand(2)?);
        let rdx = self.processor.general[2] & width.mask();
        let product = u128::from(rdx) * u128::from(self.get(from, width)?);
        self.put(low, width, product as u64 & width.mask())?;
        self.put(high, width, (product >> bits(width)) as u64 & width.mask())
    }

    fn divide(&mut self) -> Result<(), Refused> {
        let (from, width) = self.operand(0)?;
        let divisor = self.get(from, width)?;
        let [rax, _, rdx, ..] = self.processor.general;
        let dividend = match width {
            Width::Byte => u128::from(rax & 0xffff),
            _ => u128::from(rdx & width.mask()) << bits(width) | u128::from(rax & width.mask()),
        };
        let (quotient, remainder) = if self.instruction.mnemonic() == Mnemonic::Div {
            let divisor = u128::from(divisor);
            let quotient = dividend.checked_div(divisor).ok_or(Refused::Divide)?;
            if quotient > u128::from(width.mask()) {
                return Err(Refused::Divide);
            }
            (quotient as u64, (dividend % divisor) as u64)
        } else {
            let unused = 128 - 2 * bits(width);
            let dividend = ((dividend << unused) as i128) >> unused;
            let divisor = i128::from(extend(width, divisor));
            let quotient = dividend.checked_div(divisor).ok_or(Refused::Divide)?;
            if quotient != i128::from(extend(width, quotient as u64)) {
                return Err(Refused::Divide);
            }
            (quotient as u64, (dividend % divisor) as u64)
        };
        self.put_pair(width, quotient, remainder);
        Ok(())
    }

    /// Put two values into AL and AH, or into the low and high register of their width.
    fn put_pair(&mut self, width: Width, low: u64, high: u64) {
        let general = &mut self.processor.general;
        match width {
            Width::Byte => general[0] = (general[0] & !0xffff) | (high & 0xff) << 8 | (low & 0xff),
            Width::Half => {
                general[0] = (general[0] & !0xffff) | (low & 0xffff);
                general[2] = (general[2] & !0xffff) | (high & 0xffff);
            }
            _ => {
                general[0] = low & width.mask();
                general[2] = high & width.mask();
            }
        }
    }
}
