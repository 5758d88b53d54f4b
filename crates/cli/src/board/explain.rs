//! `uvfio explain` and `uvfio together`: one device, with all the evidence, and all that has to go where it goes.

use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::Verdict;

use super::args::OfDevice;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::view::{DeviceView, Reason, Seen};
use super::{BAD, FAINT, GOOD, HEAD, say, say_json, style_of, summary, tables};
use crate::problem::Problem;

/// Why a device can or cannot go. Status 0 where it can, 1 where not.
///
/// # Errors
/// Where the board cannot be read, the device is not there, or stdout cannot be written.
pub fn explain(args: &OfDevice) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    let seen = match source::read(&plain.file, &plain.source.overlay)? {
        Description::Tree(board, diagnostics) => Seen::new(*board, diagnostics, args.accept.options()),
        Description::Acpi(found, _) => return tables::explain(&found, args),
    };
    let view = seen.view(seen.meant(&args.device)?);
    if plain.source.json {
        say_json(&view)?;
    } else {
        say(&text(&view, &plain.file.display().to_string()))?;
    }
    Ok(status(view.verdict != "no"))
}

fn status(can: bool) -> ExitCode {
    if can { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn text(view: &DeviceView, file: &str) -> String {
    let style = style_of(view.verdict, view.give_up.is_some());
    let answer = match view.verdict {
        "yes" => "yes, by itself".to_owned(),
        "together" => {
            let others: Vec<&str> =
                view.together.iter().filter(|name| **name != view.name).map(String::as_str).collect();
            format!("together with {}", others.join(", "))
        }
        _ => "no".to_owned(),
    };
    let mut text = format!(
        "{HEAD}{}{HEAD:#}  {FAINT}{}  {}{FAINT:#}\ncan it be handed out? {style}{answer}{style:#}\n",
        view.name,
        view.compatible.join(", "),
        view.path
    );
    let standing: Vec<&Reason> = view.blockers.iter().filter(|reason| !reason.lifted).collect();
    part(&mut text, "in its way", &standing);
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
    part(&mut text, "draws along", &ties);
    let lifted: Vec<&Reason> =
        view.blockers.iter().chain(&view.bonds).filter(|reason| reason.lifted).collect();
    part(&mut text, "given up", &lifted);
    let cautions: Vec<&Reason> = view.cautions.iter().collect();
    part(&mut text, "worth knowing", &cautions);
    text.push_str(&reset(view));
    text.push_str(&advice(view, file));
    text
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

fn reset(view: &DeviceView) -> String {
    let says = match (view.reset_driver, view.reset_lines, view.dedicated_reset_lines) {
        (Some(driver), ..) => format!("VFIO resets it with {driver}"),
        (None, 0, _) => "none that VFIO or the description knows".to_owned(),
        (None, lines, dedicated) if lines == dedicated => {
            format!("{lines} reset line(s) of its own, which VFIO does not use")
        }
        (None, lines, dedicated) => format!("{lines} reset line(s), {dedicated} of its own; VFIO uses none"),
    };
    format!("\n{HEAD}reset{HEAD:#}\n  {says}\n")
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
    can: bool,
    devices: Vec<DeviceView>,
}

/// All that has to go where a device goes. Status 0 where it can, 1 where not.
///
/// # Errors
/// Where the board cannot be read, the device is not there, or stdout cannot be written.
pub fn together(args: &OfDevice) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    let (board, diagnostics) = source::tree(&plain.file, &plain.source.overlay)?;
    let seen = Seen::new(board, diagnostics, args.accept.options());
    let device = seen.meant(&args.device)?;
    let can = seen.verdicts.devices[device.at()].verdict != Verdict::No;
    let devices: Vec<DeviceView> =
        seen.verdicts.together(device).into_iter().map(|member| seen.view(member)).collect();
    let view = TogetherView { device: seen.name(device), can, devices };
    if plain.source.json {
        say_json(&view)?;
    } else {
        say(&together_text(&view))?;
    }
    Ok(status(can))
}

fn together_text(view: &TogetherView) -> String {
    let style = if view.can { GOOD } else { BAD };
    let answer = match (view.can, view.devices.len()) {
        (true, 1) => "can go by itself".to_owned(),
        (true, many) => format!("can go with all {many}"),
        (false, 1) => "cannot go".to_owned(),
        (false, many) => format!("would take {many} along, and cannot go"),
    };
    let mut table = Table::new(["DEVICE", "BY ITSELF", "WHY"]);
    for device in &view.devices {
        let free = device.blockers.iter().all(|reason| reason.lifted);
        let own = if free { Cell::styled("free", GOOD) } else { Cell::styled("blocked", BAD) };
        table.row([device.name.clone().into(), own, summary::short(device).into()]);
    }
    format!("{HEAD}{}{HEAD:#} {style}{answer}{style:#}\n\n{}", view.device, table.text())
}
