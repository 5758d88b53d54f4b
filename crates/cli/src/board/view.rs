//! A judged board as people and programs read it: names instead of indices, a sentence beside each piece of evidence.
//!
//! What has `Serialize` here is the shape of `--json`; its field names and kinds do not change.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use uvfio_board::{Bond, DeviceIndex, Judged, Options, Verdict, Verdicts, Weakening, Weakenings};
use uvfio_firmware::{Board, Bus, Device, Diagnostic, NodeId};

use super::words;
use crate::near::near;
use crate::problem::Problem;

/// No more names stand in one place: where thousands share something, saying that of each would cost the square of their number.
pub const MOST: usize = 256;

/// A board and its verdicts.
pub struct Seen {
    pub board: Board,
    pub diagnostics: Vec<Diagnostic>,
    pub verdicts: Verdicts,
    /// For each device the least that frees it.
    pub least: Vec<Option<Weakenings>>,
    /// The device of each node that is one.
    nodes: HashMap<NodeId, DeviceIndex>,
}

/// A piece of evidence.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reason {
    /// What it is, by a stable name.
    pub kind: &'static str,
    /// It in a sentence.
    pub says: String,
    /// The weakening that lifts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted_by: Option<&'static str>,
    /// Whether it was given up already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lifted: bool,
    /// The devices it speaks of, the one at hand left out; the first [`MOST`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// The node in question: an IOMMU, a controller, a memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// A number: of an interrupt, a group, a region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Cells of a line or stream.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<u32>,
    /// A sort of it, or what is supplied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sorts: Vec<&'static str>,
    /// Where Linux's rule can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
}

/// What stands in a device's way by way of another.
#[derive(Clone, Debug, Serialize)]
pub struct Because {
    /// The other.
    pub device: String,
    /// What ties it to this one.
    pub through: Reason,
}

/// A device.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceView {
    pub name: String,
    pub bus: &'static str,
    pub path: String,
    pub compatible: Vec<String>,
    pub verdict: &'static str,
    /// The range it was named with, where a function was asked for that tables only name with others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// All that goes with it, itself included, where it can only go with others; the first [`MOST`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub together: Vec<String>,
    pub iommus: Vec<String>,
    /// The ids that tables of ACPI give it at its IOMMU.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Ids>,
    pub group: Option<u32>,
    pub blockers: Vec<Reason>,
    pub bonds: Vec<Reason>,
    pub because: Option<Because>,
    pub cautions: Vec<Reason>,
    /// The least to give up so that it can go; absent where nothing helps.
    pub give_up: Option<Vec<&'static str>>,
    pub reset_driver: Option<&'static str>,
    pub reset_lines: u32,
    pub dedicated_reset_lines: u32,
    /// How uvfio would reset it, the preferred way first; only where one device is explained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ways_to_reset: Vec<WayToReset>,
}

/// A way to reset a device.
#[derive(Clone, Debug, Serialize)]
pub struct WayToReset {
    /// Its name in `reset_method`.
    pub method: &'static str,
    /// By what.
    pub says: String,
    /// Other devices it reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reaches: Vec<String>,
    /// Why it is no way, or only one for a program that has all it reaches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub but: Option<String>,
}

/// Ids that follow one another.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ids {
    /// The first.
    pub first: u32,
    /// How many.
    pub count: u64,
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 | 1 => write!(f, "{:#x}", self.first),
            _ => write!(f, "{:#x} to {:#x}", self.first, u64::from(self.first) + self.count - 1),
        }
    }
}

/// What a description says is shown on terminals, which take some characters for commands.
pub fn clean<T: Deref<Target = str> + From<String>>(text: &mut T) {
    if text.contains(char::is_control) {
        *text = text.replace(char::is_control, "?").into();
    }
}

/// The word for a bus.
pub fn bus_word(bus: Bus) -> &'static str {
    match bus {
        Bus::Platform => "platform",
        Bus::Amba => "amba",
        Bus::Pci => "pci",
    }
}

/// The word for a verdict.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "yes",
        Verdict::Together => "together",
        Verdict::No => "no",
    }
}

/// Names of weakenings.
pub fn names(set: Weakenings) -> Vec<&'static str> {
    set.iter().map(Weakening::name).collect()
}

impl Seen {
    /// Judge a board.
    pub fn new(mut board: Board, diagnostics: Vec<Diagnostic>, options: Options) -> Self {
        clean(&mut board.model);
        board.compatible.iter_mut().for_each(clean);
        for device in &mut board.devices {
            clean(&mut device.name);
            clean(&mut device.path);
            device.compatible.iter_mut().for_each(clean);
        }
        let verdicts = Verdicts::of(&board, options);
        let least = verdicts.weakenings();
        let nodes = board.devices.iter().map(|device| device.node).zip((0..).map(DeviceIndex)).collect();
        Seen { board, diagnostics, verdicts, least, nodes }
    }

