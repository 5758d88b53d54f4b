//! The registers an instruction works on.

use iced_x86::Register;
use uvfio_kernel::hw::Width;

/// Carry.
pub(super) const CF: u64 = 1;
/// Even parity of the lowest byte.
pub(super) const PF: u64 = 1 << 2;
/// Carry out of the lowest four bits.
pub(super) const AF: u64 = 1 << 4;
/// Zero.
pub(super) const ZF: u64 = 1 << 6;
/// Sign.
pub(super) const SF: u64 = 1 << 7;
/// Strings go downwards.
pub(super) const DF: u64 = 1 << 10;
/// Signed overflow.
pub(super) const OF: u64 = 1 << 11;
/// What arithmetic sets.
pub(super) const STATUS: u64 = CF | PF | AF | ZF | SF | OF;

/// The registers of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processor {
    /// RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15: the order of their numbers in instructions.
    pub general: [u64; 16],
    /// The instruction's address.
    pub rip: u64,
    /// RFLAGS.
    pub flags: u64,
    /// The base of FS.
    pub fs_base: u64,
    /// The base of GS.
    pub gs_base: u64,
    /// Vector registers, where the instruction uses any.
    pub vectors: Option<Box<Vectors>>,
}

/// Vector and mask registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vectors {
    /// ZMM0 to ZMM31. XMM and YMM are their lowest 16 and 32 bytes.
    pub zmm: [[u8; 64]; 32],
    /// K0 to K7.
    pub mask: [u64; 8],
}

impl Default for Vectors {
    fn default() -> Self {
        Self { zmm: [[0; 64]; 32], mask: [0; 8] }
    }
}

/// Which bits of a general register a name stands for.
struct Part {
    number: usize,
    shift: u32,
    width: Width,
}

impl Part {
    fn of(register: Register) -> Option<Self> {
        if !register.is_gpr() {
            return None;
        }
        let width = width(register.size())?;
        // AH, CH, DH and BH are the second byte of the first four registers.
        let shift = match register {
            Register::AH | Register::CH | Register::DH | Register::BH => 8,
            _ => 0,
        };
        Some(Self { number: register.full_register().number(), shift, width })
    }
}

impl Processor {
    /// The value of a general register, zero-extended; `None` for any other.
    pub(super) fn get(&self, register: Register) -> Option<u64> {
        let part = Part::of(register)?;
        Some((self.general[part.number] >> part.shift) & part.width.mask())
    }

    /// Set a general register. One of 4 bytes clears the upper half, narrower ones leave the rest.
    pub(super) fn set(&mut self, register: Register, value: u64) -> Option<()> {
        let part = Part::of(register)?;
        let whole = &mut self.general[part.number];
        *whole = match part.width {
            Width::Double => value,
            Width::Word => value & Width::Word.mask(),
            narrow => {
                let mask = narrow.mask() << part.shift;
                (*whole & !mask) | ((value << part.shift) & mask)
            }
        };
        Some(())
    }

    /// The base a segment adds to an address.
    pub(super) fn base(&self, segment: Register) -> u64 {
        match segment {
            Register::FS => self.fs_base,
            Register::GS => self.gs_base,
            _ => 0,
        }
    }

    /// Whether a flag is set.
    pub(super) fn flag(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Replace those flags that `which` names.
    pub(super) fn set_flags(&mut self, which: u64, values: u64) {
        self.flags = (self.flags & !which) | (values & which);
    }
}

/// The width with this many bytes.
pub(super) fn width(bytes: usize) -> Option<Width> {
    match bytes {
        1 => Some(Width::Byte),
        2 => Some(Width::Half),
        4 => Some(Width::Word),
        8 => Some(Width::Double),
        _ => None,
    }
}
