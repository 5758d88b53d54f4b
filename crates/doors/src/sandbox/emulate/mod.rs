//! Emulation of the one instruction that touched a mapped register: registers and memory in, registers and memory out.
//!
//! A processor makes bus accesses of the width an instruction names; here each becomes a load or store of a model, and everything
//! else an instruction does (other operands, flags, sign extension, vector lanes) is computed as the manuals say (Intel SDM volume
//! 2, AMD64 APM volumes 3 and 4). Pure and safe: what memory is, the caller decides through [`Memory`]. An instruction that is not
//! known is an error that names it; it is never performed wrongly. Not a simulator: one instruction, 64-bit code only.

#[cfg(any(test, feature = "testing"))]
pub mod against;
mod alu;
mod bits;
mod integer;
mod lanes;
mod masks;
mod multiply;
mod operand;
mod processor;
mod shift;
mod stack;
mod string;
mod vector;

use std::fmt;

use iced_x86::{Decoder, DecoderError, DecoderOptions, Instruction, Mnemonic};
pub use processor::{Processor, Vectors};
use uvfio_kernel::hw::Width;

/// The longest instruction, bytes.
pub const LONGEST: usize = 15;

/// Load or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The instruction reads memory.
    Load,
    /// The instruction writes memory.
    Store,
}

/// Why memory could not be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Nothing is mapped there, or it may not be accessed so.
    NotMapped,
    /// The mapping is there, but what is behind it does not answer.
    NoDevice,
    /// The access lies partly on registers and partly on something else. It is not done in parts.
    Straddles,
}

/// An access that did not happen. The instruction has had no effect, but for whole elements of a string before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{direction:?} at {at:#x}: {kind:?}")]
pub struct Fault {
    /// The first byte that could not be accessed.
    pub at: u64,
    /// What was wanted.
    pub direction: Direction,
    /// Why not.
    pub kind: FaultKind,
}

/// The memory an instruction works on: registers of devices where they are mapped, ordinary memory elsewhere.
pub trait Memory {
    /// Load; the value is zero-extended.
    ///
    /// # Errors
    /// Where it cannot be.
    fn load(&mut self, at: u64, width: Width) -> Result<u64, Fault>;

    /// Store.
    ///
    /// # Errors
    /// Where it cannot be.
    fn store(&mut self, at: u64, width: Width, value: u64) -> Result<(), Fault>;

    /// Whether `len` bytes can be accessed, before the first of several accesses is made.
    ///
    /// # Errors
    /// Where they cannot.
    fn check(&mut self, at: u64, len: u64, direction: Direction) -> Result<(), Fault>;

    /// Whether a device's registers are at `at`. A repeated string instruction is left to the processor where they are not.
    fn is_device(&mut self, at: u64) -> bool;
}

/// An instruction that is not known here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    bytes: [u8; LONGEST],
    len: usize,
    mnemonic: Mnemonic,
}

impl Unsupported {
    /// Its bytes; where it is not an instruction at all, those that were to be decoded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// What it is called in the manuals, in lower case; `invalid` where it is no instruction.
    #[must_use]
    pub fn mnemonic(&self) -> String {
        format!("{:?}", self.mnemonic).to_lowercase()
    }
}

impl fmt::Debug for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:02x?}", self.mnemonic, self.bytes())
    }
}

/// Why an instruction was not performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// It is not known here.
    #[error("instruction {0:?} is not known")]
    Unsupported(Unsupported),
    /// Memory could not be accessed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A division by zero, or one whose quotient does not fit (`#DE`).
    #[error("division error")]
    Divide,
}

/// Why an instruction was not performed, before anybody has said which.
enum Refused {
    Unknown,
    Fault(Fault),
    Divide,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// How an instruction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next one is to be executed.
    Done,
    /// A repeated string instruction is to be executed again: some of its elements are left.
    Again,
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug)]
pub struct Decoded {
    instruction: Instruction,
    unsupported: Unsupported,
}

impl Decoded {
    /// Decode the instruction that `code` begins with, found at `rip`.
    ///
    /// # Errors
    /// Where it is no instruction of 64-bit code, or `code` ends within it.
    pub fn new(code: &[u8], rip: u64) -> Result<Self, Unsupported> {
        let mut decoder = Decoder::with_ip(64, code, rip, DecoderOptions::NONE);
        let instruction = decoder.decode();
        let len = match decoder.last_error() {
            DecoderError::None => instruction.len(),
            _ => code.len().min(LONGEST),
        };
        let mut bytes = [0; LONGEST];
        bytes[..len].copy_from_slice(&code[..len]);
        let unsupported = Unsupported { bytes, len, mnemonic: instruction.mnemonic() };
        if instruction.is_invalid() { Err(unsupported) } else { Ok(Self { instruction, unsupported }) }
    }

    /// Whether it needs [`Processor::vectors`].
    #[must_use]
    pub fn uses_vectors(&self) -> bool {
        (0..self.instruction.op_count()).any(|operand| {
            let register = self.instruction.op_register(operand);
            register.is_vector_register() || register.is_k()
        })
    }

    /// Perform it.
    ///
    /// # Errors
    /// Where it cannot be; registers are as before then, and so is memory, but for whole elements of a string.
    pub fn execute(&self, processor: &mut Processor, memory: &mut dyn Memory) -> Result<Step, Stop> {
        let mut machine = Machine { instruction: &self.instruction, processor, memory };
        let step = machine.execute().map_err(|refused| match refused {
            Refused::Unknown => Stop::Unsupported(self.unsupported),
            Refused::Fault(fault) => Stop::Fault(fault),
            Refused::Divide => Stop::Divide,
        })?;
        if step == Step::Done {
            processor.rip = self.instruction.next_ip();
        }
        Ok(step)
    }
}

/// One instruction under way.
struct Machine<'a> {
    instruction: &'a Instruction,
    processor: &'a mut Processor,
    memory: &'a mut dyn Memory,
}

impl Machine<'_> {
    fn execute(&mut self) -> Result<Step, Refused> {
        if self.instruction.is_string_instruction() {
            return self.string();
        }
        // One that accesses no memory did not fault on any.
        if !(0..self.instruction.op_count()).any(|n| self.is_in_memory(n)) {
            return Err(Refused::Unknown);
        }
        let is_vector = (0..self.instruction.op_count()).any(|operand| {
            let register = self.instruction.op_register(operand);
            register.is_vector_register() || register.is_k()
        });
        if is_vector { self.vector() } else { self.integer() }?;
        Ok(Step::Done)
    }
}

#[cfg(test)]
mod tests;
