//! The command line: every command, option and example of `uvfio`, from which the parser, `--help`, the completions and the manual
//! pages are made.
//!
//! Only words stand here; what a command does is in the module of its name.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use uvfio_kernel::machine;
use uvfio_kernel::module::{ModuleName, Setting};
use uvfio_kernel::provider::reset::{Ask, Scope};
use uvfio_models::stuck::OwnReset;
use uvfio_vfio::{Registers, ResetSets};

use crate::board::args::BoardCommand;

/// Linux VFIO in user space: run VFIO programs with no VFIO in the kernel, no IOMMU, no device and no root.
#[derive(Debug, Parser)]
#[command(name = "uvfio", version, max_term_width = 100, arg_required_else_help = true, after_long_help = EXAMPLES)]
pub struct Uvfio {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  uvfio demo
      See it work: a board, a device handed to a program, every call explained.

  uvfio run --board board.dtb --bind 7ff00000.dma -- ./driver 7ff00000.dma
      Run a VFIO program against the modelled devices of a board.

  uvfio run --board board.dtb --trace -- ./driver
      Print every VFIO call, and for each refused one the reason.

  uvfio shell --board board.dtb
      Look around in the board's /sys, bind devices by hand, run things.

  uvfio board board.dtb
      Which devices of a board can be handed out, which only together, and what is in the way.

  uvfio doctor
      What this host allows, and what to do where it does not.

Exit status:
  2 uvfio could not do what it was asked, and one line on stderr says why. run and shell otherwise end with the program's
  own; doctor and demo with 0 where all works, else 1; each question about boards says in its --help what 0, 1 and 3 mean.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program on a board
    #[command(after_long_help = RUN_EXAMPLES)]
    Run(Run),
    /// Start a shell on a board
    #[command(after_long_help = SHELL_EXAMPLES)]
    Shell(ShellArgs),
    /// Show the main job on a built-in board
    Demo(Demo),
    /// In a session: give devices, and the others of their groups, to VFIO in one step
    #[command(after_long_help = SESSION_EXAMPLES)]
    Bind {
        /// The devices, by their names.
        #[arg(required = true, value_name = "DEVICE")]
        devices: Vec<String>,
    },
    /// In a session: give devices back to their host drivers in one step
    #[command(after_long_help = SESSION_EXAMPLES)]
    Unbind {
        /// The devices, by their names.
        #[arg(required = true, value_name = "DEVICE")]
        devices: Vec<String>,
    },
    /// In a session: reset a device, or say what that would do
    #[command(after_long_help = RESET_EXAMPLES)]
    Reset(Reset),
    /// In a session: plug devices in and out
    #[command(subcommand, after_long_help = SESSION_EXAMPLES)]
    Hotplug(Hotplug),
    /// Say what this host allows, and what to do where it does not
    Doctor(Doctor),
    /// Questions about boards
    #[command(flatten)]
    Boards(BoardCommand),
    /// Print the rules by which answers differ from kernel to kernel
    Rules(Rules),
    /// Print a completion script for a shell
    #[command(
        after_long_help = "Example:\n  uvfio completions bash > ~/.local/share/bash-completion/completions/uvfio"
    )]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Be a VFIO client instead: what `uvfio demo` starts in a process of its own
    #[command(hide = true)]
    Client {
        /// Which; there is dma330-copy.
        name: String,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder; made where it is not there.
        folder: PathBuf,
    },
}

const RUN_EXAMPLES: &str = "\
Examples:
  uvfio run --board board.dtb --bind 7ff00000.dma -- ./driver 7ff00000.dma
      Bind the device to vfio-amba as an administrator would, then run the program.

  uvfio run --board board.dts --bind 2b000000.hdlcd --param vfio-platform.reset_required=0 -- ./driver
      A device without a reset of its own; the parameter says that none is required. (A .dts needs dtc.)

  uvfio run --board demo --trace calls.txt --report json report.json -- ./driver
      The built-in board, the calls to one file, the report to another.

Exit status:
  the program's own; 128 and the signal's number where a signal ended it; 2 where uvfio could not run it.";

const SHELL_EXAMPLES: &str = "\
Example:
  uvfio shell --board demo
  $ ls /sys/bus/amba/devices
  $ echo vfio-amba > /sys/bus/amba/devices/7ff00000.dma/driver_override";

const SESSION_EXAMPLES: &str = "\
Examples, inside `uvfio shell --board demo` or a program that uvfio runs:
  uvfio bind 7ff00000.dma
  uvfio hotplug add twin.dtbo
  uvfio hotplug remove twin.dtbo
  uvfio unbind 7ff00000.dma

All devices of a group go together or none does; what is in the way is named.";

