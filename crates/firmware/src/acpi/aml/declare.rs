//! Operations that make names (ACPI 6.5, section 20.2.5.1 and 20.2.5.2).

use super::Failure;
use super::cursor::Cursor;
use super::names::{Name, Path};
use super::object::{BufferField, Field, Method, Object, Region, Through, Update};
use super::run::Run;

impl Run<'_> {
    /// Whether an operation is one of these.
    pub(super) fn is_declaration(opcode: u16) -> bool {
        matches!(
            opcode,
            0x06 | 0x08 | 0x10 | 0x14 | 0x15 | 0x8a..=0x8d | 0x8f | 0x5b01 | 0x5b02 | 0x5b13 | 0x5b80..=0x5b88
        )
    }

    pub(super) fn declare(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<(), Failure> {
        self.room_for(128)?;
        match opcode {
            0x06 => {
                let (path, alias) = (code.path()?, code.path()?);
                let name = self.find(&path, scope)?;
                self.names.define(&alias, scope, Object::Alias(name))?;
            }
            0x08 => {
                let path = code.path()?;
                let value = self.term(code, scope)?;
                self.names.define(&path, scope, value)?;
            }
            0x10 => {
                let mut inside = code.package()?;
                let path = inside.path()?;
                let name = self.find(&path, scope)?;
                self.scope(inside, name);
                self.check()?;
            }
            0x14 => {
                let mut inside = code.package()?;
                let path = inside.path()?;
                let args = inside.byte()? & 7;
                self.names.define(&path, scope, Object::Method(Method { code: inside, args }))?;
            }
            // What another table defines.
            0x15 => {
                code.path()?;
                code.take(2)?;
            }
            0x8a..=0x8d | 0x8f | 0x5b13 => self.buffer_field(opcode, code, scope)?,
            0x5b01 => {
                let path = code.path()?;
                code.byte()?;
                self.names.define(&path, scope, Object::Mutex)?;
            }
            0x5b02 => {
                let path = code.path()?;
                self.names.define(&path, scope, Object::Event(0))?;
            }
            0x5b80 => {
                let path = code.path()?;
                let space = code.byte()?;
                let base = self.integer_term(code, scope)?;
                let length = self.integer_term(code, scope)?;
                self.names.define(&path, scope, Object::Region(Region { space, base, length }))?;
            }
            0x5b81 => {
                let mut inside = code.package()?;
                let path = inside.path()?;
                let region = self.find(&path, scope)?;
                self.fields(Through::Region(region), &mut inside, scope)?;
            }
            0x5b86 => {
                let mut inside = code.package()?;
                let (index, data) = (inside.path()?, inside.path()?);
                let (index, data) = (self.find(&index, scope)?, self.find(&data, scope)?);
                self.fields(Through::Index { index, data }, &mut inside, scope)?;
            }
            0x5b87 => {
                let mut inside = code.package()?;
                let (region, bank) = (inside.path()?, inside.path()?);
                let (region, bank) = (self.find(&region, scope)?, self.find(&bank, scope)?);
                let value = self.integer_term(&mut inside, scope)?;
                self.fields(Through::Bank { region, bank, value }, &mut inside, scope)?;
            }
            0x5b88 => {
                // A region of a table's bytes: it is there, and has none.
                let path = code.path()?;
                for _ in 0..3 {
                    self.term(code, scope)?;
                }
                self.names.define(&path, scope, Object::Region(Region { space: 0, base: 0, length: 0 }))?;
            }
            _ => self.container(opcode, code, scope)?,
        }
        Ok(())
    }

    /// Devices and what else has names in it.
    fn container(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<(), Failure> {
        let mut inside = code.package()?;
        let path = inside.path()?;
        let (object, more) = match opcode {
            0x5b82 => (Object::Device, 0),
            0x5b83 => (Object::Processor, 6),
            0x5b84 => (Object::Power, 3),
            _ => (Object::Thermal, 0),
        };
        inside.take(more)?;
        let name = self.names.define(&path, scope, object)?;
        self.scope(inside, name);
        self.check()
    }

    /// `CreateField` and its likes.
    fn buffer_field(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<(), Failure> {
        let buffer = self.buffer_place(code, scope)?;
        let index = self.integer_term(code, scope)?;
        let index = usize::try_from(index).map_err(|_| Failure::OutOfRange)?;
        let bits = match opcode {
            0x8a => 32,
            0x8b => 16,
            0x8c => 8,
            0x8d => 1,
            0x8f => 64,
            _ => usize::try_from(self.integer_term(code, scope)?).map_err(|_| Failure::OutOfRange)?,
        };
        let in_bits = matches!(opcode, 0x8d | 0x5b13);
        let offset = if in_bits { Some(index) } else { index.checked_mul(8) };
        let offset = offset.ok_or(Failure::OutOfRange)?;
        let path = code.path()?;
        self.names.define(&path, scope, Object::BufferField(BufferField { buffer, offset, bits }))?;
        Ok(())
    }

    fn fields(&mut self, through: Through, code: &mut Cursor, scope: Name) -> Result<(), Failure> {
        let flags = code.byte()?;
        let update = match (flags >> 5) & 3 {
            0 => Update::Preserve,
            1 => Update::Ones,
            _ => Update::Zeros,
        };
        let mut access = access(flags & 0xf);
        let mut offset = 0_u64;
        while let Some(next) = code.peek() {
            self.step()?;
            match next {
                0 => {
                    code.byte()?;
                    offset = offset.saturating_add(code.length()? as u64);
                }
                1 => {
                    code.byte()?;
                    access = self::access(code.byte()? & 0xf);
                    code.byte()?;
                }
                // A connection is of use for spaces that are not done here.
                2 => {
                    code.byte()?;
                    if code.is_at_name() {
                        code.path()?;
                    } else {
                        self.term(code, scope)?;
                    }
                }
                3 => {
                    code.byte()?;
                    access = self::access(code.byte()? & 0xf);
                    code.take(2)?;
                }
                _ => {
                    let segment = code.segment()?;
                    let bits = code.length()? as u64;
                    self.room_for(128)?;
                    let field = Field { through, offset, bits, access, update };
                    let path = Path { segments: vec![segment], ..Path::default() };
                    self.names.define(&path, scope, Object::Field(field))?;
                    offset = offset.saturating_add(bits);
                }
            }
        }
        Ok(())
    }
}

/// Bytes of one access. ACPICA takes one where any will do.
fn access(kind: u8) -> u8 {
    match kind {
        2 => 2,
        3 => 4,
        4 => 8,
        _ => 1,
    }
}
