//! Fields: bits of operation regions and of buffers (ACPI 6.5, section 19.6.48; drivers/acpi/acpica/exfldio.c).
//!
//! A region is accessed in units of the field's access width, each where it is aligned. A store that covers a unit only in part keeps
//! the other bits, or sets or clears them, as the field says.

use super::Failure;
use super::object::{BufferField, Field, Object, Place, Region, Through, Update};
use super::run::Run;

/// Operation regions of memory.
const SYSTEM_MEMORY: u8 = 0;
/// A field may have no more bits.
const MOST_BITS: u64 = 1 << 16;
/// Fields that are reached by way of fields.
const MOST_WAYS: usize = 4;

/// Where a unit of a field is.
struct Unit {
    /// Bytes from the region's start.
    offset: u64,
    /// Its bits that are the field's: the first, how many, and which of the field is the first.
    first: u32,
    bits: u32,
    at: u64,
}

/// The units of a field.
fn units(field: &Field) -> impl Iterator<Item = Unit> + use<> {
    let width = u64::from(field.access) * 8;
    let (start, end) = (field.offset, field.offset.saturating_add(field.bits));
    (start / width..end.div_ceil(width)).map(move |unit| {
        let from = start.max(unit * width);
        let to = end.min((unit + 1).saturating_mul(width));
        Unit {
            offset: unit.saturating_mul(width / 8),
            first: (from - unit * width) as u32,
            bits: (to - from) as u32,
            at: from - start,
        }
    })
}

/// So many ones.
fn ones(bits: u32) -> u64 {
    1_u64.checked_shl(bits).map_or(u64::MAX, |high| high - 1)
}

impl Run<'_> {
    pub(super) fn load_field(&mut self, field: &Field) -> Result<Object, Failure> {
        let bytes = self.field_bytes(field, MOST_WAYS)?;
        Ok(self.value_of_bits(bytes, field.bits))
    }

    /// Numbers where they fit, buffers where they do not.
    fn value_of_bits(&self, bytes: Vec<u8>, bits: u64) -> Object {
        if bits <= if self.wide { 64 } else { 32 } {
            let number = bytes.iter().take(8).rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
            return Object::Integer(number);
        }
        Object::Buffer(bytes)
    }

    fn field_bytes(&mut self, field: &Field, ways: usize) -> Result<Vec<u8>, Failure> {
        check_size(field)?;
        let length = field.bits.div_ceil(8);
        self.room_for(length)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Failure::OutOfRange)?];
        for unit in units(field) {
            let value = self.load_unit(field, unit.offset, ways)? >> unit.first & ones(unit.bits);
            put_bits(&mut bytes, unit.at, unit.bits, value);
        }
        Ok(bytes)
    }

    pub(super) fn store_field(&mut self, field: &Field, value: Object) -> Result<(), Failure> {
        let value = self.value_of(value)?;
        let bytes = match value {
            Object::Buffer(bytes) | Object::Text(bytes) => bytes,
            value => self.integer(value)?.to_le_bytes().to_vec(),
        };
        self.store_bytes(field, &bytes, MOST_WAYS)
    }

    fn store_bytes(&mut self, field: &Field, bytes: &[u8], ways: usize) -> Result<(), Failure> {
        check_size(field)?;
        let width = u32::from(field.access) * 8;
        for unit in units(field) {
            let mask = ones(unit.bits) << unit.first;
            let beside = if unit.bits == width {
                0
            } else {
                match field.update {
                    Update::Preserve => self.load_unit(field, unit.offset, ways)?,
                    Update::Ones => u64::MAX,
                    Update::Zeros => 0,
                }
            };
            let value = get_bits(bytes, unit.at, unit.bits) << unit.first;
            self.store_unit(field, unit.offset, beside & !mask | value, ways)?;
        }
        Ok(())
    }

    fn load_unit(&mut self, field: &Field, offset: u64, ways: usize) -> Result<u64, Failure> {
        self.step()?;
        if let Some(data) = self.select(field, offset, ways)? {
            let bytes = self.field_bytes(&data, ways - 1)?;
            return Ok(get_bits(&bytes, 0, 64));
        }
        let region = self.region(field)?;
        let address = within(&region, offset, field.access)?;
        match region.space {
            SYSTEM_MEMORY => Ok(self.host.load(address, field.access)? & ones(u32::from(field.access) * 8)),
            _ => Ok(ones(u32::from(field.access) * 8)),
        }
    }

    fn store_unit(&mut self, field: &Field, offset: u64, value: u64, ways: usize) -> Result<(), Failure> {
        self.step()?;
        if let Some(data) = self.select(field, offset, ways)? {
            return self.store_bytes(&data, &value.to_le_bytes(), ways - 1);
        }
        let region = self.region(field)?;
        let address = within(&region, offset, field.access)?;
        if region.space == SYSTEM_MEMORY {
            self.host.store(address, field.access, value & ones(u32::from(field.access) * 8))?;
        }
        Ok(())
    }

    /// What comes before an access: the bank, or the index and then the field that has the data.
    fn select(&mut self, field: &Field, offset: u64, ways: usize) -> Result<Option<Field>, Failure> {
        let through = |run: &Self, name| match run.object(&Place::Name(name))? {
            Object::Field(field) => Ok(*field),
            other => Err(Failure::WrongType(other.number())),
        };
        if !matches!(field.through, Through::Region(_)) && ways == 0 {
            return Err(Failure::TooDeep);
        }
        match field.through {
            Through::Region(_) => Ok(None),
            Through::Bank { bank, value, .. } => {
                let bank = through(self, bank)?;
                self.store_bytes(&bank, &value.to_le_bytes(), ways - 1)?;
                Ok(None)
            }
            Through::Index { index, data } => {
                let index = through(self, index)?;
                self.store_bytes(&index, &offset.to_le_bytes(), ways - 1)?;
                through(self, data).map(Some)
            }
        }
    }

    fn region(&self, field: &Field) -> Result<Region, Failure> {
        let (Through::Region(name) | Through::Bank { region: name, .. } | Through::Index { data: name, .. }) =
            field.through;
        match self.object(&Place::Name(name))? {
            Object::Region(region) => Ok(*region),
            other => Err(Failure::WrongType(other.number())),
        }
    }

    /// Bits of a buffer.
    pub(super) fn load_bits(&mut self, field: &BufferField) -> Result<Object, Failure> {
        self.steps_for(field.bits)?;
        let bits = field.bits as u64;
        let bytes = match self.object(&field.buffer)? {
            Object::Buffer(bytes) | Object::Text(bytes) => within_buffer(field, bytes.len()).map(|()| {
                let mut taken = vec![0; field.bits.div_ceil(8)];
                for (at, byte) in taken.iter_mut().enumerate() {
                    let first = at * 8;
                    let count = (field.bits - first).min(8) as u32;
                    *byte = get_bits(bytes, (field.offset + first) as u64, count) as u8;
                }
                taken
            })?,
            other => return Err(Failure::WrongType(other.number())),
        };
        self.room_for(bytes.len() as u64)?;
        Ok(self.value_of_bits(bytes, bits))
    }

    pub(super) fn store_bits(&mut self, field: &BufferField, value: Object) -> Result<(), Failure> {
        self.steps_for(field.bits)?;
        let value = self.value_of(value)?;
        let value = match value {
            Object::Buffer(bytes) | Object::Text(bytes) => bytes,
            value => self.integer(value)?.to_le_bytes().to_vec(),
        };
        self.room_for(field.bits as u64 / 8)?;
        let bytes = match self.buffer_mut(&field.buffer)? {
            Some(bytes) => bytes,
            None => return Err(Failure::WrongType(3)),
        };
        within_buffer(field, bytes.len())?;
        for first in (0..field.bits).step_by(8) {
            let count = (field.bits - first).min(8) as u32;
            put_bits(bytes, (field.offset + first) as u64, count, get_bits(&value, first as u64, count));
        }
        Ok(())
    }
}

