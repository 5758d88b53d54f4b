//! What VFIO costs a program: `vfio-bench DEVICE`, where the device is a DMA-330, and `vfio-bench --calls` for all other calls.
//!
//! An ordinary VFIO program, as `dma330-copy` is, whose driver it uses. Each figure is printed as it is measured, one on a line:
//! its name, what it costs, and what it is compared with, both in nanoseconds. Whoever reads this divides.

mod calls;
mod device;
mod time;

use std::process::ExitCode;

use dma330_copy::Failure;

const USAGE: &str = "usage: vfio-bench DEVICE | vfio-bench --calls";

/// More than all measurements take on any machine.
const PATIENCE_SECONDS: u32 = 120;

/// Status 0 when everything was measured, 1 when something did not work, 2 for a wrong command line.
fn main() -> ExitCode {
    // An interrupt that never comes ends the program (SIGALRM).
    // SAFETY: takes a number and cannot fail.
    unsafe { libc::alarm(PATIENCE_SECONDS) };
    let mut args = std::env::args().skip(1);
    let outcome = match (args.next().as_deref(), args.next()) {
        (Some("--calls"), None) => calls::measure(),
        (Some(device), None) if !device.starts_with('-') => device::measure(device),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("vfio-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// One figure: what it costs beside what it is compared with.
fn print(name: &str, cost: f64, beside: f64) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // At once: what is measured later may end the program.
    writeln!(out, "{name} {cost:.1} {beside:.1}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new("standard output", error.to_string()))
}
