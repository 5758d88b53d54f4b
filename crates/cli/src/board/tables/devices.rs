//! Devices of tables in the shape that devices of a tree have: a verdict, what is in the way, and what ties them.

use uvfio_board::acpi::{
    AcpiBlocker, AcpiGrouping, AcpiVerdict, AcpiVerdicts, AcpiView, Found, SharedId, Who,
};
use uvfio_board::{Options, Weakening, Weakenings};
use uvfio_firmware::Board;

use super::Machine;
use crate::board::view::{Because, DeviceView, Ids, MOST, Reason, bus_word, clean, names as names_of};
use crate::board::words;

/// All of a view. `could` has the verdicts where everything that can be given up is.
pub fn all(
    view: &AcpiView,
    namespace: Option<&Board>,
    verdicts: &AcpiVerdicts,
    least: &[Option<Weakenings>],
    options: Options,
) -> Vec<DeviceView> {
    let names: Vec<String> = view
        .devices
        .iter()
        .map(|device| {
            let known = namespace.zip(device.known).and_then(|(board, at)| board.devices.get(at));
            let mut name = known.map_or_else(|| device.who.to_string(), |known| known.name.to_string());
            clean(&mut name);
            name
        })
        .collect();
    let shared: Vec<bool> = view.shared.iter().map(|shared| is_group(view, shared)).collect();
    (0..view.devices.len())
        .map(|at| {
            let device = &view.devices[at];
            let known = namespace.zip(device.known).and_then(|(board, at)| board.devices.get(at));
            let (bus, mut path) = match &device.who {
                Who::Named(path) => ("acpi", path.clone()),
                Who::Registers(_) => ("platform", String::new()),
                _ => ("pci", String::new()),
            };
            clean(&mut path);
            let bus = known.map_or(bus, |known| bus_word(known.bus));
            let ids = known.and_then(|known| known.acpi.as_ref()).map(|facts| facts.ids.clone());
            let mut compatible = ids.unwrap_or_default();
            compatible.iter_mut().for_each(clean);
            let together = match verdicts.devices[at] {
                AcpiVerdict::Together => view.together(at, most(view)),
                _ => Vec::new(),
            };
            let bonds: Vec<Reason> =
                device.shares.iter().map(|one| bond(view, &names, at, (*one, shared[*one]))).collect();
            let because = verdicts.causes[at].map(|(through, other)| Because {
                device: names[other].clone(),
                through: bond(view, &names, at, (through, shared[through])),
            });
            DeviceView {
                name: names[at].clone(),
                bus,
                path,
                compatible,
                verdict: word(verdicts.devices[at]),
                together: together.into_iter().map(|other| names[other].clone()).collect(),
                part_of: None,
                iommus: device.iommu.map(|iommu| super::iommu(view, iommu)).into_iter().collect(),
                ids: device.ids.iter().map(|(first, count)| Ids { first: *first, count: *count }).collect(),
                group: None,
                blockers: device.blockers.iter().map(|one| blocker(one, namespace, options)).collect(),
                bonds,
                because,
                cautions: Vec::new(),
                give_up: least[at].map(names_of),
                reset_driver: known
                    .and_then(|known| known.acpi.as_ref())
                    .and_then(|facts| facts.has_reset.then_some("_RST")),
                reset_lines: 0,
                dedicated_reset_lines: 0,
                ways_to_reset: Vec::new(),
            }
        })
        .collect()
}

/// A function that an entry of the machine speaks of, perhaps with others.
pub fn function(machine: &Machine, segment: u16, bdf: u16, found: Found) -> DeviceView {
    let entry = &machine.devices[found.device];
    let name = Who::Functions { segment, first: bdf, last: bdf }.to_string();
    let part_of = (entry.name != name).then(|| entry.name.clone());
    let ids = found.id.map(|first| Ids { first, count: 1 }).into_iter().collect();
    DeviceView { name, part_of, ids, ..entry.clone() }
}

fn word(verdict: AcpiVerdict) -> &'static str {
    match verdict {
        AcpiVerdict::Yes => "yes",
        AcpiVerdict::Possible => "possible",
        AcpiVerdict::Together => "together",
        AcpiVerdict::No => "no",
    }
}

fn blocker(blocker: &AcpiBlocker, namespace: Option<&Board>, options: Options) -> Reason {
    let other = |with: &usize| {
        let device = namespace.and_then(|board| board.devices.get(*with));
        device.map_or_else(String::new, |device| device.name.to_string())
    };
    let (mut devices, mut number) = (Vec::new(), None);
    let (kind, says) = match blocker {
        AcpiBlocker::NoIommu => ("no-iommu", "no IOMMU translates for it".to_owned()),
        AcpiBlocker::NotCoherent => (
            "not-coherent",
            "its DMA does not see the processor's caches; VFIO asks for that since Linux 6.0".to_owned(),
        ),
        AcpiBlocker::NoReset => {
            ("no-reset", "it has no _RST, and vfio-platform requires a device to be reset".to_owned())
        }
        AcpiBlocker::InterruptShared { number: line, with } => {
            (devices, number) = (vec![other(with)], Some(u64::from(*line)));
            let says = format!(
                "its interrupt {line} is shared with {}; VFIO takes interrupts only for itself",
                devices[0]
            );
            ("interrupt-shared", says)
        }
        AcpiBlocker::PageShared { page, with } => {
            (devices, number) = (vec![other(with)], Some(*page));
            let size = options.page.bytes() >> 10;
            ("page", format!("the {size} KiB page at {page:#x} also holds registers of {}", devices[0]))
        }
        AcpiBlocker::FirmwareMemory { start, last, relaxable } => {
            let except =
                if *relaxable { " (Linux makes an exception for USB controllers and graphics)" } else { "" };
            ("firmware-memory", format!("firmware uses memory {start:#x} to {last:#x} through it{except}"))
        }
    };
    Reason {
        kind,
        says,
        lifted_by: blocker.lifted_by().map(Weakening::name),
        lifted: !blocker.stands(options.allowed),
        devices,
        number,
        ..Reason::default()
    }
}

/// Whether an IOMMU's driver puts those that share an id into one group.
fn is_group(view: &AcpiView, shared: &SharedId) -> bool {
    let is_named = |user: &usize| matches!(view.devices[*user].who, Who::Named(_) | Who::Registers(_));
    view.iommus[shared.iommu].grouping() != AcpiGrouping::Device && shared.users.iter().all(is_named)
}

/// So many names of others each device has: fewer where there are very many devices, so that all together stay bearable.
fn most(view: &AcpiView) -> usize {
    ((1 << 20) / view.devices.len().max(1)).clamp(4, MOST)
}

/// Why a device draws others along: their IOMMU's driver puts them in one group, or cannot tell them apart.
fn bond(view: &AcpiView, names: &[String], of: usize, (shared, grouped): (usize, bool)) -> Reason {
    let shared = &view.shared[shared];
    let others = shared.users.iter().filter(|user| **user != of).take(most(view));
    let devices: Vec<String> = others.map(|user| names[*user].clone()).collect();
    let iommu = super::iommu(view, shared.iommu);
    let says = format!("id {:#x} of {iommu} is also that of {}", shared.id, words::list(&devices));
    Reason {
        kind: if grouped { "group" } else { "stream" },
        says,
        devices,
        node: Some(iommu),
        cells: vec![shared.id],
        source: grouped.then(|| view.iommus[shared.iommu].source()),
        ..Reason::default()
    }
}
