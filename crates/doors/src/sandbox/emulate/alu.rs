//! Arithmetic and logic on values of one width, with the flags they give (Intel SDM volume 1, section 3.4.3).

use uvfio_kernel::hw::Width;

use super::processor::{AF, CF, OF, PF, SF, ZF};

/// A result and its flags. Those an operation does not define are clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) value: u64,
    pub(super) flags: u64,
}

/// Bits of a width.
pub(super) fn bits(width: Width) -> u32 {
    width.mask().count_ones()
}

/// The highest bit of a value.
pub(super) fn sign(width: Width, value: u64) -> bool {
    value >> (bits(width) - 1) & 1 == 1
}

/// A value with its sign in all higher bits.
pub(super) fn extend(width: Width, value: u64) -> i64 {
    let unused = 64 - bits(width);
    ((value << unused) as i64) >> unused
}

/// A flag if a condition holds.
pub(super) fn when(flag: u64, condition: bool) -> u64 {
    if condition { flag } else { 0 }
}

/// Sign, zero and parity of a result.
pub(super) fn of_result(width: Width, value: u64) -> u64 {
    when(SF, sign(width, value))
        | when(ZF, value & width.mask() == 0)
        | when(PF, (value as u8).count_ones().is_multiple_of(2))
}

/// `a + b + carry`.
pub(super) fn add(width: Width, a: u64, b: u64, carry: u64) -> Outcome {
    let wide = u128::from(a) + u128::from(b) + u128::from(carry);
    let value = wide as u64 & width.mask();
    let flags = of_result(width, value)
        | when(CF, wide > u128::from(width.mask()))
        | when(AF, (a ^ b ^ value) & 0x10 != 0)
        | when(OF, sign(width, (a ^ value) & (b ^ value)));
    Outcome { value, flags }
}

/// `a - b - borrow`.
pub(super) fn subtract(width: Width, a: u64, b: u64, borrow: u64) -> Outcome {
    let value = a.wrapping_sub(b).wrapping_sub(borrow) & width.mask();
    let flags = of_result(width, value)
        | when(CF, u128::from(a) < u128::from(b) + u128::from(borrow))
        | when(AF, (a ^ b ^ value) & 0x10 != 0)
        | when(OF, sign(width, (a ^ b) & (a ^ value)));
    Outcome { value, flags }
}

/// The outcome of an operation on bits: no carry, no overflow.
pub(super) fn logic(width: Width, value: u64) -> Outcome {
    let value = value & width.mask();
    Outcome { value, flags: of_result(width, value) }
}
