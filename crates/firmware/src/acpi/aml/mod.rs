//! AML, the bytecode of DSDT and SSDTs, evaluated within bounds.
//!
//! Linux has ACPICA for this (drivers/acpi/acpica); the language is that of ACPI 6.5, chapter 20. Tables are not trusted: every loop
//! and call costs steps, every value room, everything that nests has a greatest depth, and when one of these runs out the evaluation has
//! failed. What operation regions of memory reach is the [`Host`]'s business; other regions are there, and read as ones. Tables cannot
//! load tables, and nobody competes for mutexes, because one method is evaluated at a time.

mod buffers;
mod convert;
mod cursor;
mod declare;
mod expression;
mod field;
mod names;
mod object;
mod place;
mod run;
mod strings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cursor::Cursor;
use names::{Name, Names};
use object::Object;
use run::Run;

use super::namespace::{Entry, Namespace, OBJECTS, Value};

/// What the bytecode reaches of the machine.
pub trait Host {
    /// Read 1, 2, 4 or 8 bytes of memory.
    ///
    /// # Errors
    /// Where the evaluation is to end here; why is the host's to remember.
    fn load(&mut self, address: u64, bytes: u8) -> Result<u64, Stopped>;

    /// Write them.
    ///
    /// # Errors
    /// Likewise.
    fn store(&mut self, address: u64, bytes: u8, value: u64) -> Result<(), Stopped>;

    /// Let so many microseconds go by.
    ///
    /// # Errors
    /// Likewise.
    fn wait(&mut self, microseconds: u64) -> Result<(), Stopped>;
}

/// The host ended the evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

/// Where there is no machine: memory reads as ones, and no time goes by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Host for Nothing {
    fn load(&mut self, _: u64, _: u8) -> Result<u64, Stopped> {
        Ok(u64::MAX)
    }

    fn store(&mut self, _: u64, _: u8, _: u64) -> Result<(), Stopped> {
        Ok(())
    }

    fn wait(&mut self, _: u64) -> Result<(), Stopped> {
        Ok(())
    }
}

/// What an evaluation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Operations, and accesses to fields.
    pub steps: u64,
    /// Bytes of values that are made, whether or not they are kept.
    pub room: u64,
}

impl Bounds {
    /// For loading tables and asking all devices.
    pub const LOAD: Bounds = Bounds { steps: 4_000_000, room: 128 << 20 };
    /// For one method.
    pub const METHOD: Bounds = Bounds { steps: 250_000, room: 32 << 20 };
}

/// Why an evaluation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The code ends within an operation, or a length reaches beyond what is there.
    #[error("the code ends within an operation")]
    CodeEnds,
    /// An operation that is none, or that is not done here: tables cannot load tables.
    #[error("operation {0:#x} is not known")]
    Unknown(u16),
    /// Bytes that should be a name and are none.
    #[error("a name is expected, and there is none")]
    NotAName,
    /// No such object.
    #[error("there is no {0}")]
    NoSuchName(String),
    /// An object that cannot be used like this.
    #[error("an object of type {0} cannot be used like this")]
    WrongType(u64),
    /// An index or a bit beyond what is there.
    #[error("an index is beyond the end")]
    OutOfRange,
    /// A division by 0.
    #[error("a division by 0")]
    DividedByZero,
    /// A field that is outside its operation region.
    #[error("{address:#x} is outside its operation region")]
    OutsideRegion {
        /// The address.
        address: u64,
    },
    /// A reference to something that was only there during a call that is over.
    #[error("a reference to something that is gone")]
    Gone,
    /// The code says that it cannot go on.
    #[error("it says that it cannot go on (type {kind:#x}, code {code:#x})")]
    Fatal {
        /// As the code says.
        kind: u8,
        /// As the code says.
        code: u32,
    },
    /// Something nests too deep: calls, blocks, expressions, packages.
    #[error("something nests too deep")]
    TooDeep,
    /// It takes more operations than it may.
    #[error("it takes more than {0} operations")]
    TooManySteps(u64),
    /// It takes more memory than it may.
    #[error("it takes too much memory")]
    TooMuchMemory,
    /// The host ended it.
    #[error("it was stopped")]
    Stopped,
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Failure::Stopped
    }
}

