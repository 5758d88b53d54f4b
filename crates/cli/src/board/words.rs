//! Sentences of the evidence: why a device cannot go, or not alone, and what is worth knowing.

use uvfio_board::{Blocker, Bond, BondKind, Caution, DeviceIndex, PageSize, Sharing, Weakening};
use uvfio_firmware::Reference;
use uvfio_kernel::iommu::{Grouping, NoGroup};

use super::view::{Reason, Seen};

/// What is in a device's own way.
pub fn blocker(seen: &Seen, of: DeviceIndex, blocker: &Blocker) -> Reason {
    let lifted_by = blocker.lifted_by().map(Weakening::name);
    let reason = |kind, says: String| Reason { kind, says, lifted_by, ..Reason::default() };
    match blocker {
        Blocker::NoIommu => {
            reason("no-iommu", "no IOMMU is named for it, so nothing confines its DMA".into())
        }
        Blocker::IommuDisabled { iommu } => {
            let iommu = seen.node(*iommu);
            let says = format!("its IOMMU {iommu} is disabled in the description");
            Reason { node: Some(iommu), ..reason("iommu-disabled", says) }
        }
        Blocker::IommuWithoutDriver { iommu } => {
            let (name, compatible) = (seen.node(*iommu), seen.board.tree.node(*iommu).compatible().next());
            let says = format!(
                "no driver of Linux is known for its IOMMU {name} ({})",
                compatible.unwrap_or_default()
            );
            Reason { node: Some(name), ..reason("iommu-without-driver", says) }
        }
        Blocker::NotGrouped(why) => reason("not-grouped", not_grouped(why)),
        Blocker::NotCoherent { iommu } => {
            let iommu = seen.node(*iommu);
            let says = format!(
                "its IOMMU {iommu} does not vouch that its DMA sees the processor's caches; VFIO asks for that since Linux 6.0"
            );
            Reason { node: Some(iommu), ..reason("not-coherent", says) }
        }
        Blocker::NoReset => {
            reason("no-reset", "VFIO has no driver to reset it, and vfio-platform requires one".into())
        }
        Blocker::NoCompatible => {
            reason("no-compatible", "it has no `compatible`, which vfio-platform asks for".into())
        }
        Blocker::PciHost => reason(
            "pci-host",
            "it is a PCI host bridge: the functions behind it are handed out, not the bridge".into(),
        ),
        Blocker::InterruptShared { line, own_iommu } => {
            let line = &seen.verdicts.interrupt_lines[*line];
            let devices = seen.others(&line.users, of);
            let with = if *own_iommu { "its own IOMMU's faults".to_owned() } else { list(&devices) };
            let says = format!(
                "its interrupt {} is shared with {with}; VFIO takes interrupts only for itself",
                line.number
            );
            Reason {
                devices,
                node: Some(seen.node(line.controller)),
                number: Some(line.number.into()),
                ..reason("interrupt-shared", says)
            }
        }
        Blocker::NeededBeyond { node } => {
            let node = seen.node(*node);
            let says = format!("{node}, which is no device that could go along, needs it");
            Reason { node: Some(node), ..reason("needed-beyond", says) }
        }
    }
}

fn not_grouped(why: &NoGroup) -> String {
    match why {
        NoGroup::NoIommu => "it is behind no IOMMU".into(),
        NoGroup::TwoDrivers { first, other } => {
            format!("its IOMMUs {} and {} have different drivers", last(first), last(other))
        }
        NoGroup::NotAdmitted { iommu, .. } => {
            format!(
                "the driver of its IOMMU {} does not take it: it is not in the driver's list",
                last(iommu)
            )
        }
        NoGroup::Streams { iommu, conflict } => {
            format!("its streams cannot be mapped at {}: {conflict}", last(iommu))
        }
        NoGroup::PartOfSet { iommu, stream } => {
            format!("stream {stream:#x} at {} is in a group that does not have its others", last(iommu))
        }
        NoGroup::NoRegion { iommu } => format!("its ports at {} are in no common region", last(iommu)),
    }
}

/// Why a device draws others along.
pub fn bond(seen: &Seen, of: DeviceIndex, bond: &Bond) -> Reason {
    let devices = seen.others(&bond.members, of);
    let lifted_by = bond.untied_by().map(Weakening::name);
    let with = list(&devices);
    let reason =
        |kind, says: String| Reason { kind, says, lifted_by, devices: devices.clone(), ..Reason::default() };
    match &bond.kind {
        BondKind::Group { group } => {
            let group = &seen.verdicts.groups[*group];
            let says = format!("IOMMU group {} has {with} too ({})", group.id, rule(group.rule));
            Reason {
                node: Some(seen.node(group.iommu)),
                number: Some(group.id.into()),
                source: Some(group.source),
                ..reason("group", says)
            }
        }
        BondKind::Stream { iommu, cells } => {
            let iommu = seen.node(*iommu);
            let says = format!("stream {} of {iommu} is also that of {with}", hex(cells));
            Reason { node: Some(iommu), cells: cells.clone(), ..reason("stream", says) }
        }
        BondKind::Reset { line, sharing } => {
            let line = &seen.verdicts.reset_lines[*line];
            let controller = seen.node(line.controller);
            let what = match sharing {
                Sharing::Coupled => "resets",
                Sharing::OwnPhy => "(a device and its own phy) resets",
                Sharing::SameBlock => "(one block described twice) resets",
            };
            let says = format!("reset line {} of {controller} {what} {with} too", decimal(&line.cells));
            let sorts = vec![sharing_word(*sharing)];
            Reason { node: Some(controller), cells: line.cells.clone(), sorts, ..reason("reset-line", says) }
        }
        BondKind::Page { page } => {
            let size = seen.verdicts.options.page.bytes() >> 10;
            let says = format!("the {size} KiB page at {page:#x} also holds registers of {with}");
            Reason { number: Some(*page), ..reason("page", says) }
        }
        BondKind::Supplies { provider, kinds, .. } => {
            let sorts: Vec<&str> = kinds.iter().map(|kind| reference(*kind)).collect();
            let says = if *provider == of {
                format!("it is the {} of {with}", sorts.join(", "))
            } else {
                let provider = seen.name(*provider);
                format!("{provider} is its {}", sorts.join(", "))
            };
            Reason { sorts, ..reason("supplies", says) }
        }
    }
}

