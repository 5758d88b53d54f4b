//! The `uvfio` command: what people type and read. It parses, wires the rooms together, and makes sentences; it decides nothing that
//! a program can observe.

#![forbid(unsafe_code)]

mod args;
mod board;
mod board_file;
mod bringup;
mod demo;
mod doctor;
mod explain;
mod manual;
mod near;
mod onlook;
mod output;
mod plan;
mod problem;
mod report;
mod rules;
mod run;
mod session;
mod trace;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Command, Hotplug, Reset, Uvfio};
use crate::problem::Problem;
use crate::session::Request;

fn main() -> ExitCode {
    let outcome = match Uvfio::try_parse() {
        Ok(uvfio) => perform(uvfio.command),
        Err(help) if help.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => help.exit(),
        Err(error) if error.use_stderr() => Err(Problem::Usage(one_line(&error))),
        Err(help) => help.exit(),
    };
    match outcome {
        Ok(status) => status,
        Err(problem) => {
            output::complain(&problem.to_string());
            ExitCode::from(problem::STATUS)
        }
    }
}

fn perform(command: Command) -> Result<ExitCode, Problem> {
    match command {
        Command::Run(args) => run::run(&args.bringup, &args.program),
        Command::Shell(args) => run::shell(&args.bringup),
        Command::Demo(args) => demo::demo(&args),
        Command::Bind { devices } => session::ask(&Request::Bind { devices }, &[]),
        Command::Unbind { devices } => session::ask(&Request::Unbind { devices }, &[]),
        Command::Reset(args) => {
            let Reset { device, by, dry_run } = args;
            let request = match dry_run {
                true => Request::PlanReset { device, by: by.to_string() },
                false => Request::Reset { device, by: by.to_string() },
            };
            session::ask(&request, &[])
        }
        Command::Hotplug(Hotplug::Add { overlay }) => {
            let name = overlay.display().to_string();
            session::ask(&Request::Plug { overlay: name }, &board_file::read(&overlay)?)
        }
        Command::Hotplug(Hotplug::Remove { name }) => session::ask(&Request::Unplug { name }, &[]),
        Command::Client { name, args } => client(&name, args),
        Command::Boards(question) => board::answer(&question),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Rules(args) => rules::print(&args).map(|()| ExitCode::SUCCESS),
        Command::Completions { shell } => manual::completions(shell).map(|()| ExitCode::SUCCESS),
        Command::Man { folder } => manual::pages(&folder).map(|()| ExitCode::SUCCESS),
    }
}

/// Nothing of uvfio takes part in this: the process is the client's from here on.
fn client(name: &str, args: Vec<String>) -> Result<ExitCode, Problem> {
    match name {
        "dma330-copy" => Ok(dma330_copy::main(args)),
        other => Err(Problem::Usage(format!("there is no client {other:?}; there is dma330-copy"))),
    }
}

/// clap's first paragraph as one line, and where to read on.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let first = first.join(" ");
    let what = first.strip_prefix("error: ").unwrap_or(&first);
    format!("{what} (uvfio --help, uvfio COMMAND --help)")
}
