//! Where IOMMUs are and who stands behind them, as tables say it and as people write it.

use std::fmt;

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Registers at a physical address.
    Registers(u64),
    /// A PCI function.
    Function {
        /// Its segment.
        segment: u16,
        /// Bus, device and function.
        bdf: u16,
    },
}

/// Who stands behind an IOMMU.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// A device of the namespace, by its path or hardware id.
    Named(String),
    /// A device by its registers' address.
    Registers(u64),
    /// PCI functions from the first to the last.
    Functions {
        /// Their segment.
        segment: u16,
        /// The first.
        first: u16,
        /// The last.
        last: u16,
    },
    /// PCI functions from the first to the last of each of several segments.
    Spread {
        /// First and last segment.
        segments: (u16, u16),
        /// The first of each.
        first: u16,
        /// The last of each.
        last: u16,
    },
    /// All behind a PCI bridge, by the path to it: the bus it starts at, then device and function of each step.
    Behind {
        /// Its segment.
        segment: u16,
        /// The bus the path starts at.
        bus: u8,
        /// The steps.
        path: Vec<(u8, u8)>,
    },
    /// A PCI function by the path to it.
    Reached {
        /// Its segment.
        segment: u16,
        /// The bus the path starts at.
        bus: u8,
        /// The steps.
        path: Vec<(u8, u8)>,
    },
    /// All functions of a segment, or all that nobody else names.
    Segment(u16),
}

/// Bus, device and function as lspci writes them.
struct Bdf(u16);

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{:x}", self.0 >> 8, self.0 >> 3 & 0x1f, self.0 & 7)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Registers(base) => write!(f, "{base:#x}"),
            Place::Function { segment, bdf } => write!(f, "{segment:04x}:{}", Bdf(*bdf)),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = |f: &mut fmt::Formatter<'_>, path: &[(u8, u8)]| {
            path.iter().enumerate().try_for_each(|(at, (device, function))| {
                write!(f, "{}{device:02x}.{function:x}", if at == 0 { "" } else { "/" })
            })
        };
        match self {
            Who::Named(name) if name.is_empty() => f.write_str("a device without a name"),
            Who::Named(name) => f.write_str(name),
            Who::Registers(base) => write!(f, "registers at {base:#x}"),
            Who::Functions { segment, first, last } if first == last => {
                write!(f, "{segment:04x}:{}", Bdf(*first))
            }
            Who::Functions { segment, first, last } => {
                write!(f, "{segment:04x}:{} to {}", Bdf(*first), Bdf(*last))
            }
            Who::Spread { segments, first, last } => {
                let (from, to) = segments;
                write!(f, "{} to {} of segments {from:04x} to {to:04x}", Bdf(*first), Bdf(*last))
            }
            Who::Behind { segment, bus, path } => {
                write!(f, "all behind {segment:04x}:{bus:02x}:")?;
                steps(f, path)
            }
            Who::Reached { segment, bus, path } => {
                write!(f, "{segment:04x}:{bus:02x}:")?;
                steps(f, path)
            }
            Who::Segment(segment) => write!(f, "all others of PCI segment {segment:04x}"),
        }
    }
}
