//! The ways one node refers to another, and how each is written down.
//!
//! Linux has the same table for finding suppliers (`of_supplier_bindings`, drivers/of/property.c), and each subsystem its own parser
//! behind it. Here one table serves all: a property of phandles with cells, how many cells is said by the provider.

/// What one node needs another for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// `iommus`.
    Iommu,
    /// `interrupts`, `interrupts-extended`.
    Interrupt,
    /// `msi-parent`.
    Msi,
    /// `resets`.
    Reset,
    /// `clocks`.
    Clock,
    /// `power-domains`.
    PowerDomain,
    /// `*-supply`: a regulator.
    Supply,
    /// `phys`.
    Phy,
    /// `dmas`.
    Dma,
    /// `interconnects`.
    Interconnect,
    /// `memory-region`: reserved memory.
    Memory,
    /// `mboxes`.
    Mailbox,
    /// `gpios`, `*-gpios`, `*-gpio`.
    Gpio,
    /// `pwms`.
    Pwm,
    /// `pinctrl-N`.
    Pinctrl,
    /// `nvmem-cells`.
    Nvmem,
    /// `hwlocks`.
    HwLock,
    /// `io-channels`.
    IoChannel,
    /// `io-backends`.
    IoBackend,
    /// `extcon`.
    Extcon,
    /// `thermal-sensors`.
    ThermalSensor,
    /// `access-controllers`.
    AccessController,
    /// `sound-dai`.
    SoundDai,
    /// `wakeup-parent`.
    WakeupParent,
}

/// How many cells stand behind a phandle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellCount {
    /// As many as this property of the provider says.
    Said(&'static str),
    /// As many as this property of the provider says; none where it says nothing.
    SaidOrNone(&'static str),
    /// None.
    None,
}

/// How a reference is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) kind: Reference,
    /// The property's name.
    pub(crate) property: &'static str,
    /// The property with the names of its entries.
    pub(crate) names: Option<&'static str>,
    pub(crate) cells: CellCount,
}

const fn binding(
    kind: Reference,
    property: &'static str,
    names: Option<&'static str>,
    cells: CellCount,
) -> Binding {
    Binding { kind, property, names, cells }
}

/// Each reference with a property name of its own.
pub(crate) const BINDINGS: &[Binding] = &[
    binding(Reference::Iommu, "iommus", None, CellCount::Said("#iommu-cells")),
    binding(Reference::Msi, "msi-parent", None, CellCount::SaidOrNone("#msi-cells")),
    binding(Reference::Reset, "resets", Some("reset-names"), CellCount::Said("#reset-cells")),
    binding(Reference::Clock, "clocks", Some("clock-names"), CellCount::Said("#clock-cells")),
    binding(
        Reference::PowerDomain,
        "power-domains",
        Some("power-domain-names"),
        CellCount::Said("#power-domain-cells"),
    ),
    binding(Reference::Phy, "phys", Some("phy-names"), CellCount::Said("#phy-cells")),
    binding(Reference::Dma, "dmas", Some("dma-names"), CellCount::Said("#dma-cells")),
    binding(
        Reference::Interconnect,
        "interconnects",
        Some("interconnect-names"),
        CellCount::Said("#interconnect-cells"),
    ),
    binding(Reference::Memory, "memory-region", Some("memory-region-names"), CellCount::None),
    binding(Reference::Mailbox, "mboxes", Some("mbox-names"), CellCount::Said("#mbox-cells")),
    binding(Reference::Pwm, "pwms", Some("pwm-names"), CellCount::Said("#pwm-cells")),
    binding(
        Reference::Nvmem,
        "nvmem-cells",
        Some("nvmem-cell-names"),
        CellCount::SaidOrNone("#nvmem-cell-cells"),
    ),
    binding(Reference::HwLock, "hwlocks", Some("hwlock-names"), CellCount::Said("#hwlock-cells")),
    binding(
        Reference::IoChannel,
        "io-channels",
        Some("io-channel-names"),
        CellCount::Said("#io-channel-cells"),
    ),
    binding(
        Reference::IoBackend,
        "io-backends",
        Some("io-backend-names"),
        CellCount::Said("#io-backend-cells"),
    ),
    binding(Reference::Extcon, "extcon", None, CellCount::None),
    binding(Reference::ThermalSensor, "thermal-sensors", None, CellCount::Said("#thermal-sensor-cells")),
    binding(
        Reference::AccessController,
        "access-controllers",
        Some("access-controller-names"),
        CellCount::Said("#access-controller-cells"),
    ),
    binding(Reference::SoundDai, "sound-dai", None, CellCount::Said("#sound-dai-cells")),
    binding(Reference::WakeupParent, "wakeup-parent", None, CellCount::None),
    binding(Reference::Gpio, "gpios", None, CellCount::Said("#gpio-cells")),
];

/// What a node says of itself that makes it a provider, and of what.
pub(crate) const PROVISIONS: &[(&str, Reference)] = &[
    ("#iommu-cells", Reference::Iommu),
    ("#interrupt-cells", Reference::Interrupt),
    ("#msi-cells", Reference::Msi),
    ("msi-controller", Reference::Msi),
    ("#reset-cells", Reference::Reset),
    ("#clock-cells", Reference::Clock),
    ("#power-domain-cells", Reference::PowerDomain),
    ("#phy-cells", Reference::Phy),
    ("#dma-cells", Reference::Dma),
    ("#interconnect-cells", Reference::Interconnect),
    ("#mbox-cells", Reference::Mailbox),
    ("#gpio-cells", Reference::Gpio),
    ("#pwm-cells", Reference::Pwm),
];

impl Reference {
    /// What a property of that name refers to others for; `None` where it is no reference. Interrupts, which have a tree of their
    /// own, are not among these.
    #[must_use]
    pub fn of_property(name: &[u8]) -> Option<Reference> {
        Binding::of(name).map(|(binding, _)| binding.kind)
    }

    /// Whether such a reference is a phandle alone, whatever its provider says.
    #[must_use]
    pub fn has_no_cells(self) -> bool {
        use Reference::{Extcon, Memory, Pinctrl, Supply, WakeupParent};
        matches!(self, Supply | Memory | Extcon | Pinctrl | WakeupParent)
    }
}

impl Binding {
    /// How a property of that name refers to others, and the part of the name that names the reference: `vdd` of `vdd-supply`.
    pub(crate) fn of(property: &[u8]) -> Option<(Binding, Option<&[u8]>)> {
        // Most properties are no reference, and their end says so.
        let may_be = matches!(property.last()?, b'i' | b'n' | b'o' | b's' | b't' | b'y' | b'0'..=b'9');
        if !may_be || property.ends_with(b"-names") {
            return None;
        }
        if let Some(found) = BINDINGS.iter().find(|binding| binding.property.as_bytes() == property) {
            return Some((*found, None));
        }
        let pattern = |kind, cells, name| Some((binding(kind, "", None, cells), Some(name)));
        if let Some(name) = property.strip_suffix(b"-supply") {
            return pattern(Reference::Supply, CellCount::None, name);
        }
        if let Some(name) = property.strip_suffix(b"-gpios").or_else(|| property.strip_suffix(b"-gpio")) {
            // `nr-gpios` and `snps,nr-gpios` count a controller's own lines.
            let counts = name == b"nr" || name.ends_with(b",nr");
            return if counts {
                None
            } else {
                pattern(Reference::Gpio, CellCount::Said("#gpio-cells"), name)
            };
        }
        let number = property.strip_prefix(b"pinctrl-")?;
        let digits = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        if digits { pattern(Reference::Pinctrl, CellCount::None, number) } else { None }
    }
}
