//! `uvfio lint`: what is wrong in a board's description, by the readers and by what the verdicts rest on.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::{Blocker, Options};

use super::args::Plain;
use super::remarks;
use super::source::{self, Description};
use super::view::{Seen, clean};
use super::{FAINT, GOOD, HEAD, say, say_of_tables, say_of_tree, words};
use crate::problem::Problem;

/// A remark in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Remark {
    /// The node or table; empty where the whole is meant.
    pub place: String,
    pub kind: &'static str,
    pub says: String,
}

/// The JSON of `uvfio lint`.
#[derive(Serialize)]
struct RemarksView {
    remarks: Vec<Remark>,
}

/// Print them. Status 0 where there are none, 1 where there are.
///
/// # Errors
/// Where the board cannot be read or stdout not be written.
pub fn print(args: &Plain) -> Result<ExitCode, Problem> {
    let mut is_tree = true;
    let mut remarks = match source::read(&args.file, &args.source.overlay, Options::default())? {
        Description::Tree(seen) => {
            let mut all: Vec<Remark> = seen.diagnostics.iter().map(remarks::of_tree).collect();
            all.extend(of_verdicts(&seen));
            all
        }
        Description::Acpi(machine) => {
            is_tree = false;
            machine.remarks
        }
    };
    for remark in &mut remarks {
        clean(&mut remark.place);
        clean(&mut remark.says);
    }
    let view = RemarksView { remarks };
    match args.source.json {
        true if is_tree => say_of_tree(&view)?,
        true => say_of_tables(&view, &[])?,
        false => say(&text(&view.remarks))?,
    }
    Ok(if view.remarks.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What reads well and does not work.
fn of_verdicts(seen: &Seen) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (index, device, judged) in seen.devices() {
        for blocker in &judged.blockers {
            let own_fault_line = matches!(blocker, Blocker::InterruptShared { own_iommu: true, .. });
            if own_fault_line
                || matches!(blocker, Blocker::NotGrouped(_) | Blocker::IommuWithoutDriver { .. })
            {
                let reason = words::blocker(seen, index, blocker);
                remarks.push(Remark { place: device.path.to_string(), kind: reason.kind, says: reason.says });
            }
        }
    }
    remarks
}

/// So many remarks of one kind are printed; a file that was cut off has one for each property.
const MOST_OF_A_KIND: usize = 20;

fn text(remarks: &[Remark]) -> String {
    if remarks.is_empty() {
        return format!("{GOOD}nothing to remark{GOOD:#}\n");
    }
    let mut text = String::new();
    let mut of_kind: BTreeMap<&str, usize> = BTreeMap::new();
    for remark in remarks {
        let count = of_kind.entry(remark.kind).or_default();
        *count += 1;
        if *count > MOST_OF_A_KIND {
            continue;
        }
        // The name is what people look for; the path is what a tool needs.
        let place = if remark.place.is_empty() { "the whole" } else { words::last(&remark.place) };
        text.push_str(&format!("{HEAD}{place}{HEAD:#}: {} {FAINT}[{}]{FAINT:#}\n", remark.says, remark.kind));
    }
    for (kind, count) in of_kind.into_iter().filter(|(_, count)| *count > MOST_OF_A_KIND) {
        let more = count - MOST_OF_A_KIND;
        text.push_str(&format!(
            "{FAINT}and {more} more of the kind {kind}; --json has all of them{FAINT:#}\n"
        ));
    }
    text
}
