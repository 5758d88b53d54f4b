//! Emulation against the processor itself: the same instruction on the same registers and memory, done by both.
//!
//! For tests and fuzzing only. The processor's side is a traced child.

mod bench;
mod processor;

use iced_x86::{Instruction, Mnemonic, OpKind, RflagsBits};

use super::processor::{AF, CF, DF, OF, PF, SF, STATUS, ZF};
use super::{Decoded, Processor, Step, Stop};
pub use bench::{BASE, Bench, CODE, LEN};
pub use processor::Cpu;

/// One instruction with everything it works on.
#[derive(Debug)]
pub struct Trial {
    /// Its bytes; what comes behind them does not matter.
    pub code: Vec<u8>,
    /// Registers. The instruction is at [`CODE`].
    pub before: Processor,
    /// The bytes from [`BASE`] on, [`LEN`] of them.
    pub memory: Vec<u8>,
}

/// How an instruction came out, for both sides.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// Through.
    Through,
    /// With a fault of memory.
    Fault,
    /// With a division error.
    Divide,
}

/// What a comparison showed.
#[derive(Debug, PartialEq, Eq)]
pub enum Compared {
    /// Both sides came out alike.
    Same,
    /// It is not known here.
    NotEmulated,
    /// This processor does not have it.
    NotThere,
    /// The outcome is not defined.
    Undefined,
}

/// Do a trial on both sides. Panics where they differ.
pub fn compare(cpu: &mut Cpu, trial: &Trial) -> Compared {
    let Ok(decoded) = Decoded::new(&trial.code, trial.before.rip) else { return Compared::NotEmulated };
    let mut after = trial.before.clone();
    let mut memory = Bench::new(trial.memory.clone());
    let came = loop {
        match decoded.execute(&mut after, &mut memory) {
            Ok(Step::Done) => break Came::Through,
            Ok(Step::Again) => {}
            Err(Stop::Unsupported(_)) => return Compared::NotEmulated,
            Err(Stop::Fault(fault)) if cpu.has(fault.at) => return Compared::Undefined,
            Err(Stop::Fault(_)) => break Came::Fault,
            Err(Stop::Divide) => break Came::Divide,
        }
    };
    let Some(truth) = cpu.step(trial, decoded.uses_vectors()) else { return Compared::NotThere };
    let what = || format!("{:?} {:02x?}\nbefore {:x?}", decoded.instruction.code(), trial.code, trial.before);
    // An address that has to be aligned and is not is no page fault: it never comes to emulation.
    if truth.came == Came::Fault && came == Came::Through && truth.unaligned {
        return Compared::Undefined;
    }
    assert_eq!(came, truth.came, "{}", what());
    let undefined = undefined_flags(&decoded.instruction, &trial.before);
    let flags = |flags: u64| flags & (STATUS | DF) & !undefined;
    // Where a string stops at a fault the processor may have done fewer elements, which are done again.
    if came != Came::Through && decoded.instruction.is_string_instruction() {
        return Compared::Same;
    }
    assert_eq!(after.general, truth.after.general, "general registers of {}", what());
    if came != Came::Through {
        assert!(memory.bytes() == truth.memory, "memory after a fault of {}", what());
        return Compared::Same;
    }
    assert_eq!(flags(after.flags), flags(truth.after.flags), "flags of {}", what());
    assert_eq!(after.rip, truth.after.rip, "next instruction of {}", what());
    assert!(memory.bytes() == truth.memory, "memory of {}", what());
    if decoded.uses_vectors() {
        let (ours, theirs) = (after.vectors.expect("given"), truth.after.vectors.expect("read"));
        for n in 0..32 {
            assert_eq!(ours.zmm[n], theirs.zmm[n], "vector register {n} of {}", what());
        }
        assert_eq!(ours.mask, theirs.mask, "masks of {}", what());
    }
    Compared::Same
}

/// Flags whose value the manuals leave open.
fn undefined_flags(instruction: &Instruction, before: &Processor) -> u64 {
    let mut bits = 0;
    for (named, flag) in [
        (RflagsBits::OF, OF),
        (RflagsBits::SF, SF),
        (RflagsBits::ZF, ZF),
        (RflagsBits::AF, AF),
        (RflagsBits::CF, CF),
        (RflagsBits::PF, PF),
    ] {
        if instruction.rflags_undefined() & named != 0 {
            bits |= flag;
        }
    }
    let count = match instruction.mnemonic() {
        Mnemonic::Shl | Mnemonic::Sal | Mnemonic::Shr | Mnemonic::Sar => (instruction, 1),
        Mnemonic::Rol | Mnemonic::Ror | Mnemonic::Rcl | Mnemonic::Rcr => (instruction, 1),
        Mnemonic::Shld | Mnemonic::Shrd => (instruction, 2),
        _ => return bits,
    };
    let count = match count.0.op_kind(count.1) {
        OpKind::Register => before.general[1] & 0xff,
        _ => u64::from(instruction.immediate8()),
    };
    let size = instruction.memory_size().size() as u64 * 8;
    let masked = count & if size == 64 { 63 } else { 31 };
    match masked {
        0 => return 0,
        1 => bits &= !OF,
        _ => bits |= OF,
    }
    let shifts =
        !matches!(instruction.mnemonic(), Mnemonic::Rol | Mnemonic::Ror | Mnemonic::Rcl | Mnemonic::Rcr);
    if shifts {
        bits |= AF;
        if masked > size || (masked == size && instruction.mnemonic() == Mnemonic::Shld) {
            bits |= CF;
        }
    } else {
        bits &= OF;
    }
    bits
}
