//! Any bytes as an instruction: what is emulated comes out as on this processor, in registers, flags and memory.

#![no_main]

use std::cell::RefCell;

use iced_x86::{Decoder, DecoderOptions};
use libfuzzer_sys::fuzz_target;
use uvfio_doors::sandbox::emulate::against::{BASE, CODE, Cpu, LEN, Trial, compare};
use uvfio_doors::sandbox::emulate::{Processor, Vectors};

/// The middle of memory, where addresses are to lead.
const MIDDLE: u64 = BASE + LEN as u64 / 2;

thread_local! {
    /// The traced child. Only the thread that made it may use it.
    static CPU: RefCell<Option<Cpu>> = const { RefCell::new(None) };
}

fuzz_target!(|bytes: &[u8]| {
    let Some((code, rest)) = bytes.split_at_checked(15) else { return };
    let Some((choices, rest)) = rest.split_at_checked(16) else { return };
    let Some((seed, rest)) = rest.split_at_checked(8) else { return };
    let mut random = u64::from_le_bytes(seed.try_into().expect("eight bytes")) | 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut general: [u64; 16] = std::array::from_fn(|n| match choices[n] {
        near @ 0..0x80 => MIDDLE + u64::from(near) * 8,
        small @ 0x80..0xc0 => u64::from(small & 0x3f),
        _ => next(),
    });
    lead(code, &mut general);
    let mut vectors = Box::new(Vectors::default());
    vectors.zmm.iter_mut().for_each(|register| register.fill_with(|| next() as u8));
    vectors.mask.fill_with(&mut next);
    let flags = next() & 0xcd5;
    let mut memory = vec![0; LEN];
    memory.fill_with(|| next() as u8);
    for (at, byte) in memory[LEN / 2..].iter_mut().zip(rest) {
        *at = *byte;
    }
    let before = Processor { general, rip: CODE, flags, fs_base: MIDDLE, gs_base: 0, vectors: Some(vectors) };
    let trial = Trial { code: code.to_vec(), before, memory };
    CPU.with_borrow_mut(|cpu| compare(cpu.get_or_insert_with(Cpu::new), &trial));
});

/// Where an address is made of a register and a large displacement, take that from the register. Short counts keep strings short.
fn lead(code: &[u8], general: &mut [u64; 16]) {
    let instruction = Decoder::with_ip(64, code, CODE, DecoderOptions::NONE).decode();
    if instruction.is_string_instruction() {
        general[1] &= 0x1f;
    }
    let base = instruction.memory_base();
    if base.is_gpr64() && instruction.memory_displ_size() > 1 {
        let register = &mut general[base.number()];
        *register = register.wrapping_sub(instruction.memory_displacement64());
    }
}
