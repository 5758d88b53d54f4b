//! Emulation against the processor itself, and the cases it must refuse.

mod generate;

use std::collections::BTreeSet;

use generate::{Random, trial};
use iced_x86::Code;

use super::against::{BASE, Bench, Compared, Cpu, LEN, compare};
use super::processor::DF;
use super::*;

/// How often each form of an instruction is tried. `UVFIO_EMULATE_TRIES` sets it for longer runs.
fn tries() -> u32 {
    std::env::var("UVFIO_EMULATE_TRIES").ok().and_then(|tries| tries.parse().ok()).unwrap_or(4)
}

/// The numbers a run begins with. `UVFIO_EMULATE_SEED` sets them for other runs.
fn seed() -> u64 {
    std::env::var("UVFIO_EMULATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed)
}

/// Every form of every instruction that has an operand in memory, with random operands: whatever is emulated at all must come out
/// as on the processor, in registers, flags and memory.
#[test]
fn every_form_comes_out_as_on_the_processor() {
    let mut cpu = Cpu::new();
    let mut random = Random::new(seed());
    let mut names = BTreeSet::new();
    for code in Code::values() {
        for _ in 0..tries() {
            // Some choices cannot be encoded together, such as AH with R8.
            let Some(trial) = (0..8).find_map(|_| trial(code, &mut random)) else { break };
            match compare(&mut cpu, &trial) {
                Compared::Same => {
                    names.insert(format!("{:?}", code.mnemonic()).to_lowercase());
                }
                Compared::NotThere => break,
                Compared::NotEmulated | Compared::Undefined => {}
            }
        }
    }
    for name in [
        "mov",
        "movzx",
        "movsx",
        "movsxd",
        "movbe",
        "movnti",
        "add",
        "adc",
        "sub",
        "sbb",
        "and",
        "or",
        "xor",
        "inc",
        "dec",
        "neg",
        "not",
        "shl",
        "shr",
        "sar",
        "rol",
        "ror",
        "rcl",
        "rcr",
        "shld",
        "shrd",
        "bt",
        "bts",
        "btr",
        "btc",
        "xadd",
        "cmpxchg",
        "cmpxchg8b",
        "cmpxchg16b",
        "cmp",
        "test",
        "xchg",
        "movsb",
        "movsw",
        "movsd",
        "movsq",
        "stosb",
        "lodsb",
        "cmpsb",
        "scasb",
        "push",
        "pop",
        "sete",
        "cmovl",
        "imul",
        "mul",
        "div",
        "idiv",
        "popcnt",
        "bsf",
        "bsr",
        "movd",
        "movq",
        "movss",
        "movups",
        "movaps",
        "movdqu",
        "movdqa",
        "movntdq",
        "movhps",
        "movlpd",
        "pinsrb",
        "pextrd",
        "lddqu",
        "maskmovdqu",
    ] {
        assert!(names.contains(name), "{name} is not emulated; these are: {names:?}");
    }
}

/// The widths and order of the accesses that one instruction makes.
fn accesses(code: &[u8], registers: impl FnOnce(&mut Processor)) -> Vec<(Direction, u64, Width)> {
    let mut processor = Processor { vectors: Some(Box::default()), ..Processor::default() };
    processor.general[6] = BASE + 0x100;
    processor.general[7] = BASE + 0x200;
    registers(&mut processor);
    let mut memory = Bench::new(vec![0; LEN]);
    let decoded = Decoded::new(code, 0x1000).expect("an instruction");
    decoded.execute(&mut processor, &mut memory).expect("it is emulated");
    memory.accesses
}

#[test]
fn a_wide_access_is_several_of_eight_bytes_in_ascending_order() {
    let at = BASE + 0x100;
    // movdqu xmm0, [rsi]
    let made = accesses(&[0xf3, 0x0f, 0x6f, 0x06], |_| {});
    assert_eq!(made, [(Direction::Load, at, Width::Double), (Direction::Load, at + 8, Width::Double)]);
    // vmovdqu [rsi], ymm0
    let made = accesses(&[0xc5, 0xfe, 0x7f, 0x06], |_| {});
    let expected: Vec<_> = (0..4).map(|n| (Direction::Store, at + 8 * n, Width::Double)).collect();
    assert_eq!(made, expected);
}

#[test]
fn a_change_is_one_load_and_one_store() {
    let at = BASE + 0x100;
    // lock or dword [rsi], 1
    let made = accesses(&[0xf0, 0x83, 0x0e, 0x01], |_| {});
    assert_eq!(made, [(Direction::Load, at, Width::Word), (Direction::Store, at, Width::Word)]);
    // bts dword [rsi], 3
    let made = accesses(&[0x0f, 0xba, 0x2e, 0x03], |_| {});
    assert_eq!(made, [(Direction::Load, at, Width::Word), (Direction::Store, at, Width::Word)]);
}

#[test]
fn prefetches_and_cache_flushes_access_nothing() {
    assert_eq!(accesses(&[0x0f, 0xae, 0x3e], |_| {}), []);
}

#[test]
fn masked_elements_are_not_accessed() {
    let at = BASE + 0x200;
    // maskmovdqu xmm0, xmm1 with five bytes set from the third on
    let made = accesses(&[0x66, 0x0f, 0xf7, 0xc1], |processor| {
        let vectors = processor.vectors.as_mut().expect("given");
        vectors.zmm[1][2..7].fill(0x80);
    });
    assert_eq!(made, [(Direction::Store, at + 2, Width::Word), (Direction::Store, at + 6, Width::Byte)]);
}

#[test]
fn a_string_leaves_to_the_processor_what_touches_no_device() {
    // rep movsd from the device's last two words on
    let mut processor = Processor::default();
    processor.general[1] = 10;
    processor.general[6] = BASE + 0x100;
    processor.general[7] = BASE + 0x200;
    let mut memory = Bench::new(vec![0; LEN]);
    memory.device = BASE + 0x100..BASE + 0x108;
    let decoded = Decoded::new(&[0xf3, 0xa5], 0x1000).expect("an instruction");
    assert_eq!(decoded.execute(&mut processor, &mut memory), Ok(Step::Again));
    assert_eq!(processor.general[1], 8);
    assert_eq!(processor.general[6], BASE + 0x108);
    assert_eq!(processor.rip, 0);
}

#[test]
fn a_string_keeps_what_it_did_before_a_fault() {
    // std; rep stosb down from the third byte of memory
    let mut processor = Processor { flags: DF, ..Processor::default() };
    processor.general[1] = 5;
    processor.general[7] = BASE + 2;
    let mut memory = Bench::new(vec![1; LEN]);
    let decoded = Decoded::new(&[0xf3, 0xaa], 0x1000).expect("an instruction");
    let fault = decoded.execute(&mut processor, &mut memory).expect_err("memory ends");
    let expected = Fault { at: BASE - 1, direction: Direction::Store, kind: FaultKind::NotMapped };
    assert_eq!(fault, Stop::Fault(expected));
    assert_eq!((processor.general[1], processor.general[7]), (2, BASE - 1));
    assert_eq!(memory.bytes()[..4], [0, 0, 0, 1]);
}

#[test]
fn what_is_not_known_is_named_and_does_nothing() {
    // fld dword [rsi], vgatherdps, and no instruction at all
    for (code, name) in [
        (&[0xd9, 0x06][..], "fld"),
        (&[0xc4, 0xe2, 0x6d, 0x92, 0x04, 0x8e], "vgatherdps"),
        (&[0xff, 0x26], "jmp"),
    ] {
        let mut processor = Processor { vectors: Some(Box::default()), ..Processor::default() };
        processor.general[6] = BASE;
        let before = processor.clone();
        let mut memory = Bench::new(vec![0; LEN]);
        let stop = Decoded::new(code, 0x1000)
            .expect("an instruction")
            .execute(&mut processor, &mut memory)
            .expect_err("not emulated");
        let Stop::Unsupported(unsupported) = stop else { panic!("{stop:?}") };
        assert_eq!((unsupported.mnemonic().as_str(), unsupported.bytes()), (name, code));
        assert_eq!((processor, memory.accesses.len()), (before, 0));
    }
    let invalid = Decoded::new(&[0x06], 0).expect_err("not in 64-bit code");
    assert_eq!((invalid.mnemonic().as_str(), invalid.bytes()), ("invalid", &[0x06][..]));
    assert!(Decoded::new(&[0x48, 0x8b], 0).is_err(), "it ends within the instruction");
}
