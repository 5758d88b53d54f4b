//! Instructions and operands: for a form of an instruction, an encoding with a reachable address and random values everywhere.

use iced_x86::{Code, Encoder, Instruction, MemoryOperand, OpCodeOperandKind as Kind, OpKind, Register};

use super::super::against::{BASE, CODE, LEN, Trial};
use super::super::processor::DF;
use super::super::{Processor, Vectors};

/// Numbers that are the same in every run (xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// A value, more often than not one at an edge.
    pub fn value(&mut self) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => 1,
            2 => u64::MAX,
            3 => 1 << self.below(64),
            4 => self.below(256),
            5 => u64::MAX << self.below(64),
            _ => self.next(),
        }
    }
}

/// A trial of this form; `None` where it has no operand in memory, or none that can be encoded here.
pub fn trial(code: Code, random: &mut Random) -> Option<Trial> {
    let form = code.op_code();
    if !form.mode64() || !form.is_instruction() {
        return None;
    }
    let mut before = registers(random);
    let mut memory = vec![0; LEN];
    for word in memory[0x300..0xa00].as_chunks_mut().0 {
        *word = if random.below(4) == 0 { [0; 8] } else { random.next().to_le_bytes() };
    }
    let mut instruction = Instruction::default();
    instruction.set_code(code);
    let (mut in_memory, narrow) = (false, random.below(4) == 0);
    for n in 0..form.op_count() {
        in_memory |= operand(&mut instruction, n, form.op_kind(n), narrow, random, &mut before)?;
    }
    if !in_memory {
        return None;
    }
    if form.can_use_op_mask_register() && random.below(3) == 0 {
        instruction.set_op_mask([Register::K1, Register::K2, Register::K7][random.below(3) as usize]);
        let to_memory = instruction.op0_kind() == OpKind::Memory;
        instruction.set_zeroing_masking(form.can_use_zeroing_masking() && !to_memory && random.below(2) == 0);
    }
    if form.can_use_lock_prefix() && instruction.op0_kind() == OpKind::Memory && random.below(3) == 0 {
        instruction.set_has_lock_prefix(true);
    }
    if instruction.is_string_instruction() {
        match random.below(3) {
            0 if form.can_use_rep_prefix() => instruction.set_has_rep_prefix(true),
            1 if form.can_use_repne_prefix() => instruction.set_has_repne_prefix(true),
            _ => {}
        }
        before.general[1] = random.below(20);
        before.flags ^= DF * random.below(2);
        if narrow {
            // The upper halves of 32-bit address registers do not count.
            before.general[6] |= random.next() << 32;
            before.general[7] |= random.next() << 32;
        } else if random.below(3) == 0 && instruction.op_count() > 1 {
            before.general[6] -= BASE;
            before.fs_base = BASE;
            instruction.set_segment_prefix(Register::FS);
        }
        // Equal bytes, so that comparisons go on for a while.
        before.general[0] = if random.below(2) == 0 { 0 } else { before.general[0] };
    }
    let mut encoder = Encoder::new(64);
    encoder.encode(&instruction, CODE).ok()?;
    Some(Trial { code: encoder.take_buffer(), before, memory })
}

fn registers(random: &mut Random) -> Processor {
    let mut general = std::array::from_fn(|_| random.value());
    // Strings and the stack work in memory whatever the instruction.
    general[4] = BASE + 0x800 + 8 * random.below(16);
    general[6] = BASE + 0x400 + random.below(64);
    general[7] = BASE + 0x600 + random.below(64);
    let mut vectors = Box::new(Vectors::default());
    for register in &mut vectors.zmm {
        register.fill_with(|| random.value() as u8);
    }
    for mask in &mut vectors.mask {
        *mask = random.value();
    }
    let flags = random.next() & super::super::processor::STATUS;
    Processor {
        general,
        rip: CODE,
        flags,
        fs_base: BASE + 0x40,
        gs_base: BASE + 0x80,
        vectors: Some(vectors),
    }
}

