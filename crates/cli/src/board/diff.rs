//! `uvfio diff`: two boards, what came, what went, and whose verdict changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::Options;

use super::args::Diff;
use super::source;
use super::table::{Cell, Table};
use super::view::{DeviceView, Seen};
use super::{FAINT, say, say_json, style_of, summary};
use crate::problem::Problem;

/// The JSON of `uvfio diff`.
#[derive(Serialize)]
struct DiffView {
    changes: Vec<Change>,
    same: usize,
}

/// A device that is not what it was.
#[derive(Serialize)]
struct Change {
    device: String,
    /// Its verdict on the first board; absent where it is not there.
    before: Option<&'static str>,
    after: Option<&'static str>,
    why_before: String,
    why_after: String,
}

/// Print it. Status 0 where nothing changed, 1 where something did.
///
/// # Errors
/// Where a board cannot be read or stdout not be written.
pub fn print(args: &Diff) -> Result<ExitCode, Problem> {
    let (before, after) =
        (views(&args.before, args.accept.options())?, views(&args.after, args.accept.options())?);
    let view = compare(&before, &after);
    if args.json {
        say_json(&view)?;
    } else {
        say(&text(&view))?;
    }
    Ok(if view.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each device by bus and name.
fn views(path: &Path, options: Options) -> Result<BTreeMap<(String, &'static str), DeviceView>, Problem> {
    let (board, diagnostics) = source::tree(path, &[])?;
    let seen = Seen::new(board, diagnostics, options);
    let views = seen.devices().map(|(index, ..)| seen.view(index));
    Ok(views.map(|view| ((view.name.clone(), view.bus), view)).collect())
}

type Views = BTreeMap<(String, &'static str), DeviceView>;

fn compare(before: &Views, after: &Views) -> DiffView {
    let mut view = DiffView { changes: Vec::new(), same: 0 };
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (was, is) = (before.get(name), after.get(name));
        let why = |view: Option<&DeviceView>| view.map(summary::short).unwrap_or_default();
        let (why_before, why_after) = (why(was), why(is));
        if was.map(|view| view.verdict) == is.map(|view| view.verdict) && why_before == why_after {
            view.same += 1;
            continue;
        }
        view.changes.push(Change {
            device: name.0.clone(),
            before: was.map(|view| view.verdict),
            after: is.map(|view| view.verdict),
            why_before,
            why_after,
        });
    }
    view
}

fn text(view: &DiffView) -> String {
    if view.changes.is_empty() {
        return format!("{} devices, all with the same verdict\n", view.same);
    }
    let mut table = Table::new(["DEVICE", "BEFORE", "AFTER", "WHY"]);
    for change in &view.changes {
        let cell = |verdict: Option<&'static str>| match verdict {
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
    format!("{}\n{} devices are the same\n", table.text(), view.same)
}

fn or_nothing(why: &str) -> &str {
    if why.is_empty() { "nothing" } else { why }
}
