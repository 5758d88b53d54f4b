//! `uvfio rules`: what differs from kernel to kernel, as a table or JSON.

use serde::Serialize;
use uvfio_vfio::personality::{Answer, Line, PERSONALITIES, Personality, RULES, Release, Rule};

use crate::args::Rules;
use crate::output;
use crate::problem::Problem;

#[derive(Serialize)]
struct Row {
    id: &'static str,
    since: Option<String>,
    until: Option<String>,
    answer: String,
    what: &'static str,
    source: &'static str,
    /// The personalities it holds on.
    holds: Vec<&'static str>,
}

/// Print the rules, or those that set one kernel apart from the default.
///
/// # Errors
/// Where no kernel has the name that was given, or stdout cannot be written.
pub fn print(args: &Rules) -> Result<(), Problem> {
    let only = args.personality.as_deref().map(personality).transpose()?;
    let rows: Vec<Row> =
        RULES.iter().filter(|rule| only.is_none_or(|kernel| differs(rule, kernel))).map(row).collect();
    let text = if args.json { json(&rows)? } else { table(&rows) };
    output::write(output::stdout(), &text, "stdout")
}

/// The kernel of this name.
///
/// # Errors
/// Where there is none; the problem lists those there are.
pub fn personality(name: &str) -> Result<Personality, Problem> {
    name.parse().map_err(|_| Problem::NoSuchPersonality {
        name: name.to_owned(),
        known: PERSONALITIES.iter().map(|kernel| kernel.name).collect::<Vec<_>>().join(", "),
    })
}

fn differs(rule: &Rule, kernel: Personality) -> bool {
    kernel.holds(rule) != Personality::default().holds(rule)
}

fn row(rule: &Rule) -> Row {
    let release = |release: Option<Release>| release.map(|release| release.to_string());
    Row {
        id: rule.id,
        since: match rule.line {
            Line::Mainline => release(rule.since),
            Line::PlatformRfc4 => Some("rfc-v4".to_owned()),
        },
        until: release(rule.until),
        answer: match rule.answer {
            Answer::Errno(errno) => errno.to_string(),
            Answer::Value(value) => value.to_string(),
            Answer::Behaviour => "-".to_owned(),
        },
        what: rule.what,
        source: rule.source,
        holds: PERSONALITIES.iter().filter(|kernel| kernel.holds(rule)).map(|kernel| kernel.name).collect(),
    }
}

fn json(rows: &[Row]) -> Result<String, Problem> {
    let text = serde_json::to_string_pretty(rows)
        .map_err(|error| Problem::Unwritable { path: "stdout".into(), error: error.into() })?;
    Ok(text + "\n")
}

fn table(rows: &[Row]) -> String {
    let width = |cell: fn(&Row) -> usize| rows.iter().map(cell).max().unwrap_or(0);
    let id = width(|row| row.id.len());
    let answer = width(|row| row.answer.len());
    let mut text = String::new();
    for row in rows {
        let since = row.since.as_deref().unwrap_or("always");
        let until = row.until.as_deref().unwrap_or("-");
        text.push_str(&format!(
            "{:id$}  since {since:6}  until {until:5}  {:answer$}  {}\n",
            row.id, row.answer, row.what
        ));
        text.push_str(&format!("{:id$}  on {}; {}\n", "", row.holds.join(" "), row.source));
    }
    text
}
