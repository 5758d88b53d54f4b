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
pub mod remarks;
mod reset;
mod source;
mod summary;
mod table;
mod tables;
mod view;
mod ways;
mod words;

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use self::args::BoardCommand;
use self::tables::gap::{self, Gap, NotSaid};
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

/// Text to stdout.
fn say(text: &str) -> Result<(), Problem> {
    output::write(output::stdout(), text, "stdout")
}

/// JSON to stdout.
fn say_json(value: &impl Serialize) -> Result<(), Problem> {
    let mut text = serde_json::to_string_pretty(value).expect("names and numbers can be written as JSON");
    text.push('\n');
    say(&text)
}

/// Status of a question that the description answers only in part; what it does not say is part of the answer.
const IN_PART: u8 = 3;

/// What every answer in JSON has beside its own.
#[derive(Serialize)]
struct Answer<'a, T> {
    /// What it was read from: `device-tree` or `acpi`.
    description: &'static str,
    #[serde(flatten)]
    body: &'a T,
    /// What the description leaves open of this question.
    not_said: Vec<NotSaid>,
}

/// The answer of a device tree as JSON.
fn say_of_tree(body: &impl Serialize) -> Result<(), Problem> {
    say_json(&Answer { description: "device-tree", body, not_said: Vec::new() })
}

/// The answer of tables as JSON.
fn say_of_tables(body: &impl Serialize, gaps: &[Gap]) -> Result<(), Problem> {
    say_json(&Answer { description: "acpi", body, not_said: gap::views(gaps) })
}

/// The status of an answer that has these gaps.
fn status_of(gaps: &[Gap]) -> ExitCode {
    if gaps.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(IN_PART) }
}

/// How a verdict looks.
fn style_of(verdict: &str, can_be_freed: bool) -> Style {
    match verdict {
        "yes" | "together" => GOOD,
        "possible" => FAIR,
        _ if can_be_freed => FAIR,
        _ => BAD,
    }
}
