//! Putting bytes and text together, taking them apart, and converting them because code says so (ACPI 6.5, section 19.6).

use super::Failure;
use super::convert::number_in;
use super::cursor::Cursor;
use super::names::Name;
use super::object::Object;
use super::run::Run;

/// No result is longer.
const LONGEST: usize = 1 << 20;

impl Run<'_> {
    pub(super) fn compose(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let first = self.term(code, scope)?;
        let first = self.value_of(first)?;
        let result = match opcode {
            0x73 => {
                let second = self.term(code, scope)?;
                self.concatenate(first, second)?
            }
            0x84 => {
                let second = self.term(code, scope)?;
                let (first, second) = (self.bytes(first)?, self.bytes(second)?);
                Object::Buffer(templates(&first, &second))
            }
            0x96 => Object::Buffer(self.bytes(first)?),
            0x97 => Object::Text(self.listed(first, 10)?),
            0x98 => Object::Text(self.listed(first, 16)?),
            0x99 => match first {
                Object::Text(text) => Object::Integer(number_in(&text) & self.mask()),
                other => Object::Integer(self.integer(other)?),
            },
            0x9c => {
                let most = self.integer_term(code, scope)?;
                let mut bytes = self.bytes(first)?;
                let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
                bytes.truncate(end.min(usize::try_from(most).unwrap_or(usize::MAX)));
                Object::Text(bytes)
            }
            _ => {
                let start = self.integer_term(code, scope)?;
                let count = self.integer_term(code, scope)?;
                self.middle(first, start, count)?
            }
        };
        if matches!(&result, Object::Text(bytes) | Object::Buffer(bytes) if bytes.len() > LONGEST) {
            return Err(Failure::TooMuchMemory);
        }
        self.room_for(result.size())?;
        if let Some(target) = self.target(code, scope)? {
            let copy = self.copy(&result)?;
            self.store(copy, &target)?;
        }
        Ok(result)
    }

    /// The second is made what the first is.
    fn concatenate(&mut self, first: Object, second: Object) -> Result<Object, Failure> {
        Ok(match first {
            Object::Text(mut text) => {
                text.extend(self.text(second)?);
                Object::Text(text)
            }
            Object::Buffer(mut bytes) => {
                bytes.extend(self.bytes(second)?);
                Object::Buffer(bytes)
            }
            Object::Integer(number) => {
                let second = self.integer(second)?;
                let mut bytes = self.bytes(Object::Integer(number))?;
                bytes.extend(self.bytes(Object::Integer(second))?);
                Object::Buffer(bytes)
            }
            other => return Err(Failure::WrongType(other.number())),
        })
    }

    /// Numbers as text, those of a buffer with commas between them.
    fn listed(&mut self, value: Object, base: u32) -> Result<Vec<u8>, Failure> {
        let show = |number: u64| if base == 10 { number.to_string() } else { format!("{number:X}") };
        let show_byte = |byte: u8| if base == 10 { byte.to_string() } else { format!("0x{byte:02X}") };
        match value {
            Object::Text(text) => Ok(text),
            Object::Buffer(bytes) => {
                self.room_for(bytes.len() as u64 * 5)?;
                let words: Vec<String> = bytes.iter().map(|&byte| show_byte(byte)).collect();
                Ok(words.join(",").into_bytes())
            }
            other => Ok(show(self.integer(other)?).into_bytes()),
        }
    }

    /// `Mid`: a part of text or a buffer, as far as there is one.
    fn middle(&mut self, value: Object, start: u64, count: u64) -> Result<Object, Failure> {
        let part = |bytes: &[u8]| {
            let start = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
            let end = start.saturating_add(usize::try_from(count).unwrap_or(usize::MAX)).min(bytes.len());
            bytes[start..end].to_vec()
        };
        Ok(match value {
            Object::Text(text) => Object::Text(part(&text)),
            Object::Buffer(bytes) => Object::Buffer(part(&bytes)),
            other => Object::Buffer(part(&self.bytes(other)?)),
        })
    }
}

/// Two resource templates as one: the first one's end goes, and the new end's sum is not to be checked.
fn templates(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut joined = [without_end(first), without_end(second)].concat();
    joined.extend([0x79, 0]);
    joined
}

/// A resource template up to its end tag.
fn without_end(template: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(&tag) = template.get(at) {
        if tag & 0xf8 == 0x78 {
            break;
        }
        let length = match template.get(at + 1..at + 3) {
            Some(&[low, high]) if tag & 0x80 != 0 => 3 + usize::from(u16::from_le_bytes([low, high])),
            _ => 1 + usize::from(tag & 7),
        };
        at += length;
    }
    &template[..at.min(template.len())]
}
