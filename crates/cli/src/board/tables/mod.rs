//! Answers from tables of ACPI: fewer than a device tree allows, because the tables only say who is behind which IOMMU.
//!
//! What they leave open is part of each answer (`gap`), so that nobody takes silence for a yes. The shapes of the answers are those of
//! device trees where there is something to put in.

mod answers;
mod devices;
pub mod gap;
mod picture;
pub mod read;
mod summary;

use uvfio_board::Options;
use uvfio_board::acpi::{AcpiDevice, AcpiView, Who};
use uvfio_firmware::Board;
use uvfio_firmware::acpi::{self, Described};

pub use self::answers::{dma, groups, lines, needs};
use self::gap::Gap;
pub use self::picture::sections;
pub use self::summary::{GAPS, counts, explanation, text, view};
use super::lint::Remark;
use super::remarks;
use super::view::{DeviceView, clean};
use crate::near::near;
use crate::problem::Problem;

/// A machine as its tables describe it, judged.
pub struct Machine {
    /// What each table is and whose: those that are understood first.
    pub tables: Vec<String>,
    /// What they say together.
    pub view: AcpiView,
    /// The devices and ranges of them, in the order of the view.
    pub devices: Vec<DeviceView>,
    /// What is wrong with the tables.
    pub remarks: Vec<Remark>,
    /// What was asked.
    pub options: Options,
    /// The devices of the namespace, where there is a DSDT.
    pub namespace: Option<Box<Board>>,
}

impl Machine {
    /// Judge what was read.
    pub fn new(read: read::Tables, options: Options) -> Self {
        let mut view = AcpiView::of(&read.tables);
        let described = Described::read(&read.bytes).ok();
        let (namespace, found) = match described {
            Some(described) => (Some(cleaned(described.board)), described.diagnostics),
            None => (None, Vec::new()),
        };
        if let Some(board) = &namespace {
            view.learn(board, options.page);
        }
        let verdicts = view.verdicts(options.allowed);
        let least = view.weakenings(options.allowed);
        let mut remarks: Vec<Remark> = read.diagnostics.iter().map(remarks::of_table).collect();
        remarks.extend(read.passed_over.iter().map(|signature| Remark {
            place: signature.to_string(),
            kind: "second-table",
            says: "there is more than one; Linux takes the first, and so does this".into(),
        }));
        remarks.extend(found.iter().map(remarks::of_tree));
        if namespace.is_some() {
            let unknown = view.devices.iter().filter(|device| device.known.is_none());
            remarks.extend(unknown.filter_map(|device| match &device.who {
                Who::Named(path) if path.starts_with('\\') => Some(Remark {
                    place: path.clone(),
                    kind: "not-in-namespace",
                    says: "a table names it, and the namespace has no such device that is there".into(),
                }),
                _ => None,
            }));
        }
        let known = |table: &&acpi::Table| !matches!(table, acpi::Table::Other(_));
        let others = |table: &&acpi::Table| matches!(table, acpi::Table::Other(_));
        let ordered = read.tables.iter().filter(known).chain(read.tables.iter().filter(others));
        Machine {
            tables: ordered.map(heading).collect(),
            devices: devices::all(&view, namespace.as_deref(), &verdicts, &least, options),
            namespace,
            view,
            remarks,
            options,
        }
    }

    /// The tables in one line: the first few by name.
    pub fn title(&self) -> String {
        let few = &self.tables[..self.tables.len().min(MOST_NAMED)];
        match self.tables.len() - few.len() {
            0 => few.join(", "),
            1 => format!("{} and 1 more table", few.join(", ")),
            more => format!("{} and {more} more tables", few.join(", ")),
        }
    }

    /// The device somebody means: a name as the tables have it, part of one, or a PCI function, which may be one of a range.
    ///
    /// # Errors
    /// Where no device, or more than one, can be meant.
    pub fn meant(&self, wanted: &str) -> Result<DeviceView, Problem> {
        if let Some(exact) = self.devices.iter().find(|device| device.name == wanted || device.path == wanted)
        {
            return Ok(exact.clone());
        }
        if let Some((segment, bdf)) = function(wanted) {
            let found = self.view.function(segment, bdf);
            let found = found.map(|found| devices::function(self, segment, bdf, found));
            return found.ok_or_else(|| Problem::NoSuchFunction { device: wanted.to_owned() });
        }
        let part: Vec<&DeviceView> = self
            .devices
            .iter()
            .filter(|device| device.name.contains(wanted) || device.path.contains(wanted))
            .collect();
        let device = wanted.to_owned();
        match part[..] {
            [one] if !wanted.is_empty() => Ok(one.clone()),
            [] => {
                let names = self.devices.iter().map(|device| device.name.as_str());
                let near = near(wanted, names).into_iter().map(str::to_owned).collect();
                Err(Problem::NoSuchDevice { device, near })
            }
            _ => {
                let (count, some) =
                    (part.len(), part.iter().take(3).map(|device| device.name.clone()).collect());
                Err(Problem::SeveralDevices { device, count, some })
            }
        }
    }

