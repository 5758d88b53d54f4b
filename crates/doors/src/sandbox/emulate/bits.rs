//! Instructions on single bits and bit fields: BT and its kin, counts, BMI, CRC32.

use iced_x86::{Mnemonic, OpKind};
use uvfio_kernel::hw::Width;

use super::alu::{self, bits, extend, sign, when};
use super::operand::Place;
use super::processor::{CF, OF, STATUS, ZF};
use super::shift::rotate_left;
use super::{Machine, Refused};

impl Machine<'_> {
    pub(super) fn bits(&mut self) -> Result<(), Refused> {
        match self.instruction.mnemonic() {
            Mnemonic::Bt | Mnemonic::Bts | Mnemonic::Btr | Mnemonic::Btc => self.bit(),
            Mnemonic::Bsf | Mnemonic::Bsr => self.scan(),
            Mnemonic::Popcnt => {
                self.count(|_, value| value.count_ones(), |_, count| when(ZF, count == 0), STATUS)
            }
            Mnemonic::Tzcnt if is_x86_feature_detected!("bmi1") => self.count(
                |width, value| value.trailing_zeros().min(bits(width)),
                |width, count| when(CF, count == bits(width)) | when(ZF, count == 0),
                CF | ZF,
            ),
            Mnemonic::Lzcnt if is_x86_feature_detected!("lzcnt") => self.count(
                |width, value| value.leading_zeros() + bits(width) - 64,
                |width, count| when(CF, count == bits(width)) | when(ZF, count == 0),
                CF | ZF,
            ),
            Mnemonic::Crc32 => self.crc32(),
            Mnemonic::Adcx => self.add_carry(CF),
            Mnemonic::Adox => self.add_carry(OF),
            Mnemonic::Blsi | Mnemonic::Blsr | Mnemonic::Blsmsk => self.lowest(),
            Mnemonic::Rorx => {
                let ((to, width), (from, _), (count, _)) =
                    (self.operand(0)?, self.operand(1)?, self.operand(2)?);
                let count = self.get(count, Width::Byte)? as u32 % bits(width);
                let value = self.get(from, width)?;
                self.put(to, width, rotate_left(width, value, (bits(width) - count) % bits(width)))
            }
            Mnemonic::Andn
            | Mnemonic::Bextr
            | Mnemonic::Bzhi
            | Mnemonic::Pdep
            | Mnemonic::Pext
            | Mnemonic::Sarx
            | Mnemonic::Shlx
            | Mnemonic::Shrx => self.three_operands(),
            _ => Err(Refused::Unknown),
        }
    }

    /// BT, BTS, BTR, BTC. A bit offset in a register reaches beyond the operand, in both directions.
    fn bit(&mut self) -> Result<(), Refused> {
        let ((to, width), (offset, offset_width)) = (self.operand(0)?, self.operand(1)?);
        let offset = self.get(offset, offset_width)?;
        let to = match (to, self.instruction.op1_kind()) {
            (Place::Memory(at), OpKind::Register) => {
                let units = extend(width, offset).div_euclid(i64::from(bits(width)));
                let at = at.wrapping_add((units as u64).wrapping_mul(width.bytes()));
                Place::Memory(self.wrap(at)?)
            }
            (to, _) => to,
        };
        let bit = 1 << (offset & u64::from(bits(width) - 1));
        let mnemonic = self.instruction.mnemonic();
        let value = match mnemonic {
            Mnemonic::Bt => self.get(to, width)?,
            _ => self.get_to_change(to, width)?,
        };
        match mnemonic {
            Mnemonic::Bts => self.put(to, width, value | bit)?,
            Mnemonic::Btr => self.put(to, width, value & !bit)?,
            Mnemonic::Btc => self.put(to, width, value ^ bit)?,
            _ => {}
        }
        self.processor.set_flags(CF, when(CF, value & bit != 0));
        Ok(())
    }

    /// An address computed further than the operand's: with 32-bit addresses it would have to wrap, which nobody writes.
    fn wrap(&self, at: u64) -> Result<u64, Refused> {
        let base = self.instruction.memory_base();
        if base.is_gpr32() || self.instruction.memory_index().is_gpr32() {
            Err(Refused::Unknown)
        } else {
            Ok(at)
        }
    }

    /// BSF and BSR. For 0 the destination stays as it is.
    fn scan(&mut self) -> Result<(), Refused> {
        let ((to, width), (from, _)) = (self.operand(0)?, self.operand(1)?);
        let value = self.get(from, width)?;
        if value != 0 {
            let found = match self.instruction.mnemonic() {
                Mnemonic::Bsf => value.trailing_zeros(),
                _ => 63 - value.leading_zeros(),
            };
            self.put(to, width, u64::from(found))?;
        }
        self.processor.set_flags(ZF, when(ZF, value == 0));
        Ok(())
    }

    fn count(
        &mut self,
        count: impl Fn(Width, u64) -> u32,
        flags: impl Fn(Width, u32) -> u64,
        changes: u64,
    ) -> Result<(), Refused> {
        let ((to, width), (from, _)) = (self.operand(0)?, self.operand(1)?);
        let counted = count(width, self.get(from, width)?);
        self.put(to, width, u64::from(counted))?;
        self.processor.set_flags(changes, flags(width, counted));
        Ok(())
    }

    /// CRC32 with the polynomial of CRC-32C, bit by bit.
    fn crc32(&mut self) -> Result<(), Refused> {
        let ((to, to_width), (from, width)) = (self.operand(0)?, self.operand(1)?);
        let value = self.get(from, width)?;
        let mut crc = self.get(to, Width::Word)? as u32;
        for byte in &value.to_le_bytes()[..width.bytes() as usize] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            }
        }
        self.put(to, to_width, u64::from(crc))
    }

    /// ADCX and ADOX: an addition whose carry goes in and out by one flag, and which changes no other.
    fn add_carry(&mut self, flag: u64) -> Result<(), Refused> {
        let ((to, width), (from, _)) = (self.operand(0)?, self.operand(1)?);
        let (a, b) = (self.get(to, width)?, self.get(from, width)?);
        let sum = alu::add(width, a, b, u64::from(self.processor.flag(flag)));
        self.put(to, width, sum.value)?;
        self.processor.set_flags(flag, when(flag, sum.flags & CF != 0));
        Ok(())
    }

    /// BLSI, BLSR and BLSMSK: the lowest set bit alone, cleared, and everything up to it.
    fn lowest(&mut self) -> Result<(), Refused> {
        let ((to, width), (from, _)) = (self.operand(0)?, self.operand(1)?);
        let value = self.get(from, width)?;
        let below = value.wrapping_sub(1) & width.mask();
        let (result, carry) = match self.instruction.mnemonic() {
            Mnemonic::Blsi => (value & value.wrapping_neg(), value != 0),
            Mnemonic::Blsr => (value & below, value == 0),
            _ => (value ^ below, value == 0),
        };
        let outcome = alu::logic(width, result);
        self.put(to, width, outcome.value)?;
        self.processor.set_flags(STATUS, outcome.flags | when(CF, carry));
        Ok(())
    }

    /// BMI instructions with two sources. ANDN has the one in memory last, the others second.
    fn three_operands(&mut self) -> Result<(), Refused> {
        let ((to, width), (one, _), (other, _)) = (self.operand(0)?, self.operand(1)?, self.operand(2)?);
        let (a, b) = (self.get(one, width)?, self.get(other, width)?);
        let size = bits(width);
        let count = (b & u64::from(size - 1)) as u32;
        let (value, flags) = match self.instruction.mnemonic() {
            Mnemonic::Andn => {
                let outcome = alu::logic(width, !a & b);
                (outcome.value, Some(outcome.flags))
            }
            Mnemonic::Bextr => {
                let (start, len) = (b & 0xff, b >> 8 & 0xff);
                let shifted = if start < 64 { a >> start } else { 0 };
                let value = if len < 64 { shifted & ((1 << len) - 1) } else { shifted };
                (value, Some(when(ZF, value == 0)))
            }
            Mnemonic::Bzhi => {
                let index = b & 0xff;
                let value = if index < u64::from(size) { a & ((1 << index) - 1) } else { a };
                let flags = when(ZF, value == 0)
                    | when(super::processor::SF, sign(width, value))
                    | when(CF, index >= u64::from(size));
                (value, Some(flags))
            }
            Mnemonic::Pdep => (deposit(a, b), None),
            Mnemonic::Pext => (extract(a, b), None),
            Mnemonic::Sarx => ((extend(width, a) >> count) as u64 & width.mask(), None),
            Mnemonic::Shlx => (a << count & width.mask(), None),
            _ => (a >> count, None),
        };
        self.put(to, width, value)?;
        if let Some(flags) = flags {
            self.processor.set_flags(STATUS, flags);
        }
        Ok(())
    }
}

/// Spread the low bits of `value` over the set bits of `mask`.
fn deposit(value: u64, mut mask: u64) -> u64 {
    let (mut result, mut bit) = (0, 0);
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if value >> bit & 1 == 1 {
            result |= lowest;
        }
        mask ^= lowest;
        bit += 1;
    }
    result
}

/// Gather those bits of `value` that `mask` names.
fn extract(value: u64, mut mask: u64) -> u64 {
    let (mut result, mut bit) = (0, 0);
    while mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if value & lowest != 0 {
            result |= 1 << bit;
        }
        mask ^= lowest;
        bit += 1;
    }
    result
}
