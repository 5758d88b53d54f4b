//! An evaluation: blocks of code, control flow, and calls, each paid for with steps (ACPI 6.5, section 20.2.5).

use super::cursor::Cursor;
use super::names::{Name, Names, Path, ROOT};
use super::object::{Call, Method, Object, Place};
use super::{Bounds, Failure, Host, MOST_UNREAD, Unread};

/// Calls, blocks and expressions may be no deeper in one another: each takes some of the machine's own stack.
const DEEPEST: usize = 96;

/// A method while it is evaluated.
pub(super) struct Frame {
    pub(super) serial: u64,
    pub(super) locals: [Object; 8],
    pub(super) args: [Object; 7],
}

/// How a block ended.
#[derive(Debug)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    Return(Object),
}

/// An evaluation.
pub(super) struct Run<'a> {
    pub(super) names: &'a mut Names,
    pub(super) host: &'a mut dyn Host,
    pub(super) wide: bool,
    pub(super) frames: Vec<Frame>,
    pub(super) temporaries: Vec<Object>,
    steps: u64,
    most_steps: u64,
    room: u64,
    depth: usize,
    serial: u64,
    unread: Vec<Unread>,
    /// Microseconds that were waited.
    pub(super) waited: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(names: &'a mut Names, host: &'a mut dyn Host, bounds: Bounds, wide: bool) -> Self {
        let mut run = Run {
            names,
            host,
            wide,
            frames: Vec::new(),
            temporaries: Vec::new(),
            steps: bounds.steps,
            most_steps: bounds.steps,
            room: bounds.room,
            depth: 0,
            serial: 0,
            unread: Vec::new(),
            waited: 0,
        };
        // Code outside methods has locals, too.
        run.push_frame([const { Object::Uninitialized }; 7]);
        run
    }

    /// What is left of the bounds, and what could not be read.
    pub(super) fn finish(self) -> (Bounds, Vec<Unread>) {
        (Bounds { steps: self.steps, room: self.room }, self.unread)
    }

    fn push_frame(&mut self, args: [Object; 7]) {
        self.serial += 1;
        self.frames.push(Frame { serial: self.serial, locals: [const { Object::Uninitialized }; 8], args });
    }

    /// The method that is being evaluated.
    pub(super) fn call(&self) -> Call {
        let serial = self.frames.last().map_or(0, |frame| frame.serial);
        Call { at: self.frames.len().saturating_sub(1), serial }
    }

    /// Pay for an operation.
    pub(super) fn step(&mut self) -> Result<(), Failure> {
        self.steps = self.steps.checked_sub(1).ok_or(Failure::TooManySteps(self.most_steps))?;
        Ok(())
    }

    /// Pay for going through so many bits.
    pub(super) fn steps_for(&mut self, bits: usize) -> Result<(), Failure> {
        self.steps =
            self.steps.checked_sub(bits as u64 / 64).ok_or(Failure::TooManySteps(self.most_steps))?;
        Ok(())
    }

    /// Pay for a value.
    pub(super) fn room_for(&mut self, bytes: u64) -> Result<(), Failure> {
        self.room = self.room.checked_sub(bytes).ok_or(Failure::TooMuchMemory)?;
        Ok(())
    }

    /// A value that is to be kept somewhere.
    pub(super) fn copy(&mut self, object: &Object) -> Result<Object, Failure> {
        self.room_for(object.size())?;
        Ok(object.clone())
    }

    /// Do something that is one level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.depth >= DEEPEST {
            return Err(Failure::TooDeep);
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }

    /// Load a table's code.
    pub(super) fn load(&mut self, code: Cursor) {
        self.room_for(code.left() as u64).unwrap_or_default();
        self.scope(code, ROOT);
    }

    /// The inside of a scope or device: what fails ends it, and what is behind it is read all the same.
    pub(super) fn scope(&mut self, mut code: Cursor, scope: Name) {
        let done = self.deeper(|run| run.block(&mut code, scope));
        if let Err(why) = done
            && self.unread.len() < MOST_UNREAD
        {
            self.unread.push(Unread { scope: self.names.show(scope), why });
        }
    }

    /// Whether a bound was reached, so that nothing more can be read.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.unread.last() {
            Some(Unread { why, .. }) if why.is_final() => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// The value of an object: of a method, what it returns.
    pub(super) fn evaluate(&mut self, name: Name) -> Result<Object, Failure> {
        let value = match self.names.object(name) {
            Some(Object::Method(method)) => {
                let method = method.clone();
                self.invoke(name, &method, [const { Object::Uninitialized }; 7])?
            }
            _ => self.fetch(&Place::Name(name))?,
        };
        self.value_of(value)
    }

    /// Operations one after the other.
    pub(super) fn block(&mut self, code: &mut Cursor, scope: Name) -> Result<Flow, Failure> {
        while !code.is_at_end() {
            match self.operation(code, scope)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn operation(&mut self, code: &mut Cursor, scope: Name) -> Result<Flow, Failure> {
        self.step()?;
        let Some(opcode) = code.peek_opcode() else { return Err(Failure::CodeEnds) };
        match opcode {
            0xa0 => {
                code.opcode()?;
                self.choice(code, scope)
            }
            0xa2 => {
                code.opcode()?;
                let body = code.package()?;
                self.deeper(|run| run.repeat(&body, scope))
            }
            0xa3 | 0xcc => {
                code.opcode()?;
                Ok(Flow::Next)
            }
            0xa4 => {
                code.opcode()?;
                let value = self.term(code, scope)?;
                Ok(Flow::Return(self.value_of(value)?))
            }
            0xa5 => {
                code.opcode()?;
                Ok(Flow::Break)
            }
            0x9f => {
                code.opcode()?;
                Ok(Flow::Continue)
            }
            _ if !code.is_at_name() && Self::is_declaration(opcode) => {
                code.opcode()?;
                self.declare(opcode, code, scope)?;
                Ok(Flow::Next)
            }
            _ => {
                self.term(code, scope)?;
                Ok(Flow::Next)
            }
        }
    }

    /// `If`, and the `Else` that may follow.
    fn choice(&mut self, code: &mut Cursor, scope: Name) -> Result<Flow, Failure> {
        let mut then = code.package()?;
        let is_so = self.integer_term(&mut then, scope)? != 0;
        let otherwise = match code.peek() {
            Some(0xa1) => {
                code.byte()?;
                Some(code.package()?)
            }
            _ => None,
        };
        match (is_so, otherwise) {
            (true, _) => self.deeper(|run| run.block(&mut then, scope)),
            (false, Some(mut otherwise)) => self.deeper(|run| run.block(&mut otherwise, scope)),
            (false, None) => Ok(Flow::Next),
        }
    }

    fn repeat(&mut self, body: &Cursor, scope: Name) -> Result<Flow, Failure> {
        loop {
            self.step()?;
            let mut code = body.clone();
            if self.integer_term(&mut code, scope)? == 0 {
                return Ok(Flow::Next);
            }
            match self.block(&mut code, scope)? {
                Flow::Next | Flow::Continue => {}
                Flow::Break => return Ok(Flow::Next),
                returned @ Flow::Return(_) => return Ok(returned),
            }
        }
    }

    /// A name where a value is wanted: a call, or what is there.
    pub(super) fn named(&mut self, code: &mut Cursor, scope: Name) -> Result<Object, Failure> {
        let path = code.path()?;
        let name = self.find(&path, scope)?;
        let args = match self.names.object(name) {
            Some(Object::Method(method)) => method.args,
            Some(Object::Osi) => 1,
            _ => return self.fetch(&Place::Name(name)),
        };
        let mut values = [const { Object::Uninitialized }; 7];
        for value in values.iter_mut().take(args.into()) {
            *value = self.term(code, scope)?;
        }
        match self.names.object(name) {
            Some(Object::Method(method)) => {
                let method = method.clone();
                self.deeper(|run| run.invoke(name, &method, values))
            }
            Some(Object::Osi) => Ok(self.supports(&values[0])),
            _ => Err(Failure::Gone),
        }
    }

    /// Evaluate a method. The names it makes are gone afterwards.
    fn invoke(&mut self, name: Name, method: &Method, args: [Object; 7]) -> Result<Object, Failure> {
        self.room_for(1024)?;
        let names = self.names.len();
        self.push_frame(args);
        let flow = self.block(&mut method.code.clone(), name);
        self.frames.pop();
        self.names.truncate(names);
        match flow? {
            Flow::Return(value) => Ok(value),
            _ => Ok(Object::Uninitialized),
        }
    }

    /// `\_OSI`: Linux says yes to every Windows, and to no Linux (drivers/acpi/osi.c).
    fn supports(&self, feature: &Object) -> Object {
        const FEATURES: [&[u8]; 5] = [
            b"Module Device",
            b"Processor Device",
            b"3.0 _SCP Extensions",
            b"Processor Aggregator Device",
            b"3.0 Thermal Model",
        ];
        let yes = match feature {
            Object::Text(text) => text.starts_with(b"Windows ") || FEATURES.contains(&&text[..]),
            _ => false,
        };
        Object::Integer(if yes { self.mask() } else { 0 })
    }

    pub(super) fn find(&self, path: &Path, scope: Name) -> Result<Name, Failure> {
        self.names.find(path, scope).ok_or_else(|| Failure::NoSuchName(path.show()))
    }

    /// The bits a number has.
    pub(super) fn mask(&self) -> u64 {
        if self.wide { u64::MAX } else { u32::MAX.into() }
    }
}
