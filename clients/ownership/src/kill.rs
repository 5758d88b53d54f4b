//! Programs that are killed while their devices copy, again and again, each time at another moment; and after each, devices that go to
//! their host drivers and come back.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dma330_copy::Failure;

use crate::must;
use crate::sysfs;

/// The longest that one of them lives: it is copying long before.
const LIFE: u64 = 40_000;

/// Start `client` for each device, kill it, and hand the devices to their host drivers and back, so many times.
pub fn killed(times: u64, client: &str, devices: &[&str]) -> Result<(), Failure> {
    let vfio: Vec<String> = devices.iter().map(|device| driver(device)).collect::<Result<_, _>>()?;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for time in 0..times {
        let started = devices.iter().map(|device| start(client, device, time));
        let mut clients: Vec<Child> = started.collect::<Result<_, _>>()?;
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(random % LIFE));
        for (one, device) in clients.iter_mut().zip(devices) {
            end(one)
                .map_err(|failure| Failure::new(format!("{device}, time {time}"), failure.to_string()))?;
        }
        for (device, vfio) in devices.iter().zip(&vfio) {
            let host = sysfs::rebind(device, "")?;
            must("a host driver has the device", host.is_some_and(|host| !host.starts_with("vfio-")))?;
            must("the device comes back", sysfs::rebind(device, vfio)?.as_ref() == Some(vfio))?;
        }
    }
    println!("killed {times} times");
    Ok(())
}

fn driver(device: &str) -> Result<String, Failure> {
    sysfs::link(device, "driver")?.ok_or_else(|| Failure::new(device, "has no driver"))
}

/// A client that copies for ever, one way or another.
fn start(client: &str, device: &str, time: u64) -> Result<Child, Failure> {
    let access = if time.is_multiple_of(2) { "pread" } else { "mapped" };
    let memory = if (time / 2).is_multiple_of(2) { "anonymous" } else { "memfd" };
    let mut command = Command::new(client);
    command.args([device, "--rounds", "0", "--bytes", "65536", "--access", access, "--memory", memory]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().map_err(|error| Failure::new(client, error.to_string()))
}

fn end(client: &mut Child) -> Result<(), Failure> {
    let system = |error: std::io::Error| Failure::new("kill", error.to_string());
    client.kill().map_err(system)?;
    let status = client.wait().map_err(system)?;
    // One that ended by itself was refused something.
    must("it was running when it was killed", status.signal() == Some(libc::SIGKILL))
}
