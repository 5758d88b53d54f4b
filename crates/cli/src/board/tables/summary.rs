//! `uvfio board` and `uvfio explain` of tables.

use serde::Serialize;

use super::Machine;
use super::gap::{self, Gap};
use crate::board::args::Summary;
use crate::board::table::{Cell, Table};
use crate::board::view::{DeviceView, Ids, names};
use crate::board::{FAINT, HEAD, explain, style_of, summary};

/// The JSON of `uvfio board` of tables.
#[derive(Serialize)]
pub struct MachineView<'a> {
    tables: &'a [String],
    page: u64,
    allowed: Vec<&'static str>,
    counts: CountsView,
    iommus: Vec<IommuView>,
    diagnostics: usize,
    devices: &'a [DeviceView],
}

/// How many devices and ranges have which answer.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct CountsView {
    pub devices: usize,
    pub yes: usize,
    pub possible: usize,
    pub together: usize,
    pub no: usize,
    /// Of those that cannot go: they could if something is given up.
    pub could: usize,
}

#[derive(Serialize)]
struct IommuView {
    kind: &'static str,
    place: String,
    driver: &'static str,
}

/// How many have which answer.
pub fn counts(machine: &Machine) -> CountsView {
    let mut counts = CountsView { devices: machine.devices.len(), ..CountsView::default() };
    for device in &machine.devices {
        match device.verdict {
            "yes" => counts.yes += 1,
            "possible" => counts.possible += 1,
            "together" => counts.together += 1,
            _ => counts.no += 1,
        }
        counts.could += usize::from(device.verdict == "no" && device.give_up.is_some());
    }
    counts
}

/// The whole for JSON.
pub fn view(machine: &Machine) -> MachineView<'_> {
    let iommus = machine.view.iommus.iter();
    MachineView {
        tables: &machine.tables,
        page: machine.options.page.bytes(),
        allowed: names(machine.options.allowed),
        counts: counts(machine),
        iommus: iommus
            .map(|iommu| IommuView {
                kind: iommu.kind,
                place: iommu.place.to_string(),
                driver: iommu.driver(),
            })
            .collect(),
        diagnostics: machine.remarks.len(),
        devices: &machine.devices,
    }
}

/// What `uvfio board` leaves open.
pub const GAPS: [Gap; 5] =
    [Gap::Reset, Gap::Interrupts, Gap::Registers, Gap::FunctionGroups, Gap::BehindBridges];

/// The whole for people.
pub fn text(machine: &Machine, args: &Summary) -> String {
    let counts = counts(machine);
    let could = match counts.could {
        0 => String::new(),
        some => format!(" ({some} of them could, if something is given up)"),
    };
    let mut text = format!(
        "{HEAD}{}{HEAD:#}\n\
         {} devices or ranges of them: {} can be handed out alone, {} possibly, {} with others, {} not{could}\n\
         {} IOMMUs, {} remarks on the tables{}\n",
        machine.title(),
        counts.devices,
        counts.yes,
        counts.possible,
        counts.together,
        counts.no,
        machine.view.iommus.len(),
        machine.remarks.len(),
        summary::lint_hint(machine.remarks.len(), &args.whole.plain.file.display().to_string())
    );
    if !machine.options.allowed.is_empty() {
        text.push_str(&format!("given up: {}\n", names(machine.options.allowed).join(", ")));
    }
    if machine.view.iommus.is_empty() {
        text.push_str("\nThese tables name no IOMMU: Linux hands nothing of this machine out.\n");
    }
    let mut table = Table::new(["DEVICE", "VERDICT", "IOMMU", "IDS", "IN THE WAY, OR TIED TO", "GIVE UP"]);
    for device in &machine.devices {
        let give_up = match &device.give_up {
            _ if device.verdict != "no" => String::new(),
            None => "nothing helps".to_owned(),
            Some(names) => names.join(" "),
        };
        table.row([
            device.name.clone().into(),
            Cell::styled(device.verdict, style_of(device.verdict, device.give_up.is_some())),
            Cell::styled(device.iommus.first().cloned().unwrap_or_else(|| "-".to_owned()), FAINT),
            ids(&device.ids).into(),
            summary::short(device).into(),
            Cell::styled(give_up, FAINT),
        ]);
    }
    if !table.is_empty() {
        text.push('\n');
        text.push_str(&table.text());
    }
    text.push_str(&gap::text(&machine.gaps(&GAPS)));
    if let Some(first) = machine.devices.first() {
        let file = args.whole.plain.file.display();
        text.push_str(&format!("{FAINT}uvfio explain {file} {} says why.{FAINT:#}\n", quoted(&first.name)));
    }
    text
}

/// A name as a shell takes it: those of the namespace have backslashes, those of ranges spaces.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:_-/".contains(c);
    if name.chars().all(plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', "'\\''")) }
}

fn ids(ids: &[Ids]) -> String {
    ids.iter().map(Ids::to_string).collect::<Vec<_>>().join(", ")
}

/// One device for people.
pub fn explanation(device: &DeviceView, gaps: &[Gap], file: &str) -> String {
    let mut text = explain::opening(device);
    if let Some(range) = &device.part_of {
        text.push_str(&format!("\n{HEAD}named as one of{HEAD:#}\n  {range}\n"));
    }
    for iommu in &device.iommus {
        let ids = match device.ids[..] {
            [] => String::new(),
            _ => format!(", where it is {}", ids(&device.ids)),
        };
        text.push_str(&format!("\n{HEAD}behind{HEAD:#}\n  {iommu}{ids}\n"));
    }
    explain::reasons(&mut text, device, file);
    match &device.give_up {
        None => text.push_str(&format!("\n{HEAD}next{HEAD:#}\n  nothing that can be given up frees it\n")),
        Some(names) if !names.is_empty() => text.push_str(&format!(
            "\n{HEAD}next{HEAD:#}\n  the least to give up: {}\n  uvfio explain {file} {} --allow {}\n",
            names.join(" and "),
            quoted(&device.name),
            names.join(" --allow ")
        )),
        Some(_) => {}
    }
    text.push_str(&gap::text(gaps));
    text
}
