//! From one type of value to another, as operations and stores do by themselves (ACPI 6.5, section 19.3.5).

use std::cmp::Ordering;

use super::Failure;
use super::object::{Object, Place};
use super::run::Run;

impl Run<'_> {
    /// As a number.
    pub(super) fn integer(&mut self, value: Object) -> Result<u64, Failure> {
        let width = if self.wide { 8 } else { 4 };
        match self.value_of(value)? {
            Object::Integer(number) => Ok(number & self.mask()),
            Object::Buffer(bytes) => {
                Ok(bytes.iter().take(width).rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
            }
            Object::Text(text) => Ok(hex_digits(&text) & self.mask()),
            other => Err(Failure::WrongType(other.number())),
        }
    }

    /// As bytes.
    pub(super) fn bytes(&mut self, value: Object) -> Result<Vec<u8>, Failure> {
        let width = if self.wide { 8 } else { 4 };
        match self.value_of(value)? {
            Object::Integer(number) => Ok(number.to_le_bytes()[..width].to_vec()),
            Object::Buffer(bytes) => Ok(bytes),
            Object::Text(mut text) => {
                // The closing zero is one of the bytes.
                text.push(0);
                Ok(text)
            }
            other => Err(Failure::WrongType(other.number())),
        }
    }

    /// As text.
    pub(super) fn text(&mut self, value: Object) -> Result<Vec<u8>, Failure> {
        match self.value_of(value)? {
            Object::Integer(number) => {
                let width = if self.wide { 16 } else { 8 };
                Ok(format!("{number:0width$X}").into_bytes())
            }
            Object::Text(text) => Ok(text),
            Object::Buffer(bytes) => {
                self.room_for(bytes.len() as u64 * 3)?;
                let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                Ok(words.join(" ").into_bytes())
            }
            other => Err(Failure::WrongType(other.number())),
        }
    }

    /// A value for a place that keeps its type.
    pub(super) fn as_type_of(&mut self, value: Object, place: &Place) -> Result<Object, Failure> {
        let (number, length) = match self.object(place)? {
            Object::Buffer(bytes) => (3, bytes.len()),
            other => (other.number(), 0),
        };
        match number {
            1 => Ok(Object::Integer(self.integer(value)?)),
            2 => Ok(Object::Text(self.text(value)?)),
            3 => {
                let value = self.value_of(value)?;
                let is_buffer = matches!(value, Object::Buffer(_));
                let mut bytes = self.bytes(value)?;
                // A buffer takes another as it is; of anything else as much as there is room for.
                if !is_buffer && length > 0 {
                    bytes.resize(length, 0);
                }
                Ok(Object::Buffer(bytes))
            }
            0 | 4 => Ok(value),
            other => Err(Failure::WrongType(other)),
        }
    }

    /// The right value is made what the left one is.
    pub(super) fn compare(&mut self, left: Object, right: Object) -> Result<Ordering, Failure> {
        match left {
            Object::Text(left) => Ok(left.cmp(&self.text(right)?)),
            Object::Buffer(left) => Ok(left.cmp(&self.bytes(right)?)),
            left => {
                let left = self.integer(left)?;
                Ok(left.cmp(&self.integer(right)?))
            }
        }
    }
}

/// Text as a number: hexadecimal digits up to whatever is none.
fn hex_digits(text: &[u8]) -> u64 {
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits.iter().map_while(digit).take(16).fold(0, |number, digit| number << 4 | u64::from(digit))
}

/// Text as a number for those who ask for it: decimal unless it says 0x.
pub(super) fn number_in(text: &[u8]) -> u64 {
    if text.starts_with(b"0x") || text.starts_with(b"0X") {
        return hex_digits(&text[2..]);
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(10);
    let digits = text.iter().map_while(digit);
    digits.fold(0_u64, |number, digit| number.wrapping_mul(10).wrapping_add(digit.into()))
}

/// A number whose hexadecimal digits are another's decimal ones.
pub(super) fn from_bcd(bcd: u64) -> Result<u64, Failure> {
    (0..16).rev().try_fold(0_u64, |number, digit| {
        let digit = bcd >> (digit * 4) & 0xf;
        if digit > 9 { Err(Failure::OutOfRange) } else { Ok(number * 10 + digit) }
    })
}

/// The other way.
pub(super) fn to_bcd(number: u64) -> Result<u64, Failure> {
    let mut rest = number;
    let mut bcd = 0;
    for digit in 0..16 {
        bcd |= (rest % 10) << (digit * 4);
        rest /= 10;
    }
    if rest > 0 { Err(Failure::OutOfRange) } else { Ok(bcd) }
}
