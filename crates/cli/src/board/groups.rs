//! `uvfio groups`: the IOMMU groups Linux would make, each with its rule.

use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::Options;

use super::args::Plain;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::tables::gap::{self, Gap};
use super::view::Seen;
use super::{FAINT, say, say_of_tables, say_of_tree, status_of, tables, words};
use crate::problem::Problem;

/// A group in JSON.
#[derive(Serialize)]
pub struct GroupView {
    /// Its number, where the description says enough to know it.
    pub group: Option<u32>,
    pub iommu: String,
    pub driver: &'static str,
    pub rule: &'static str,
    pub source: &'static str,
    pub devices: Vec<String>,
}

/// The JSON of `uvfio groups`.
#[derive(Serialize)]
struct GroupsView {
    groups: Vec<GroupView>,
}

/// Print them.
///
/// # Errors
/// Where the board cannot be read or stdout not be written.
pub fn print(args: &Plain) -> Result<ExitCode, Problem> {
    let (groups, gaps) = match source::read(&args.file, &args.source.overlay, Options::default())? {
        Description::Tree(seen) => (of_tree(&seen), None),
        Description::Acpi(machine) => (tables::groups(&machine), Some(machine.gaps(&GAPS))),
    };
    let view = GroupsView { groups };
    match &gaps {
        None if args.source.json => say_of_tree(&view)?,
        Some(gaps) if args.source.json => say_of_tables(&view, gaps)?,
        _ => {
            let none = match gaps {
                None => "no device of this board is in an IOMMU group\n",
                Some(_) => "these tables name no device of the namespace behind an IOMMU\n",
            };
            let text = if view.groups.is_empty() { none.to_owned() } else { text(&view.groups) };
            say(&(text + &gap::text(gaps.as_deref().unwrap_or_default())))?;
        }
    }
    Ok(status_of(gaps.as_deref().unwrap_or_default()))
}

/// What tables leave open of this question.
const GAPS: [Gap; 3] = [Gap::GroupNumbers, Gap::FunctionGroups, Gap::BehindBridges];

fn of_tree(seen: &Seen) -> Vec<GroupView> {
    let view = |group: &uvfio_board::Group| GroupView {
        group: Some(group.id),
        iommu: seen.node(group.iommu),
        driver: group.driver,
        rule: words::rule(group.rule),
        source: group.source,
        devices: group.members.iter().map(|member| seen.name(*member)).collect(),
    };
    seen.verdicts.groups.iter().map(view).collect()
}

fn text(groups: &[GroupView]) -> String {
    let mut table = Table::new(["GROUP", "IOMMU", "DRIVER", "DEVICES"]);
    for group in groups {
        // One device on a line: groups can be large.
        for (at, device) in group.devices.iter().enumerate() {
            let first = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
            table.row([
                first(&group.group.map_or_else(|| "-".to_owned(), |number| number.to_string())).into(),
                first(&group.iommu).into(),
                Cell::styled(first(group.driver), FAINT),
                device.clone().into(),
            ]);
        }
    }
    let mut text = table.text();
    let mut rules: Vec<(&str, &str, &str)> =
        groups.iter().map(|group| (group.driver, group.rule, group.source)).collect();
    rules.sort_unstable();
    rules.dedup();
    for (driver, rule, source) in rules {
        text.push_str(&format!("\n{driver}: {rule} {FAINT}({source}){FAINT:#}"));
    }
    text.push('\n');
    text
}
