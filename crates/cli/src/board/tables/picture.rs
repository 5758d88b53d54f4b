//! What a page shows of a machine with tables: the IOMMUs with who is behind each, what shares ids, and what is in the way.

use uvfio_board::acpi::SharedId;

use super::Machine;
use crate::board::picture::layout::{Block, Item, Section, Tile, Tone};
use crate::board::picture::{blockers, content, plain, shortened, tile};

/// The parts of the page.
pub fn sections(machine: &Machine) -> Vec<Section> {
    let all = [
        Section { title: "IOMMUs and who is behind them".into(), blocks: iommus(machine) },
        Section { title: "Ids that several devices have".into(), blocks: shared(machine) },
        Section { title: "What is in the way, and of how many".into(), blocks: blockers(&machine.devices) },
        Section { title: "What these tables do not say".into(), blocks: gaps(machine) },
    ];
    all.into_iter().filter(|section| !section.blocks.is_empty()).map(shortened).collect()
}

fn iommus(machine: &Machine) -> Vec<Block> {
    let behind = |iommu: Option<usize>| -> Vec<Tile> {
        let devices = machine.view.devices.iter().zip(&machine.devices);
        devices.filter(|(device, _)| device.iommu == iommu).map(|(_, view)| tile(view)).collect()
    };
    let block = |title: String, note: Option<String>, tiles: Vec<Tile>| Block {
        title,
        note,
        content: content(tiles),
        tone: Tone::Frame,
    };
    let iommus = machine.view.iommus.iter().enumerate();
    let mut blocks: Vec<Block> = iommus
        .map(|(at, iommu)| block(machine.iommu(at), Some(iommu.driver().to_owned()), behind(Some(at))))
        .collect();
    let none = behind(None);
    if !none.is_empty() {
        blocks.push(block("behind no IOMMU".into(), None, none));
    }
    blocks
}

fn shared(machine: &Machine) -> Vec<Block> {
    let block = |shared: &SharedId| Block {
        title: format!("id {:#x} of {}", shared.id, machine.iommu(shared.iommu)),
        note: Some("the IOMMU cannot tell them apart".into()),
        content: content(shared.users.iter().map(|user| plain(&machine.devices[*user])).collect()),
        tone: Tone::Frame,
    };
    machine.view.shared.iter().map(block).collect()
}

fn gaps(machine: &Machine) -> Vec<Block> {
    let gaps = machine.gaps(&super::summary::GAPS);
    let block = |gap: super::Gap| {
        let not_said = gap.not_said();
        let tile = Tile {
            name: not_said.what.to_owned(),
            lines: wrapped(not_said.says),
            tone: Tone::None,
            faint: true,
        };
        Item::Tile(tile)
    };
    let content: Vec<Item> = gaps.into_iter().map(block).collect();
    if content.is_empty() {
        return Vec::new();
    }
    vec![Block { title: "to be read elsewhere".into(), note: None, content, tone: Tone::None }]
}

/// Lines that a tile bears.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| line.len() + word.len() < 44) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}