fn check_size(field: &Field) -> Result<(), Failure> {
    if field.bits > MOST_BITS { Err(Failure::OutOfRange) } else { Ok(()) }
}

fn within(region: &Region, offset: u64, bytes: u8) -> Result<u64, Failure> {
    let address = region.base.wrapping_add(offset);
    let is_within = offset.checked_add(bytes.into()).is_some_and(|end| end <= region.length);
    if is_within { Ok(address) } else { Err(Failure::OutsideRegion { address }) }
}

fn within_buffer(field: &BufferField, bytes: usize) -> Result<(), Failure> {
    let end = field.offset.checked_add(field.bits).ok_or(Failure::OutOfRange)?;
    if end.div_ceil(8) <= bytes { Ok(()) } else { Err(Failure::OutOfRange) }
}

/// At most 64 bits from a bit on; zeros past the end.
fn get_bits(bytes: &[u8], from: u64, count: u32) -> u64 {
    let mut value = 0;
    for bit in 0..u64::from(count) {
        let at = from + bit;
        let byte = usize::try_from(at / 8).ok().and_then(|at| bytes.get(at)).copied().unwrap_or(0);
        value |= u64::from(byte >> (at % 8) & 1) << bit;
    }
    value
}

/// Put at most 64 bits from a bit on; past the end they are lost.
fn put_bits(bytes: &mut [u8], from: u64, count: u32, value: u64) {
    for bit in 0..u64::from(count) {
        let at = from + bit;
        if let Some(byte) = usize::try_from(at / 8).ok().and_then(|at| bytes.get_mut(at)) {
            let mask = 1 << (at % 8);
            *byte = if value >> bit & 1 == 1 { *byte | mask } else { *byte & !mask };
        }
    }
}
