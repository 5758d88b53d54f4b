//! `--bind`: what an administrator does to hand a device to VFIO, and why it did not work.
//!
//! driver_override, unbind, drivers_probe, and then a look at the driver link, because the write to `drivers_probe` succeeds whatever the
//! driver said. A device that others need is not taken from them: on Linux that would take their drivers away, too.

use uvfio_firmware::Specifier;
use uvfio_kernel::device::{Bus, Device};
use uvfio_kernel::machine::{Machine, Refusal};
use uvfio_kernel::wait::NoWait;
use uvfio_vfio::personality::{ONE_DRIVER, Personality};

use crate::explain;
use crate::near::near;
use crate::problem::Problem;

/// Give a device to the VFIO driver of its bus.
///
/// # Errors
/// Why it is not VFIO's now; the device is then left as the attempt left it.
pub fn bind(machine: &Machine, name: &str, personality: &Personality) -> Result<(), Problem> {
    let (bus, device) = find(machine, name)?;
    if let Some(problem) = needed_by_others(machine, &device) {
        return Err(problem);
    }
    let driver = driver(bus, personality);
    let refused =
        |refusal: Refusal| Problem::NotBound { device: name.to_owned(), why: explain::machine(&refusal) };
    machine.set_driver_override(bus, name, driver).map_err(refused)?;
    if let Some(host) = device.driver() {
        if host.name() == driver {
            return Ok(());
        }
        machine.unbind(bus, host.name(), name, &NoWait).map_err(refused)?;
    }
    machine.drivers_probe(bus, name, &NoWait).map_err(refused)?;
    if device.driver().is_some_and(|bound| bound.name() == driver) {
        return Ok(());
    }
    // drivers_probe hides the driver's answer, but the machine has kept it.
    match machine.refusal(&device) {
        Some(refusal) => Err(refused(refusal)),
        None => machine.bind(bus, driver, name, &NoWait).map_err(refused),
    }
}

/// The VFIO driver of a bus.
pub fn driver(bus: Bus, personality: &Personality) -> &'static str {
    match bus {
        Bus::Amba if !personality.holds(&ONE_DRIVER) => "vfio-amba",
        _ => "vfio-platform",
    }
}

/// A device by its name, on whichever bus it is.
///
/// # Errors
/// Where there is none; the problem names those that are near.
pub fn find(machine: &Machine, name: &str) -> Result<(Bus, std::sync::Arc<Device>), Problem> {
    let found = Bus::ALL.into_iter().find_map(|bus| Some((bus, machine.device(bus, name)?)));
    found.ok_or_else(|| {
        let devices: Vec<_> = Bus::ALL.into_iter().flat_map(|bus| machine.devices(bus)).collect();
        let near = near(name, devices.iter().map(|device| device.name()));
        Problem::NoSuchDevice { device: name.to_owned(), near: near.into_iter().map(str::to_owned).collect() }
    })
}

/// Who on the board refers to this device as something it cannot do without.
pub fn needed_by_others(machine: &Machine, device: &Device) -> Option<Problem> {
    let at = |specifiers: &[Specifier]| specifiers.iter().any(|one| *one.path == *device.path());
    let board = machine.board();
    let mut role = None;
    let mut consumers = Vec::new();
    for other in board.devices.iter().filter(|other| *other.path != *device.path()) {
        let needs = if at(&other.iommus) {
            "IOMMU"
        } else if other.interrupts.iter().any(|one| *one.path == *device.path()) {
            "interrupt controller"
        } else if at(&other.clocks) {
            "clock"
        } else if at(&other.resets) {
            "reset controller"
        } else if at(&other.power_domains) {
            "power domain"
        } else {
            continue;
        };
        role.get_or_insert(needs);
        consumers.push(other.name.clone());
    }
    Some(Problem::NeededByOthers { device: device.name().to_owned(), role: role?, consumers })
}
