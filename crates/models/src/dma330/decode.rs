//! Bytes to instructions (ARM DDI 0424, section 4.3), and how long an instruction is.

/// Whether an instruction depends on what the last DMAWFP was answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Always.
    Always,
    /// Only if the request was a single one; moves one beat.
    Single,
    /// Only if the request was a burst.
    Burst,
}

/// Which of a channel's two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// SAR.
    Source,
    /// DAR.
    Destination,
}

/// What DMAMOV loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// SAR or DAR.
    Address(Address),
    /// CCR.
    Control,
}

/// What DMAWFP waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Any request, taken as a single one.
    Single,
    /// A burst request.
    Burst,
    /// Any request, taken as what it is.
    Peripheral,
}

/// One of the two loop counters, 0 or 1.
pub(super) type Counter = usize;

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// DMAADDH and DMAADNH: the addend, sign extended for the latter.
    Add(Address, u32),
    End,
    FlushPeripheral(u8),
    Go {
        channel: u8,
        nonsecure: bool,
        pc: u32,
    },
    Kill,
    Load(When),
    /// DMALDP: never [`When::Always`].
    LoadPeripheral(When, u8),
    /// DMALP: the byte that goes to the counter, one less than the iterations.
    Loop(Counter, u8),
    /// DMALPEND.
    LoopEnd {
        counter: Counter,
        when: When,
        back: u8,
    },
    /// DMALPEND of a loop that DMALPFE began.
    LoopEndForever {
        when: When,
        back: u8,
    },
    Move(Target, u32),
    Nop,
    ReadBarrier,
    SendEvent(u8),
    Store(When),
    /// DMASTP: never [`When::Always`].
    StorePeripheral(When, u8),
    StoreZeros,
    WaitForEvent {
        event: u8,
        invalidate: bool,
    },
    WaitForPeripheral(Wait, u8),
    WriteBarrier,
}

/// Not an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undefined {
    /// No instruction begins with this byte.
    Opcode,
    /// An operand that no configuration has.
    Operand,
}

/// Bytes of the instruction that begins with `opcode`, or `None` if none does.
pub(super) fn length(opcode: u8) -> Option<usize> {
    Some(match opcode {
        0x00 | 0x01 | 0x04 | 0x05 | 0x07 | 0x08 | 0x09 | 0x0b | 0x0c | 0x12 | 0x13 | 0x18 => 1,
        0x20 | 0x22 | 0x25 | 0x27 | 0x29 | 0x2b | 0x30..=0x32 | 0x34..=0x36 => 2,
        // DMALPEND: bit 4 says finite, bit 2 the counter, bits 1 and 0 the condition (0b10 is none).
        0x28 | 0x2c | 0x2d | 0x2f | 0x38 | 0x39 | 0x3b | 0x3c | 0x3d | 0x3f => 2,
        0x54 | 0x56 | 0x5c | 0x5e => 3,
        0xa0 | 0xa2 | 0xbc => 6,
        _ => return None,
    })
}

/// The instruction in `bytes`, which has at least its [`length`] (what is missing reads as zero).
///
/// # Errors
/// Where the bytes are no instruction of any configuration.
pub(super) fn decode(bytes: &[u8]) -> Result<Instruction, Undefined> {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let word = || u32::from_le_bytes([byte(2), byte(3), byte(4), byte(5)]);
    let opcode = byte(0);
    let address = if opcode & 2 == 0 { Address::Source } else { Address::Destination };
    let half = u32::from(byte(1)) | u32::from(byte(2)) << 8;
    let number = byte(1) >> 3;
    let counter = usize::from(opcode >> 1 & 1);
    let condition = match opcode & 3 {
        1 => When::Single,
        3 => When::Burst,
        _ => When::Always,
    };
    Ok(match opcode {
        0x00 => Instruction::End,
        0x01 => Instruction::Kill,
        0x04 | 0x05 | 0x07 => Instruction::Load(condition),
        0x08 | 0x09 | 0x0b => Instruction::Store(condition),
        0x0c => Instruction::StoreZeros,
        0x12 => Instruction::ReadBarrier,
        0x13 => Instruction::WriteBarrier,
        0x18 => Instruction::Nop,
        0x20 | 0x22 => Instruction::Loop(counter, byte(1)),
        0x25 | 0x27 => Instruction::LoadPeripheral(condition, number),
        0x29 | 0x2b => Instruction::StorePeripheral(condition, number),
        0x28 | 0x2c | 0x2d | 0x2f => Instruction::LoopEndForever { when: condition, back: byte(1) },
        0x38 | 0x39 | 0x3b | 0x3c | 0x3d | 0x3f => {
            Instruction::LoopEnd { counter: usize::from(opcode >> 2 & 1), when: condition, back: byte(1) }
        }
        0x30 => Instruction::WaitForPeripheral(Wait::Single, number),
        0x31 => Instruction::WaitForPeripheral(Wait::Peripheral, number),
        0x32 => Instruction::WaitForPeripheral(Wait::Burst, number),
        0x34 => Instruction::SendEvent(number),
        0x35 => Instruction::FlushPeripheral(number),
        0x36 => Instruction::WaitForEvent { event: number, invalidate: byte(1) & 2 != 0 },
        0x54 | 0x56 => Instruction::Add(address, half),
        0x5c | 0x5e => Instruction::Add(address, half | 0xffff_0000),
        0xa0 | 0xa2 => Instruction::Go { channel: byte(1) & 7, nonsecure: opcode & 2 != 0, pc: word() },
        0xbc => Instruction::Move(
            match byte(1) & 7 {
                0 => Target::Address(Address::Source),
                1 => Target::Control,
                2 => Target::Address(Address::Destination),
                _ => return Err(Undefined::Operand),
            },
            word(),
        ),
        _ => return Err(Undefined::Opcode),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_length_has_a_meaning_and_the_other_way_round() {
        for opcode in 0..=255 {
            let meaning = decode(&[opcode, 0, 0, 0, 0, 0]);
            assert_eq!(length(opcode).is_some(), meaning.is_ok(), "{opcode:#04x}");
        }
    }

    #[test]
    fn the_manuals_encodings() {
        let check = |bytes: &[u8], expected| assert_eq!(decode(bytes), Ok(expected), "{bytes:02x?}");
        check(&[0xbc, 0x01, 1, 2, 3, 4], Instruction::Move(Target::Control, 0x0403_0201));
        check(&[0xa2, 0x05, 0, 0x10, 0, 0], Instruction::Go { channel: 5, nonsecure: true, pc: 0x1000 });
        check(&[0x22, 0xff], Instruction::Loop(1, 255));
        check(&[0x38, 4], Instruction::LoopEnd { counter: 0, when: When::Always, back: 4 });
        check(&[0x3f, 4], Instruction::LoopEnd { counter: 1, when: When::Burst, back: 4 });
        check(&[0x2c, 9], Instruction::LoopEndForever { when: When::Always, back: 9 });
        check(&[0x36, 3 << 3 | 2], Instruction::WaitForEvent { event: 3, invalidate: true });
        check(&[0x5e, 0xf0, 0xff], Instruction::Add(Address::Destination, 0xffff_fff0));
        check(&[0x54, 0xf0, 0xff], Instruction::Add(Address::Source, 0xfff0));
        check(&[0x27, 2 << 3], Instruction::LoadPeripheral(When::Burst, 2));
        assert_eq!(decode(&[0xbc, 3, 0, 0, 0, 0]), Err(Undefined::Operand));
        assert_eq!(decode(&[0x06]), Err(Undefined::Opcode));
    }
}
