//! Answers from tables of ACPI: fewer than a device tree allows, because the tables only say who is behind which IOMMU.

use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::acpi::{AcpiBlocker, AcpiVerdict, AcpiView};
use uvfio_firmware::acpi;

use super::args::{OfDevice, Summary};
use super::table::{Cell, Table};
use super::view::clean;
use super::{BAD, FAINT, GOOD, HEAD, say, say_json, words};
use crate::near::near;
use crate::problem::Problem;

/// A machine in JSON.
#[derive(Serialize)]
struct MachineView {
    tables: Vec<String>,
    iommus: Vec<IommuView>,
    devices: Vec<DeviceView>,
    diagnostics: usize,
}

#[derive(Serialize)]
struct IommuView {
    kind: &'static str,
    place: String,
}

/// A device or a range of them in JSON.
#[derive(Serialize)]
struct DeviceView {
    name: String,
    verdict: &'static str,
    iommu: Option<String>,
    ids: Vec<(u32, u64)>,
    blockers: Vec<BlockerView>,
    together: Vec<String>,
}

#[derive(Serialize)]
struct BlockerView {
    kind: &'static str,
    says: String,
}

/// `uvfio board` of tables.
///
/// # Errors
/// Where stdout cannot be written.
pub fn summary(
    tables: &[acpi::Table],
    diagnostics: &[acpi::Diagnostic],
    args: &Summary,
) -> Result<ExitCode, Problem> {
    let machine = machine(tables, diagnostics);
    if args.whole.plain.source.json {
        say_json(&machine)?;
    } else {
        say(&text(&machine))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `uvfio explain` of tables. Status 0 where nothing the tables know of is in the way, 1 where something is.
///
/// # Errors
/// Where the device is not there or stdout cannot be written.
pub fn explain(tables: &[acpi::Table], args: &OfDevice) -> Result<ExitCode, Problem> {
    let machine = machine(tables, &[]);
    let device = machine.devices.iter().find(|device| device.name == args.device).or_else(|| {
        let mut part = machine.devices.iter().filter(|device| device.name.contains(&args.device));
        part.next().filter(|_| part.next().is_none())
    });
    let Some(device) = device else {
        let names = machine.devices.iter().map(|device| device.name.as_str());
        let near = near(&args.device, names).into_iter().map(str::to_owned).collect();
        return Err(Problem::NoSuchDevice { device: args.device.clone(), near });
    };
    if args.plain.source.json {
        say_json(device)?;
    } else {
        say(&explanation(device))?;
    }
    Ok(if device.verdict == "no" { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn machine(tables: &[acpi::Table], diagnostics: &[acpi::Diagnostic]) -> MachineView {
    let view = AcpiView::of(tables);
    let cleaned = |mut text: String| {
        clean(&mut text);
        text
    };
    let header = |table: &acpi::Table| match table {
        acpi::Table::Iort(header, _)
        | acpi::Table::Dmar(header, _)
        | acpi::Table::Ivrs(header, _)
        | acpi::Table::Viot(header, _)
        | acpi::Table::Other(header) => {
            format!("{} of {} {}", header.signature, header.oem_id, header.oem_table_id)
        }
    };
    let iommu = |at: usize| format!("{} at {}", view.iommus[at].kind, view.iommus[at].place);
    let devices = view.devices.iter().zip(view.verdicts()).enumerate().map(|(at, (device, verdict))| {
        let others =
            device.shares.iter().flat_map(|shared| &view.shared[*shared]).filter(|other| **other != at);
        DeviceView {
            name: cleaned(device.who.to_string()),
            verdict: match verdict {
                AcpiVerdict::Possible => "possible",
                AcpiVerdict::Together => "together",
                AcpiVerdict::No => "no",
            },
            iommu: device.iommu.map(iommu),
            ids: device.ids.clone(),
            blockers: device.blockers.iter().map(blocker).collect(),
            together: others.map(|other| cleaned(view.devices[*other].who.to_string())).collect(),
        }
    });
    MachineView {
        tables: tables.iter().map(header).map(cleaned).collect(),
        devices: devices.collect(),
        iommus: view
            .iommus
            .iter()
            .map(|iommu| IommuView { kind: iommu.kind, place: iommu.place.to_string() })
            .collect(),
        diagnostics: diagnostics.len(),
    }
}

fn blocker(blocker: &AcpiBlocker) -> BlockerView {
    match blocker {
        AcpiBlocker::NoIommu => BlockerView { kind: "no-iommu", says: "no IOMMU translates for it".into() },
        AcpiBlocker::NotCoherent => BlockerView {
            kind: "not-coherent",
            says: "its DMA does not see the processor's caches; VFIO asks for that since Linux 6.0".into(),
        },
        AcpiBlocker::FirmwareMemory { start, last, relaxable } => {
            let except =
                if *relaxable { " (Linux makes an exception for USB controllers and graphics)" } else { "" };
            let says = format!("firmware uses memory {start:#x} to {last:#x} through it{except}");
            BlockerView { kind: "firmware-memory", says }
        }
    }
}

fn text(machine: &MachineView) -> String {
    let mut text = format!(
        "{HEAD}{}{HEAD:#}\n{} IOMMUs, {} devices or ranges of them, {} remarks on the tables\n",
        machine.tables.join(", "),
        machine.iommus.len(),
        machine.devices.len(),
        machine.diagnostics
    );
    let mut table = Table::new(["DEVICE", "VERDICT", "IOMMU", "IDS", "IN THE WAY, OR TIED TO"]);
    for device in &machine.devices {
        let style = if device.verdict == "no" { BAD } else { GOOD };
        let mut why: Vec<String> = device.blockers.iter().map(|blocker| blocker.says.clone()).collect();
        if !device.together.is_empty() {
            why.push(format!("same id: {}", words::list(&device.together)));
        }
        table.row([
            device.name.clone().into(),
            Cell::styled(device.verdict, style),
            Cell::styled(device.iommu.clone().unwrap_or_else(|| "-".to_owned()), FAINT),
            ids(&device.ids).into(),
            why.join("; ").into(),
        ]);
    }
    if !table.is_empty() {
        text.push('\n');
        text.push_str(&table.text());
    }
    text.push_str(&format!("\n{FAINT}{}{FAINT:#}\n", LIMITS));
    text
}

/// What the tables do not say.
const LIMITS: &str = "These tables do not say whether a device can be reset (_RST, in the DSDT), shares an interrupt or a page,\n\
                      nor which PCI functions share a group; \"possible\" is as far as they go.";

fn ids(ids: &[(u32, u64)]) -> String {
    let one = |(first, count): &(u32, u64)| match count {
        1 => format!("{first:#x}"),
        _ => format!("{first:#x} to {:#x}", u64::from(*first) + count - 1),
    };
    ids.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn explanation(device: &DeviceView) -> String {
    let (style, answer) = match device.verdict {
        "no" => (BAD, "no".to_owned()),
        "together" => (GOOD, format!("possibly, together with {}", device.together.join(", "))),
        _ => (GOOD, "possibly".to_owned()),
    };
    let mut text = format!("{HEAD}{}{HEAD:#}\ncan it be handed out? {style}{answer}{style:#}\n", device.name);
    if let Some(iommu) = &device.iommu {
        text.push_str(&format!("\n{HEAD}behind{HEAD:#}\n  {iommu}, ids {}\n", ids(&device.ids)));
    }
    if !device.blockers.is_empty() {
        text.push_str(&format!("\n{HEAD}in its way{HEAD:#}\n"));
        device.blockers.iter().for_each(|blocker| text.push_str(&format!("  {}\n", blocker.says)));
    }
    text.push_str(&format!("\n{FAINT}{LIMITS}{FAINT:#}\n"));
    text
}
