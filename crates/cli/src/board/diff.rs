//! `uvfio diff`: two boards, what came, what went, and whose verdict changed.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;

use super::args::Diff;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::tables::Machine;
use super::view::{Ids, Seen};
use super::ways::{self, Ways};
use super::{FAINT, say, say_json, style_of, summary};
use crate::problem::Problem;

/// The JSON of `uvfio diff`.
#[derive(Serialize)]
struct DiffView {
    changes: Vec<Change>,
    same: usize,
    /// What of the two could be compared.
    compared: &'static str,
}

/// Something that is not what it was.
#[derive(Serialize)]
struct Change {
    device: String,
    /// Its verdict on the first board; absent where it is not there.
    before: Option<&'static str>,
    after: Option<&'static str>,
    why_before: String,
    why_after: String,
}

/// What is said of something, by its name and sort.
pub type Entries = BTreeMap<(String, &'static str), Entry>;

/// What is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In a word.
    pub verdict: &'static str,
    /// In some more.
    pub why: String,
}

/// Print it. Status 0 where nothing changed, 1 where something did.
///
/// # Errors
/// Where a board cannot be read or stdout not be written.
pub fn print(args: &Diff) -> Result<ExitCode, Problem> {
    let options = args.accept.options();
    let before = source::read(&args.before, &[], options)?;
    let after = source::read(&args.after, &args.overlay, options)?;
    let (compared, (before, after)) = match (&before, &after) {
        (Description::Tree(before), Description::Tree(after)) => {
            ("devices and their verdicts", (of_tree(before), of_tree(after)))
        }
        (Description::Acpi(before), Description::Acpi(after)) => {
            ("devices, their IOMMUs and verdicts", (of_tables(before), of_tables(after)))
        }
        (before, after) => (
            "IOMMUs, the ways of PCI functions to them, and with a DSDT where devices are and their interrupts: what both kinds say",
            ways::entries(&ways_of(before), &ways_of(after)),
        ),
    };
    let view = compare(&before, &after, compared);
    if args.json {
        say_json(&view)?;
    } else {
        say(&text(&view))?;
    }
    Ok(if view.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ways_of(description: &Description) -> Ways {
    match description {
        Description::Tree(seen) => ways::of_tree(seen),
        Description::Acpi(machine) => ways::of_tables(machine),
    }
}

fn of_tree(seen: &Seen) -> Entries {
    let views = seen.devices().map(|(index, ..)| seen.view(index));
    views
        .map(|view| {
            let entry = Entry { verdict: view.verdict, why: summary::short(&view) };
            ((view.name, view.bus), entry)
        })
        .collect()
}

fn of_tables(machine: &Machine) -> Entries {
    let views = machine.devices.iter();
    views
        .map(|view| {
            let ids: Vec<String> = view.ids.iter().map(Ids::to_string).collect();
            let mut why: Vec<String> = view.iommus.iter().map(|iommu| format!("behind {iommu}")).collect();
            why.extend((!ids.is_empty()).then(|| format!("ids {}", ids.join(", "))));
            why.push(summary::short(view));
            why.retain(|word| !word.is_empty());
            ((view.name.clone(), view.bus), Entry { verdict: view.verdict, why: why.join(", ") })
        })
        .collect()
}

fn compare(before: &Entries, after: &Entries, compared: &'static str) -> DiffView {
    let mut view = DiffView { changes: Vec::new(), same: 0, compared };
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (was, is) = (before.get(name), after.get(name));
        if was == is {
            view.same += 1;
            continue;
        }
        let why = |entry: Option<&Entry>| entry.map(|entry| entry.why.clone()).unwrap_or_default();
        view.changes.push(Change {
            device: name.0.clone(),
            before: was.map(|entry| entry.verdict),
            after: is.map(|entry| entry.verdict),
            why_before: why(was),
            why_after: why(is),
        });
    }
    view
}

fn text(view: &DiffView) -> String {
    if view.changes.is_empty() {
        return format!("{} entries, none different ({})\n", view.same, view.compared);
    }
    let mut table = Table::new(["DEVICE", "BEFORE", "AFTER", "WHY"]);
    for change in &view.changes {
        let cell = |verdict: Option<&'static str>| match verdict {
            Some(verdict @ ("present" | "translated")) => verdict.into(),
            Some(verdict) => Cell::styled(verdict, style_of(verdict, false)),
            None => Cell::styled("absent", FAINT),
        };
        let why = match (change.before, change.after) {
            (Some(_), Some(_)) => {
                format!("{} -> {}", or_nothing(&change.why_before), or_nothing(&change.why_after))
            }
            (Some(_), None) => change.why_before.clone(),
            _ => change.why_after.clone(),
        };
        table.row([change.device.clone().into(), cell(change.before), cell(change.after), why.into()]);
    }
    let compared = view.compared;
    format!(
        "{}\n{} other entries are the same {FAINT}(compared: {compared}){FAINT:#}\n",
        table.text(),
        view.same
    )
}

fn or_nothing(why: &str) -> &str {
    if why.is_empty() { "nothing" } else { why }
}