    /// All devices.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceIndex, &Device, &Judged)> {
        let numbered = (0..).map(DeviceIndex).zip(&self.board.devices);
        numbered.zip(&self.verdicts.devices).map(|((index, device), judged)| (index, device, judged))
    }

    /// A device's name.
    pub fn name(&self, device: DeviceIndex) -> String {
        self.board.devices.get(device.at()).map_or_else(String::new, |device| device.name.clone())
    }

    /// The name of a node's device, or the node's own.
    pub fn node(&self, node: NodeId) -> String {
        let device = self.nodes.get(&node);
        let own_name = || {
            let mut name = self.board.tree.node(node).name().into_owned();
            clean(&mut name);
            name
        };
        device.map_or_else(own_name, |device| self.name(*device))
    }

    /// Names of devices, `but` left out.
    pub fn others(&self, devices: &[DeviceIndex], but: DeviceIndex) -> Vec<String> {
        devices.iter().filter(|device| **device != but).take(MOST).map(|device| self.name(*device)).collect()
    }

    /// The device somebody means.
    ///
    /// # Errors
    /// Where no device, or more than one, can be meant.
    pub fn meant(&self, wanted: &str) -> Result<DeviceIndex, Problem> {
        let exact = self.devices().find(|(_, device, _)| device.name == wanted || *device.path == *wanted);
        if let Some((index, ..)) = exact {
            return Ok(index);
        }
        let part = |device: &Device| device.name.contains(wanted) || device.path.contains(wanted);
        let some: Vec<DeviceIndex> =
            self.devices().filter(|(_, device, _)| part(device)).map(|(index, ..)| index).collect();
        let names = self.board.devices.iter().map(|device| device.name.as_str());
        let device = wanted.to_owned();
        match some[..] {
            [one] if !wanted.is_empty() => Ok(one),
            [] => {
                let near = near(wanted, names).into_iter().map(str::to_owned).collect();
                Err(Problem::NoSuchDevice { device, near })
            }
            _ => {
                let (count, some) =
                    (some.len(), some.iter().take(3).map(|index| self.name(*index)).collect());
                Err(Problem::SeveralDevices { device, count, some })
            }
        }
    }

    /// A device with all evidence.
    pub fn view(&self, index: DeviceIndex) -> DeviceView {
        let (device, judged) = (&self.board.devices[index.at()], &self.verdicts.devices[index.at()]);
        let allowed = self.verdicts.options.allowed;
        let bonds =
            self.verdicts.bonds_of(index).filter(|bond| bond.members.iter().any(|other| *other != index));
        let together = match judged.verdict {
            Verdict::Together => self.verdicts.together_at_most(index, MOST),
            Verdict::Yes | Verdict::No => Vec::new(),
        };
        DeviceView {
            name: device.name.clone(),
            bus: bus_word(device.bus),
            path: device.path.to_string(),
            compatible: device.compatible.clone(),
            verdict: word(judged.verdict),
            part_of: None,
            together: together.iter().map(|other| self.name(*other)).collect(),
            iommus: self.iommus(device),
            ids: Vec::new(),
            group: judged.group.map(|group| self.verdicts.groups[group].id),
            blockers: judged
                .blockers
                .iter()
                .map(|blocker| Reason {
                    lifted: !blocker.stands(allowed),
                    ..words::blocker(self, index, blocker)
                })
                .collect(),
            bonds: bonds.map(|bond| self.bond(index, bond)).collect(),
            because: judged.cause.map(|(bond, other)| Because {
                device: self.name(other),
                through: self.bond(index, &self.verdicts.bonds[bond]),
            }),
            cautions: judged.cautions.iter().map(|caution| words::caution(self, index, caution)).collect(),
            give_up: self.least[index.at()].map(names),
            reset_driver: judged.reset.driver,
            reset_lines: judged.reset.lines,
            dedicated_reset_lines: judged.reset.dedicated,
            ways_to_reset: Vec::new(),
        }
    }

    /// The IOMMUs a device names, without doubles.
    pub fn iommus(&self, device: &Device) -> Vec<String> {
        let mut nodes: Vec<NodeId> = device.iommus.iter().map(|specifier| specifier.provider).collect();
        nodes.dedup();
        nodes.into_iter().map(|node| self.node(node)).collect()
    }

    fn bond(&self, of: DeviceIndex, bond: &Bond) -> Reason {
        Reason { lifted: !bond.holds(self.verdicts.options.allowed), ..words::bond(self, of, bond) }
    }
}
