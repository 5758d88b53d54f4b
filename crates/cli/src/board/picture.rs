//! `uvfio picture`: a board on one page, as SVG.
//!
//! What a page can show is chosen here: the IOMMUs with their groups and devices, the reset lines that are shared, other ties of the
//! devices behind an IOMMU, and what is in the way of how many. Where things stand is found in `layout`, how they look in `draw`.

mod draw;
pub mod layout;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::process::ExitCode;

use uvfio_board::{BondKind, DeviceIndex};
use uvfio_firmware::{NodeId, Reference};

use self::layout::{Block, Item, Section, Tile, Tone};
use super::args::Picture;
use super::source::{self, Description};
use super::tables::{self, Machine};
use super::view::{DeviceView, Seen};
use super::{summary, words};
use crate::problem::Problem;

/// Blocks of one section; a page does not bear more.
const MOST_BLOCKS: usize = 48;
/// Devices in one block.
const MOST_TILES: usize = 24;

/// Write it.
///
/// # Errors
/// Where the board cannot be read or the picture not be written.
pub fn print(args: &Picture) -> Result<ExitCode, Problem> {
    let svg = match source::read(&args.file, &args.overlay, args.accept.options())? {
        Description::Tree(seen) => draw::page(&heading(&seen), &sections(&seen)),
        Description::Acpi(machine) => draw::page(&heading_of_tables(&machine), &tables::sections(&machine)),
    };
    match &args.output {
        None => super::say(&svg)?,
        Some(path) => {
            let unwritable = |error| Problem::Unwritable { path: path.clone(), error };
            let mut file = File::create(path).map_err(unwritable)?;
            file.write_all(svg.as_bytes()).map_err(unwritable)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The title and the line below it.
fn heading(seen: &Seen) -> (String, String) {
    let counts = summary::counts(seen);
    let title = if seen.board.model.is_empty() { "a board without a name" } else { &seen.board.model };
    let below = format!(
        "{} devices: {} can be handed out alone, {} with others, {} could if something is given up, {} cannot",
        counts.devices,
        counts.yes,
        counts.together,
        counts.could,
        counts.no - counts.could
    );
    (title.to_owned(), below)
}

fn heading_of_tables(machine: &Machine) -> (String, String) {
    let counts = tables::counts(machine);
    let below = format!(
        "{} devices: {} can be handed out alone, {} possibly, {} with others, {} could if something is given up, {} cannot",
        counts.devices,
        counts.yes,
        counts.possible,
        counts.together,
        counts.could,
        counts.no - counts.could
    );
    (machine.title(), below)
}

fn sections(seen: &Seen) -> Vec<Section> {
    let views: Vec<DeviceView> = seen.devices().map(|(index, ..)| seen.view(index)).collect();
    let all = [
        Section { title: "IOMMUs, their groups and devices".into(), blocks: iommus(seen, &views) },
        Section { title: "Reset lines that several nodes use".into(), blocks: resets(seen, &views) },
        Section { title: "Other ties of devices behind an IOMMU".into(), blocks: ties(seen, &views) },
        Section { title: "What is in the way, and of how many".into(), blocks: blockers(&views) },
    ];
    all.into_iter().filter(|section| !section.blocks.is_empty()).map(shortened).collect()
}

pub fn shortened(mut section: Section) -> Section {
    let more = section.blocks.len().saturating_sub(MOST_BLOCKS);
    if more > 0 {
        section.blocks.truncate(MOST_BLOCKS);
        section.title = format!("{} ({more} more are not shown)", section.title);
    }
    section
}

fn tone(view: &DeviceView) -> Tone {
    match view.verdict {
        "yes" | "together" | "possible" => Tone::Good,
        _ if view.give_up.is_some() => Tone::Fair,
        _ => Tone::Bad,
    }
}

pub fn tile(view: &DeviceView) -> Tile {
    let give_up = view.give_up.iter().filter(|_| view.verdict == "no").flatten();
    let give_up: Vec<&str> = give_up.copied().collect();
    let mut lines: Vec<String> = view.compatible.first().cloned().into_iter().collect();
    match (view.verdict, give_up.is_empty()) {
        ("yes", _) => lines.push("can go alone".into()),
        ("possible", _) => lines.push("can possibly go".into()),
        ("together", _) => lines.push(format!("can go with {} more", view.together.len().saturating_sub(1))),
        (_, true) => lines.extend(summary::short(view).split("; ").map(str::to_owned)),
        (_, false) => lines.extend(give_up.iter().map(|name| format!("needs {name}"))),
    }
    Tile { name: view.name.clone(), lines, tone: tone(view), faint: false }
}

/// A tile with nothing but the name.
pub fn plain(view: &DeviceView) -> Tile {
    Tile { name: view.name.clone(), lines: Vec::new(), tone: tone(view), faint: false }
}

/// Tiles as the content of a block, cut where they are too many.
pub fn content(tiles: Vec<Tile>) -> Vec<Item> {
    let more = tiles.len().saturating_sub(MOST_TILES);
    let mut items: Vec<Item> = tiles.into_iter().take(MOST_TILES).map(Item::Tile).collect();
    if more > 0 {
        items.push(Item::Tile(Tile {
            name: format!("and {more} more"),
            lines: Vec::new(),
            tone: Tone::None,
            faint: true,
        }));
    }
    items
}

fn iommus(seen: &Seen, views: &[DeviceView]) -> Vec<Block> {
    let mut blocks: BTreeMap<NodeId, Vec<Item>> = BTreeMap::new();
    for group in &seen.verdicts.groups {
        let tiles = group.members.iter().map(|member| tile(&views[member.at()])).collect();
        let block = Block {
            title: format!("group {}", group.id),
            note: None,
            content: content(tiles),
            tone: Tone::None,
        };
        blocks.entry(group.iommu).or_default().push(Item::Block(block));
    }
    let mut left: BTreeMap<NodeId, Vec<Tile>> = BTreeMap::new();
    for ((_, device, judged), view) in seen.devices().zip(views) {
        if let Some(first) = device.iommus.first().filter(|_| judged.group.is_none()) {
            left.entry(first.provider).or_default().push(tile(view));
        }
    }
    for (iommu, tiles) in left {
        let block =
            Block { title: "in no group".into(), note: None, content: content(tiles), tone: Tone::None };
        blocks.entry(iommu).or_default().push(Item::Block(block));
    }
    for bridge in &seen.verdicts.bridges {
        let mut iommus: Vec<NodeId> = bridge.ranges.iter().map(|range| range.iommu).collect();
        iommus.dedup();
        for iommu in iommus {
            let what = if bridge.pci.is_some() { "PCI functions" } else { "its objects" };
            let tile = Tile {
                name: seen.name(bridge.host),
                lines: vec![format!("{what}, found on the bus")],
                tone: Tone::None,
                faint: false,
            };
            blocks.entry(iommu).or_default().push(Item::Tile(tile));
        }
    }
    let enabled =
        |node: NodeId| seen.board.provider(Reference::Iommu, node).is_some_and(|iommu| iommu.available);
    let block = |(node, content): (NodeId, Vec<Item>)| {
        let note = seen.board.tree.node(node).compatible().next().map(|word| word.into_owned());
        let title = seen.node(node);
        let (title, tone) =
            if enabled(node) { (title, Tone::Frame) } else { (format!("{title} (disabled)"), Tone::None) };
        Block { title, note, content, tone }
    };
    blocks.into_iter().map(block).collect()
}

/// Lines that the same nodes use are one block.
fn resets(seen: &Seen, views: &[DeviceView]) -> Vec<Block> {
    let mut sets: BTreeMap<Vec<NodeId>, Vec<usize>> = BTreeMap::new();
    for (at, line) in seen.verdicts.reset_lines.iter().enumerate() {
        sets.entry(line.users.iter().map(|user| user.node).collect()).or_default().push(at);
    }
    let mut sets: Vec<_> = sets.into_values().collect();
    sets.sort();
    let block = |lines: Vec<usize>| {
        let first = &seen.verdicts.reset_lines[lines[0]];
        let cells: Vec<String> =
            lines.iter().map(|line| words::decimal(&seen.verdicts.reset_lines[*line].cells)).collect();
        let tiles = first.users.iter().map(|user| match user.device {
            Some(device) => plain(&views[device.at()]),
            None => Tile {
                name: seen.node(user.node),
                lines: vec!["disabled".into()],
                tone: Tone::None,
                faint: true,
            },
        });
        let note = match words::sharing_word(first.sharing) {
            "own-phy" => "a device and its own phy",
            "same-block" => "one block described twice",
            _ => "coupled: resetting one resets all",
        };
        Block {
            title: format!("line {} of {}", cells.join(", "), seen.node(first.controller)),
            note: Some(note.into()),
            content: content(tiles.collect()),
            tone: Tone::Frame,
        }
    };
    sets.into_iter().map(block).collect()
}

fn ties(seen: &Seen, views: &[DeviceView]) -> Vec<Block> {
    let behind = |device: &DeviceIndex| !views[device.at()].iommus.is_empty();
    let mut blocks = Vec::new();
    let block = |title: String, note: &str, devices: &[DeviceIndex]| {
        let tiles = devices.iter().map(|device| plain(&views[device.at()])).collect();
        Block { title, note: Some(note.into()), content: content(tiles), tone: Tone::Frame }
    };
    for bond in &seen.verdicts.bonds {
        match &bond.kind {
            BondKind::Page { page } if bond.members.iter().any(behind) => {
                blocks.push(block(format!("page {page:#x}"), "registers of all in one page", &bond.members));
            }
            BondKind::Supplies { provider, kinds, .. } if behind(provider) => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| words::reference(*kind)).collect();
                blocks.push(block(
                    format!("{} serves", seen.name(*provider)),
                    &format!("as {}", kinds.join(", ")),
                    &bond.members,
                ));
            }
            BondKind::Stream { iommu, cells } => {
                blocks.push(block(
                    format!("stream {} of {}", words::hex(cells), seen.node(*iommu)),
                    "the IOMMU cannot tell them apart",
                    &bond.members,
                ));
            }
            _ => {}
        }
    }
    for line in seen.verdicts.interrupt_lines.iter().filter(|line| line.users.iter().any(behind)) {
        blocks.push(block(
            format!("interrupt {}", line.number),
            "VFIO takes interrupts only for itself",
            &line.users,
        ));
    }
    blocks
}

pub fn blockers(views: &[DeviceView]) -> Vec<Block> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in views.iter().flat_map(|view| &view.blockers).filter(|reason| !reason.lifted) {
        *counts.entry(reason.kind).or_default() += 1;
    }
    let through = views.iter().filter(|view| view.because.is_some()).count();
    let word = |kind: &str| match kind {
        "no-iommu" => "no IOMMU is named",
        "iommu-disabled" => "the IOMMU is disabled",
        "iommu-without-driver" => "no driver for the IOMMU",
        "not-grouped" => "not taken by the IOMMU's driver",
        "not-coherent" => "DMA is not coherent",
        "no-reset" => "VFIO has no reset driver",
        "no-compatible" => "no compatible",
        "pci-host" => "a PCI host bridge",
        "firmware-memory" => "firmware uses memory through it",
        "interrupt-shared" => "an interrupt is shared",
        "needed-beyond" => "needed by what is no device",
        _ => "something else",
    };
    let mut counts: Vec<(usize, &str)> =
        counts.into_iter().map(|(kind, count)| (count, word(kind))).collect();
    counts.extend((through > 0).then_some((through, "someone who has to go along cannot")));
    counts.sort_by(|a, b| b.cmp(a));
    let tile = |(count, word): (usize, &str)| Block {
        title: count.to_string(),
        note: Some(word.to_owned()),
        content: Vec::new(),
        tone: Tone::None,
    };
    counts.into_iter().map(tile).collect()
}