    /// All that have to go where a device goes, itself included.
    pub fn together(&self, device: &DeviceView) -> Vec<DeviceView> {
        match self.devices.iter().position(|other| other.name == device.name) {
            Some(at) => {
                let members = self.view.together(at, usize::MAX).into_iter();
                members.map(|member| self.devices[member].clone()).collect()
            }
            // A function of a range: ids are only compared where they are one device's.
            None => vec![device.clone()],
        }
    }

    /// What the name of an IOMMU is here.
    pub fn iommu(&self, at: usize) -> String {
        iommu(&self.view, at)
    }

    /// Which of the gaps matter to this machine.
    pub fn gaps(&self, gaps: &[Gap]) -> Vec<Gap> {
        let is_function = |who: &Who| !matches!(who, Who::Named(_) | Who::Registers(_));
        let functions = self.view.devices.iter().any(|device| is_function(&device.who));
        let named = self.view.devices.iter().any(|device| !is_function(&device.who));
        // What the namespace has of a device leaves nothing open.
        let opaque = |device: &AcpiDevice| !is_function(&device.who) && device.known.is_none();
        let opaque = self.view.devices.iter().any(opaque);
        let behind = |who: &Who| matches!(who, Who::Behind { .. });
        let bridges = self.view.devices.iter().any(|device| behind(&device.who));
        let matters = |gap: &&Gap| match gap {
            Gap::Reset | Gap::Interrupts | Gap::Registers => opaque,
            Gap::GroupNumbers => named,
            Gap::FunctionGroups => functions,
            Gap::BehindBridges => bridges,
            Gap::Suppliers | Gap::Coherence => true,
        };
        gaps.iter().filter(matters).copied().collect()
    }
}

/// So many tables are named in a title; those that say what is behind an IOMMU come first.
const MOST_NAMED: usize = 4;

fn cleaned(mut board: Board) -> Box<Board> {
    for device in &mut board.devices {
        clean(&mut device.name);
    }
    Box::new(board)
}

fn heading(table: &acpi::Table) -> String {
    let header = match table {
        acpi::Table::Iort(header, _)
        | acpi::Table::Dmar(header, _)
        | acpi::Table::Ivrs(header, _)
        | acpi::Table::Viot(header, _)
        | acpi::Table::Other(header) => header,
    };
    let mut text = format!("{} of {} {}", header.signature, header.oem_id, header.oem_table_id);
    clean(&mut text);
    text.trim_end().to_owned()
}

fn iommu(view: &AcpiView, at: usize) -> String {
    format!("{} at {}", view.iommus[at].kind, view.iommus[at].place)
}

/// Segment, bus, device and function, as lspci writes them: `0000:00:1f.3`, or without the segment.
fn function(text: &str) -> Option<(u16, u16)> {
    let (rest, function) = text.rsplit_once('.')?;
    let mut parts = rest.rsplit(':');
    let number = |part: &str, digits: usize| {
        let digits = !part.is_empty() && part.len() <= digits && part.chars().all(|c| c.is_ascii_hexdigit());
        digits.then(|| u16::from_str_radix(part, 16).ok()).flatten()
    };
    let device = number(parts.next()?, 2).filter(|device| *device < 32)?;
    let bus = number(parts.next()?, 2)?;
    let segment = parts.next().map_or(Some(0), |part| number(part, 4))?;
    let function = number(function, 1).filter(|function| *function < 8)?;
    parts.next().is_none().then_some((segment, bus << 8 | device << 3 | function))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_written_as_lspci_does() {
        assert_eq!(function("0000:00:1f.3"), Some((0, 0xfb)));
        assert_eq!(function("1:ff:00.7"), Some((1, 0xff07)));
        assert_eq!(function("00:02.0"), Some((0, 0x10)));
        for other in ["", ".", "1f.3", "00:20.0", "00:1f.8", "1:2:3:4.5", "00:1g.0", "\\_SB.PCI0", "00:+1.0"]
        {
            assert_eq!(function(other), None, "{other}");
        }
    }
}
