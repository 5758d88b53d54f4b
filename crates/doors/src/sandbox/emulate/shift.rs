//! Shifts and rotates with their flags (Intel SDM volume 2, SAL/SAR/SHL/SHR and RCL/RCR/ROL/ROR).
//!
//! Where the manuals leave the overflow flag undefined, for counts other than 1, it is computed as if the count were 1 at the end.

use iced_x86::Mnemonic;
use uvfio_kernel::hw::Width;

use super::alu::{Outcome, bits, extend, of_result, sign, when};
use super::processor::{AF, CF, OF, PF, SF, ZF};

/// A shift's outcome and the flags it changes.
pub(super) struct Shifted {
    pub(super) outcome: Outcome,
    pub(super) changes: u64,
}

/// Shift or rotate `value` by `count`; `None` for a mnemonic that is neither.
pub(super) fn shift(mnemonic: Mnemonic, width: Width, value: u64, count: u64, flags: u64) -> Option<Shifted> {
    let size = bits(width);
    let count = (count & if width == Width::Double { 63 } else { 31 }) as u32;
    let arithmetic = CF | PF | ZF | SF | OF | AF;
    let (result, carry, changes) = match mnemonic {
        Mnemonic::Shl | Mnemonic::Sal => {
            let wide = u128::from(value) << count;
            (wide as u64 & width.mask(), wide >> size & 1 == 1, arithmetic)
        }
        Mnemonic::Shr => {
            let wide = u128::from(value) << 64 >> count;
            ((wide >> 64) as u64, wide >> 63 & 1 == 1, arithmetic)
        }
        Mnemonic::Sar => {
            let wide = i128::from(extend(width, value)) << 64 >> count;
            ((wide >> 64) as u64 & width.mask(), wide >> 63 & 1 == 1, arithmetic)
        }
        Mnemonic::Rol => {
            let result = rotate_left(width, value, count % size);
            (result, result & 1 == 1, CF | OF)
        }
        Mnemonic::Ror => {
            let result = rotate_left(width, value, (size - count % size) % size);
            (result, sign(width, result), CF | OF)
        }
        Mnemonic::Rcl => {
            let (result, carry) = through_carry(width, value, flags, count % (size + 1));
            (result, carry, CF | OF)
        }
        Mnemonic::Rcr => {
            let (result, carry) =
                through_carry(width, value, flags, (size + 1 - count % (size + 1)) % (size + 1));
            (result, carry, CF | OF)
        }
        _ => return None,
    };
    if count == 0 {
        return Some(Shifted { outcome: Outcome { value, flags: 0 }, changes: 0 });
    }
    let overflow = match mnemonic {
        Mnemonic::Shr => sign(width, value),
        Mnemonic::Sar => false,
        Mnemonic::Ror | Mnemonic::Rcr => sign(width, result) != sign(width, result << 1),
        _ => sign(width, result) != carry,
    };
    let flags = of_result(width, result) | when(CF, carry) | when(OF, overflow);
    Some(Shifted { outcome: Outcome { value: result, flags }, changes })
}

/// SHLD and SHRD: shift `value` and fill with bits of `other`; `None` where the manuals leave the result undefined.
pub(super) fn double(
    mnemonic: Mnemonic,
    width: Width,
    value: u64,
    other: u64,
    count: u64,
) -> Option<Shifted> {
    let size = bits(width);
    let count = (count & if width == Width::Double { 63 } else { 31 }) as u32;
    if count > size {
        return None;
    }
    if count == 0 {
        return Some(Shifted { outcome: Outcome { value, flags: 0 }, changes: 0 });
    }
    let (result, carry) = if mnemonic == Mnemonic::Shld {
        let joined = u128::from(value) << size | u128::from(other);
        ((joined >> (size - count)) as u64 & width.mask(), value >> (size - count) & 1 == 1)
    } else {
        let joined = u128::from(other) << size | u128::from(value);
        ((joined >> count) as u64 & width.mask(), value >> (count - 1) & 1 == 1)
    };
    let overflow = sign(width, result) != sign(width, value);
    let flags = of_result(width, result) | when(CF, carry) | when(OF, overflow);
    Some(Shifted { outcome: Outcome { value: result, flags }, changes: CF | PF | ZF | SF | OF | AF })
}

/// Rotate within a width; `count` is less than its bits.
pub(super) fn rotate_left(width: Width, value: u64, count: u32) -> u64 {
    if count == 0 {
        return value;
    }
    ((value << count) | (value >> (bits(width) - count))) & width.mask()
}

/// Rotate left through the carry flag; `count` is at most the bits of the width.
fn through_carry(width: Width, value: u64, flags: u64, count: u32) -> (u64, bool) {
    let size = bits(width);
    let whole = u128::from(flags & CF) << size | u128::from(value);
    let rotated = whole << count | whole >> (size + 1 - count);
    (rotated as u64 & width.mask(), rotated >> size & 1 == 1)
}
