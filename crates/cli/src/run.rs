//! `uvfio run` and `uvfio shell`: a program on a board, and what there is to say when it has ended.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use uvfio_doors::sandbox::{self, Config, Outcome};

use crate::args::Bringup;
use crate::board_file;
use crate::bringup::{self, Up, Wanted};
use crate::onlook::Onlook;
use crate::output::{self, Output};
use crate::problem::Problem;
use crate::report::{self, Status};
use crate::rules;
use crate::session::Session;
use crate::trace::Trace;

/// `uvfio run`.
///
/// # Errors
/// Whatever keeps the program from being started.
pub fn run(args: &Bringup, program: &[OsString]) -> Result<ExitCode, Problem> {
    let personality = rules::personality(&args.personality)?;
    let reporter = Reporter::of(&args.report)?;
    let trace = match &args.trace {
        Some(file) => Some(Arc::new(Trace::new(personality, output::named(file.as_deref())?))),
        None => None,
    };
    let up = bringup::up(Wanted {
        description: &board_file::description(&args.board)?,
        name: &args.board,
        params: &args.param,
        core: args.core.options(),
        bind: &args.bind,
        personality,
        registers: args.mmio.registers(),
        inject: &args.inject,
        reset_sets: args.reset_set.sets(),
        trace,
    })?;
    for remark in &up.remarks {
        eprintln!("uvfio: {remark}");
    }
    let status = start(&up, program)?;
    reporter.report(&up, status)?;
    Ok(status.code())
}

/// `uvfio shell`: the user's own shell, or `sh`.
///
/// # Errors
/// Whatever keeps the shell from being started.
pub fn shell(args: &Bringup) -> Result<ExitCode, Problem> {
    let shell =
        std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
    run(args, &[shell])
}

/// Run a program on a machine that is up.
///
/// # Errors
/// Where the host does not allow a sandbox, or the program cannot be started.
pub fn start(up: &Up, program: &[OsString]) -> Result<Status, Problem> {
    let (name, args) =
        program.split_first().ok_or_else(|| Problem::Usage("no program was named".to_owned()))?;
    let config = Config {
        vfio: Arc::clone(&up.vfio),
        machine: Arc::clone(&up.machine),
        worker: Arc::clone(&up.worker),
        onlooker: Some(Arc::new(Onlook { trace: up.trace.clone() })),
        control: Some(Arc::new(Session::of(up))),
        program: name.clone(),
        args: args.to_vec(),
    };
    match sandbox::run(config)? {
        Outcome::Exited(status) => Ok(Status::Exit(low_byte(status))),
        Outcome::Killed(signal) => Ok(Status::Signal(low_byte(signal))),
    }
}

/// Statuses and signals fit into a byte.
fn low_byte(number: i32) -> u8 {
    number.to_le_bytes()[0]
}

/// Who says what happened, and where.
struct Reporter {
    form: Form,
    to: Output,
    name: String,
}

enum Form {
    Text,
    Json,
    None,
}

impl Reporter {
    /// From the words of `--report`: a form and, maybe, a file.
    fn of(words: &[String]) -> Result<Self, Problem> {
        let form = match words.first().map(String::as_str) {
            Some("text") | None => Form::Text,
            Some("json") => Form::Json,
            Some("none") => Form::None,
            Some(other) => return Err(Problem::NoSuchReport { form: other.to_owned() }),
        };
        let file = words.get(1).map(PathBuf::from);
        let name = file.as_deref().unwrap_or(Path::new("stderr")).display().to_string();
        Ok(Reporter { form, to: output::named(file.as_deref())?, name })
    }

    fn report(self, up: &Up, status: Status) -> Result<(), Problem> {
        let report = report::collect(&up.machine, &up.vfio, status);
        let text = match self.form {
            Form::Text if report.is_empty() => return Ok(()),
            Form::Text => report::text(&report),
            Form::Json => report::json(&report)?,
            Form::None => return Ok(()),
        };
        output::write(self.to, &text, &self.name)
    }
}
