//! Reading and writing places: names, locals, arguments, elements (ACPI 6.5, section 19.3.5).

use super::Failure;
use super::cursor::Cursor;
use super::names::Name;
use super::object::{Object, Place};
use super::run::Run;

/// References to references that are followed.
const MOST_REFERENCES: usize = 16;

impl Run<'_> {
    /// What code names where it stores or refers to something.
    pub(super) fn place(&mut self, code: &mut Cursor, scope: Name) -> Result<Place, Failure> {
        self.step()?;
        if code.is_at_name() {
            let path = code.path()?;
            return Ok(Place::Name(self.find(&path, scope)?));
        }
        match code.opcode()? {
            local @ 0x60..=0x67 => Ok(Place::Local(self.call(), (local - 0x60) as u8)),
            arg @ 0x68..=0x6e => Ok(Place::Arg(self.call(), (arg - 0x68) as u8)),
            0x5b31 => Ok(Place::Debug),
            0x71 => self.deeper(|run| run.place(code, scope)),
            0x83 => {
                let value = self.term(code, scope)?;
                match value {
                    Object::Reference(place) => Ok(place),
                    Object::Text(path) => Ok(Place::Name(self.name_of(&path, scope)?)),
                    other => self.temporary(other),
                }
            }
            0x88 => self.deeper(|run| run.index(code, scope)),
            opcode => Err(Failure::Unknown(opcode)),
        }
    }

    /// Likewise, or nothing.
    pub(super) fn target(&mut self, code: &mut Cursor, scope: Name) -> Result<Option<Place>, Failure> {
        if code.peek() == Some(0) {
            code.byte()?;
            return Ok(None);
        }
        self.place(code, scope).map(Some)
    }

    /// `Index`: an element, which may be stored to, and a reference to which may be stored.
    pub(super) fn index(&mut self, code: &mut Cursor, scope: Name) -> Result<Place, Failure> {
        let base = self.base(code, scope)?;
        let index = self.integer_term(code, scope)?;
        let place = base.element(index)?;
        // Beyond the end there is nothing to refer to.
        self.fetch(&place)?;
        if let Some(target) = self.target(code, scope)? {
            self.store(Object::Reference(place.clone()), &target)?;
        }
        Ok(place)
    }

    /// What `Index` indexes: a place, what a reference in it refers to, or a value that has none.
    fn base(&mut self, code: &mut Cursor, scope: Name) -> Result<Place, Failure> {
        let is_method = |run: &Self, code: &Cursor| {
            let path = code.clone().path().ok()?;
            Some(matches!(run.names.object(run.names.find(&path, scope)?), Some(Object::Method(_))))
        };
        let has_place = match code.peek_opcode() {
            _ if code.is_at_name() => is_method(self, code) != Some(true),
            Some(opcode) => matches!(opcode, 0x60..=0x6e | 0x71 | 0x83 | 0x88),
            None => return Err(Failure::CodeEnds),
        };
        if !has_place {
            let value = self.term(code, scope)?;
            return self.temporary(value);
        }
        let mut place = self.place(code, scope)?;
        for _ in 0..MOST_REFERENCES {
            match self.object(&place) {
                Ok(Object::Reference(inner)) => place = inner.clone(),
                // Of what is not in memory there is a copy to index.
                Ok(Object::Field(_) | Object::BufferField(_)) => {
                    let value = self.fetch(&place)?;
                    return self.temporary(value);
                }
                _ => break,
            }
        }
        Ok(place)
    }

    /// A place for a value that has none.
    pub(super) fn temporary(&mut self, value: Object) -> Result<Place, Failure> {
        self.room_for(value.size())?;
        self.temporaries.push(value);
        Ok(Place::Temporary(self.temporaries.len() - 1))
    }

    /// The object itself, where it is one: a byte of a buffer is none.
    pub(super) fn object(&self, place: &Place) -> Result<&Object, Failure> {
        match place {
            Place::Name(name) => self.names.object(*name).ok_or(Failure::Gone),
            Place::Local(call, at) => {
                let frame = self.frames.get(call.at).filter(|frame| frame.serial == call.serial);
                frame.and_then(|frame| frame.locals.get(usize::from(*at))).ok_or(Failure::Gone)
            }
            Place::Arg(call, at) => {
                let frame = self.frames.get(call.at).filter(|frame| frame.serial == call.serial);
                frame.and_then(|frame| frame.args.get(usize::from(*at))).ok_or(Failure::Gone)
            }
            Place::Temporary(at) => self.temporaries.get(*at).ok_or(Failure::Gone),
            Place::Element(base, at) => match self.object(base)? {
                Object::Package(elements) => elements.get(*at).ok_or(Failure::OutOfRange),
                other => Err(Failure::WrongType(other.number())),
            },
            Place::Debug => Err(Failure::WrongType(0)),
        }
    }

    pub(super) fn object_mut(&mut self, place: &Place) -> Result<&mut Object, Failure> {
        match place {
            Place::Name(name) => self.names.object_mut(*name).ok_or(Failure::Gone),
            Place::Local(call, at) => {
                let frame = self.frames.get_mut(call.at).filter(|frame| frame.serial == call.serial);
                frame.and_then(|frame| frame.locals.get_mut(usize::from(*at))).ok_or(Failure::Gone)
            }
            Place::Arg(call, at) => {
                let frame = self.frames.get_mut(call.at).filter(|frame| frame.serial == call.serial);
                frame.and_then(|frame| frame.args.get_mut(usize::from(*at))).ok_or(Failure::Gone)
            }
            Place::Temporary(at) => self.temporaries.get_mut(*at).ok_or(Failure::Gone),
            Place::Element(base, at) => match self.object_mut(base)? {
                Object::Package(elements) => elements.get_mut(*at).ok_or(Failure::OutOfRange),
                other => Err(Failure::WrongType(other.number())),
            },
            Place::Debug => Err(Failure::WrongType(0)),
        }
    }

    /// The value in a place: fields are read.
    pub(super) fn fetch(&mut self, place: &Place) -> Result<Object, Failure> {
        if let Place::Element(base, at) = place {
            let byte = match self.object(base)? {
                Object::Buffer(bytes) | Object::Text(bytes) => Some(bytes.get(*at).copied()),
                _ => None,
            };
            if let Some(byte) = byte {
                return byte.map(|byte| Object::Integer(byte.into())).ok_or(Failure::OutOfRange);
            }
        }
        let size = match self.object(place)? {
            Object::Field(field) => {
                let field = *field;
                return self.load_field(&field);
            }
            Object::BufferField(field) => {
                let field = field.clone();
                return self.load_bits(&field);
            }
            Object::Device
            | Object::Mutex
            | Object::Event(_)
            | Object::Processor
            | Object::Power
            | Object::Thermal
            | Object::Scope
            | Object::Region(_)
            | Object::Method(_) => {
                return Ok(Object::Reference(place.clone()));
            }
            value => value.size(),
        };
        self.room_for(size)?;
        Ok(self.object(place)?.clone())
    }

    /// The value itself, where it may be a reference to one.
    pub(super) fn value_of(&mut self, value: Object) -> Result<Object, Failure> {
        let mut value = value;
        for _ in 0..MOST_REFERENCES {
            let Object::Reference(place) = &value else { return Ok(value) };
            let place = place.clone();
            value = match self.fetch(&place)? {
                // What has no value refers to itself.
                same @ Object::Reference(Place::Name(_)) => return Ok(same),
                other => other,
            };
        }
        Err(Failure::TooDeep)
    }

    /// Store a value where code says: named objects keep their type, locals take any.
    pub(super) fn store(&mut self, value: Object, place: &Place) -> Result<(), Failure> {
        self.step()?;
        let place = match place {
            Place::Debug => return Ok(()),
            // An argument that is a reference stands for what it refers to.
            Place::Arg(..) => match self.object(place)? {
                Object::Reference(inner) => inner.clone(),
                _ => place.clone(),
            },
            _ => place.clone(),
        };
        if let Place::Element(base, at) = &place
            && self.byte_mut(base, *at)?.is_some()
        {
            let number = self.integer(value)?;
            if let Some(byte) = self.byte_mut(base, *at)? {
                *byte = (number & 0xff) as u8;
            }
            return Ok(());
        }
        match self.object(&place)? {
            Object::Field(field) => {
                let field = *field;
                return self.store_field(&field, value);
            }
            Object::BufferField(field) => {
                let field = field.clone();
                return self.store_bits(&field, value);
            }
            _ => {}
        }
        let value = match place {
            Place::Name(_) => self.as_type_of(value, &place)?,
            _ => value,
        };
        self.put(value, &place)
    }

    /// Put an object in a place, whatever was there (`CopyObject`).
    pub(super) fn put(&mut self, value: Object, place: &Place) -> Result<(), Failure> {
        if place.depth() + value.depth() > super::object::DEEPEST {
            return Err(Failure::TooDeep);
        }
        let size = value.size();
        self.room_for(size)?;
        if place.is_kept() {
            let former = self.object(place)?.size();
            self.names.keep(size, former)?;
        }
        *self.object_mut(place)? = value;
        Ok(())
    }

    /// A byte of a buffer or text; `None` where it is neither.
    pub(super) fn byte_mut(&mut self, base: &Place, at: usize) -> Result<Option<&mut u8>, Failure> {
        match self.object_mut(base)? {
            Object::Buffer(bytes) | Object::Text(bytes) => {
                bytes.get_mut(at).map(Some).ok_or(Failure::OutOfRange)
            }
            _ => Ok(None),
        }
    }

    /// The object a text names.
    pub(super) fn name_of(&self, text: &[u8], scope: Name) -> Result<Name, Failure> {
        let show = || String::from_utf8_lossy(text).into_owned();
        let path = super::names::Path::read(text).ok_or_else(|| Failure::NoSuchName(show()))?;
        self.find(&path, scope)
    }
}
