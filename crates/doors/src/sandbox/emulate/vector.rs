//! Moves between memory and vector registers: SSE, AVX and AVX-512, whole, partial, broadcast, extended and masked.
//!
//! A bus of 8 bytes sees a wider access as several of 8 in ascending order; elements that a mask leaves out are not accessed.
//! SSE instructions leave the rest of a register as it is, VEX and EVEX ones clear it (Intel SDM volume 1, section 14.1.3).

use iced_x86::{EncodingKind, Mnemonic, Register};
use uvfio_kernel::hw::Width;

use super::processor::{Vectors, width};
use super::{Direction, Machine, Refused};

/// The bytes of the widest register.
pub(super) type Bytes = [u8; 64];

/// Which of the first `len` bytes are accessed: bit n for byte n.
pub(super) fn first(len: usize) -> u64 {
    if len >= 64 { u64::MAX } else { (1 << len) - 1 }
}

impl Machine<'_> {
    /// Perform an instruction with vector or mask registers. Exactly one of its operands is in memory.
    pub(super) fn vector(&mut self) -> Result<(), Refused> {
        let Some(memory) = (0..self.instruction.op_count()).find(|&n| self.is_in_memory(n)) else {
            return Err(Refused::Unknown);
        };
        if self.instruction.is_broadcast() {
            return Err(Refused::Unknown);
        }
        if memory == 0 { self.vector_store() } else { self.vector_load(memory) }
    }

    fn vector_load(&mut self, memory: u32) -> Result<(), Refused> {
        let at = self.address(memory)?;
        let size = self.instruction.memory_size().size();
        match self.instruction.mnemonic() {
            Mnemonic::Kmovb | Mnemonic::Kmovw | Mnemonic::Kmovd | Mnemonic::Kmovq => {
                let value = self.memory.load(at, self.memory_width()?)?;
                self.set_mask(self.instruction.op0_register(), value)
            }
            Mnemonic::Movups
            | Mnemonic::Movupd
            | Mnemonic::Movaps
            | Mnemonic::Movapd
            | Mnemonic::Movdqu
            | Mnemonic::Movdqa
            | Mnemonic::Movntdqa
            | Mnemonic::Lddqu
            | Mnemonic::Vmovups
            | Mnemonic::Vmovupd
            | Mnemonic::Vmovaps
            | Mnemonic::Vmovapd
            | Mnemonic::Vmovdqu
            | Mnemonic::Vmovdqa
            | Mnemonic::Vmovntdqa
            | Mnemonic::Vlddqu
            | Mnemonic::Vmovdqu8
            | Mnemonic::Vmovdqu16
            | Mnemonic::Vmovdqu32
            | Mnemonic::Vmovdqu64
            | Mnemonic::Vmovdqa32
            | Mnemonic::Vmovdqa64 => {
                let accessed = self.accessed(size)?;
                let data = self.load_bytes(at, accessed)?;
                self.put_vector(data)
            }
            Mnemonic::Movd
            | Mnemonic::Movq
            | Mnemonic::Movss
            | Mnemonic::Movsd
            | Mnemonic::Vmovd
            | Mnemonic::Vmovq
            | Mnemonic::Vmovw
            | Mnemonic::Vmovss
            | Mnemonic::Vmovsd
            | Mnemonic::Vmovsh => self.load_scalar(at, size),
            Mnemonic::Maskmovdqu | Mnemonic::Vmaskmovdqu => Err(Refused::Unknown),
            Mnemonic::Vmaskmovps | Mnemonic::Vmaskmovpd | Mnemonic::Vpmaskmovd | Mnemonic::Vpmaskmovq => {
                let accessed = self.signs(self.instruction.op1_register(), self.element()?)?;
                let data = self.load_bytes(at, accessed)?;
                self.put_vector(data)
            }
            _ => self.vector_rearranged(at),
        }
    }

    fn load_scalar(&mut self, at: u64, size: usize) -> Result<(), Refused> {
        let target = self.instruction.op0_register();
        let enabled = self.accessed(size)? & 1 == 1;
        let data = if enabled { self.load_bytes(at, first(size))? } else { [0; 64] };
        let mut value = data;
        if !enabled && !self.instruction.zeroing_masking() {
            value[..size].copy_from_slice(&self.whole(target)?[..size]);
        }
        self.put_whole(value)
    }

    fn vector_store(&mut self) -> Result<(), Refused> {
        let at = self.address(0)?;
        let size = self.instruction.memory_size().size();
        let mnemonic = self.instruction.mnemonic();
        let source = self.instruction.op1_register();
        match mnemonic {
            Mnemonic::Kmovb | Mnemonic::Kmovw | Mnemonic::Kmovd | Mnemonic::Kmovq => {
                let value = self.vectors()?.mask[source.number()];
                let width = self.memory_width()?;
                Ok(self.memory.store(at, width, value & width.mask())?)
            }
            Mnemonic::Movups
            | Mnemonic::Movupd
            | Mnemonic::Movaps
            | Mnemonic::Movapd
            | Mnemonic::Movdqu
            | Mnemonic::Movdqa
            | Mnemonic::Movntdq
            | Mnemonic::Movntps
            | Mnemonic::Movntpd
            | Mnemonic::Movd
            | Mnemonic::Movq
            | Mnemonic::Movss
            | Mnemonic::Movsd
            | Mnemonic::Movlps
            | Mnemonic::Movlpd
            | Mnemonic::Vmovups
            | Mnemonic::Vmovupd
            | Mnemonic::Vmovaps
            | Mnemonic::Vmovapd
            | Mnemonic::Vmovdqu
            | Mnemonic::Vmovdqa
            | Mnemonic::Vmovntdq
            | Mnemonic::Vmovntps
            | Mnemonic::Vmovntpd
            | Mnemonic::Vmovdqu8
            | Mnemonic::Vmovdqu16
            | Mnemonic::Vmovdqu32
            | Mnemonic::Vmovdqu64
            | Mnemonic::Vmovdqa32
            | Mnemonic::Vmovdqa64
            | Mnemonic::Vmovd
            | Mnemonic::Vmovq
            | Mnemonic::Vmovw
            | Mnemonic::Vmovss
            | Mnemonic::Vmovsd
            | Mnemonic::Vmovsh
            | Mnemonic::Vmovlps
            | Mnemonic::Vmovlpd => self.store_lane(at, source, 0, size),
            Mnemonic::Movhps | Mnemonic::Movhpd | Mnemonic::Vmovhps | Mnemonic::Vmovhpd => {
                self.store_lane(at, source, 8, size)
            }
            Mnemonic::Pextrb
            | Mnemonic::Pextrw
            | Mnemonic::Pextrd
            | Mnemonic::Pextrq
            | Mnemonic::Extractps
            | Mnemonic::Vpextrb
            | Mnemonic::Vpextrw
            | Mnemonic::Vpextrd
            | Mnemonic::Vpextrq
            | Mnemonic::Vextractps
            | Mnemonic::Vextractf128
            | Mnemonic::Vextracti128
            | Mnemonic::Vextractf32x4
            | Mnemonic::Vextracti32x4
            | Mnemonic::Vextractf64x2
            | Mnemonic::Vextracti64x2
            | Mnemonic::Vextractf32x8
            | Mnemonic::Vextracti32x8
            | Mnemonic::Vextractf64x4
            | Mnemonic::Vextracti64x4 => {
                // A mask leaves bytes of these out, but not their faults (exception class E6NF).
                self.memory.check(at, size as u64, Direction::Store)?;
                let lane = usize::from(self.instruction.immediate8()) % (source.size() / size);
                self.store_lane(at, source, lane * size, size)
            }
            Mnemonic::Maskmovdqu | Mnemonic::Vmaskmovdqu => {
                let accessed = self.signs(self.instruction.op2_register(), 1)?;
                let data = self.whole(source)?;
                self.store_bytes(at, accessed, &data)
            }
            Mnemonic::Vmaskmovps | Mnemonic::Vmaskmovpd | Mnemonic::Vpmaskmovd | Mnemonic::Vpmaskmovq => {
                let accessed = self.signs(source, self.element()?)?;
                let data = self.whole(self.instruction.op2_register())?;
                self.store_bytes(at, accessed, &data)
            }
            _ => Err(Refused::Unknown),
        }
    }

    /// Store `size` bytes of a register from byte `from` on, under the instruction's mask.
    fn store_lane(&mut self, at: u64, source: Register, from: usize, size: usize) -> Result<(), Refused> {
        let register = self.whole(source)?;
        let mut data = [0; 64];
        data[..size].copy_from_slice(register.get(from..from + size).ok_or(Refused::Unknown)?);
        let accessed = self.accessed(size)?;
        self.store_bytes(at, accessed, &data)
    }

    fn vectors(&mut self) -> Result<&mut Vectors, Refused> {
        self.processor.vectors.as_deref_mut().ok_or(Refused::Unknown)
    }

    pub(super) fn set_mask(&mut self, register: Register, value: u64) -> Result<(), Refused> {
        *self.vectors()?.mask.get_mut(register.number()).ok_or(Refused::Unknown)? = value;
        Ok(())
    }

    /// All bytes of the register that this one is a part of.
    pub(super) fn whole(&self, register: Register) -> Result<Bytes, Refused> {
        let vectors = self.processor.vectors.as_deref().ok_or(Refused::Unknown)?;
        vectors.zmm.get(register.number()).copied().ok_or(Refused::Unknown)
    }

    /// The bytes of one element of the memory operand, which is what one bit of a mask stands for.
    pub(super) fn element(&self) -> Result<usize, Refused> {
        let size = self.instruction.memory_size().element_size();
        width(size).map(|_| size).ok_or(Refused::Unknown)
    }

    /// The instruction's mask as a mask of bytes, for `size` bytes.
    pub(super) fn accessed(&mut self, size: usize) -> Result<u64, Refused> {
        let register = self.instruction.op_mask();
        if register == Register::None {
            return Ok(first(size));
        }
        let element = self.element()?;
        let mask = self.vectors()?.mask[register.number()];
        Ok(spread(mask, element) & first(size))
    }

    /// A mask of bytes: those elements of a register whose highest bit is set.
    fn signs(&mut self, register: Register, element: usize) -> Result<u64, Refused> {
        let bytes = self.whole(register)?;
        let mask = (0..register.size() / element)
            .filter(|n| bytes[n * element + element - 1] & 0x80 != 0)
            .fold(0, |mask, n| mask | 1 << n);
        Ok(spread(mask, element))
    }

    /// Put a value into the first operand under the instruction's mask.
    pub(super) fn put_vector(&mut self, data: Bytes) -> Result<(), Refused> {
        let target = self.instruction.op0_register();
        let accessed = self.accessed(target.size())?;
        let zeroing = self.instruction.zeroing_masking();
        let old = self.whole(target)?;
        let value = std::array::from_fn(|n| match accessed >> n & 1 {
            1 => data[n],
            _ if zeroing => 0,
            _ => old[n],
        });
        self.put_whole(value)
    }

    /// Put a value into the first operand, and clear or keep the rest of the register as the encoding says.
    pub(super) fn put_whole(&mut self, value: Bytes) -> Result<(), Refused> {
        let target = self.instruction.op0_register();
        let encoding = self.instruction.code().encoding();
        let register = &mut self.vectors()?.zmm[target.number()];
        let len = target.size();
        register[..len].copy_from_slice(&value[..len]);
        match encoding {
            EncodingKind::Legacy => {}
            EncodingKind::VEX | EncodingKind::EVEX => register[len..].fill(0),
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    /// Load those bytes that `accessed` names; the others are 0.
    pub(super) fn load_bytes(&mut self, at: u64, accessed: u64) -> Result<Bytes, Refused> {
        self.check_bytes(at, accessed, Direction::Load)?;
        let mut bytes = [0; 64];
        for (offset, width) in pieces(accessed) {
            let value = self.memory.load(at.wrapping_add(offset as u64), width)?.to_le_bytes();
            let len = width.bytes() as usize;
            bytes[offset..offset + len].copy_from_slice(&value[..len]);
        }
        Ok(bytes)
    }

    /// Store those bytes that `accessed` names.
    fn store_bytes(&mut self, at: u64, accessed: u64, bytes: &Bytes) -> Result<(), Refused> {
        self.check_bytes(at, accessed, Direction::Store)?;
        for (offset, width) in pieces(accessed) {
            let mut value = [0; 8];
            let len = width.bytes() as usize;
            value[..len].copy_from_slice(&bytes[offset..offset + len]);
            self.memory.store(at.wrapping_add(offset as u64), width, u64::from_le_bytes(value))?;
        }
        Ok(())
    }

    /// Where more than one access is needed, none is made unless all can be.
    fn check_bytes(&mut self, at: u64, accessed: u64, direction: Direction) -> Result<(), Refused> {
        if pieces(accessed).nth(1).is_some() {
            for (offset, width) in pieces(accessed) {
                self.memory.check(at.wrapping_add(offset as u64), width.bytes(), direction)?;
            }
        }
        Ok(())
    }
}

/// A mask of elements as one of bytes.
pub(super) fn spread(mask: u64, element: usize) -> u64 {
    (0..64).filter(|byte| mask >> (byte / element) & 1 == 1).fold(0, |bytes, byte| bytes | 1 << byte)
}

/// The accesses that cover exactly the bytes of a mask: of 8 bytes as long as so many follow each other, then narrower ones.
fn pieces(mut accessed: u64) -> impl Iterator<Item = (usize, Width)> {
    std::iter::from_fn(move || {
        if accessed == 0 {
            return None;
        }
        let offset = accessed.trailing_zeros();
        let run = (accessed >> offset).trailing_ones();
        let width = match run {
            8.. => Width::Double,
            4.. => Width::Word,
            2.. => Width::Half,
            _ => Width::Byte,
        };
        accessed &= !(first(width.bytes() as usize) << offset);
        Some((offset as usize, width))
    })
}