impl Failure {
    /// Whether nothing of the table can be read any more, because a bound is reached.
    const fn is_final(&self) -> bool {
        matches!(self, Failure::TooManySteps(_) | Failure::TooMuchMemory | Failure::Stopped)
    }
}

/// A part of a table that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The scope it is in.
    pub scope: String,
    /// Why.
    pub why: Failure,
}

/// More failures are not kept of one table.
const MOST_UNREAD: usize = 100;

/// The namespace of a machine, and whoever evaluates what is in it.
#[derive(Debug)]
pub struct Interpreter {
    names: Names,
    /// Numbers have 64 bits, not 32.
    wide: bool,
}

impl Interpreter {
    /// For tables of which the DSDT has this revision: below 2, numbers have 32 bits.
    #[must_use]
    pub fn new(revision: u8) -> Self {
        Interpreter { names: Names::new(), wide: revision >= 2 }
    }

    /// Load the code of a table, which is all behind its header, and say what of it could not be read. A failure in a scope or device
    /// ends that one alone.
    pub fn load(&mut self, code: &[u8], host: &mut dyn Host, bounds: &mut Bounds) -> Vec<Unread> {
        let mut run = Run::new(&mut self.names, host, *bounds, self.wide);
        run.load(Cursor::new(Arc::from(code)));
        let unread;
        (*bounds, unread) = run.finish();
        unread
    }

    /// The devices of the namespace with the objects that are asked for, evaluated; `_INI` of those that are there first
    /// (`acpi_ns_initialize_devices`).
    pub fn devices(&mut self, host: &mut dyn Host, bounds: &mut Bounds) -> Namespace {
        let mut entries = Vec::new();
        for device in self.names.devices() {
            let mut entry = Entry { path: self.names.show(device), ..Entry::default() };
            self.initialize(device, host, bounds);
            for name in OBJECTS {
                let segment = name.as_bytes().try_into().ok();
                let child = segment.and_then(|segment| self.names.child(device, segment));
                let Some(child) = child else { continue };
                if name == "_RST" {
                    entry.objects.push((name.to_owned(), Value::Method));
                    continue;
                }
                match self.value(child, host, bounds) {
                    Ok(value) => entry.objects.push((name.to_owned(), value)),
                    Err(_) => entry.failed.push(name.to_owned()),
                }
            }
            entries.push(entry);
        }
        Namespace { devices: entries }
    }

    /// A device that is there may find out who it is.
    fn initialize(&mut self, device: Name, host: &mut dyn Host, bounds: &mut Bounds) {
        let Some(init) = self.names.child(device, *b"_INI") else { return };
        let status = self.names.child(device, *b"_STA").map(|status| self.value(status, host, bounds));
        let is_there = match status {
            Some(Ok(Value::Integer(status))) => status & 9 == 9,
            Some(_) => false,
            None => true,
        };
        if is_there {
            // One that fails leaves the device as it is.
            let _ = self.value(init, host, bounds);
        }
    }

    fn value(&mut self, name: Name, host: &mut dyn Host, bounds: &mut Bounds) -> Result<Value, Failure> {
        let mut run = Run::new(&mut self.names, host, *bounds, self.wide);
        let value = run.evaluate(name).map(|object| plain(&object));
        (*bounds, _) = run.finish();
        value
    }

    /// Evaluate the method or object at a full path, `\_SB_.DMA0._RST`.
    ///
    /// # Errors
    /// How it failed. What it did before stays done.
    pub fn evaluate(&mut self, path: &str, host: &mut dyn Host, bounds: Bounds) -> Result<Value, Failure> {
        let name = self.names.at(path).ok_or_else(|| Failure::NoSuchName(path.to_owned()))?;
        self.value(name, host, &mut { bounds })
    }
}

/// As a value that needs no interpreter.
fn plain(object: &Object) -> Value {
    match object {
        Object::Integer(number) => Value::Integer(*number),
        Object::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        Object::Buffer(bytes) => Value::Buffer(bytes.clone()),
        Object::Package(elements) => Value::Package(elements.iter().map(plain).collect()),
        Object::Method(_) => Value::Method,
        _ => Value::Other,
    }
}
