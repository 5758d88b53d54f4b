//! `uvfio depends`: what a device needs to work, and what needs it.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde::Serialize;
use uvfio_board::{BondKind, DeviceIndex};
use uvfio_firmware::dt::IdRange;
use uvfio_firmware::{Device, Interrupt, NodeId, Reference, Specifier};

use super::args::OfDevice;
use super::source::{self, Description};
use super::table::{Cell, Table};
use super::tables::gap::{self, Gap};
use super::view::{Seen, word};
use super::{FAINT, HEAD, say, say_of_tables, say_of_tree, status_of, style_of, tables, words};
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
pub struct Need {
    pub what: &'static str,
    pub provider: String,
    pub cells: Vec<u32>,
    pub name: Option<String>,
    /// Whether the provider's node is enabled.
    pub enabled: bool,
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
    let (view, gaps) = match source::read(&plain.file, &plain.source.overlay, args.accept.options())? {
        Description::Tree(seen) => (of_tree(&seen, &args.device)?, None),
        Description::Acpi(machine) => {
            let device = machine.meant(&args.device)?;
            let needs = tables::needs(&device);
            let view = DependsView { device: device.name, needs, needed_by: Vec::new() };
            (view, Some(machine.gaps(&[Gap::Suppliers, Gap::Interrupts])))
        }
    };
    match &gaps {
        None if plain.source.json => say_of_tree(&view)?,
        Some(gaps) if plain.source.json => say_of_tables(&view, gaps)?,
        _ => say(&(text(&view) + &gap::text(gaps.as_deref().unwrap_or_default())))?,
    }
    Ok(status_of(gaps.as_deref().unwrap_or_default()))
}

fn of_tree(seen: &Seen, wanted: &str) -> Result<DependsView, Problem> {
    let device = seen.meant(wanted)?;
    let (needs, needed_by) = (needs(seen, device), needed_by(seen, device));
    Ok(DependsView { device: seen.name(device), needs, needed_by })
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
        cells: specifier.cells.to_vec(),
        name: specifier.name.clone(),
        enabled: enabled(specifier.provider),
    };
    let interrupt = |interrupt: &Interrupt| Need {
        what: words::reference(Reference::Interrupt),
        provider: seen.node(interrupt.controller),
        cells: interrupt.cells.to_vec(),
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
    needs.extend(of_bus(seen, device, enabled));
    needs
}

/// What those on a device's bus need: it is what its maps lead to.
fn of_bus(seen: &Seen, device: &Device, enabled: impl Fn(NodeId) -> bool) -> Vec<Need> {
    let row = |what, row: &IdRange| (what, row.provider, row.cells().to_vec());
    let iommus = device.iommu_map.rows.iter().map(|one| row("IOMMU of its bus", one));
    let messages = device.msi_map.rows.iter().map(|one| row("MSI controller of its bus", one));
    let lines = device.pci.iter().flat_map(|pci| &pci.interrupt_map);
    let lines = lines.map(|line| ("interrupt controller of its bus", line.interrupt.controller, Vec::new()));
    let mut known = BTreeSet::new();
    // Each pin of each slot leads somewhere, mostly to one controller.
    let new = iommus.chain(messages).chain(lines).filter(|need| known.insert(need.clone()));
    let need = |(what, provider, cells)| Need {
        what,
        provider: seen.node(provider),
        cells,
        name: None,
        enabled: enabled(provider),
    };
    new.map(need).collect()
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
