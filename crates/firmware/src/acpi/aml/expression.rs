//! Operations that have a value (ACPI 6.5, section 20.2.5.4).

use super::Failure;
use super::cursor::Cursor;
use super::names::Name;
use super::object::{Object, Place};
use super::run::Run;

impl Run<'_> {
    /// A value.
    pub(super) fn term(&mut self, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        self.step()?;
        self.deeper(|run| {
            if code.is_at_name() {
                return run.named(code, scope);
            }
            let opcode = code.opcode()?;
            match opcode {
                0x00 | 0x01 | 0xff | 0x0a..=0x0e | 0x5b30 | 0x5b33 => run.constant(opcode, code),
                0x11..=0x13 => run.collection(opcode, code, scope),
                0x60..=0x6e => run.variable(opcode),
                0x72 | 0x74 | 0x77 | 0x79..=0x7f | 0x85 => run.binary(opcode, code, scope),
                0x78 => run.divide(code, scope),
                0x75 | 0x76 => run.count(opcode, code, scope),
                0x80..=0x82 | 0x5b28 | 0x5b29 => run.unary(opcode, code, scope),
                0x90..=0x95 => run.logical(opcode, code, scope),
                0x70 | 0x9d => run.assign(opcode, code, scope),
                0x71 | 0x83 | 0x87 | 0x88 | 0x8e | 0x5b12 => run.refer(opcode, code, scope),
                0x73 | 0x84 | 0x96..=0x99 | 0x9c | 0x9e => run.compose(opcode, code, scope),
                0x89 => run.match_elements(code, scope),
                0x86 | 0x5b21..=0x5b27 | 0x5b2a | 0x5b32 => run.wait_or_signal(opcode, code, scope),
                opcode => Err(Failure::Unknown(opcode)),
            }
        })
    }

    /// A number.
    pub(super) fn integer_term(&mut self, code: &mut Cursor, scope: Name) -> Result<u64, Failure> {
        let value = self.term(code, scope)?;
        self.integer(value)
    }

    fn constant(&mut self, opcode: u16, code: &mut Cursor) -> Result<Object, Failure> {
        let number = match opcode {
            0x01 => 1,
            0xff => u64::MAX,
            0x0a => code.number(1)?,
            0x0b => code.number(2)?,
            0x0c => code.number(4)?,
            0x0e => code.number(8)?,
            0x0d => {
                let text = code.text()?;
                self.room_for(text.len() as u64)?;
                return Ok(Object::Text(text));
            }
            // The interpreter's revision.
            0x5b30 => 2,
            // Time in units of 100 nanoseconds.
            0x5b33 => self.waited.saturating_mul(10),
            _ => 0,
        };
        Ok(Object::Integer(number & self.mask()))
    }

    fn variable(&mut self, opcode: u16) -> Result<Object, Failure> {
        let call = self.call();
        let place = match opcode {
            0x60..=0x67 => Place::Local(call, (opcode - 0x60) as u8),
            _ => Place::Arg(call, (opcode - 0x68) as u8),
        };
        self.fetch(&place)
    }

    /// Store a result where the code wants it as well.
    fn deliver(&mut self, value: Object, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        if let Some(target) = self.target(code, scope)? {
            let copy = self.copy(&value)?;
            self.store(copy, &target)?;
        }
        Ok(value)
    }

    fn binary(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let left = self.integer_term(code, scope)?;
        let right = self.integer_term(code, scope)?;
        let shift = u32::try_from(right).unwrap_or(u32::MAX);
        let result = match opcode {
            0x72 => left.wrapping_add(right),
            0x74 => left.wrapping_sub(right),
            0x77 => left.wrapping_mul(right),
            0x79 => left.checked_shl(shift).unwrap_or(0),
            0x7a => left.checked_shr(shift).unwrap_or(0),
            0x7b => left & right,
            0x7c => !(left & right),
            0x7d => left | right,
            0x7e => !(left | right),
            0x7f => left ^ right,
            _ => left.checked_rem(right).ok_or(Failure::DividedByZero)?,
        };
        let result = Object::Integer(result & self.mask());
        self.deliver(result, code, scope)
    }

    fn divide(&mut self, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let left = self.integer_term(code, scope)?;
        let right = self.integer_term(code, scope)?;
        let (rest, result) = (left.checked_rem(right), left.checked_div(right));
        let rest = Object::Integer(rest.ok_or(Failure::DividedByZero)?);
        self.deliver(rest, code, scope)?;
        let result = Object::Integer(result.ok_or(Failure::DividedByZero)?);
        self.deliver(result, code, scope)
    }

    fn count(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let place = self.place(code, scope)?;
        let value = self.fetch(&place)?;
        let number = self.integer(value)?;
        let number = if opcode == 0x75 { number.wrapping_add(1) } else { number.wrapping_sub(1) };
        let number = number & self.mask();
        self.store(Object::Integer(number), &place)?;
        Ok(Object::Integer(number))
    }

    fn unary(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let number = self.integer_term(code, scope)?;
        let result = match opcode {
            0x80 => !number,
            0x81 => u64::from(64 - number.leading_zeros()),
            0x82 if number == 0 => 0,
            0x82 => u64::from(number.trailing_zeros() + 1),
            0x5b28 => super::convert::from_bcd(number)?,
            _ => super::convert::to_bcd(number)?,
        };
        let result = Object::Integer(result & self.mask());
        self.deliver(result, code, scope)
    }

    fn logical(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let left = self.term(code, scope)?;
        let left = self.value_of(left)?;
        let result = if opcode == 0x92 {
            self.integer(left)? == 0
        } else {
            let right = self.term(code, scope)?;
            let right = self.value_of(right)?;
            match opcode {
                0x90 => self.integer(left)? != 0 && self.integer(right)? != 0,
                0x91 => self.integer(left)? != 0 || self.integer(right)? != 0,
                _ => {
                    let order = self.compare(left, right)?;
                    match opcode {
                        0x93 => order.is_eq(),
                        0x94 => order.is_gt(),
                        _ => order.is_lt(),
                    }
                }
            }
        };
        Ok(Object::Integer(if result { self.mask() } else { 0 }))
    }

    /// `Store` and `CopyObject`.
    fn assign(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let value = self.term(code, scope)?;
        let place = self.place(code, scope)?;
        let copy = self.copy(&value)?;
        if opcode == 0x70 {
            self.store(copy, &place)?;
        } else {
            self.put(copy, &place)?;
        }
        Ok(value)
    }

    /// Operations on where things are.
    fn refer(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        match opcode {
            0x71 => Ok(Object::Reference(self.place(code, scope)?)),
            0x83 => {
                let value = self.term(code, scope)?;
                match value {
                    Object::Reference(place) => self.fetch(&place),
                    Object::Text(path) => {
                        let name = self.name_of(&path, scope)?;
                        self.fetch(&Place::Name(name))
                    }
                    other => Ok(other),
                }
            }
            0x87 => {
                let place = self.place(code, scope)?;
                let value = self.fetch(&place)?;
                let value = self.value_of(value)?;
                match value {
                    Object::Text(bytes) | Object::Buffer(bytes) => Ok(Object::Integer(bytes.len() as u64)),
                    Object::Package(elements) => Ok(Object::Integer(elements.len() as u64)),
                    other => Err(Failure::WrongType(other.number())),
                }
            }
            0x88 => Ok(Object::Reference(self.index(code, scope)?)),
            0x8e => {
                let place = self.place(code, scope)?;
                if let Place::Debug = place {
                    return Ok(Object::Integer(16));
                }
                let number = match self.object(&place) {
                    Ok(Object::Reference(inner)) => {
                        let inner = inner.clone();
                        self.object(&inner).map(Object::number)
                    }
                    Ok(object) => Ok(object.number()),
                    // A byte of a buffer.
                    Err(_) => Ok(14),
                };
                number.map(Object::Integer)
            }
            _ => self.refer_if_there(code, scope),
        }
    }

    /// `CondRefOf`.
    fn refer_if_there(&mut self, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let mut attempt = code.clone();
        let found = match self.place(&mut attempt, scope) {
            Ok(place) => {
                *code = attempt;
                Some(place)
            }
            Err(Failure::NoSuchName(_)) if code.is_at_name() => {
                code.path()?;
                None
            }
            Err(other) => return Err(other),
        };
        let target = self.target(code, scope)?;
        match (found, target) {
            (Some(place), Some(target)) => self.store(Object::Reference(place), &target)?,
            (Some(_), None) => {}
            (None, _) => return Ok(Object::Integer(0)),
        }
        Ok(Object::Integer(self.mask()))
    }

    /// `Match`: the first element of a package for which two comparisons hold.
    fn match_elements(&mut self, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let package = self.term(code, scope)?;
        let Object::Package(elements) = self.value_of(package)? else { return Err(Failure::WrongType(4)) };
        let mut comparisons = Vec::new();
        for _ in 0..2 {
            let operator = code.byte()?;
            comparisons.push((operator, self.integer_term(code, scope)?));
        }
        let start = usize::try_from(self.integer_term(code, scope)?).map_err(|_| Failure::OutOfRange)?;
        for (at, element) in elements.into_iter().enumerate().skip(start) {
            self.step()?;
            let Object::Integer(number) = element else { continue };
            let holds = |&(operator, with): &(u8, u64)| match operator {
                0 => true,
                1 => number == with,
                2 => number <= with,
                3 => number < with,
                4 => number >= with,
                _ => number > with,
            };
            if comparisons.iter().all(holds) {
                return Ok(Object::Integer(at as u64));
            }
        }
        Ok(Object::Integer(self.mask()))
    }

    /// Time, mutexes, events, notifications, and giving up. Nobody else evaluates anything, so that what is waited for is there or
    /// will never be.
    fn wait_or_signal(&mut self, opcode: u16, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        match opcode {
            0x5b21 | 0x5b22 => {
                let time = self.integer_term(code, scope)?;
                let microseconds = if opcode == 0x5b22 { time.saturating_mul(1000) } else { time };
                self.host.wait(microseconds)?;
                self.waited = self.waited.saturating_add(microseconds);
                Ok(Object::Integer(0))
            }
            0x5b23 => {
                self.place(code, scope)?;
                code.number(2)?;
                Ok(Object::Integer(0))
            }
            0x5b24..=0x5b26 => {
                let place = self.place(code, scope)?;
                if opcode == 0x5b25 {
                    self.integer_term(code, scope)?;
                }
                self.event(opcode, &place)
            }
            0x5b27 => {
                self.place(code, scope)?;
                Ok(Object::Integer(0))
            }
            0x5b32 => {
                let (kind, number) = (code.byte()?, code.number(4)?);
                self.term(code, scope)?;
                Err(Failure::Fatal { kind, code: (number & 0xffff_ffff) as u32 })
            }
            0x86 => {
                self.place(code, scope)?;
                self.term(code, scope)?;
                Ok(Object::Integer(0))
            }
            opcode => Err(Failure::Unknown(opcode)),
        }
    }

    fn event(&mut self, opcode: u16, place: &Place) -> Result<Object, Failure> {
        let count = match self.object(place)? {
            Object::Event(count) => *count,
            other => return Err(Failure::WrongType(other.number())),
        };
        let (count, answer) = match opcode {
            0x5b24 => (count.saturating_add(1), 0),
            0x5b26 => (0, 0),
            // A wait for what has not been signalled times out.
            _ if count == 0 => (0, self.mask()),
            _ => (count - 1, 0),
        };
        self.put(Object::Event(count), place)?;
        Ok(Object::Integer(answer))
    }
}
