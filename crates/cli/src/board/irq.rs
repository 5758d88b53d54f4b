//! `uvfio irq`: a board's interrupt lines, who has each, and which are shared.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::{DeviceIndex, Options};
use uvfio_firmware::{NodeId, Trigger};

use super::args::Whole;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::tables::gap::{self, Gap};
use super::view::Seen;
use super::{BAD, FAINT, say, say_of_tables, say_of_tree, status_of, tables};
use crate::problem::Problem;

/// A line in JSON.
#[derive(Serialize)]
pub struct LineView {
    pub controller: String,
    pub number: u32,
    pub trigger: &'static str,
    pub shared: bool,
    pub devices: Vec<String>,
}

/// The JSON of `uvfio irq`.
#[derive(Serialize)]
struct LinesView {
    lines: Vec<LineView>,
}

/// Print them: shared ones and those of devices behind an IOMMU, or all.
///
/// # Errors
/// Where the board cannot be read or stdout not be written.
pub fn print(args: &Whole) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    let (lines, gaps) = match source::read(&plain.file, &plain.source.overlay, Options::default())? {
        Description::Tree(seen) => (lines(&seen, args.all), None),
        Description::Acpi(machine) => (tables::lines(&machine, args.all), Some(gaps_of(&machine))),
    };
    let none = match gaps {
        None => "no interrupt line is shared or belongs to a device behind an IOMMU\n",
        Some(_) => "no IOMMU has an interrupt line, nor is one shared or of a device behind an IOMMU\n",
    };
    let view = LinesView { lines };
    match &gaps {
        None if plain.source.json => say_of_tree(&view)?,
        Some(gaps) if plain.source.json => say_of_tables(&view, gaps)?,
        _ => {
            let text = if view.lines.is_empty() { none.to_owned() } else { text(&view.lines) };
            say(&(text + &gap::text(gaps.as_deref().unwrap_or_default())))?;
        }
    }
    Ok(status_of(gaps.as_deref().unwrap_or_default()))
}

/// Without a DSDT nothing says what interrupts devices have.
fn gaps_of(machine: &tables::Machine) -> Vec<Gap> {
    if machine.namespace.is_some() { Vec::new() } else { vec![Gap::Interrupts] }
}

fn lines(seen: &Seen, all: bool) -> Vec<LineView> {
    let mut lines: BTreeMap<(NodeId, u32), (Trigger, Vec<DeviceIndex>)> = BTreeMap::new();
    for (index, device, _) in seen.devices() {
        for interrupt in &device.interrupts {
            let line = lines.entry((interrupt.controller, interrupt.number));
            let (_, users) = line.or_insert((interrupt.trigger, Vec::new()));
            if users.last() != Some(&index) {
                users.push(index);
            }
        }
    }
    let behind =
        |users: &[DeviceIndex]| users.iter().any(|user| seen.verdicts.devices[user.at()].group.is_some());
    let worth = lines.into_iter().filter(|(_, (_, users))| all || users.len() > 1 || behind(users));
    worth
        .map(|((controller, number), (trigger, users))| LineView {
            controller: seen.node(controller),
            number,
            trigger: word(trigger),
            shared: users.len() > 1,
            devices: users.iter().map(|user| seen.name(*user)).collect(),
        })
        .collect()
}

pub fn word(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::EdgeRising => "edge rising",
        Trigger::EdgeFalling => "edge falling",
        Trigger::EdgeBoth => "edge both",
        Trigger::LevelHigh => "level high",
        Trigger::LevelLow => "level low",
        Trigger::Unsaid => "not said",
    }
}

fn text(lines: &[LineView]) -> String {
    let mut table = Table::new(["LINE", "CONTROLLER", "TRIGGER", "", "DEVICES"]);
    for line in lines {
        let shared = if line.shared { Cell::styled("shared", BAD) } else { "".into() };
        table.row([
            line.number.to_string().into(),
            Cell::styled(line.controller.as_str(), FAINT),
            line.trigger.into(),
            shared,
            line.devices.join(", ").into(),
        ]);
    }
    table.text()
}
