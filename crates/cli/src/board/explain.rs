//! `uvfio explain` and `uvfio together`: one device, with all the evidence, and all that has to go where it goes.

use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::Verdict;

use super::args::OfDevice;
use super::reset;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::tables::gap::{self, Gap};
use super::tables::{self, Machine};
use super::view::{DeviceView, Reason};
use super::{BAD, FAINT, FAIR, GOOD, HEAD, say, say_of_tables, say_of_tree, status_of, style_of, summary};
use crate::problem::Problem;

/// Why a device can or cannot go. Status 0 where it can, 1 where not.
///
/// # Errors
/// Where the board cannot be read, the device is not there, or stdout cannot be written.
pub fn explain(args: &OfDevice) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    let file = plain.file.display().to_string();
    match source::read(&plain.file, &plain.source.overlay, args.accept.options())? {
        Description::Tree(seen) => {
            let mut view = seen.view(seen.meant(&args.device)?);
            view.ways_to_reset = reset::ways(&seen.board, &view.name);
            if plain.source.json {
                say_of_tree(&view)?
            } else {
                say(&text(&view, &file))?
            }
            Ok(status(view.verdict != "no", &[]))
        }
        Description::Acpi(machine) => {
            let view = machine.meant(&args.device)?;
            let gaps = gaps(&machine, &view);
            match plain.source.json {
                true => say_of_tables(&view, &gaps)?,
                false => say(&tables::explanation(&view, &gaps, &file))?,
            }
            Ok(status(view.verdict != "no", &gaps))
        }
    }
}

/// What tables leave open of one device.
fn gaps(machine: &Machine, view: &DeviceView) -> Vec<Gap> {
    machine.gaps(match (view.verdict, view.bus) {
        // A no stands whatever else there is to know.
        ("no", _) => &[],
        (_, "pci") => &[Gap::FunctionGroups],
        _ => &[Gap::Reset, Gap::Interrupts, Gap::Registers],
    })
}

fn status(can: bool, gaps: &[Gap]) -> ExitCode {
    if can { status_of(gaps) } else { ExitCode::FAILURE }
}

fn text(view: &DeviceView, file: &str) -> String {
    let mut text = opening(view);
    reasons(&mut text, view, file);
    text.push_str(&resets(view));
    text.push_str(&advice(view, file));
    text
}

/// The device and the answer.
pub fn opening(view: &DeviceView) -> String {
    let style = style_of(view.verdict, view.give_up.is_some());
    let answer = match view.verdict {
        "yes" => "yes, by itself".to_owned(),
        "together" => {
            let others: Vec<&str> =
                view.together.iter().filter(|name| **name != view.name).map(String::as_str).collect();
            format!("together with {}", others.join(", "))
        }
        "possible" => "possibly: nothing that the tables know of is in the way".to_owned(),
        _ => "no".to_owned(),
    };
    let mut about = view.compatible.join(", ");
    if view.path != view.name {
        about = format!("{about}  {}", view.path);
    }
    let head = format!("{HEAD}{}{HEAD:#}  {FAINT}{about}{FAINT:#}", view.name);
    let head = if about.trim().is_empty() { format!("{HEAD}{}{HEAD:#}", view.name) } else { head };
    format!("{head}\ncan it be handed out? {style}{answer}{style:#}\n")
}

/// The evidence: what is in the way, what goes along, what was given up, what is worth knowing.
pub fn reasons(text: &mut String, view: &DeviceView, file: &str) {
    let standing: Vec<&Reason> = view.blockers.iter().filter(|reason| !reason.lifted).collect();
    part(text, "in its way", &standing);
    if let Some(because) = &view.because {
        text.push_str(&format!(
            "\n{HEAD}in the way of {}, which would have to go along{HEAD:#}\n",
            because.device
        ));
        text.push_str(&format!(
            "  {}\n  {FAINT}uvfio explain {file} {} says more{FAINT:#}\n",
            because.through.says, because.device
        ));
    }
    let ties: Vec<&Reason> = view.bonds.iter().filter(|reason| !reason.lifted).collect();
    part(text, "draws along", &ties);
    let lifted: Vec<&Reason> =
        view.blockers.iter().chain(&view.bonds).filter(|reason| reason.lifted).collect();
    part(text, "given up", &lifted);
    let cautions: Vec<&Reason> = view.cautions.iter().collect();
    part(text, "worth knowing", &cautions);
}

fn part(text: &mut String, title: &str, reasons: &[&Reason]) {
    if reasons.is_empty() {
        return;
    }
    text.push_str(&format!("\n{HEAD}{title}{HEAD:#}\n"));
    for reason in reasons {
        let lift = match reason.lifted_by {
            Some(name) if !reason.lifted => format!("  {FAINT}[{name}]{FAINT:#}"),
            _ => String::new(),
        };
        let source = reason.source.map(|source| format!("  {FAINT}{source}{FAINT:#}")).unwrap_or_default();
        text.push_str(&format!("  {}{lift}{source}\n", reason.says));
    }
}

