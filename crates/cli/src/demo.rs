//! `uvfio demo`: the main job on a built-in board, told as it happens.
//!
//! A shell takes the DMA controller from its host driver and gives it to VFIO by writing to sysfs, as an administrator would, and then
//! starts a client in a process of its own. The client is an ordinary VFIO program (clients/dma330-copy), carried inside this
//! executable because a newcomer has built nothing else; it reaches uvfio through /dev/vfio, /sys and ioctls only.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use uvfio_kernel::machine;
use uvfio_vfio::ResetSets;
use uvfio_vfio::personality::Personality;

use crate::args::{Demo, Mmio};
use crate::board_file;
use crate::bringup::{self, Up, Wanted};
use crate::output;
use crate::problem::Problem;
use crate::report::{self, Report, Status};
use crate::run;
use crate::trace::Trace;

/// The device that is handed out.
const DEVICE: &str = "7ff00000.dma";

/// What the administrator types, and who types it. `$1` and `$2` switch bold on and off, `$3` is the device, the rest is the client.
const ADMINISTRATOR: &str = r#"
on=$1 off=$2 device=$3; shift 3
type() { printf '%s# %s%s\n' "$on" "$1" "$off"; eval "$1" || exit 1; }
type "readlink /sys/bus/amba/devices/$device/driver"
type "echo vfio-amba > /sys/bus/amba/devices/$device/driver_override"
type "echo $device > /sys/bus/amba/devices/$device/driver/unbind"
type "echo $device > /sys/bus/amba/drivers_probe"
type "readlink /sys/bus/amba/devices/$device/driver"
type "readlink /sys/bus/amba/devices/$device/iommu_group"
type "echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
printf '%s# dma330-copy %s%s\n' "$on" "$device" "$off"
exec "$@"
"#;

const HEAD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Run it. Status 0 where every byte arrived and nothing was left behind.
///
/// # Errors
/// Whatever keeps it from being started.
pub fn demo(args: &Demo) -> Result<ExitCode, Problem> {
    let personality = Personality::default();
    let trace = Arc::new(Trace::new(personality, output::stdout()));
    // The administrator's writes are shown as they are typed; only calls are traced.
    let up = bringup::up(Wanted {
        description: board_file::DEMO,
        name: Path::new("demo"),
        params: &[],
        core: machine::Options::default(),
        bind: &[],
        personality,
        registers: args.mmio.registers(),
        inject: &[],
        reset_sets: ResetSets::default(),
        trace: Some(trace),
    })?;
    let up = Up { trace: None, ..up };
    say(&introduction(&up))?;
    let status = run::start(&up, &administrator(args)?)?;
    let report = report::collect(&up.machine, &up.vfio, status);
    say(&verdict(&report, args.bytes))?;
    Ok(if succeeded(&report, args.bytes) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(text: &str) -> Result<(), Problem> {
    output::write(output::stdout(), text, "stdout")
}

fn introduction(up: &Up) -> String {
    format!(
        "{HEAD}A board{HEAD:#}: {}, {} devices, made up in software (boards/demo.dts).\n\
         Its DMA controller {DEVICE} sits behind an IOMMU and belongs to its host driver. Two things follow, in a\n\
         sandbox whose /sys and /dev/vfio are the board's: an administrator gives the controller to VFIO, and a program\n\
         that knows nothing but VFIO copies memory with it. Each VFIO call is shown as it is answered.\n\n",
        up.machine.board().model,
        up.machine.board().devices.len(),
    )
}

/// The shell, its script, and the client it becomes: this executable in another role.
fn administrator(args: &Demo) -> Result<Vec<OsString>, Problem> {
    let bold = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (on, off) =
        if bold { (HEAD.render().to_string(), HEAD.render_reset().to_string()) } else { Default::default() };
    let this = std::env::current_exe().map_err(Problem::NoExecutable)?;
    let mut command: Vec<OsString> =
        ["/bin/sh", "-c", ADMINISTRATOR, "administrator"].map(OsString::from).to_vec();
    command.extend([on, off, DEVICE.to_owned()].map(OsString::from));
    command.push(this.into());
    command.extend(["client", "dma330-copy", DEVICE, "--bytes"].map(OsString::from));
    let access = if args.mmio == Mmio::Trap { "mapped" } else { "pread" };
    command.extend([args.bytes.to_string().as_str(), "--access", access].map(OsString::from));
    Ok(command)
}

fn controller(report: &Report) -> report::Device {
    report.devices.iter().find(|device| device.name == DEVICE).cloned().unwrap_or_default()
}

fn succeeded(report: &Report, bytes: u64) -> bool {
    let device = controller(report);
    report.status == Status::Exit(0)
        && device.dma.written == bytes
        && device.dma.faults == 0
        && report.left.is_empty()
}

fn verdict(report: &Report, bytes: u64) -> String {
    let device = controller(report);
    let mut text = format!("\n{HEAD}The verdict{HEAD:#}\n");
    let mut line = |good: bool, words: String| {
        let (mark, style) = if good { ("ok ", GOOD) } else { ("BAD", BAD) };
        text.push_str(&format!("  {style}{mark}{style:#} {words}\n"));
    };
    line(
        report.status == Status::Exit(0),
        format!("the client compared every byte and ended with {}", report.status),
    );
    line(device.dma.written == bytes, format!("{} bytes copied by the device", device.dma.written));
    let interrupts = device.interrupts;
    line(
        interrupts.lost == 0,
        format!("{} interrupts delivered, {} lost", interrupts.delivered, interrupts.lost),
    );
    line(device.dma.faults == 0, format!("{} DMA faults", device.dma.faults));
    if report.left.is_empty() {
        line(true, "nothing was left behind".to_owned());
    }
    for left in &report.left {
        line(false, format!("left behind: {}", left.words()));
    }
    text
}