const RESET_EXAMPLES: &str = "\
Examples, inside `uvfio shell --board board.dtb` or a program that uvfio runs:
  uvfio reset e6e30000.pwm --dry-run
      Which way the device would be reset, whom that would reach, and in whose hands they are.
  uvfio reset 7c200000.ethernet --by device_specific

A device that a program or a host driver has is theirs to reset; this resets what nobody has.";

/// `uvfio reset`.
#[derive(Debug, Args)]
pub struct Reset {
    /// The device, by its name
    #[arg(value_name = "DEVICE")]
    pub device: String,
    /// The way: acpi, device_specific, controller, flr, pm, slot, bus; or any, function (all but the last two), link
    #[arg(long, value_name = "WAY", default_value = "any", value_parser = way)]
    pub by: Ask,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
}

/// clap's words for a way that is none.
fn way(text: &str) -> Result<Ask, String> {
    let known = || Scope::ALL.map(Scope::name).join(", ");
    text.parse().map_err(|_| format!("there are any, function, link, {}", known()))
}

/// `uvfio hotplug`.
#[derive(Debug, Subcommand)]
pub enum Hotplug {
    /// Put a device-tree overlay into the board: its devices are plugged in
    Add {
        /// The overlay: a .dtbo, or a .dts (compiled with dtc).
        #[arg(value_name = "FILE")]
        overlay: PathBuf,
    },
    /// Take an overlay out, as it was named when it was put in, or one device
    Remove {
        /// The overlay or the device.
        name: String,
    },
}

/// A board and how it is brought up.
#[derive(Debug, Args)]
pub struct Bringup {
    /// The board: a .dtb, a .dts (compiled with dtc), a folder of ACPI tables with a DSDT, or `demo` for the built-in one
    #[arg(long, value_name = "FILE")]
    pub board: PathBuf,

    /// Bind a device for VFIO before the program starts; may be given several times
    ///
    /// The device's name as Linux makes it (7ff00000.dma). This sets driver_override, takes the device from its host driver and
    /// probes again, and then looks whether it worked.
    #[arg(long, value_name = "DEVICE")]
    pub bind: Vec<String>,

    /// Set a module parameter as the kernel's command line would; may be given several times
    ///
    /// For example vfio-platform.reset_required=0 or vfio_iommu_type1.allow_unsafe_interrupts=1.
    #[arg(long, value_name = "MODULE.NAME=VALUE", value_parser = setting)]
    pub param: Vec<Setting>,

    /// How the driver core behaves.
    #[command(flatten)]
    pub core: DriverCore,

    /// The kernel whose answers are given; `uvfio rules` lists what differs
    #[arg(long, value_name = "KERNEL", default_value = "linux-6.12")]
    pub personality: String,

    /// How a program's mapped registers are served
    #[arg(long, value_enum, default_value_t = Mmio::Trap)]
    pub mmio: Mmio,

    /// What a reset line is good for that several devices are on
    #[arg(long, value_enum, default_value_t = ResetSet::Apart)]
    pub reset_set: ResetSet,

    /// Let something of a device go wrong; may be given several times
    ///
    /// reset-hang=DEVICE: its resets never complete. reset-fail=DEVICE: they end, and have changed nothing.
    #[arg(long, value_name = "WHAT=DEVICE", value_parser = injection)]
    pub inject: Vec<Injection>,

    /// Print every VFIO call, decoded, on stderr or into a file
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub trace: Option<Option<PathBuf>>,

    /// How to report at the end, on stderr or into a file (`-` is stdout)
    #[arg(long, value_names = ["FORMAT", "FILE"], num_args = 1..=2, default_value = "text")]
    pub report: Vec<String>,
}

/// What a kernel command line says to the driver core.
#[derive(Debug, Args)]
#[command(next_help_heading = "Driver core")]
pub struct DriverCore {
    /// What is made of references between devices: nothing, links that order nothing, or links that do
    #[arg(long, value_enum, default_value_t = FwDevlink::On)]
    pub fw_devlink: FwDevlink,

    /// How long devices wait for suppliers whose driver never comes; `never` gives up never
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = timeout)]
    pub deferred_probe_timeout: Timeout,

    /// A module that is not loaded when the board comes up; may be given several times
    #[arg(long, value_name = "MODULE")]
    pub absent: Vec<String>,

    /// Offer new_id and remove_id, with the race that argues against them
    #[arg(long)]
    pub new_id: bool,
}

/// `fw_devlink=` of a kernel command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FwDevlink {
    /// Nothing is made of them
    Off,
    /// Links that order nothing
    Permissive,
    /// Consumers are probed after their suppliers
    On,
}

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(pub Option<Duration>);

