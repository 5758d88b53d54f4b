//! DMAR: devices behind VT-d units (drivers/iommu/intel/dmar.c, iommu.c).

use std::collections::HashMap;

use uvfio_firmware::acpi::dmar::{Dmar, Scope, ScopeKind};

use super::{AcpiBlocker, AcpiDevice, AcpiIommu, AcpiView, Place, Who};

pub(super) fn add(view: &mut AcpiView, dmar: &Dmar) {
    let first = view.devices.len();
    let names = Names::of(dmar);
    for unit in &dmar.units {
        let iommu = Some(view.iommus.len());
        view.iommus.push(AcpiIommu::new("VT-d", Place::Registers(unit.base)));
        let devices = unit.devices.iter().filter_map(|scope| {
            let who = who(&names, unit.segment, scope)?;
            Some(AcpiDevice { ids: id(scope).into_iter().collect(), ..AcpiDevice::new(who, iommu) })
        });
        view.devices.extend(devices);
        if unit.all_others {
            view.devices.push(AcpiDevice::new(Who::Segment(unit.segment), iommu));
        }
    }
    let mut known: HashMap<Who, usize> = HashMap::new();
    for (at, device) in view.devices.iter().enumerate().skip(first) {
        known.entry(device.who.clone()).or_insert(at);
    }
    for reserved in &dmar.reserved {
        let (start, last) = reserved.range;
        for who in reserved.devices.iter().filter_map(|scope| who(&names, reserved.segment, scope)) {
            // Whom no unit names is served by the one for all others of the segment.
            let others = known.get(&Who::Segment(reserved.segment)).and_then(|at| view.devices[*at].iommu);
            let at = *known.entry(who.clone()).or_insert(view.devices.len());
            if at == view.devices.len() {
                view.devices.push(AcpiDevice::new(who, others));
            }
            view.devices[at].blockers.push(AcpiBlocker::FirmwareMemory { start, last, relaxable: true });
        }
    }
}

/// The names of devices of the namespace by their numbers; of two with one number the first counts.
struct Names<'a>([Option<&'a str>; 256]);

/// No name in a namespace is longer; any number of scopes may be of one name.
const LONGEST: usize = 255;

impl<'a> Names<'a> {
    fn of(dmar: &'a Dmar) -> Self {
        let mut names = [None; 256];
        for named in &dmar.named {
            let end = named.path.char_indices().nth(LONGEST).map_or(named.path.len(), |(end, _)| end);
            let path = named.path.get(..end).unwrap_or_default();
            names[usize::from(named.number)].get_or_insert(path);
        }
        Names(names)
    }
}

/// The source id of a device whose path does not lead through bridges; a device of the namespace has one too, by which its unit knows
/// it (`dmar_acpi_insert_dev_scope`).
fn id(scope: &Scope) -> Option<(u32, u64)> {
    match (scope.kind, &scope.path[..]) {
        (ScopeKind::PciEndpoint, [(device, function)]) | (ScopeKind::Namespace, [(device, function), ..]) => {
            let low = (device & 0x1f) << 3 | function & 7;
            Some((u32::from(scope.start_bus) << 8 | u32::from(low), 1))
        }
        _ => None,
    }
}

/// Interrupt controllers and timers are named for their messages, not to be handed out.
fn who(names: &Names<'_>, segment: u16, scope: &Scope) -> Option<Who> {
    let (bus, path) = (scope.start_bus, scope.path.clone());
    match scope.kind {
        ScopeKind::PciEndpoint => Some(Who::Reached { segment, bus, path }),
        ScopeKind::PciBridge => Some(Who::Behind { segment, bus, path }),
        ScopeKind::Namespace => {
            names.0[usize::from(scope.enumeration_id)].map(|name| Who::Named(name.to_owned()))
        }
        ScopeKind::IoApic | ScopeKind::Hpet | ScopeKind::Unknown(_) => None,
    }
}
