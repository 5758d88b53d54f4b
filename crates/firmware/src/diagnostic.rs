//! What is wrong with a description, as facts: the node, the property, the numbers.
//!
//! Trouble never loses the board: whatever can be read is read, and this says what could not. Sentences are made elsewhere.

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Path of the node; empty for the blob as a whole.
    pub path: String,
    /// What is wrong there.
    pub problem: Problem,
}

impl Diagnostic {
    pub(crate) fn of_blob(problem: Problem) -> Diagnostic {
        Diagnostic { path: String::new(), problem }
    }
}

/// The kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The header claims more bytes than there are.
    Truncated {
        /// Bytes claimed.
        claimed: u32,
        /// Bytes there are.
        have: usize,
    },
    /// The tokens end in the middle; what came before was kept.
    StructureEnds {
        /// Bytes from the start of the blob.
        at: usize,
    },
    /// A number that is no token; what came before was kept.
    UnknownToken {
        /// Bytes from the start of the blob.
        at: usize,
        /// The number.
        token: u32,
    },
    /// A node's end without its start.
    Unbalanced {
        /// Bytes from the start of the blob.
        at: usize,
    },
    /// Two nodes have the same phandle; the first keeps it.
    DuplicatePhandle {
        /// The number.
        phandle: u32,
    },
    /// A property names a phandle that no node has.
    MissingPhandle {
        /// The property.
        property: Property,
        /// The number.
        phandle: u32,
    },
    /// A provider does not say how many cells its specifiers have.
    NoCells {
        /// The property that refers to it.
        property: Property,
        /// The provider's phandle.
        phandle: u32,
    },
    /// A property is not a whole number of entries.
    Ragged {
        /// The property.
        property: Property,
        /// Its length in bytes.
        length: usize,
        /// Bytes of one entry, where that is known.
        entry: usize,
    },
    /// An address could not be translated to a physical one: a bus on the way has no window for it.
    Untranslated {
        /// The address as the node gives it.
        address: u64,
    },
    /// A cell count that addresses cannot have.
    CellCount {
        /// Cells of an address.
        address: u32,
        /// Cells of a size.
        size: u32,
    },
    /// An interrupt controller was not found.
    NoInterruptParent,
}

/// The properties that diagnostics speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Property {
    /// `reg`.
    Reg,
    /// `ranges`.
    Ranges,
    /// `dma-ranges`.
    DmaRanges,
    /// `interrupts`.
    Interrupts,
    /// `interrupts-extended`.
    InterruptsExtended,
    /// `iommus`.
    Iommus,
    /// `iommu-map`.
    IommuMap,
    /// `resets`.
    Resets,
    /// `clocks`.
    Clocks,
    /// `power-domains`.
    PowerDomains,
    /// `phys`.
    Phys,
    /// `dmas`.
    Dmas,
    /// `interconnects`.
    Interconnects,
    /// `memory-region`.
    MemoryRegion,
    /// `msi-parent`.
    MsiParent,
}

impl Property {
    /// The property's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Property::Reg => "reg",
            Property::Ranges => "ranges",
            Property::DmaRanges => "dma-ranges",
            Property::Interrupts => "interrupts",
            Property::InterruptsExtended => "interrupts-extended",
            Property::Iommus => "iommus",
            Property::IommuMap => "iommu-map",
            Property::Resets => "resets",
            Property::Clocks => "clocks",
            Property::PowerDomains => "power-domains",
            Property::Phys => "phys",
            Property::Dmas => "dmas",
            Property::Interconnects => "interconnects",
            Property::MemoryRegion => "memory-region",
            Property::MsiParent => "msi-parent",
        }
    }
}
