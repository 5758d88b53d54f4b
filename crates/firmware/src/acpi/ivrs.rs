//! IVRS, AMD's I/O virtualisation reporting structure: the IOMMUs, the devices behind each, and memory reserved for devices.
//!
//! AMD I/O Virtualization Technology Specification (48882), chapter 5; Linux: `drivers/iommu/amd/init.c`. Devices of the ACPI
//! namespace appear as entries that carry their hardware id (HID) and unique id (UID).

use super::bytes::{View, walk};
use super::{Report, Trouble};

/// What the table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ivrs {
    /// The IOMMUs. One is often described two or three times, for readers of different age; the kinds tell them apart.
    pub iommus: Vec<Iommu>,
    /// Memory with rules of its own.
    pub memory: Vec<Memory>,
}

/// An IOMMU (IVHD).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iommu {
    /// Which layout described it: 0x10, 0x11 or 0x40.
    pub kind: u8,
    /// Its registers.
    pub base: u64,
    /// The PCI segment of its devices.
    pub segment: u16,
    /// Its own bus, device and function.
    pub bdf: u16,
    /// The devices behind it.
    pub devices: Vec<Entry>,
}

/// Devices behind an IOMMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which devices.
    pub devices: Devices,
    /// The id under which the IOMMU sees them, where that is not their own.
    pub alias: Option<u16>,
}

/// Which devices an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Devices {
    /// Every device of the segment.
    All,
    /// One PCI function.
    One(u16),
    /// From the first to the last, both included.
    Range(u16, u16),
    /// An I/O APIC or an HPET.
    Special {
        /// Its id or number.
        handle: u8,
        /// 1 for an I/O APIC, 2 for an HPET.
        variety: u8,
        /// The id it sends messages with.
        bdf: u16,
    },
    /// A device of the ACPI namespace.
    Named {
        /// Its hardware id.
        hid: String,
        /// Its compatible id, where it has one.
        cid: Option<String>,
        /// Its unique id, where it has one.
        uid: Option<Uid>,
        /// The id under which the IOMMU sees it.
        id: u16,
    },
}

/// A unique id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uid {
    /// A number.
    Number(u64),
    /// A text, often a path in the namespace.
    Text(String),
}

/// Memory with rules of its own (IVMD).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Whose rules they are: every device, one, or a range.
    pub devices: Devices,
    /// First address.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// No device may use it (`Exclusion_range`), rather than: these devices must keep the use of it.
    pub excluded: bool,
}

const IVHD: [u16; 3] = [0x10, 0x11, 0x40];
const IVMD_ALL: u16 = 0x20;
const IVMD_ONE: u16 = 0x21;
const IVMD_RANGE: u16 = 0x22;

pub(super) fn read(bytes: &[u8], report: &mut Report<'_>) -> Ivrs {
    let mut ivrs = Ivrs::default();
    walk(
        View::of_table(bytes).rest(48),
        report,
        |block| (block.u8(0).into(), block.u16(2).into()),
        |kind| match kind {
            0x10 => 24,
            0x11 | 0x40 => 40,
            IVMD_ALL..=IVMD_RANGE => 32,
            _ => 4,
        },
        |kind, block, report| match kind {
            _ if IVHD.contains(&kind) => ivrs.iommus.push(iommu(block, report)),
            IVMD_ALL..=IVMD_RANGE => ivrs.memory.push(memory(kind, block)),
            _ => report.add(block.at(), Trouble::Unknown { kind }),
        },
    );
    ivrs
}

fn memory(kind: u16, block: View<'_>) -> Memory {
    let devices = match kind {
        IVMD_ONE => Devices::One(block.u16(4)),
        IVMD_RANGE => Devices::Range(block.u16(4), block.u16(6)),
        _ => Devices::All,
    };
    Memory { devices, start: block.u64(16), length: block.u64(24), excluded: block.u8(1) & 8 != 0 }
}

fn iommu(block: View<'_>, report: &mut Report<'_>) -> Iommu {
    let kind = block.u8(0);
    let entries = block.rest(if kind == 0x10 { 24 } else { 40 });
    Iommu {
        kind,
        base: block.u64(8),
        segment: block.u16(16),
        bdf: block.u16(4),
        devices: devices(entries, report),
    }
}

// The device entry types of section 5.2.2.1 and following.
const ALL: u16 = 1;
const SELECT: u16 = 2;
const RANGE_START: u16 = 3;
const RANGE_END: u16 = 4;
const ALIAS: u16 = 66;
const ALIAS_RANGE: u16 = 67;
const EXTENDED_SELECT: u16 = 70;
const EXTENDED_RANGE: u16 = 71;
const SPECIAL: u16 = 72;
const HID: u16 = 240;

/// How long an entry is: its type says so, but for the one that carries texts.
fn entry_length(entry: View<'_>) -> (u16, usize) {
    let kind = u16::from(entry.u8(0));
    let length = match kind {
        0..64 => 4,
        64..128 => 8,
        128..192 => 16,
        HID => 22 + usize::from(entry.u8(21)),
        _ => 32,
    };
    (kind, length)
}

fn devices(entries: View<'_>, report: &mut Report<'_>) -> Vec<Entry> {
    let mut devices = Vec::new();
    let mut open: Option<(usize, u16, Option<u16>)> = None;
    walk(
        entries,
        report,
        entry_length,
        |_| 4,
        |kind, entry, report| {
            let id = entry.u16(1);
            let mut add = |devices_of: Devices, alias| devices.push(Entry { devices: devices_of, alias });
            if let (Some((at, ..)), true) = (open, matches!(kind, RANGE_START | ALIAS_RANGE | EXTENDED_RANGE))
            {
                report.add(at, Trouble::Range);
            }
            match kind {
                // Padding.
                0 => {}
                ALL => add(Devices::All, None),
                SELECT | EXTENDED_SELECT => add(Devices::One(id), None),
                ALIAS => add(Devices::One(id), Some(entry.u16(5))),
                RANGE_START | EXTENDED_RANGE => open = Some((entry.at(), id, None)),
                ALIAS_RANGE => open = Some((entry.at(), id, Some(entry.u16(5)))),
                RANGE_END => match open.take() {
                    Some((_, start, alias)) if start <= id => add(Devices::Range(start, id), alias),
                    _ => report.add(entry.at(), Trouble::Range),
                },
                SPECIAL => {
                    let special =
                        Devices::Special { handle: entry.u8(4), variety: entry.u8(7), bdf: entry.u16(5) };
                    add(special, None);
                }
                HID => add(named(entry), None),
                _ => report.add(entry.at(), Trouble::Unknown { kind }),
            }
        },
    );
    if let Some((at, ..)) = open {
        report.add(at, Trouble::Range);
    }
    devices
}

fn named(entry: View<'_>) -> Devices {
    let cid = entry.padded(12, 8);
    let uid = match entry.u8(20) {
        1 => Some(Uid::Number(entry.u64(22))),
        2 => Some(Uid::Text(entry.padded(22, entry.u8(21).into()))),
        _ => None,
    };
    Devices::Named { hid: entry.padded(4, 8), cid: (!cid.is_empty()).then_some(cid), uid, id: entry.u16(1) }
}
