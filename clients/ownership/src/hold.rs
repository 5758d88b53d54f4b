//! A device held while a command runs.

use std::process::Command;

use dma330_copy::Failure;
use dma330_copy::dma330::Dma330;
use dma330_copy::options::Access;
use dma330_copy::registers::Registers;
use dma330_copy::vfio::Container;

use crate::wait_until;

/// Open a device, run a command that must succeed, and then, where that is asked for, open another device through the same group: the
/// group that is open all the time is the way to devices that come to it.
pub fn hold(device: &str, then: Option<&str>, command: &[&str]) -> Result<(), Failure> {
    let container = Container::of(device)?;
    let held = container.device(device)?;
    held.info()?;
    run(command)?;
    // What the command did to others changed nothing for this one.
    held.info()?;
    if let Some(other) = then {
        let info = container.device(other)?.info()?;
        println!("{other}: {} regions, {} interrupts", info.regions, info.irqs);
    }
    Ok(())
}

/// Open a DMA-330 that somebody left copying, and wait until its first channel has stopped on a fault.
pub fn faulted(device: &str) -> Result<(), Failure> {
    let held = Container::of(device)?.device(device)?;
    let dma = Dma330::new(Registers::new(&held.fd, &held.region(0)?, Access::Pread)?)?;
    wait_until("a fault of channel 0", || Ok(dma.fault(0)?.is_some()))?;
    println!("{device}: stopped on a fault");
    Ok(())
}

/// A command, to its end.
fn run(command: &[&str]) -> Result<(), Failure> {
    let (program, args) = command.split_first().ok_or_else(|| Failure::new("COMMAND", "is missing"))?;
    let status = Command::new(program).args(args).status();
    let status = status.map_err(|error| Failure::new(*program, error.to_string()))?;
    if status.success() { Ok(()) } else { Err(Failure::new(*program, status.to_string())) }
}