/// What is worth knowing.
pub fn caution(seen: &Seen, of: DeviceIndex, caution: &Caution) -> Reason {
    let reason = |kind, says: String| Reason { kind, says, ..Reason::default() };
    match caution {
        Caution::NotMappable { region, page } => {
            let window = &seen.board.devices[of.at()].regions[*region];
            let page = match page {
                PageSize::K4 => "any host",
                PageSize::K16 => "hosts with pages of 16 KiB or more",
                PageSize::K64 => "hosts with pages of 64 KiB",
            };
            let says = format!(
                "region {region} ({:#x}, {:#x} bytes) is not whole pages on {page}: there it is read and written, not mapped",
                window.base, window.size
            );
            Reason { number: Some(*region as u64), ..reason("not-mappable", says) }
        }
        Caution::ReservedMemory { node } => {
            let memory = seen.node(*node);
            let says = format!("it uses reserved memory {memory}, which its user does not get with it");
            Reason { node: Some(memory), ..reason("reserved-memory", says) }
        }
        Caution::InterruptsNotIsolated => reason(
            "interrupts-not-isolated",
            "no MSI controller isolates its interrupts: vfio_iommu_type1.allow_unsafe_interrupts=1 is needed"
                .into(),
        ),
        Caution::ResetByLine(line) => {
            let controller = seen.node(line.controller);
            let says = format!(
                "line {} of {controller}, which is nobody else's, resets it under uvfio run; no Linux does that so far, and needs vfio-platform.reset_required=0 for it",
                line.output
            );
            Reason {
                node: Some(controller),
                number: Some(line.output.into()),
                ..reason("reset-by-line", says)
            }
        }
        Caution::NeverReset => reason(
            "never-reset",
            "nothing resets it when it changes hands, and on the AMBA bus VFIO does not ask".into(),
        ),
    }
}

/// The rule by which an IOMMU's driver makes groups.
pub fn rule(rule: Grouping) -> &'static str {
    match rule {
        Grouping::Device => "one group for each device",
        Grouping::Instance => "one group for all devices of an IOMMU",
        Grouping::LastInstance => "one group for all devices of the IOMMU that is named last",
        Grouping::StreamMap => "devices that one stream mapping entry matches share a group",
        Grouping::StreamSets => "devices that have a stream in common share a group",
        Grouping::SwGroups(_) => "devices of one set of software groups share a group",
        Grouping::Regions(_) => "one group for each region of device addresses",
    }
}

/// The stable name of a sort of sharing.
pub fn sharing_word(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::SameBlock => "same-block",
        Sharing::OwnPhy => "own-phy",
        Sharing::Coupled => "coupled",
    }
}

/// What a provider is to its consumer.
pub fn reference(kind: Reference) -> &'static str {
    match kind {
        Reference::Iommu => "IOMMU",
        Reference::Interrupt => "interrupt controller",
        Reference::Msi => "MSI controller",
        Reference::Reset => "reset controller",
        Reference::Clock => "clock",
        Reference::PowerDomain => "power domain",
        Reference::Supply => "regulator",
        Reference::Phy => "phy",
        Reference::Dma => "DMA controller",
        Reference::Interconnect => "interconnect",
        Reference::Memory => "reserved memory",
        Reference::Mailbox => "mailbox",
        Reference::Gpio => "GPIO controller",
        Reference::Pwm => "PWM",
        Reference::Pinctrl => "pin controller",
        Reference::Nvmem => "fuse memory",
        Reference::HwLock => "hardware lock",
        Reference::IoChannel => "ADC",
        Reference::IoBackend => "converter back end",
        Reference::Extcon => "connector",
        Reference::ThermalSensor => "thermal sensor",
        Reference::AccessController => "access controller",
        Reference::SoundDai => "sound interface",
        Reference::WakeupParent => "wakeup controller",
    }
}

/// A few names as people say them.
pub fn list(names: &[String]) -> String {
    match names {
        [] => "others".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] if names.len() <= 4 => format!("{} and {last}", rest.join(", ")),
        [first, second, third, rest @ ..] => format!("{first}, {second}, {third} and {} more", rest.len()),
        _ => names.join(" and "),
    }
}

/// As few names as still say something, for a line of a table.
pub fn few(names: &[String]) -> String {
    match names {
        [first, rest @ ..] if rest.len() > 1 => format!("{first} and {} more", rest.len()),
        _ => list(names),
    }
}

/// The last part of a path.
pub fn last(path: &str) -> &str {
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// Cells as numbers people compare with a manual's.
pub fn decimal(cells: &[u32]) -> String {
    cells.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// Cells as streams are written.
pub fn hex(cells: &[u32]) -> String {
    cells.iter().map(|cell| format!("{cell:#x}")).collect::<Vec<_>>().join(" ")
}
