//! IVRS: devices behind AMD's IOMMUs (drivers/iommu/amd/init.c).

use uvfio_firmware::acpi::ivrs::{Devices, Ivrs, Uid};

use super::{AcpiBlocker, AcpiDevice, AcpiIommu, AcpiView, Place, Who};

pub(super) fn add(view: &mut AcpiView, ivrs: &Ivrs) {
    let first = view.devices.len();
    // Of several descriptions of one IOMMU Linux takes the newest kind (`get_highest_supported_ivhd_type`).
    let newest =
        |base: u64| ivrs.iommus.iter().filter(|iommu| iommu.base == base).map(|iommu| iommu.kind).max();
    for iommu in ivrs.iommus.iter().filter(|iommu| newest(iommu.base) == Some(iommu.kind)) {
        let at = Some(view.iommus.len());
        view.iommus.push(AcpiIommu::new("AMD-Vi", Place::Registers(iommu.base)));
        for entry in &iommu.devices {
            let Some((who, id)) = who(iommu.segment, &entry.devices) else { continue };
            let mut device = AcpiDevice::new(who, at);
            device.ids.extend(entry.alias.or(id).map(|id| (u32::from(id), 1)));
            view.devices.push(device);
        }
    }
    let rules = Rules::of(ivrs);
    for device in &mut view.devices[first..] {
        device.blockers.extend(rules.first_for(device));
    }
}

fn who(segment: u16, devices: &Devices) -> Option<(Who, Option<u16>)> {
    match devices {
        Devices::All => Some((Who::Segment(segment), None)),
        Devices::One(bdf) => Some((Who::Functions { segment, first: *bdf, last: *bdf }, Some(*bdf))),
        Devices::Range(first, last) => Some((Who::Functions { segment, first: *first, last: *last }, None)),
        Devices::Special { .. } => None,
        Devices::Named { hid, uid, id, .. } => {
            let name = match uid {
                Some(Uid::Number(number)) => format!("{hid}:{number:02x}"),
                Some(Uid::Text(text)) => format!("{hid}:{text}"),
                None => hid.clone(),
            };
            Some((Who::Named(name), Some(*id)))
        }
    }
}

/// Memory that firmware uses through functions, by the function: the first rule for each counts.
struct Rules {
    /// For each id the rule that speaks of it.
    by_id: Vec<Option<AcpiBlocker>>,
    /// For each id the first from it on that a rule speaks of.
    next: Vec<usize>,
}

/// There are so many bus, device and function numbers.
const IDS: usize = 1 << 16;

impl Rules {
    fn of(ivrs: &Ivrs) -> Self {
        let mut by_id = vec![None; IDS];
        // The first id from each on that has no rule yet: an id is gone over once, however many rules speak of it.
        let mut free: Vec<usize> = (0..=IDS).collect();
        for memory in ivrs.memory.iter().filter(|memory| !memory.excluded) {
            let blocker = AcpiBlocker::FirmwareMemory {
                start: memory.start,
                last: memory.start.saturating_add(memory.length.saturating_sub(1)),
                relaxable: false,
            };
            let (first, last) = match memory.devices {
                Devices::One(bdf) => (bdf, bdf),
                Devices::Range(first, last) => (first, last),
                _ => (0, u16::MAX),
            };
            let mut at = next_free(&mut free, usize::from(first));
            while at <= usize::from(last) {
                by_id[at] = Some(blocker);
                free[at] = at + 1;
                at = next_free(&mut free, at + 1);
            }
        }
        let mut next = vec![IDS; IDS + 1];
        for at in (0..IDS).rev() {
            next[at] = if by_id[at].is_some() { at } else { next[at + 1] };
        }
        Rules { by_id, next }
    }

    fn first_for(&self, device: &AcpiDevice) -> Option<AcpiBlocker> {
        let within = |first: usize, last: usize| {
            let at = *self.next.get(first)?;
            if at <= last { self.by_id.get(at).copied().flatten() } else { None }
        };
        match &device.who {
            Who::Functions { first, last, .. } => within(usize::from(*first), usize::from(*last)),
            Who::Segment(_) => within(0, IDS),
            _ => device.ids.iter().find_map(|(id, _)| within(*id as usize, *id as usize)),
        }
    }
}

/// The first free id from `at` on, the way to it made shorter for the next who asks.
fn next_free(free: &mut [usize], mut at: usize) -> usize {
    while free[at] != at {
        let next = free[free[at]];
        free[at] = next;
        at = next;
    }
    at
}
