//! `--trace`: every VFIO call and every write to the board's /sys on a line, decoded, and after a refused one the reason in a sentence.
//!
//! What `strace` shows of a VFIO program is a number and a pointer. Here the arguments have their names, and the sentence is made from
//! the same facts as the errno.

mod words;

use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};
use uvfio_abi::Errno;
use uvfio_doors::sandbox::{Onlooker, Write};
use uvfio_vfio::caller::Pid;
use uvfio_vfio::observe::{CallRecord, Observer};
use uvfio_vfio::personality::Personality;

use crate::explain;
use crate::output::Output;

const FAINT: Style = Style::new().dimmed();
const CALL: Style = Style::new().bold();
const REFUSED: Style = AnsiColor::Red.on_default();
const WHY: Style = AnsiColor::Yellow.on_default();

/// Prints calls as they are answered.
pub struct Trace {
    personality: Personality,
    to: Mutex<Output>,
}

impl Trace {
    /// A trace for the answers of one kernel. `to` decides about colours.
    pub fn new(personality: Personality, to: Output) -> Self {
        Trace { personality, to: Mutex::new(to) }
    }

    fn put(&self, text: &str) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        // A trace that nobody reads any more must not end the program.
        let _ = to.write_all(text.as_bytes());
        let _ = to.flush();
    }
}

impl Observer for Trace {
    fn called(&self, record: &CallRecord<'_>) {
        self.put(&call(record, &self.personality));
    }
}

impl Onlooker for Trace {
    fn wrote(&self, write: &Write<'_>) {
        self.put(&sysfs(write));
    }
}

/// One call, as a line or two, newline included.
fn call(record: &CallRecord<'_>, personality: &Personality) -> String {
    let (verb, arguments) = words::call(record.call, record.subject);
    let head =
        format!("{} {} {CALL}{verb}{CALL:#}{arguments}", who(record.pid), words::subject(record.subject));
    match record.result {
        Ok(answer) => match words::answer(answer, record.call) {
            Some(answer) => format!("{head} = {answer}\n"),
            None => format!("{head}\n"),
        },
        Err(refusal) => {
            refused(&head, refusal.errno(personality), &explain::refusal(refusal), refusal.rule())
        }
    }
}

/// A write to sysfs, likewise.
fn sysfs(write: &Write<'_>) -> String {
    let said = String::from_utf8_lossy(write.bytes);
    let said = said.trim_end_matches('\n').escape_debug();
    let head = format!("{} /sys/{}: {CALL}write{CALL:#}(\"{said}\")", who(write.pid), write.path);
    match write.result {
        Ok(()) => format!("{head} = {}\n", write.bytes.len()),
        Err(refusal) => refused(&head, Errno(refusal.errno()), &explain::machine(refusal), refusal.rule()),
    }
}

fn who(pid: Option<Pid>) -> String {
    let pid = pid.map_or_else(|| "-".to_owned(), |pid| pid.0.to_string());
    format!("{FAINT}[{pid}]{FAINT:#}")
}

fn refused(head: &str, errno: Errno, why: &str, rule: &str) -> String {
    format!("{head} = {REFUSED}-1 {errno}{REFUSED:#}\n      {WHY}{why}{WHY:#} {FAINT}[{rule}]{FAINT:#}\n")
}

#[cfg(test)]
mod tests;