/// Set operand `n`; a string's addresses have 32 bits where they are narrow. Returns whether it is in memory; `None` where there is no way to set it.
fn operand(
    instruction: &mut Instruction,
    n: u32,
    kind: Kind,
    narrow: bool,
    random: &mut Random,
    before: &mut Processor,
) -> Option<bool> {
    let mut register = |instruction: &mut Instruction, first: Register, count: u64| {
        instruction.set_op_kind(n, OpKind::Register);
        instruction.set_op_register(n, first + random.below(count) as u32);
    };
    match kind {
        Kind::r8_reg | Kind::r8_opcode => register(instruction, Register::AL, 20),
        Kind::r16_reg | Kind::r16_reg_mem | Kind::r16_rm | Kind::r16_opcode => {
            register(instruction, Register::AX, 16)
        }
        Kind::r32_reg | Kind::r32_reg_mem | Kind::r32_rm | Kind::r32_opcode | Kind::r32_vvvv => {
            register(instruction, Register::EAX, 16);
        }
        Kind::r64_reg | Kind::r64_reg_mem | Kind::r64_rm | Kind::r64_opcode | Kind::r64_vvvv => {
            register(instruction, Register::RAX, 16);
        }
        Kind::k_reg | Kind::kp1_reg => register(instruction, Register::K0, 8),
        Kind::xmm_reg | Kind::xmm_rm | Kind::xmm_vvvv | Kind::xmm_is4 => {
            register(instruction, Register::XMM0, 16)
        }
        Kind::ymm_reg | Kind::ymm_vvvv | Kind::ymm_is4 => register(instruction, Register::YMM0, 16),
        Kind::zmm_reg | Kind::zmm_vvvv => register(instruction, Register::ZMM0, 32),
        Kind::al => register(instruction, Register::AL, 1),
        Kind::cl => register(instruction, Register::CL, 1),
        Kind::ax => register(instruction, Register::AX, 1),
        Kind::eax => register(instruction, Register::EAX, 1),
        Kind::rax => register(instruction, Register::RAX, 1),
        Kind::imm8 => {
            instruction.set_op_kind(n, OpKind::Immediate8);
            instruction.set_immediate8(random.value() as u8);
        }
        Kind::imm8_const_1 => {
            instruction.set_op_kind(n, OpKind::Immediate8);
            instruction.set_immediate8(1);
        }
        Kind::imm8sex16 => {
            instruction.set_op_kind(n, OpKind::Immediate8to16);
            instruction.set_immediate8to16(random.value() as i8 as i16);
        }
        Kind::imm8sex32 => {
            instruction.set_op_kind(n, OpKind::Immediate8to32);
            instruction.set_immediate8to32(random.value() as i8 as i32);
        }
        Kind::imm8sex64 => {
            instruction.set_op_kind(n, OpKind::Immediate8to64);
            instruction.set_immediate8to64(i64::from(random.value() as i8));
        }
        Kind::imm16 => {
            instruction.set_op_kind(n, OpKind::Immediate16);
            instruction.set_immediate16(random.value() as u16);
        }
        Kind::imm32 => {
            instruction.set_op_kind(n, OpKind::Immediate32);
            instruction.set_immediate32(random.value() as u32);
        }
        Kind::imm32sex64 => {
            instruction.set_op_kind(n, OpKind::Immediate32to64);
            instruction.set_immediate32to64(i64::from(random.value() as i32));
        }
        Kind::seg_rSI => {
            instruction.set_op_kind(n, if narrow { OpKind::MemorySegESI } else { OpKind::MemorySegRSI });
            return Some(true);
        }
        Kind::es_rDI => {
            instruction.set_op_kind(n, if narrow { OpKind::MemoryESEDI } else { OpKind::MemoryESRDI });
            return Some(true);
        }
        Kind::seg_rDI => {
            instruction.set_op_kind(n, OpKind::MemorySegRDI);
            return Some(true);
        }
        Kind::mem_offs => {
            let at = BASE + 0x400 + random.below(64);
            instruction.set_op_kind(n, OpKind::Memory);
            instruction.set_memory_displ_size(8);
            instruction.set_memory_displacement64(at);
            return Some(true);
        }
        Kind::mem
        | Kind::r8_or_mem
        | Kind::r16_or_mem
        | Kind::r32_or_mem
        | Kind::r64_or_mem
        | Kind::r32_or_mem_mpx
        | Kind::xmm_or_mem
        | Kind::ymm_or_mem
        | Kind::zmm_or_mem
        | Kind::k_or_mem => {
            address(instruction, n, random, before);
            return Some(true);
        }
        _ => return None,
    }
    Some(false)
}

/// An address in memory, in one of the ways there are to write one.
fn address(instruction: &mut Instruction, n: u32, random: &mut Random, before: &mut Processor) {
    instruction.set_op_kind(n, OpKind::Memory);
    let wide = instruction.memory_size().size() >= 16;
    let aligned = random.below(8) < if wide { 7 } else { 4 };
    let target = BASE + 0x400 + if aligned { 64 * random.below(8) } else { random.below(512) };
    let operand = match random.below(7) {
        0 => {
            // Relative to the next instruction: iced takes the target.
            MemoryOperand::with_base_displ_size(Register::RIP, target as i64, 8)
        }
        1 => MemoryOperand::with_displ(target, if random.below(2) == 0 { 4 } else { 8 }),
        2 => MemoryOperand::new(
            Register::None,
            Register::None,
            1,
            (target - (BASE + 0x40)) as i64,
            4,
            false,
            Register::FS,
        ),
        3 => {
            before.general[3] = target - (BASE + 0x80) - 5;
            MemoryOperand::new(Register::RBX, Register::None, 1, 5, 1, false, Register::GS)
        }
        4 => {
            // The upper half of a 32-bit address register does not count.
            before.general[3] = target.wrapping_sub(0x10) | random.next() << 32;
            MemoryOperand::new(Register::EBX, Register::None, 1, 0x10, 1, false, Register::None)
        }
        5 => {
            let index = random.below(16);
            before.general[13] = index;
            before.general[3] = target.wrapping_sub(4 * index).wrapping_add(0x1000);
            MemoryOperand::new(Register::RBX, Register::R13, 4, -0x1000, 4, false, Register::None)
        }
        _ => {
            before.general[6] = target;
            MemoryOperand::with_base(Register::RSI)
        }
    };
    instruction.set_memory_base(operand.base);
    instruction.set_memory_index(operand.index);
    instruction.set_memory_index_scale(operand.scale);
    instruction.set_memory_displ_size(operand.displ_size);
    instruction.set_memory_displacement64(operand.displacement as u64);
    instruction.set_segment_prefix(operand.segment_prefix);
    // BT and its kin go beyond the operand by a register: not far, in most trials.
    if matches!(
        instruction.mnemonic(),
        iced_x86::Mnemonic::Bt | iced_x86::Mnemonic::Bts | iced_x86::Mnemonic::Btr | iced_x86::Mnemonic::Btc
    ) {
        for (number, value) in before.general.iter_mut().enumerate() {
            if ![3, 4, 6, 7, 13].contains(&number) {
                *value = (*value as i16 >> 5) as u64;
            }
        }
    }
}
