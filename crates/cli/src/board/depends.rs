//! `uvfio depends`: what a device needs to work, and what needs it.

use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::{BondKind, DeviceIndex};
use uvfio_firmware::{Interrupt, NodeId, Reference, Specifier};

use super::args::OfDevice;
use super::source;
use super::table::{Cell, Table};
use super::view::{Seen, word};
use super::{FAINT, HEAD, say, say_json, style_of, words};
use crate::problem::Problem;

/// The JSON of `uvfio depends`.
#[derive(Serialize)]
struct DependsView {
    device: String,
    needs: Vec<Need>,
    needed_by: Vec<NeededBy>,
}

/// Something a device needs.
#[derive(Serialize)]
struct Need {
    what: &'static str,
    provider: String,
    cells: Vec<u32>,
    name: Option<String>,
    /// Whether the provider's node is enabled.
    enabled: bool,
}

/// A device that needs this one.
#[derive(Serialize)]
struct NeededBy {
    device: String,
    verdict: &'static str,
}

/// Print it.
///
/// # Errors
/// Where the board cannot be read, the device is not there, or stdout cannot be written.
pub fn print(args: &OfDevice) -> Result<ExitCode, Problem> {
    let plain = &args.plain;
    let (board, diagnostics) = source::tree(&plain.file, &plain.source.overlay)?;
    let seen = Seen::new(board, diagnostics, args.accept.options());
    let device = seen.meant(&args.device)?;
    let view = DependsView {
        device: seen.name(device),
        needs: needs(&seen, device),
        needed_by: needed_by(&seen, device),
    };
    if plain.source.json {
        say_json(&view)?;
    } else {
        say(&text(&view))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn needs(seen: &Seen, device: DeviceIndex) -> Vec<Need> {
    let device = &seen.board.devices[device.at()];
    let enabled = |node: NodeId| {
        let up = std::iter::successors(Some(seen.board.tree.node(node)), |node| node.parent());
        up.into_iter().all(|node| node.is_available())
    };
    let of = |kind, specifier: &Specifier| Need {
        what: words::reference(kind),
        provider: seen.node(specifier.provider),
        cells: specifier.cells.clone(),
        name: specifier.name.clone(),
        enabled: enabled(specifier.provider),
    };
    let interrupt = |interrupt: &Interrupt| Need {
        what: words::reference(Reference::Interrupt),
        provider: seen.node(interrupt.controller),
        cells: interrupt.cells.clone(),
        name: interrupt.name.clone(),
        enabled: enabled(interrupt.controller),
    };
    let lists = [
        (Reference::Iommu, &device.iommus),
        (Reference::Reset, &device.resets),
        (Reference::Clock, &device.clocks),
        (Reference::PowerDomain, &device.power_domains),
    ];
    let lists = lists.into_iter().flat_map(|(kind, list)| list.iter().map(move |one| (kind, one)));
    let others = device.suppliers.iter().map(|supplier| (supplier.kind, &supplier.specifier));
    let mut needs: Vec<Need> = lists.chain(others).map(|(kind, one)| of(kind, one)).collect();
    needs.extend(device.interrupts.iter().map(interrupt));
    needs
}

fn needed_by(seen: &Seen, device: DeviceIndex) -> Vec<NeededBy> {
    let Some(bond) = seen.verdicts.consumers(device) else { return Vec::new() };
    let by = |index: &DeviceIndex| NeededBy {
        device: seen.name(*index),
        verdict: word(seen.verdicts.devices[index.at()].verdict),
    };
    let mut all: Vec<NeededBy> = bond.members.iter().map(by).collect();
    if let BondKind::Supplies { others, .. } = &bond.kind {
        all.extend(others.iter().map(|node| NeededBy { device: seen.node(*node), verdict: "no" }));
    }
    all
}

fn text(view: &DependsView) -> String {
    let mut text = format!("{HEAD}{} needs{HEAD:#}\n", view.device);
    let mut table = Table::new(["WHAT", "FROM", "WHICH", "NAME"]);
    for need in &view.needs {
        let from = if need.enabled { need.provider.clone() } else { format!("{} (disabled)", need.provider) };
        table.row([
            need.what.into(),
            from.into(),
            Cell::styled(words::hex(&need.cells), FAINT),
            need.name.clone().unwrap_or_default().into(),
        ]);
    }
    text.push_str(&if table.is_empty() { "nothing\n".to_owned() } else { table.text() });
    text.push_str(&format!("\n{HEAD}{} is needed by{HEAD:#}\n", view.device));
    let mut table = Table::new(["DEVICE", "CAN IT BE HANDED OUT?"]);
    for by in &view.needed_by {
        table.row([by.device.clone().into(), Cell::styled(by.verdict, style_of(by.verdict, false))]);
    }
    text.push_str(&if table.is_empty() { "nobody\n".to_owned() } else { table.text() });
    text
}
