//! Vector instructions that combine what they load with what is there: parts of registers, broadcasts, extension of elements, and
//! the element-wise operations that compilers and memcmp(3) make of plain loops.

use iced_x86::{EncodingKind, Mnemonic, Register};

use super::alu::when;
use super::masks::lane;
use super::processor::{CF, STATUS, ZF};
use super::vector::{Bytes, first};
use super::{Machine, Refused};

impl Machine<'_> {
    /// Loads that are not plain moves.
    pub(super) fn vector_rearranged(&mut self, at: u64) -> Result<(), Refused> {
        let size = self.instruction.memory_size().size();
        match self.instruction.mnemonic() {
            Mnemonic::Movlps | Mnemonic::Movlpd => self.insert(at, self.instruction.op0_register(), 0, size),
            Mnemonic::Movhps | Mnemonic::Movhpd => self.insert(at, self.instruction.op0_register(), 8, size),
            Mnemonic::Vmovlps | Mnemonic::Vmovlpd => {
                self.insert(at, self.instruction.op1_register(), 0, size)
            }
            Mnemonic::Vmovhps | Mnemonic::Vmovhpd => {
                self.insert(at, self.instruction.op1_register(), 8, size)
            }
            Mnemonic::Pinsrb | Mnemonic::Pinsrw | Mnemonic::Pinsrd | Mnemonic::Pinsrq => {
                let target = self.instruction.op0_register();
                self.insert(at, target, self.lane(target, size), size)
            }
            Mnemonic::Vpinsrb
            | Mnemonic::Vpinsrw
            | Mnemonic::Vpinsrd
            | Mnemonic::Vpinsrq
            | Mnemonic::Vinsertf128
            | Mnemonic::Vinserti128
            | Mnemonic::Vinsertf32x4
            | Mnemonic::Vinserti32x4
            | Mnemonic::Vinsertf64x2
            | Mnemonic::Vinserti64x2
            | Mnemonic::Vinsertf32x8
            | Mnemonic::Vinserti32x8
            | Mnemonic::Vinsertf64x4
            | Mnemonic::Vinserti64x4 => {
                let source = self.instruction.op1_register();
                self.insert(at, source, self.lane(source, size), size)
            }
            Mnemonic::Movddup | Mnemonic::Vmovddup if size == 8 => self.broadcast(at, size),
            Mnemonic::Movddup | Mnemonic::Vmovddup => self.duplicate(at, size, |n| n & !8),
            Mnemonic::Movsldup | Mnemonic::Vmovsldup => self.duplicate(at, size, |n| n & !4),
            Mnemonic::Movshdup | Mnemonic::Vmovshdup => self.duplicate(at, size, |n| n | 4),
            Mnemonic::Vbroadcastss
            | Mnemonic::Vbroadcastsd
            | Mnemonic::Vpbroadcastb
            | Mnemonic::Vpbroadcastw
            | Mnemonic::Vpbroadcastd
            | Mnemonic::Vpbroadcastq
            | Mnemonic::Vbroadcastf128
            | Mnemonic::Vbroadcasti128
            | Mnemonic::Vbroadcastf32x2
            | Mnemonic::Vbroadcasti32x2
            | Mnemonic::Vbroadcastf32x4
            | Mnemonic::Vbroadcasti32x4
            | Mnemonic::Vbroadcastf64x2
            | Mnemonic::Vbroadcasti64x2
            | Mnemonic::Vbroadcastf32x8
            | Mnemonic::Vbroadcasti32x8
            | Mnemonic::Vbroadcastf64x4
            | Mnemonic::Vbroadcasti64x4 => self.broadcast(at, size),
            Mnemonic::Ptest | Mnemonic::Vptest => self.test(at, size),
            _ if self.instruction.op0_register().is_k() => self.compare_to_mask(at),
            mnemonic => match extension(mnemonic) {
                Some((to, signed)) => self.extend(at, to, signed),
                None => self.combine(at, size),
            },
        }
    }

    /// The byte at which the lane begins that the immediate names.
    fn lane(&self, register: Register, size: usize) -> usize {
        usize::from(self.instruction.immediate8()) % (register.size() / size) * size
    }

    /// Load `size` bytes into those of `source` from byte `to` on, and put the whole into the first operand.
    fn insert(&mut self, at: u64, source: Register, to: usize, size: usize) -> Result<(), Refused> {
        self.no_mask()?;
        let data = self.load_bytes(at, first(size))?;
        let mut value = self.whole(source)?;
        value.get_mut(to..to + size).ok_or(Refused::Unknown)?.copy_from_slice(&data[..size]);
        self.put_vector(value)
    }

    fn broadcast(&mut self, at: u64, size: usize) -> Result<(), Refused> {
        self.no_mask()?;
        let data = self.load_bytes(at, first(size))?;
        self.put_vector(std::array::from_fn(|n| data[n % size]))
    }

    fn duplicate(&mut self, at: u64, size: usize, from: impl Fn(usize) -> usize) -> Result<(), Refused> {
        self.no_mask()?;
        let data = self.load_bytes(at, first(size))?;
        self.put_vector(std::array::from_fn(|n| data[from(n)]))
    }

    /// PMOVZX and PMOVSX: elements become wider.
    fn extend(&mut self, at: u64, to: usize, signed: bool) -> Result<(), Refused> {
        self.no_mask()?;
        let from = self.element()?;
        let data = self.load_bytes(at, first(self.instruction.memory_size().size()))?;
        self.put_vector(std::array::from_fn(|n| {
            let (element, byte) = (n / to * from, n % to);
            match byte < from {
                true => data.get(element + byte).copied().unwrap_or(0),
                false if signed && data.get(element + from - 1).is_some_and(|top| top & 0x80 != 0) => 0xff,
                false => 0,
            }
        }))
    }

    fn test(&mut self, at: u64, size: usize) -> Result<(), Refused> {
        let data = self.load_bytes(at, first(size))?;
        let register = self.whole(self.instruction.op0_register())?;
        let pairs = || data[..size].iter().zip(&register[..size]);
        let (zero, carry) = (pairs().all(|(m, r)| m & r == 0), pairs().all(|(m, r)| m & !r == 0));
        self.processor.set_flags(STATUS, when(ZF, zero) | when(CF, carry));
        Ok(())
    }

    /// An operation on each element of a register and of memory.
    fn combine(&mut self, at: u64, size: usize) -> Result<(), Refused> {
        let encoding = self.instruction.code().encoding();
        let sources = if encoding == EncodingKind::Legacy { 2 } else { 3 };
        let target = self.instruction.op0_register();
        if self.instruction.op_count() != sources || !target.is_vector_register() || target.size() != size {
            return Err(Refused::Unknown);
        }
        self.no_mask()?;
        let (element, operation) = operation(self.instruction.mnemonic()).ok_or(Refused::Unknown)?;
        let source = if encoding == EncodingKind::Legacy { target } else { self.instruction.op1_register() };
        let data = self.load_bytes(at, first(size))?;
        let register = self.whole(source)?;
        let mut value: Bytes = [0; 64];
        for start in (0..size).step_by(element) {
            let n = start / element;
            let result = operation(lane(&register, n, element), lane(&data, n, element)).to_le_bytes();
            value[start..start + element].copy_from_slice(&result[..element]);
        }
        self.put_vector(value)
    }

    /// Which elements a masked form of these loads is left to whoever needs it.
    fn no_mask(&self) -> Result<(), Refused> {
        if self.instruction.op_mask() == Register::None { Ok(()) } else { Err(Refused::Unknown) }
    }
}

