//! Gathers the facts of a report from the machine and from VFIO.

use std::sync::Arc;

use uvfio_kernel::device::{Bus, Device as Hardware};
use uvfio_kernel::hw::{Access, DmaFault, FaultReason};
use uvfio_kernel::machine::Machine;
use uvfio_vfio::Vfio;
use uvfio_vfio::observe::{Facts, Leftover};

use super::{Device, Dma, Fault, Host, Interrupts, Left, NotBound, Refusals, Report, Status};
use crate::explain;

/// How many faults of a device a report lists.
const FAULTS: usize = 8;

/// The facts as they are now.
pub fn collect(machine: &Machine, vfio: &Vfio, status: Status) -> Report {
    let facts = vfio.facts();
    let all: Vec<Arc<Hardware>> = Bus::ALL.into_iter().flat_map(|bus| machine.devices(bus)).collect();
    let devices: Vec<Device> = all.iter().filter_map(|device| active(device)).collect();
    let not_reset = all.iter().filter(|device| device.has_failed_reset());
    let mut report = Report {
        version: 1,
        personality: vfio.personality().name.to_owned(),
        status,
        calls: facts.calls,
        refusals: refusals(&facts),
        taint: facts.tainted_by.clone(),
        not_reset: not_reset.map(|device| device.name().to_owned()).collect(),
        not_bound: all.iter().filter_map(|device| not_bound(machine, device)).collect(),
        left: facts.leftovers.iter().map(left).collect(),
        more_left: facts.more_leftovers,
        devices,
    };
    for device in &report.devices {
        let gone = device.dma.first_faults.iter().find(|fault| fault.reason == "memory-gone");
        report
            .left
            .extend(gone.map(|fault| Left::MemoryGone { device: device.name.clone(), iova: fault.iova }));
    }
    report
}

/// A device that was given to a driver by name, and what `drivers_probe` did not say.
fn not_bound(machine: &Machine, device: &Hardware) -> Option<NotBound> {
    let driver = device.driver_override()?;
    let refusal = machine.refusal(device)?;
    let rule = refusal.rule().to_owned();
    Some(NotBound { device: device.name().to_owned(), driver, rule, why: explain::machine(&refusal) })
}

fn refusals(facts: &Facts) -> Vec<Refusals> {
    let mut refusals: Vec<Refusals> = facts
        .refusals
        .iter()
        .map(|(rule, count)| Refusals { rule: (*rule).to_owned(), count: *count })
        .collect();
    refusals.sort_by_key(|one| std::cmp::Reverse(one.count));
    refusals
}

/// What a device did, where it did anything.
fn active(hardware: &Hardware) -> Option<Device> {
    let (transferred, faults) = (hardware.dma().transferred(), hardware.dma().faults());
    let seen = hardware.seen_by_host();
    let mut interrupts = Interrupts::default();
    for line in hardware.irqs() {
        let counts = line.counts();
        interrupts.raised += counts.raised;
        interrupts.delivered += counts.delivered;
        interrupts.lost += counts.lost;
    }
    let device = Device {
        name: hardware.name().to_owned(),
        dma: Dma {
            read: transferred.read,
            written: transferred.written,
            faults: faults.total,
            first_faults: faults.first.iter().take(FAULTS).map(fault).collect(),
        },
        interrupts,
        host: Host {
            taken: seen.times,
            found_running: seen.running,
            found_interrupting: seen.interrupting,
            dma: seen.moved,
            interrupts: seen.raised,
        },
    };
    let idle = Device { name: device.name.clone(), host: device.host, ..Device::default() };
    (device != idle).then_some(device)
}

fn fault(fault: &DmaFault) -> Fault {
    Fault {
        iova: fault.iova.0,
        access: match fault.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::Execute => "execute",
        },
        reason: match fault.reason {
            FaultReason::NotMapped => "not-mapped",
            FaultReason::NotAllowed => "not-allowed",
            FaultReason::Blocked => "blocked",
            FaultReason::MemoryGone => "memory-gone",
            FaultReason::Wrap => "wrap",
        },
    }
}

fn left(leftover: &Leftover) -> Left {
    match leftover {
        Leftover::DeviceRunning { device } => Left::DeviceRunning { device: device.clone() },
        Leftover::InterruptArmed { device, index } => {
            Left::InterruptArmed { device: device.clone(), index: *index }
        }
        Leftover::MappingsNeverUsed { count, bytes, first } => {
            Left::MappingsNeverUsed { count: *count, bytes: *bytes, first: first.0 }
        }
    }
}
