//! What is wrong with a description, as data.
//!
//! Linux prints such things to its log and goes on (`pr_err` in `drivers/of`); here they come back beside the board. Sentences are
//! made of them in the command line tool.

use crate::acpi::aml::Failure;
use crate::{Reference, Trigger};

/// One trouble, and the node it is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The node's path; empty where the blob as a whole is meant.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// The kinds of trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The blob says that it is longer than it is; what is there was read.
    Truncated {
        /// Bytes it should have.
        claimed: u32,
        /// Bytes there are.
        have: usize,
    },
    /// The tokens end in the middle of one; what stood before was read.
    StructureEnds {
        /// Bytes from the start of the blob.
        at: usize,
    },
    /// A number that is no token; what stood before was read.
    UnknownToken {
        /// Bytes from the start of the blob.
        at: usize,
        /// The number.
        token: u32,
    },
    /// Nodes were still open where the tokens end, or more were closed than opened.
    Unbalanced {
        /// Nodes that were open.
        open: usize,
    },
    /// There is no root node.
    NoRoot,
    /// A property stands outside any node, or behind a node within its own, where Linux does not see it; left out.
    StrayProperty {
        /// Its name.
        name: String,
    },
    /// Another node beside the root; left out with all below it.
    SecondRoot {
        /// Bytes from the start of the blob.
        at: usize,
    },
    /// Nodes deeper than Linux reads (`FDT_MAX_DEPTH`, drivers/of/fdt.c); left out.
    TooDeep {
        /// The deepest level that is read; the root is level 0.
        deepest: usize,
        /// Nodes left out.
        nodes: usize,
    },
    /// A name longer than any file name may be; cut.
    LongName {
        /// Bytes it has, or has at least.
        length: usize,
    },
    /// A property whose name is not in the block of names; left out.
    PropertyName {
        /// Bytes from the start of the blob.
        at: usize,
        /// Where its name should be in the block of names.
        offset: u32,
    },
    /// A second node of one phandle; references mean the first.
    DuplicatePhandle {
        /// The phandle.
        phandle: u32,
        /// The path of the first.
        first: String,
    },
    /// A property whose length does not fit what it should hold; the rest after whole entries was left out.
    Length {
        /// The property.
        property: String,
        /// Bytes it has.
        length: usize,
        /// Bytes one entry has.
        entry: usize,
    },
    /// A reference to a phandle that no node has; it and those behind it were left out.
    NoProvider {
        /// The property.
        property: String,
        /// Which entry, from 0.
        index: usize,
        /// The phandle.
        phandle: u32,
    },
    /// A reference to a node that does not say how many cells it takes; it and those behind it were left out.
    NoCells {
        /// The property.
        property: String,
        /// Which entry, from 0.
        index: usize,
        /// The provider's path.
        provider: String,
        /// What it lacks, such as `#clock-cells`.
        cells: String,
    },
    /// A reference that ends before the cells its provider takes; it was left out.
    FewCells {
        /// The property.
        property: String,
        /// Which entry, from 0.
        index: usize,
        /// The provider's path.
        provider: String,
        /// Cells it takes.
        want: u32,
        /// Cells there are.
        have: usize,
    },
    /// A provider that takes more cells than Linux has room for (`MAX_PHANDLE_ARGS`); the reference was left out.
    ManyCells {
        /// The property.
        property: String,
        /// The provider's path.
        provider: String,
        /// Cells it takes.
        want: u32,
    },
    /// An entry of `reg` that no `ranges` above takes to the processor's addresses. Linux stops there: it and those behind it are not
    /// the device's.
    Untranslatable {
        /// Which entry, from 0.
        index: usize,
        /// Its address on the bus it is on.
        address: u64,
        /// The path of the bus whose `ranges` has no place for it.
        bus: String,
    },
    /// Two rows of a bus's `ranges` take the same addresses to different places; the one that stands first is meant.
    RangesOverlap {
        /// Where the one starts, on the bus.
        one: u64,
        /// Where the other starts.
        other: u64,
    },
    /// A window of no bytes, or one whose end is beyond the last address.
    Extent {
        /// Which entry, from 0.
        index: usize,
        /// Its address for the processor.
        base: u64,
        /// Its bytes.
        size: u64,
    },
    /// The bus a device is on uses a number of cells for addresses that Linux does not take (1 to 4).
    AddressCells {
        /// Cells for an address.
        address: u32,
        /// Cells for a size.
        size: u32,
    },
    /// An interrupt without a controller: no parent, none of that phandle, or no line of an `interrupt-map` for it. It and those
    /// behind it were left out.
    NoController {
        /// Which interrupt, from 0.
        index: usize,
    },
    /// An interrupt whose cells do not say level or edge although the controller takes that.
    NoTrigger {
        /// Which interrupt, from 0.
        index: usize,
        /// What is taken for it.
        taken: Trigger,
    },
    /// A device Linux would give a name that another has already; left out.
    NameTaken {
        /// The name.
        name: String,
        /// The other's path.
        other: String,
    },
    /// A device on the AMBA bus without a register window; Linux makes no device of it.
    AmbaWithoutRegisters,
    /// A part of a table of ACPI that could not be read: what stands before it in the same scope is there, and what is in other scopes.
    Unreadable {
        /// Why.
        why: Failure,
    },
    /// An object of ACPI that could not be evaluated; the device is as if it had none.
    NotEvaluated {
        /// Its name, such as `_CRS`.
        name: String,
    },
    /// A resource descriptor that ends outside its template; it and those behind it were left out.
    ResourceEnds {
        /// Bytes from the template's start.
        at: usize,
    },
    /// A resource descriptor of a window without bytes, or one whose end is beyond the last address; it was left out.
    ResourceExtent {
        /// First address.
        base: u64,
        /// Bytes.
        size: u64,
    },
    /// An IOMMU translates for the device, but neither it nor one it is in says whether its DMA is coherent (`_CCA`): on Arm it then
    /// does none.
    NoCoherency,
    /// IORT names a device that the namespace does not have, or that is not there.
    NoSuchComponent,
    /// Reading was given up: the description is built to take more steps or space than its size warrants.
    Exhausted,
    /// More of these, not kept.
    More {
        /// How many.
        count: u64,
    },
    /// A device that can be used refers to a node that is disabled: for instance an IOMMU, which then does not translate for it.
    ProviderDisabled {
        /// What for.
        kind: Reference,
        /// The provider's path.
        provider: String,
    },
}

/// No more than this many are kept of one description; the rest is counted.
const MOST: usize = 4096;

/// Where readers put what they find wrong.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kept: Vec<Diagnostic>,
    more: u64,
}

impl Report {
    pub(crate) fn add(&mut self, path: impl FnOnce() -> String, problem: impl FnOnce() -> Problem) {
        if self.kept.len() < MOST {
            self.kept.push(Diagnostic { path: path(), problem: problem() });
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn of_blob(&mut self, problem: Problem) {
        self.add(String::new, || problem);
    }

    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        if self.more > 0 {
            self.kept.push(Diagnostic { path: String::new(), problem: Problem::More { count: self.more } });
        }
        self.kept
    }
}
