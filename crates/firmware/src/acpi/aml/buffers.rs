//! Buffers and packages as code makes them (ACPI 6.5, section 20.2.5.4).

use super::Failure;
use super::cursor::Cursor;
use super::names::Name;
use super::object::{DEEPEST, Object, Place};
use super::run::Run;

/// No buffer is longer.
const LONGEST: u64 = 1 << 20;
/// No package has more elements.
const MOST_ELEMENTS: u64 = 1 << 14;

impl Run<'_> {
    pub(super) fn collection(
        &mut self,
        opcode: u16,
        code: &mut Cursor,
        scope: Name,
    ) -> Result<Object, Failure> {
        let mut inside = code.package()?;
        if opcode == 0x11 {
            let length = self.integer_term(&mut inside, scope)?;
            return self.buffer(length, inside);
        }
        let count = match opcode {
            0x12 => inside.byte()?.into(),
            _ => self.integer_term(&mut inside, scope)?,
        };
        self.package(count, inside, scope)
    }

    fn buffer(&mut self, length: u64, mut inside: Cursor) -> Result<Object, Failure> {
        let given = inside.left();
        let length = length.max(given as u64);
        if length > LONGEST {
            return Err(Failure::TooMuchMemory);
        }
        self.room_for(length)?;
        let mut bytes = inside.take(given)?.to_vec();
        bytes.resize(usize::try_from(length).map_err(|_| Failure::TooMuchMemory)?, 0);
        Ok(Object::Buffer(bytes))
    }

    fn package(&mut self, count: u64, mut inside: Cursor, scope: Name) -> Result<Object, Failure> {
        if count > MOST_ELEMENTS {
            return Err(Failure::TooMuchMemory);
        }
        let mut elements = Vec::new();
        while !inside.is_at_end() && (elements.len() as u64) < count {
            self.room_for(32)?;
            let element = if inside.is_at_name() {
                let path = inside.path()?;
                self.named_element(&path, scope)?
            } else {
                self.term(&mut inside, scope)?
            };
            elements.push(element);
        }
        let missing = usize::try_from(count).map_err(|_| Failure::TooMuchMemory)?;
        self.room_for(count * 32)?;
        elements.resize(missing.max(elements.len()), Object::Uninitialized);
        let package = Object::Package(elements);
        if package.depth() > DEEPEST { Err(Failure::TooDeep) } else { Ok(package) }
    }

    /// A name in a package: the value where there is one by now, else a reference (drivers/acpi/acpica/dspkginit.c).
    fn named_element(&mut self, path: &super::names::Path, scope: Name) -> Result<Object, Failure> {
        let Ok(name) = self.find(path, scope) else { return Ok(Object::Uninitialized) };
        let value = match self.names.object(name) {
            Some(value @ (Object::Integer(_) | Object::Text(_) | Object::Buffer(_) | Object::Package(_))) => {
                value.clone()
            }
            _ => return Ok(Object::Reference(Place::Name(name))),
        };
        self.copy(&value)
    }

    /// The buffer that a field is to be in.
    pub(super) fn buffer_place(&mut self, code: &mut Cursor, scope: Name) -> Result<Place, Failure> {
        let has_place = code.is_at_name() || matches!(code.peek_opcode(), Some(0x60..=0x6e));
        if !has_place {
            let value = self.term(code, scope)?;
            return self.temporary(value);
        }
        let place = self.place(code, scope)?;
        match self.object(&place)? {
            Object::Reference(inner) => Ok(inner.clone()),
            Object::Method(_) => {
                let Place::Name(name) = place else { return Ok(place) };
                let value = self.evaluate(name)?;
                self.temporary(value)
            }
            _ => Ok(place),
        }
    }

    /// The bytes of a buffer or text.
    pub(super) fn buffer_mut(&mut self, place: &Place) -> Result<Option<&mut Vec<u8>>, Failure> {
        Ok(match self.object_mut(place)? {
            Object::Buffer(bytes) | Object::Text(bytes) => Some(bytes),
            _ => None,
        })
    }
}
