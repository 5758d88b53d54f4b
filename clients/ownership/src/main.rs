//! An ordinary VFIO program that is about who has a device: it holds one while a command runs, has it taken away while it uses it, passes
//! it on to others, and is killed with it in its hands. It knows nothing of uvfio; what it expects is what Linux does.

mod hold;
mod kill;
mod removal;
mod share;
mod sysfs;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use dma330_copy::Failure;

const USAGE: &str = "usage: vfio-ownership hold DEVICE [--then OTHER] -- COMMAND...
       vfio-ownership removed DEVICE -- COMMAND...
       vfio-ownership interrupted DEVICE -- COMMAND...
       vfio-ownership signalled DEVICE
       vfio-ownership share DEVICE
       vfio-ownership faulted DEVICE
       vfio-ownership killed TIMES CLIENT DEVICE...";

/// Far more than anything here takes; what it finds is a hang.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["hold", device, "--then", other, "--", command @ ..] => hold::hold(device, Some(other), command),
        ["hold", device, "--", command @ ..] => hold::hold(device, None, command),
        ["removed", device, "--", command @ ..] => removal::removed(device, command),
        ["interrupted", device, "--", command @ ..] => removal::interrupted(device, command),
        ["signalled", device] => removal::signalled(device),
        ["share", device] => share::share(device),
        ["faulted", device] => hold::faulted(device),
        ["killed", times, client, devices @ ..] => match times.parse() {
            Ok(times) => kill::killed(times, client, devices),
            Err(_) => Err(Failure::new("TIMES", "is no number")),
        },
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("vfio-ownership: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Wait until something that others do has happened.
fn wait_until(what: &str, mut happened: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let begun = Instant::now();
    while !happened()? {
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(what, "does not happen"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// What must be so.
fn must(what: &str, holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(what, "is not so")) }
}
