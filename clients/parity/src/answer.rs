//! One answer of the kernel, and how it is printed.

use std::fmt;

use nix::errno::Errno;

/// What a call returned: a value, or the error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer(pub Result<i64, Errno>);

impl Answer {
    /// The result of a call that has just been made; `errno` is read now.
    pub fn of(returned: i64) -> Answer {
        if returned < 0 { Answer(Err(Errno::last())) } else { Answer(Ok(returned)) }
    }

    /// A success whose value says nothing (a new descriptor, an address): printed as 0.
    pub fn bare(self) -> Answer {
        Answer(self.0.map(|_| 0))
    }

    /// A line that only reports fields.
    pub const DONE: Answer = Answer(Ok(0));

    /// Whether the call succeeded.
    pub fn is_ok(self) -> bool {
        self.0.is_ok()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(value) => write!(f, "{value} OK"),
            Err(errno) => write!(f, "-1 {errno:?}"),
        }
    }
}

/// A run of cases whose names begin alike.
#[derive(Clone)]
pub struct Section {
    prefix: String,
}

impl Section {
    /// Cases named `prefix.CASE`.
    pub fn new(prefix: impl Into<String>) -> Section {
        Section { prefix: prefix.into() }
    }

    /// Print an answer that has no fields.
    pub fn say(&self, case: impl fmt::Display, answer: Answer) {
        println!("{}.{case}: {answer}", self.prefix);
    }

    /// Print an answer and what the call left in its structure.
    pub fn say_with(&self, case: impl fmt::Display, answer: Answer, fields: fmt::Arguments<'_>) {
        println!("{}.{case}: {answer} {fields}", self.prefix);
    }
}

/// `%#x` of C: a zero has no prefix.
pub struct Hex(pub u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "{:#x}", self.0) }
    }
}
