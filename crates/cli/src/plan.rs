//! What a reset would do, in words, before anything happens.

use std::sync::Arc;

use uvfio_kernel::device::Device;
use uvfio_kernel::machine::Machine;
use uvfio_kernel::provider::reset::platform::ResetHandler;
use uvfio_kernel::provider::reset::{Relation, ResetPlan, Scope};

/// How the device of a plan would be reset: by which driver, method or lines.
pub fn way(plan: &ResetPlan) -> String {
    match plan.scope {
        Scope::DeviceSpecific => {
            let first = plan.device.facts().compatible.first();
            let handler = first.and_then(|first| ResetHandler::of(first));
            format!("device_specific: driver {}", handler.map_or("unknown", |handler| handler.module))
        }
        Scope::Controller => match lines(&plan.device) {
            lines if lines.is_empty() => "controller: a pin".to_owned(),
            lines => format!("controller: {}", lines.join(", ")),
        },
        Scope::Acpi => "acpi: its _RST".to_owned(),
        scope => scope.to_string(),
    }
}

/// The reset lines of a device, as its description writes them.
fn lines(device: &Device) -> Vec<String> {
    let line = |specifier: &uvfio_firmware::Specifier| {
        let cells: Vec<String> = specifier.cells.iter().map(u32::to_string).collect();
        format!("line {} of {}", cells.join(" "), specifier.path)
    };
    device.facts().resets.iter().map(line).collect()
}

/// What another device that a reset reaches is to the one it is for.
pub fn relation(machine: &Machine, plan: &ResetPlan, other: &Arc<Device>) -> &'static str {
    match machine.reset_relation(&plan.device, other) {
        Relation::SameBlock => "the same block",
        Relation::Phy => "its phy, or it is that one's",
        Relation::Coupled => "on a line with it",
    }
}
