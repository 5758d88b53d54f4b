//! From the command line to a machine: the board, its models, VFIO on top, and the devices that were to be bound.

pub mod binding;
mod clock;
mod description;
mod firmware;
mod models;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use uvfio_firmware::Board;
use uvfio_kernel::device::NoScheduler;
use uvfio_kernel::machine::{self, Machine, Note, Setup};
use uvfio_kernel::module::{ModuleError, ParamError, Params, Setting};
use uvfio_vfio::observe::Observer;
use uvfio_vfio::personality::Personality;
use uvfio_vfio::{Options, Registers, ResetSets, Vfio};

use self::clock::HostClock;
use self::description::Description;
use self::models::Models;
use crate::args::Injection;
use crate::near::near;
use crate::problem::Problem;
use crate::trace::Trace;
use uvfio_doors::sandbox::work::Worker;

/// A machine that is up, with VFIO on it.
pub struct Up {
    /// The machine.
    pub machine: Arc<Machine>,
    /// VFIO.
    pub vfio: Arc<Vfio>,
    /// Who goes on with the work of its devices.
    pub worker: Arc<Worker>,
    /// Who wants to see every call.
    pub trace: Option<Arc<Trace>>,
    /// What of the board's description could not be understood, where that loses devices.
    pub remarks: Vec<String>,
}

/// What is brought up.
pub struct Wanted<'a> {
    /// The board's device tree blob, or its tables of ACPI behind one another.
    pub description: &'a [u8],
    /// What the board is called when something is wrong with it.
    pub name: &'a Path,
    /// Settings of module parameters.
    pub params: &'a [Setting],
    /// How the driver core behaves.
    pub core: machine::Options,
    /// Devices to bind to VFIO.
    pub bind: &'a [String],
    /// The kernel whose answers are given.
    pub personality: Personality,
    /// Whether programs may map registers.
    pub registers: Registers,
    /// What goes wrong with devices.
    pub inject: &'a [Injection],
    /// What reset lines are good for that several devices are on.
    pub reset_sets: ResetSets,
    /// Who wants to see every call.
    pub trace: Option<Arc<Trace>>,
}

/// A machine of a board, for a look at it: nothing runs there.
pub fn bare(board: Board) -> Arc<Machine> {
    let setup = Setup {
        models: Arc::new(Models::of(&board, &[])),
        scheduler: Arc::new(NoScheduler),
        clock: Arc::new(HostClock::new()),
        params: Params::new(Vec::new()),
        options: machine::Options::default(),
    };
    Machine::new(board, setup).0
}

/// Bring a board up and bind what was asked for.
///
/// # Errors
/// Where the board, a parameter or a device is not as the command line says.
pub fn up(wanted: Wanted<'_>) -> Result<Up, Problem> {
    let Description { board, firmware, remarks } = Description::read(wanted.description, wanted.name)?;
    let clock = Arc::new(HostClock::new());
    let worker = Arc::new(Worker::new(clock.clone()));
    let setup = Setup {
        models: Arc::new(Models::of(&board, wanted.inject)),
        scheduler: worker.clone(),
        clock,
        params: Params::new(wanted.params.to_vec()),
        options: wanted.core,
    };
    let (machine, mut notes) = Machine::new(board, setup);
    if let Some(firmware) = firmware {
        machine.set_acpi_reset(Arc::new(firmware));
    }
    let observer = wanted.trace.clone().map(|trace| -> Arc<dyn Observer> { trace });
    let options = Options {
        personality: wanted.personality,
        observer,
        registers: wanted.registers,
        reset_sets: wanted.reset_sets,
    };
    let (vfio, more) = Vfio::new(&machine, options);
    notes.extend(more);
    settings(&machine, &notes)?;
    for injection in wanted.inject {
        binding::find(&machine, &injection.device)?;
    }
    for device in wanted.bind {
        binding::bind(&machine, device, &wanted.personality)?;
    }
    Ok(Up { machine, vfio, worker, trace: wanted.trace, remarks })
}

/// Linux ignores a setting it does not know, with a line in the log; somebody who typed one wants to know now.
fn settings(machine: &Machine, notes: &[Note]) -> Result<(), Problem> {
    for note in notes {
        match note {
            Note::UnknownParam { setting } => return Err(no_such_parameter(machine, setting)),
            Note::ModuleAbsent { why: ModuleError::Param(error), .. } => return Err(bad_parameter(error)),
            _ => {}
        }
    }
    machine.unclaimed_settings().first().map_or(Ok(()), |setting| Err(no_such_parameter(machine, setting)))
}

fn no_such_parameter(machine: &Machine, setting: &Setting) -> Problem {
    let wanted = format!("{}.{}", setting.module(), setting.name());
    let mut names = Vec::new();
    for module in machine.modules() {
        for (spec, _) in machine.params().of(module.name.as_str()) {
            names.push(format!("{}.{}", module.name, spec.name));
        }
    }
    let near = near(&wanted, names.iter().map(String::as_str));
    let known = if near.is_empty() { names.join(", ") } else { near.join(", ") };
    Problem::NoSuchParameter { wanted, known }
}

fn bad_parameter(error: &ParamError) -> Problem {
    match error {
        ParamError::Invalid { module, name, value, why } => Problem::BadParameter {
            name: format!("{module}.{name}"),
            value: value.clone(),
            why: why.to_string(),
        },
        other => Problem::Usage(other.to_string()),
    }
}
