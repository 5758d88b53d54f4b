//! Questions about boards: what can be handed out, what goes together, what is in the way.
//!
//! The answers are the board crate's; here they are found their file, their words and their form.

pub mod args;
mod depends;
mod diff;
mod dma;
mod explain;
mod groups;
mod irq;
mod lint;
mod picture;
mod rank;
mod remarks;
mod source;
mod summary;
mod table;
mod tables;
mod view;
mod words;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use self::args::BoardCommand;
use crate::output;
use crate::problem::Problem;

/// What can go.
const GOOD: Style = AnsiColor::Green.on_default();
/// What can go under a condition.
const FAIR: Style = AnsiColor::Yellow.on_default();
/// What cannot.
const BAD: Style = AnsiColor::Red.on_default();
/// What is beside the point.
const FAINT: Style = Style::new().dimmed();
/// What a part is about.
const HEAD: Style = Style::new().bold();

/// Answer a question.
///
/// # Errors
/// Where the board cannot be read, the device is not there, or stdout cannot be written.
pub fn answer(command: &BoardCommand) -> Result<ExitCode, Problem> {
    match command {
        BoardCommand::Board(args) => summary::print(args),
        BoardCommand::Groups(args) => groups::print(args),
        BoardCommand::Explain(args) => explain::explain(args),
        BoardCommand::Together(args) => explain::together(args),
        BoardCommand::Depends(args) => depends::print(args),
        BoardCommand::Irq(args) => irq::print(args),
        BoardCommand::Dma(args) => dma::print(args),
        BoardCommand::Diff(args) => diff::print(args),
        BoardCommand::Lint(args) => lint::print(args),
        BoardCommand::Rank(args) => rank::print(args),
        BoardCommand::Picture(args) => picture::print(args),
    }
}

/// Text to stdout; whoever closes it early has read enough.
fn say(text: &str) -> Result<(), Problem> {
    match output::write(output::stdout(), text, "stdout") {
        Err(Problem::Unwritable { error, .. }) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// JSON to stdout.
fn say_json(value: &impl Serialize) -> Result<(), Problem> {
    let mut text = serde_json::to_string_pretty(value).expect("names and numbers can be written as JSON");
    text.push('\n');
    say(&text)
}

/// How a verdict looks.
fn style_of(verdict: &str, can_be_freed: bool) -> Style {
    match verdict {
        "yes" | "together" => GOOD,
        _ if can_be_freed => FAIR,
        _ => BAD,
    }
}
