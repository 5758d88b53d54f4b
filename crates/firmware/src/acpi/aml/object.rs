//! Objects of the bytecode, and the places that hold them.
//!
//! Values are copied where ACPICA counts references; only what `RefOf` and `Index` make refers to a place. Packages in packages have a
//! greatest depth, so that nothing that goes through them can be led too deep.

use super::Failure;
use super::cursor::Cursor;
use super::names::Name;

/// Packages may be no deeper in one another.
pub(super) const DEEPEST: usize = 16;

/// An object.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Uninitialized,
    Integer(u64),
    Text(Vec<u8>),
    Buffer(Vec<u8>),
    Package(Vec<Object>),
    /// What `RefOf` or `Index` made.
    Reference(Place),
    Method(Method),
    /// `\_OSI`, which is the interpreter's own.
    Osi,
    Region(Region),
    Field(Field),
    BufferField(BufferField),
    Alias(Name),
    Device,
    Scope,
    Mutex,
    Event(u64),
    Processor,
    Power,
    Thermal,
}

/// Where an object is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Name(Name),
    /// Of a call that may be over.
    Local(Call, u8),
    Arg(Call, u8),
    /// An object that has no other place, such as what a method returned.
    Temporary(usize),
    /// An element of a package, or a byte of a buffer or text.
    Element(Box<Place>, usize),
    Debug,
}

/// A method that is being evaluated: its place among those that are, and a number no other has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) at: usize,
    pub(super) serial: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Method {
    pub(super) code: Cursor,
    pub(super) args: u8,
}

/// An operation region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) space: u8,
    pub(super) base: u64,
    pub(super) length: u64,
}

/// Bits of an operation region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) through: Through,
    /// Bits from the region's start, or from the start of what the index selects.
    pub(super) offset: u64,
    pub(super) bits: u64,
    /// Bytes of one access.
    pub(super) access: u8,
    pub(super) update: Update,
}

/// How a field's bits are reached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Through {
    Region(Name),
    /// A store of the value to this field comes first.
    Bank {
        region: Name,
        bank: Name,
        value: u64,
    },
    /// The offset is stored to the first field, and the second is the data.
    Index {
        index: Name,
        data: Name,
    },
}

/// What becomes of the bits beside a field when it is stored to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Update {
    Preserve,
    Ones,
    Zeros,
}

/// Bits of a buffer.
#[derive(Clone, Debug)]
pub(super) struct BufferField {
    pub(super) buffer: Place,
    pub(super) offset: usize,
    pub(super) bits: usize,
}

impl Object {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> u64 {
        match self {
            Object::Text(bytes) | Object::Buffer(bytes) => 32 + bytes.len() as u64,
            Object::Package(elements) => 32 + elements.iter().map(Object::size).sum::<u64>(),
            _ => 32,
        }
    }

    /// How many packages deep it is.
    pub(super) fn depth(&self) -> usize {
        match self {
            Object::Package(elements) => 1 + elements.iter().map(Object::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// What `ObjectType` answers (ACPI 6.5, table 19.36).
    pub(super) fn number(&self) -> u64 {
        match self {
            Object::Uninitialized | Object::Scope | Object::Alias(_) | Object::Reference(_) => 0,
            Object::Integer(_) => 1,
            Object::Text(_) => 2,
            Object::Buffer(_) => 3,
            Object::Package(_) => 4,
            Object::Field(_) => 5,
            Object::Device => 6,
            Object::Event(_) => 7,
            Object::Method(_) | Object::Osi => 8,
            Object::Mutex => 9,
            Object::Region(_) => 10,
            Object::Power => 11,
            Object::Processor => 12,
            Object::Thermal => 13,
            Object::BufferField(_) => 14,
        }
    }
}

impl Place {
    /// How many elements of elements it is.
    pub(super) fn depth(&self) -> usize {
        let mut depth = 0;
        let mut place = self;
        while let Place::Element(base, _) = place {
            depth += 1;
            place = base;
        }
        depth
    }

    /// Whether it outlives the evaluation.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Place::Element(base, _) => base.is_kept(),
            Place::Name(_) => true,
            _ => false,
        }
    }

    /// An element of what is here.
    pub(super) fn element(self, index: u64) -> Result<Place, Failure> {
        let index = usize::try_from(index).map_err(|_| Failure::OutOfRange)?;
        if self.depth() >= DEEPEST {
            return Err(Failure::TooDeep);
        }
        Ok(Place::Element(Box::new(self), index))
    }
}