/// The width elements are extended to, and whether by their sign.
fn extension(mnemonic: Mnemonic) -> Option<(usize, bool)> {
    Some(match mnemonic {
        Mnemonic::Pmovzxbw | Mnemonic::Vpmovzxbw => (2, false),
        Mnemonic::Pmovzxbd | Mnemonic::Pmovzxwd | Mnemonic::Vpmovzxbd | Mnemonic::Vpmovzxwd => (4, false),
        Mnemonic::Pmovzxbq | Mnemonic::Pmovzxwq | Mnemonic::Pmovzxdq => (8, false),
        Mnemonic::Vpmovzxbq | Mnemonic::Vpmovzxwq | Mnemonic::Vpmovzxdq => (8, false),
        Mnemonic::Pmovsxbw | Mnemonic::Vpmovsxbw => (2, true),
        Mnemonic::Pmovsxbd | Mnemonic::Pmovsxwd | Mnemonic::Vpmovsxbd | Mnemonic::Vpmovsxwd => (4, true),
        Mnemonic::Pmovsxbq | Mnemonic::Pmovsxwq | Mnemonic::Pmovsxdq => (8, true),
        Mnemonic::Vpmovsxbq | Mnemonic::Vpmovsxwq | Mnemonic::Vpmovsxdq => (8, true),
        _ => return None,
    })
}

