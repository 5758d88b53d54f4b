//! What the machine refuses an administrator, in words: binding, unbinding, parameters, modules.

use std::error::Error;

use uvfio_kernel::device::Deferral;
use uvfio_kernel::machine::{Note, Refusal as R, SetRefusal};
use uvfio_vfio::refusal::BindRefusal;

/// Why a write to sysfs, or `--bind`, was refused.
pub fn machine(refusal: &R) -> String {
    match refusal {
        R::Probe { reason, .. } => {
            let reason: &(dyn Error + 'static) = reason.as_ref();
            reason.downcast_ref::<BindRefusal>().map_or_else(|| reason.to_string(), super::bind)
        }
        R::Rescan(inner) => machine(inner),
        R::BindSuppressed { driver } => format!("driver {driver} lets no device be bound or taken by hand"),
        R::DmaOwned { group, .. } => format!("the DMA of its group {group} belongs to a program"),
        R::NoMatch { device, driver, driver_override: Some(other) } => {
            format!("the driver_override of {device} is {other}, so {driver} does not match it")
        }
        R::NoMatch { device, driver, driver_override: None } => format!(
            "{driver} does not take {device} by what it is; write its name to the device's driver_override first"
        ),
        R::Bound { device, driver } => format!("{device} is bound to {driver}; unbind it first"),
        R::NotBoundTo { device, bound: Some(bound), .. } => format!("{device} is bound to {bound}"),
        R::NotBoundTo { device, bound: None, .. } => format!("{device} is bound to no driver"),
        R::Deferred { device, why } => format!("{device} has to wait: {}", waits_for(why)),
        other => other.to_string(),
    }
}

/// What is worth knowing about a board that is up, where it is for people.
pub fn note(note: &Note) -> Option<String> {
    match note {
        Note::Cycle { devices } => {
            Some(format!("{} supply each other; none of them waits for another", devices.join(", ")))
        }
        Note::NameTaken { device, path } => {
            Some(format!("{path} is no device: there is another {device} on its bus"))
        }
        Note::UnknownParam { .. } | Note::ModuleAbsent { .. } => None,
    }
}

/// Why a set of devices was not bound or unbound.
pub fn set(refusal: &SetRefusal) -> String {
    match refusal {
        SetRefusal::Device { device, why } => format!("{device} is in the way: {}", machine(why)),
        SetRefusal::Member { device, group, member, why } => {
            format!(
                "{member}, which is in group {group} with {device} and has to go with it, is in the way: {}",
                machine(why)
            )
        }
        SetRefusal::NoDriverFor { bus } => format!("there is no VFIO driver for devices of bus {bus}"),
    }
}

fn waits_for(why: &Deferral) -> String {
    match why {
        Deferral::Supplier { supplier, .. } => format!("its supplier {supplier} has no driver yet"),
        Deferral::Iommu { iommu, .. } => format!("its IOMMU {iommu} has no driver yet"),
        Deferral::Unspecified => "its driver asked to be called again later".to_owned(),
    }
}
