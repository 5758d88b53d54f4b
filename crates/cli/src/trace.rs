//! `--trace`: every VFIO call on a line, decoded, and after a refused one the reason in a sentence.
//!
//! What `strace` shows of a VFIO program is a number and a pointer. Here the arguments have their names, and the sentence is made from
//! the same facts as the errno.

mod words;

use std::io::Write;
use std::sync::Mutex;

use anstyle::{AnsiColor, Style};
use uvfio_vfio::observe::{CallRecord, Observer};
use uvfio_vfio::personality::Personality;

use crate::explain;

const FAINT: Style = Style::new().dimmed();
const CALL: Style = Style::new().bold();
const REFUSED: Style = AnsiColor::Red.on_default();
const WHY: Style = AnsiColor::Yellow.on_default();

/// Prints calls as they are answered.
pub struct Trace {
    personality: Personality,
    to: Mutex<Box<dyn Write + Send>>,
}

impl Trace {
    /// A trace for the answers of one kernel. `to` decides about colours.
    pub fn new(personality: Personality, to: Box<dyn Write + Send>) -> Self {
        Trace { personality, to: Mutex::new(to) }
    }
}

impl Observer for Trace {
    fn called(&self, record: &CallRecord<'_>) {
        let text = text(record, &self.personality);
        let mut to = self.to.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A trace that nobody reads any more must not end the program.
        let _ = to.write_all(text.as_bytes());
        let _ = to.flush();
    }
}

/// One call, as a line or two, newline included.
fn text(record: &CallRecord<'_>, personality: &Personality) -> String {
    let who = record.pid.map_or_else(|| "-".to_owned(), |pid| pid.0.to_string());
    let (verb, arguments) = words::call(record.call, record.subject);
    let head =
        format!("{FAINT}[{who}]{FAINT:#} {} {CALL}{verb}{CALL:#}{arguments}", words::subject(record.subject));
    match record.result {
        Ok(answer) => match words::answer(answer, record.call) {
            Some(answer) => format!("{head} = {answer}\n"),
            None => format!("{head}\n"),
        },
        Err(refusal) => {
            let errno = refusal.errno(personality);
            let why = explain::refusal(refusal);
            format!(
                "{head} = {REFUSED}-1 {errno}{REFUSED:#}\n      {WHY}{why}{WHY:#} {FAINT}[{}]{FAINT:#}\n",
                refusal.rule()
            )
        }
    }
}

#[cfg(test)]
mod tests;