/// An operation on a register's element and memory's, of which only the lowest bytes count.
type Operation = fn(u64, u64) -> u64;

/// The bytes of an element and what is done to it. The register's element comes first.
fn operation(mnemonic: Mnemonic) -> Option<(usize, Operation)> {
    Some(match mnemonic {
        Mnemonic::Pand | Mnemonic::Andps | Mnemonic::Andpd => (8, |a, b| a & b),
        Mnemonic::Vpand | Mnemonic::Vandps | Mnemonic::Vandpd => (8, |a, b| a & b),
        Mnemonic::Vpandd | Mnemonic::Vpandq => (8, |a, b| a & b),
        Mnemonic::Pandn | Mnemonic::Andnps | Mnemonic::Andnpd => (8, |a, b| !a & b),
        Mnemonic::Vpandn | Mnemonic::Vandnps | Mnemonic::Vandnpd => (8, |a, b| !a & b),
        Mnemonic::Vpandnd | Mnemonic::Vpandnq => (8, |a, b| !a & b),
        Mnemonic::Por | Mnemonic::Orps | Mnemonic::Orpd => (8, |a, b| a | b),
        Mnemonic::Vpor | Mnemonic::Vorps | Mnemonic::Vorpd => (8, |a, b| a | b),
        Mnemonic::Vpord | Mnemonic::Vporq => (8, |a, b| a | b),
        Mnemonic::Pxor | Mnemonic::Xorps | Mnemonic::Xorpd => (8, |a, b| a ^ b),
        Mnemonic::Vpxor | Mnemonic::Vxorps | Mnemonic::Vxorpd => (8, |a, b| a ^ b),
        Mnemonic::Vpxord | Mnemonic::Vpxorq => (8, |a, b| a ^ b),
        Mnemonic::Paddb | Mnemonic::Vpaddb => (1, u64::wrapping_add),
        Mnemonic::Paddw | Mnemonic::Vpaddw => (2, u64::wrapping_add),
        Mnemonic::Paddd | Mnemonic::Vpaddd => (4, u64::wrapping_add),
        Mnemonic::Paddq | Mnemonic::Vpaddq => (8, u64::wrapping_add),
        Mnemonic::Psubb | Mnemonic::Vpsubb => (1, u64::wrapping_sub),
        Mnemonic::Psubw | Mnemonic::Vpsubw => (2, u64::wrapping_sub),
        Mnemonic::Psubd | Mnemonic::Vpsubd => (4, u64::wrapping_sub),
        Mnemonic::Psubq | Mnemonic::Vpsubq => (8, u64::wrapping_sub),
        Mnemonic::Pcmpeqb | Mnemonic::Vpcmpeqb => (1, equal),
        Mnemonic::Pcmpeqw | Mnemonic::Vpcmpeqw => (2, equal),
        Mnemonic::Pcmpeqd | Mnemonic::Vpcmpeqd => (4, equal),
        Mnemonic::Pcmpeqq | Mnemonic::Vpcmpeqq => (8, equal),
        Mnemonic::Pminub | Mnemonic::Vpminub => (1, u64::min),
        Mnemonic::Pmaxub | Mnemonic::Vpmaxub => (1, u64::max),
        _ => return None,
    })
}

fn equal(a: u64, b: u64) -> u64 {
    if a == b { u64::MAX } else { 0 }
}
