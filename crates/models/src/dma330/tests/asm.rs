//! A small assembler, so that the tests read like the manual.

/// Bytes of `lines`. Loops: `lp0 N` and `lpend0` (or `lpend0s`, `lpend0b`), `lpfe` and `lpendfe`.
pub fn program(lines: &[&str]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    let mut loops: Vec<usize> = Vec::new();
    for line in lines {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let number = |text: Option<&str>| -> u32 {
            let text = text.unwrap_or("0");
            text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u32::from_str_radix(hex, 16)).unwrap()
        };
        let first = words.next();
        let (value, second) = (first.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0), words.next());
        let numbered = (value << 3) as u8;
        let mut jump = |out: &Vec<u8>| (out.len() - loops.pop().unwrap()) as u8;
        match name {
            "end" => out.push(0x00),
            "kill" => out.push(0x01),
            "ld" => out.push(0x04),
            "lds" => out.push(0x05),
            "ldb" => out.push(0x07),
            "st" => out.push(0x08),
            "sts" => out.push(0x09),
            "stb" => out.push(0x0b),
            "stz" => out.push(0x0c),
            "rmb" => out.push(0x12),
            "wmb" => out.push(0x13),
            "nop" => out.push(0x18),
            "ldps" => out.extend([0x25, numbered]),
            "ldpb" => out.extend([0x27, numbered]),
            "stps" => out.extend([0x29, numbered]),
            "stpb" => out.extend([0x2b, numbered]),
            "wfps" => out.extend([0x30, numbered]),
            "wfpp" => out.extend([0x31, numbered]),
            "wfpb" => out.extend([0x32, numbered]),
            "sev" => out.extend([0x34, numbered]),
            "flushp" => out.extend([0x35, numbered]),
            "wfe" => out.extend([0x36, numbered | if second.is_some() { 2 } else { 0 }]),
            "lp0" | "lp1" => {
                out.extend([if name == "lp0" { 0x20 } else { 0x22 }, (value - 1) as u8]);
                loops.push(out.len());
            }
            "lpfe" => loops.push(out.len()),
            "lpend0" => out.extend([0x38, jump(&out)]),
            "lpend1" => out.extend([0x3c, jump(&out)]),
            "lpend0s" => out.extend([0x39, jump(&out)]),
            "lpend0b" => out.extend([0x3b, jump(&out)]),
            "lpendfe" => out.extend([0x28, jump(&out)]),
            "mov" => {
                let target = ["sar", "ccr", "dar"].iter().position(|name| Some(*name) == first).unwrap();
                out.extend([0xbc, target as u8]);
                out.extend(number(second).to_le_bytes());
            }
            "addh" | "adnh" => {
                let base = if name == "addh" { 0x54 } else { 0x5c };
                out.push(base | if first == Some("dar") { 2 } else { 0 });
                out.extend((number(second) as u16).to_le_bytes());
            }
            "go" => {
                out.extend([0xa2, value as u8]);
                out.extend(number(second).to_le_bytes());
            }
            other => panic!("{other}"),
        }
    }
    out
}

/// CCR for `beats` of `size` bytes on both sides, both incrementing, non-secure.
pub fn ccr(size: u32, beats: u32) -> u32 {
    let side = 1 | size.trailing_zeros() << 1 | (beats - 1) << 4 | 1 << 9;
    side | side << 14
}

/// A DMAMOV to CCR, SAR or DAR.
pub fn mov(target: &str, value: u32) -> String {
    format!("mov {target} {value:#x}")
}
