//! An assembler for the few instructions of classic BPF that a seccomp filter needs, and an interpreter to test filters with.
//!
//! Documentation/userspace-api/seccomp_filter.rst; `struct seccomp_data` in include/uapi/linux/seccomp.h.

use std::fmt;

/// One instruction, `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    code: u16,
    on_true: u8,
    on_false: u8,
    operand: u32,
}

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel serves it, `SECCOMP_RET_ALLOW`.
    Allow,
    /// The listener gets it, `SECCOMP_RET_USER_NOTIF`.
    Notify,
    /// It fails with this error number, `SECCOMP_RET_ERRNO`.
    Fail(u16),
}

impl Verdict {
    const fn word(self) -> u32 {
        match self {
            Verdict::Allow => libc::SECCOMP_RET_ALLOW,
            Verdict::Notify => libc::SECCOMP_RET_USER_NOTIF,
            Verdict::Fail(errno) => libc::SECCOMP_RET_ERRNO | errno as u32,
        }
    }
}

/// A call as a filter sees it, `struct seccomp_data`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The call's number.
    pub number: u32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// Its arguments.
    pub args: [u64; 6],
}

/// A place in a filter that jumps lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// Puts a filter together. Jumps only lead forward, as the kernel demands.
#[derive(Default)]
pub struct Assembler {
    code: Vec<Instruction>,
    /// Where each label stands, once it does.
    labels: Vec<Option<usize>>,
    /// Jumps waiting for their label: instruction and label.
    jumps: Vec<(usize, Label)>,
}

impl fmt::Debug for Assembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.code).finish()
    }
}

impl Assembler {
    /// An empty filter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A label to jump to, placed later.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// The next instruction is where `label` leads.
    pub fn place(&mut self, label: Label) -> &mut Self {
        self.labels[label.0] = Some(self.code.len());
        self
    }

    /// Look at the call's number.
    pub fn load_number(&mut self) -> &mut Self {
        self.push(LOAD, 0)
    }

    /// Look at the call's architecture.
    pub fn load_arch(&mut self) -> &mut Self {
        self.push(LOAD, 4)
    }

    /// Look at the low 32 bits of an argument, 0 to 5.
    pub fn load_arg(&mut self, index: u32) -> &mut Self {
        self.push(LOAD, 16 + 8 * index)
    }

    /// Keep only these bits of what is looked at.
    pub fn mask(&mut self, bits: u32) -> &mut Self {
        self.push(AND, bits)
    }

    /// Go to `label` if what is looked at is `value`.
    pub fn if_equal(&mut self, value: u32, label: Label) -> &mut Self {
        self.branch(EQUAL, value, label)
    }

    /// Go to `label` if what is looked at is `value` or above.
    pub fn if_at_least(&mut self, value: u32, label: Label) -> &mut Self {
        self.branch(AT_LEAST, value, label)
    }

    /// Decide.
    pub fn verdict(&mut self, verdict: Verdict) -> &mut Self {
        self.push(RETURN, verdict.word())
    }

    fn push(&mut self, code: u16, operand: u32) -> &mut Self {
        self.code.push(Instruction { code, on_true: 0, on_false: 0, operand });
        self
    }

    // A conditional jump reaches 255 instructions; a jump of any length behind it reaches everywhere.
    fn branch(&mut self, code: u16, value: u32, label: Label) -> &mut Self {
        self.code.push(Instruction { code, on_true: 0, on_false: 1, operand: value });
        self.jumps.push((self.code.len(), label));
        self.push(JUMP, 0)
    }

    /// The finished filter.
    ///
    /// # Panics
    /// Where a label that is jumped to has no place, or one before the jump: filters are fixed at compile time, not input.
    #[must_use]
    pub fn finish(mut self) -> Vec<Instruction> {
        for &(from, label) in &self.jumps {
            let to = self.labels[label.0].expect("every label that is jumped to is placed");
            let distance = to.checked_sub(from + 1).expect("jumps lead forward");
            self.code[from].operand = u32::try_from(distance).expect("a filter is short");
        }
        self.code
    }
}

/// What a filter says of a call; `None` where the filter is not one the kernel would take.
#[must_use]
pub fn run(filter: &[Instruction], call: &Call) -> Option<u32> {
    let mut looked_at = 0;
    let mut at = 0;
    loop {
        let instruction = filter.get(at)?;
        let operand = instruction.operand;
        at += 1;
        match instruction.code {
            LOAD => looked_at = word(call, operand)?,
            AND => looked_at &= operand,
            JUMP => at += usize::try_from(operand).ok()?,
            EQUAL => at += usize::from(step(instruction, looked_at == operand)),
            AT_LEAST => at += usize::from(step(instruction, looked_at >= operand)),
            RETURN => return Some(operand),
            _ => return None,
        }
    }
}

fn step(instruction: &Instruction, holds: bool) -> u8 {
    if holds { instruction.on_true } else { instruction.on_false }
}

fn word(call: &Call, offset: u32) -> Option<u32> {
    match offset {
        0 => Some(call.number),
        4 => Some(call.arch),
        16.. => {
            let arg = call.args.get(usize::try_from((offset - 16) / 8).ok()?)?;
            Some((arg >> ((offset - 16) % 8 * 8)) as u32)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_decides_by_number_and_argument() {
        let mut asm = Assembler::new();
        let notify = asm.label();
        let ioctl = asm.label();
        asm.load_number().if_equal(16, ioctl).verdict(Verdict::Allow);
        asm.place(ioctl).load_arg(1).mask(0xff00).if_equal(0x3b00, notify).verdict(Verdict::Fail(25));
        asm.place(notify).verdict(Verdict::Notify);
        let filter = asm.finish();
        let says = |number, arg| {
            run(&filter, &Call { number, args: [0, arg, 0, 0, 0, 0], ..Call::default() }).expect("a filter")
        };
        assert_eq!(says(0, 0x3b64), Verdict::Allow.word());
        assert_eq!(says(16, 0xffff_ffff_0000_3b64), Verdict::Notify.word());
        assert_eq!(says(16, 0x5401), Verdict::Fail(25).word());
    }
}
