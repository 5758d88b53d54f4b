//! `uvfio board`: a board in one page, from its name to what can be handed out.

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::args::Summary;
use super::remarks;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::view::{DeviceView, Reason, Seen, clean, names};
use super::{BAD, FAINT, HEAD, say, say_of_tables, say_of_tree, style_of, tables};
use crate::problem::Problem;

/// The JSON of `uvfio board`.
#[derive(Serialize)]
struct BoardView {
    model: String,
    compatible: Vec<String>,
    page: u64,
    allowed: Vec<&'static str>,
    counts: CountsView,
    groups: usize,
    shared_reset_lines: usize,
    shared_interrupts: usize,
    diagnostics: usize,
    devices: Vec<DeviceView>,
    bridges: Vec<BridgeView>,
}

/// How many devices have which answer.
#[derive(Clone, Copy, Serialize)]
pub struct CountsView {
    pub devices: usize,
    pub yes: usize,
    pub together: usize,
    pub no: usize,
    /// Of those that cannot go: they could if something is given up.
    pub could: usize,
}

/// A bridge to devices that are found, not described.
#[derive(Serialize)]
struct BridgeView {
    host: String,
    iommus: Vec<String>,
    says: String,
}

/// Print it.
///
/// # Errors
/// Where the board cannot be read or stdout not be written.
pub fn print(args: &Summary) -> Result<ExitCode, Problem> {
    let plain = &args.whole.plain;
    match source::read(&plain.file, &plain.source.overlay, args.accept.options())? {
        Description::Tree(seen) if plain.source.json => say_of_tree(&view(&seen, args.whole.all))?,
        Description::Tree(seen) => say(&text(&seen, args.whole.all, &plain.file.display().to_string()))?,
        Description::Acpi(machine) if plain.source.json => {
            say_of_tables(&tables::view(&machine), &machine.gaps(&tables::GAPS))?;
        }
        Description::Acpi(machine) => say(&tables::text(&machine, args))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// How many have which answer.
pub fn counts(seen: &Seen) -> CountsView {
    let counts = seen.verdicts.counts();
    CountsView {
        devices: seen.board.devices.len(),
        yes: counts.yes,
        together: counts.together,
        no: counts.no,
        could: counts.could,
    }
}

/// Whether a device is worth a line: it names an IOMMU.
fn is_named(view: &DeviceView) -> bool {
    !view.iommus.is_empty()
}

fn view(seen: &Seen, all: bool) -> BoardView {
    let devices = seen.devices().filter(|(_, device, _)| all || !device.iommus.is_empty());
    BoardView {
        model: seen.board.model.clone(),
        compatible: seen.board.compatible.clone(),
        page: seen.verdicts.options.page.bytes(),
        allowed: names(seen.verdicts.options.allowed),
        counts: counts(seen),
        groups: seen.verdicts.groups.len(),
        shared_reset_lines: seen.verdicts.reset_lines.len(),
        shared_interrupts: seen.verdicts.interrupt_lines.len(),
        diagnostics: seen.diagnostics.len(),
        devices: devices.map(|(index, ..)| seen.view(index)).collect(),
        bridges: bridges(seen),
    }
}

fn bridges(seen: &Seen) -> Vec<BridgeView> {
    let view = |bridge: &uvfio_board::Bridge| {
        let mut iommus: Vec<String> =
            bridge.ranges.iter().filter(|range| range.enabled).map(|range| seen.node(range.iommu)).collect();
        iommus.dedup();
        let what = if bridge.pci.is_some() { "PCI functions" } else { "objects" };
        let says = match &iommus[..] {
            [] if bridge.ranges.is_empty() => format!("its {what} are behind no IOMMU"),
            [] => format!("the IOMMU of its {what} is disabled"),
            some => format!(
                "its {what} are behind {}; their groups follow from the path to them",
                some.join(", ")
            ),
        };
        BridgeView { host: seen.name(bridge.host), iommus, says }
    };
    seen.verdicts.bridges.iter().map(view).collect()
}

/// So much of what is wrong with a description as a whole is told.
const MOST_DAMAGE: usize = 3;

fn text(seen: &Seen, all: bool, file: &str) -> String {
    let mut text = String::new();
    let counts = counts(seen);
    let mut line = |text_line: String| {
        text.push_str(&text_line);
        text.push('\n');
    };
    let model = if seen.board.model.is_empty() { file } else { &seen.board.model };
    line(format!("{HEAD}{model}{HEAD:#}  {FAINT}{}{FAINT:#}", seen.board.compatible.join(", ")));
    let could = match counts.could {
        0 => String::new(),
        some => format!(" ({some} of them could, if something is given up)"),
    };
    line(format!(
        "{} devices: {} can be handed out alone, {} with others, {} not{could}",
        counts.devices, counts.yes, counts.together, counts.no
    ));
    line(format!(
        "{} IOMMU groups, {} shared reset lines, {} shared interrupts, {} remarks on the description{}",
        seen.verdicts.groups.len(),
        seen.verdicts.reset_lines.len(),
        seen.verdicts.interrupt_lines.len(),
        seen.diagnostics.len(),
        lint_hint(seen.diagnostics.len(), file)
    ));
    // What is wrong with the whole explains what is missing below.
    let damage = seen.diagnostics.iter().filter(|diagnostic| diagnostic.path.is_empty());
    for diagnostic in damage.take(MOST_DAMAGE) {
        let mut says = remarks::of_tree(diagnostic).says;
        clean(&mut says);
        line(format!("{BAD}damaged:{BAD:#} {says}"));
    }
    if !seen.verdicts.options.allowed.is_empty() {
        line(format!("given up: {}", names(seen.verdicts.options.allowed).join(", ")));
    }
    let mut table = Table::new(["DEVICE", "VERDICT", "GROUP", "IN THE WAY, OR TIED TO", "GIVE UP"]);
    let views: Vec<DeviceView> = seen.devices().map(|(index, ..)| seen.view(index)).collect();
    for view in views.iter().filter(|view| all || is_named(view)) {
        row(&mut table, view);
    }
    if !table.is_empty() {
        line(String::new());
        line(table.text().trim_end().to_owned());
    }
    let bridges = bridges(seen);
    if !bridges.is_empty() {
        line(String::new());
    }
    for bridge in bridges {
        line(format!("{}: {}", bridge.host, bridge.says));
    }
    let by_line = |view: &&DeviceView| view.cautions.iter().any(|reason| reason.kind == "reset-by-line");
    let by_line = views.iter().filter(|view| is_named(view)).filter(by_line).count();
    if by_line > 0 {
        line(format!(
            "\n{by_line} of these are reset by a line of their own under uvfio run; no Linux does that so far, and needs reset_required=0."
        ));
    }
    let rest = views.iter().filter(|view| !is_named(view)).count();
    if !all && rest > 0 {
        line(format!(
            "\n{FAINT}{rest} devices name no IOMMU and cannot be handed out (--all lists them).{FAINT:#}"
        ));
    }
    if let Some(one) = views.iter().find(|view| is_named(view)) {
        line(format!("{FAINT}uvfio explain {file} {} says why.{FAINT:#}", one.name));
    }
    text
}

/// Where remarks are to be read.
pub fn lint_hint(remarks: usize, file: &str) -> String {
    if remarks == 0 { String::new() } else { format!(" {FAINT}(uvfio lint {file}){FAINT:#}") }
}

fn row(table: &mut Table, view: &DeviceView) {
    let group = view.group.map_or_else(|| "-".to_owned(), |group| group.to_string());
    let give_up = match &view.give_up {
        _ if view.verdict != "no" => String::new(),
        None => "nothing helps".to_owned(),
        Some(names) => names.join(" "),
    };
    table.row([
        view.name.clone().into(),
        Cell::styled(view.verdict, style_of(view.verdict, view.give_up.is_some())),
        group.into(),
        short(view).into(),
        Cell::styled(give_up, FAINT),
    ]);
}

/// The reasons in a few words.
pub fn short(view: &DeviceView) -> String {
    let mut words: Vec<String> = Vec::new();
    if view.verdict == "together" {
        let others = view.together.iter().filter(|name| **name != view.name);
        words.push(format!("with {}", super::words::few(&others.cloned().collect::<Vec<_>>())));
    }
    let standing = view.blockers.iter().filter(|reason| !reason.lifted);
    let for_good: Vec<&Reason> = standing.clone().filter(|reason| reason.lifted_by.is_none()).collect();
    if !for_good.is_empty() {
        // Nothing else matters then.
        return for_good.into_iter().map(word).collect::<Vec<_>>().join("; ");
    }
    let helpless = view.verdict == "no" && view.give_up.is_none();
    if !helpless {
        words.extend(standing.map(word));
    }
    if let Some(because) = &view.because {
        let mut through = String::new();
        let _ = write!(through, "{}: {}", word(&because.through), because.device);
        words.push(through);
    } else if view.verdict == "no" {
        // Where nothing helps, what could be untied is not the reason.
        let tied = view.bonds.iter().filter(|bond| !bond.lifted && (!helpless || bond.lifted_by.is_none()));
        words.extend(tied.map(|bond| format!("{}: {}", word(bond), super::words::few(&bond.devices))));
    }
    words.dedup();
    words.join("; ")
}

fn word(reason: &Reason) -> String {
    match reason.kind {
        "no-iommu" => "no IOMMU".to_owned(),
        "iommu-disabled" => "IOMMU disabled".to_owned(),
        "iommu-without-driver" => "IOMMU without driver".to_owned(),
        "not-grouped" => "not taken by the IOMMU's driver".to_owned(),
        "not-coherent" => "DMA not coherent".to_owned(),
        "no-reset" => "no reset".to_owned(),
        "pci-host" => "PCI host bridge".to_owned(),
        "firmware-memory" => "firmware uses memory through it".to_owned(),
        "interrupt-shared" => format!("interrupt {} shared", reason.number.unwrap_or(0)),
        "needed-beyond" => format!("needed by {}", reason.node.as_deref().unwrap_or("others")),
        "group" => "same group".to_owned(),
        "stream" => "same stream".to_owned(),
        "reset-line" => "same reset line".to_owned(),
        "page" => "same page".to_owned(),
        "supplies" => format!("{} of", reason.sorts.join(", ")),
        other => other.to_owned(),
    }
}