/// Seconds, or `never`.
fn timeout(text: &str) -> Result<Timeout, &'static str> {
    match text {
        "never" => Ok(Timeout(None)),
        seconds => {
            let seconds = seconds.parse().map_err(|_| "seconds, or `never`")?;
            Ok(Timeout(Some(Duration::from_secs(seconds))))
        }
    }
}

impl DriverCore {
    /// What the machine is told.
    pub fn options(&self) -> machine::Options {
        machine::Options {
            fw_devlink: match self.fw_devlink {
                FwDevlink::Off => machine::FwDevlink::Off,
                FwDevlink::Permissive => machine::FwDevlink::Permissive,
                FwDevlink::On => machine::FwDevlink::On,
            },
            deferred_probe_timeout: self.deferred_probe_timeout.0,
            absent_modules: self.absent.iter().map(|name| ModuleName::new(name)).collect(),
            new_id: if self.new_id { machine::NewId::Offered } else { machine::NewId::Absent },
        }
    }
}

/// `uvfio run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The board.
    #[command(flatten)]
    pub bringup: Bringup,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub program: Vec<std::ffi::OsString>,
}

/// `uvfio shell`.
#[derive(Debug, Args)]
pub struct ShellArgs {
    /// The board.
    #[command(flatten)]
    pub bringup: Bringup,
}

/// `uvfio demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// How the program's mapped registers are served
    #[arg(long, value_enum, default_value_t = Mmio::Trap)]
    pub mmio: Mmio,
    /// Bytes to copy
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub bytes: u64,
}

/// `uvfio doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `uvfio rules`.
#[derive(Debug, Args)]
pub struct Rules {
    /// Only what this kernel does differently from the default one
    #[arg(long, value_name = "KERNEL")]
    pub personality: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// How a program's mapped registers are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mmio {
    /// Every access to the mapping is caught and performed on the device
    Trap,
    /// Registers cannot be mapped, only read and written (for use under a debugger)
    Rw,
}

impl Mmio {
    /// What VFIO is told.
    pub fn registers(self) -> Registers {
        match self {
            Mmio::Trap => Registers::Mappable,
            Mmio::Rw => Registers::TransferOnly,
        }
    }
}

/// What a reset line is good for that several devices are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResetSet {
    /// Nothing: a device is only reset by a line of its own
    Apart,
    /// It resets them, for a program that has all of them
    Together,
}

impl ResetSet {
    /// What VFIO is told.
    pub fn sets(self) -> ResetSets {
        match self {
            ResetSet::Apart => ResetSets::Apart,
            ResetSet::Together => ResetSets::Together,
        }
    }
}

/// Something that goes wrong with a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// What.
    pub reset: OwnReset,
    /// With which device.
    pub device: String,
}

/// clap's words for an injection that is none.
fn injection(text: &str) -> Result<Injection, &'static str> {
    let (what, device) = text.split_once('=').filter(|(_, device)| !device.is_empty()).unwrap_or_default();
    let reset = match what {
        "reset-hang" => OwnReset::Hangs,
        "reset-fail" => OwnReset::Fails,
        _ => return Err("write it as reset-hang=DEVICE or reset-fail=DEVICE"),
    };
    Ok(Injection { reset, device: device.to_owned() })
}

/// clap's words for a setting that is none.
fn setting(text: &str) -> Result<Setting, &'static str> {
    let malformed = "write it as MODULE.NAME=VALUE, for example vfio-platform.reset_required=0";
    if text.contains('=') { text.parse().map_err(|_| malformed) } else { Err(malformed) }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Uvfio::command().debug_assert();
    }

    #[test]
    fn run_takes_the_program_after_the_dashes() {
        let parsed = Uvfio::try_parse_from([
            "uvfio", "run", "--board", "b.dtb", "--bind", "a", "--bind", "b", "--trace", "--report", "json",
            "r.json", "--", "prog", "--bind", "x",
        ])
        .expect("parses");
        let Command::Run(run) = parsed.command else { panic!("run expected") };
        assert_eq!(run.bringup.bind, ["a", "b"]);
        assert_eq!(run.bringup.trace, Some(None));
        assert_eq!(run.bringup.report, ["json", "r.json"]);
        assert_eq!(run.program, ["prog", "--bind", "x"]);
    }

    #[test]
    fn parameters_and_injections_are_named() {
        let parsed = setting("vfio-platform.reset_required=0").map(|setting| setting.to_string());
        assert_eq!(parsed.as_deref(), Ok("vfio_platform.reset_required=0"));
        let injected = injection("reset-hang=a.usb").expect("it is one");
        assert_eq!((injected.reset, injected.device.as_str()), (OwnReset::Hangs, "a.usb"));
        assert!(injection("reset-hang=").is_err() && injection("hang=a").is_err());
        assert!(setting("reset_required=0").is_err());
        assert!(setting("vfio.x").is_err());
    }
}
