//! `uvfio reset`: what nobody has is the administrator's to reset, and what a reset would do is told before it is done.
//!
//! In Linux an administrator writes to `reset` of a PCI function, which asks nobody whose the device is.

use std::sync::Arc;

use uvfio_kernel::device::Device;
use uvfio_kernel::machine::Machine;
use uvfio_kernel::provider::reset::{Ask, Asker, Breadth, Holder, NotYours, ResetPlan, ResetRefusal};
use uvfio_vfio::ResetSets;

use crate::bringup::binding;
use crate::{explain, plan as words};

/// These devices, and with `--reset-set together` all that share reset lines with them and can be VFIO's: one without a group cannot.
pub fn whole_sets(machine: &Machine, sets: ResetSets, devices: Vec<Arc<Device>>) -> Vec<Arc<Device>> {
    let mut whole = devices;
    if sets == ResetSets::Together {
        for set in machine.reset_sets() {
            if !whole.iter().any(|device| set.devices.contains(&device.id())) {
                continue;
            }
            let others = set.devices.iter().filter_map(|id| machine.device_by_id(*id));
            for other in others.filter(|other| other.group().is_some()) {
                if !whole.iter().any(|device| device.id() == other.id()) {
                    whole.push(other);
                }
            }
        }
    }
    whole
}

/// Reset a device.
pub fn reset(machine: &Machine, device: &str, by: &str) -> Result<Vec<String>, String> {
    let (plan, asker) = planned(machine, device, by)?;
    let done = machine.reset(&plan, &asker);
    done.map_err(|refusal| format!("cannot reset {device}: {}", why_not(&plan, &refusal)))?;
    Ok(plan.affected.iter().map(|device| format!("{}: reset", device.name())).collect())
}

/// Say what that would do, and whether it would be refused.
pub fn plan(machine: &Machine, device: &str, by: &str) -> Result<Vec<String>, String> {
    let (plan, asker) = planned(machine, device, by)?;
    let mut lines = vec![words::way(&plan)];
    for (affected, device) in machine.affected(&plan, &asker).iter().zip(&plan.affected) {
        let what = match device.id() == plan.device.id() {
            true => String::new(),
            false => format!(" ({})", words::relation(machine, &plan, device)),
        };
        lines.push(format!("reaches {}{what}: {}", affected.device, explain::held_by(&affected.holder)));
    }
    lines.push(match machine.may_reset(&plan, &asker) {
        Ok(()) => "it may".to_owned(),
        Err(refusal) => format!("it may not: {}", why_not(&plan, &refusal)),
    });
    Ok(lines)
}

fn why_not(plan: &ResetPlan, refusal: &ResetRefusal) -> String {
    match refusal {
        ResetRefusal::NotYours(NotYours { device, holder }) if device == plan.device.name() => {
            format!("it is {}", explain::held_by(holder))
        }
        other => explain::reset(other),
    }
}

fn planned(machine: &Machine, name: &str, by: &str) -> Result<(ResetPlan, Asker), String> {
    let (_, device) = binding::find(machine, name).map_err(|problem| problem.to_string())?;
    let ask: Ask = by.parse().map_err(|why| format!("{why}"))?;
    let plan = machine.plan_reset(&device, ask, Breadth::Shared);
    let plan = plan.map_err(|refusal| format!("cannot reset {name}: {}", explain::reset(&refusal)))?;
    let asker = administrator(machine, &device);
    Ok((plan, asker))
}

/// Whoever asks here has what nobody else has.
fn administrator(machine: &Machine, device: &Arc<Device>) -> Asker {
    let free = matches!(machine.holder(device), Holder::Nobody | Holder::NobodyAtWork);
    Asker { devices: if free { vec![device.id()] } else { Vec::new() }, ..Asker::default() }
}
