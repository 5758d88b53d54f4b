//! `uvfio groups`: the IOMMU groups Linux would make, each with its rule.

use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::Options;

use super::args::Plain;
use super::source;
use super::table::{Cell, Table};
use super::view::Seen;
use super::{FAINT, say, say_json, words};
use crate::problem::Problem;

/// A group in JSON.
#[derive(Serialize)]
struct GroupView {
    group: u32,
    iommu: String,
    driver: &'static str,
    rule: &'static str,
    source: &'static str,
    devices: Vec<String>,
}

/// Print them.
///
/// # Errors
/// Where the board cannot be read or stdout not be written.
pub fn print(args: &Plain) -> Result<ExitCode, Problem> {
    let (board, diagnostics) = source::tree(&args.file, &args.source.overlay)?;
    let seen = Seen::new(board, diagnostics, Options::default());
    let view = |group: &uvfio_board::Group| GroupView {
        group: group.id,
        iommu: seen.node(group.iommu),
        driver: group.driver,
        rule: words::rule(group.rule),
        source: group.source,
        devices: group.members.iter().map(|member| seen.name(*member)).collect(),
    };
    let groups: Vec<GroupView> = seen.verdicts.groups.iter().map(view).collect();
    if args.source.json {
        say_json(&groups)?;
    } else if groups.is_empty() {
        say("no device of this board is in an IOMMU group\n")?;
    } else {
        say(&text(&groups))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(groups: &[GroupView]) -> String {
    let mut table = Table::new(["GROUP", "IOMMU", "DRIVER", "DEVICES"]);
    for group in groups {
        // One device on a line: groups can be large.
        for (at, device) in group.devices.iter().enumerate() {
            let first = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
            table.row([
                first(&group.group.to_string()).into(),
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