fn resets(view: &DeviceView) -> String {
    let says = match (view.reset_driver, view.reset_lines, view.dedicated_reset_lines) {
        (Some(driver), ..) => format!("VFIO resets it with {driver}"),
        (None, 0, _) => "none that VFIO or the description knows".to_owned(),
        (None, lines, dedicated) if lines == dedicated => {
            format!("{lines} reset line(s) of its own, which VFIO in Linux does not use")
        }
        (None, lines, dedicated) => {
            format!("{lines} reset line(s), {dedicated} of its own; VFIO in Linux uses none")
        }
    };
    let mut text = format!("\n{HEAD}reset{HEAD:#}\n  {says}\n");
    for way in &view.ways_to_reset {
        text.push_str(&format!("  uvfio run has {}", way.says));
        if !way.reaches.is_empty() {
            text.push_str(&format!(", which also resets {}", way.reaches.join(", ")));
        }
        text.push_str(
            &way.but.as_ref().map_or_else(|| "\n".to_owned(), |but| format!("\n    {FAINT}{but}{FAINT:#}\n")),
        );
    }
    text
}

/// What to do next.
fn advice(view: &DeviceView, file: &str) -> String {
    let mut text = format!("\n{HEAD}next{HEAD:#}\n");
    match &view.give_up {
        None => text.push_str(&format!("  {BAD}nothing that can be given up frees it{BAD:#}\n")),
        Some(names) if !names.is_empty() => {
            let allow: Vec<String> = names.iter().map(|name| format!("--allow {name}")).collect();
            text.push_str(&format!(
                "  the least to give up: {}\n  uvfio explain {file} {} {}\n",
                names.join(" and "),
                view.name,
                allow.join(" ")
            ));
        }
        Some(_) => {
            let param = view.blockers.iter().any(|reason| reason.kind == "no-reset");
            let param = if param { " --param vfio-platform.reset_required=0" } else { "" };
            let all =
                if view.together.is_empty() { std::slice::from_ref(&view.name) } else { &view.together };
            let bind: Vec<String> = all.iter().map(|name| format!(" --bind {name}")).collect();
            text.push_str(&format!(
                "  {GOOD}try it:{GOOD:#} uvfio run --board {file}{param}{} -- PROGRAM\n",
                bind.concat()
            ));
        }
    }
    text
}

/// The JSON of `uvfio together`.
#[derive(Serialize)]
struct TogetherView {
    device: String,
    /// Absent where the description does not say enough.
    can: Option<bool>,
    devices: Vec<DeviceView>,
}

/// All that has to go where a device goes. Status 0 where it can, 1 where not.
///
/// # Errors
/// Where the board cannot be read, the device is not there, or stdout cannot be written.
pub fn together(args: &OfDevice) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    match source::read(&plain.file, &plain.source.overlay, args.accept.options())? {
        Description::Tree(seen) => {
            let device = seen.meant(&args.device)?;
            let can = seen.verdicts.devices[device.at()].verdict != Verdict::No;
            let members = seen.verdicts.together(device).into_iter();
            let devices = members.map(|member| seen.view(member)).collect();
            let view = TogetherView { device: seen.name(device), can: Some(can), devices };
            if plain.source.json {
                say_of_tree(&view)?
            } else {
                say(&together_text(&view))?
            }
            Ok(status(can, &[]))
        }
        Description::Acpi(machine) => {
            let device = machine.meant(&args.device)?;
            let gaps = gaps(&machine, &device);
            let devices = machine.together(&device);
            let can = device.verdict != "no";
            let view =
                TogetherView { device: device.name, can: (!can || gaps.is_empty()).then_some(can), devices };
            match plain.source.json {
                true => say_of_tables(&view, &gaps)?,
                false => say(&(together_text(&view) + &gap::text(&gaps)))?,
            }
            Ok(status(can, &gaps))
        }
    }
}

fn together_text(view: &TogetherView) -> String {
    let style = match view.can {
        Some(true) => GOOD,
        Some(false) => BAD,
        None => FAIR,
    };
    let answer = match (view.can, view.devices.len()) {
        (Some(true), 1) => "can go by itself".to_owned(),
        (Some(true), many) => format!("can go with all {many}"),
        (Some(false), 1) => "cannot go".to_owned(),
        (Some(false), many) => format!("would take {many} along, and cannot go"),
        (None, 1) => "can possibly go, and the tables tie nothing to it".to_owned(),
        (None, many) => format!("can possibly go, with all {many}"),
    };
    let mut table = Table::new(["DEVICE", "BY ITSELF", "WHY"]);
    for device in &view.devices {
        let free = device.blockers.iter().all(|reason| reason.lifted);
        let own = if free { Cell::styled("free", GOOD) } else { Cell::styled("blocked", BAD) };
        table.row([device.name.clone().into(), own, summary::short(device).into()]);
    }
    format!("{HEAD}{}{HEAD:#} {style}{answer}{style:#}\n\n{}", view.device, table.text())
}
