//! What is asked of each node over and over, gathered in one pass.
//!
//! Linux looks such properties up each time and climbs to the root for those that are inherited (`of_bus_n_addr_cells`,
//! `of_irq_find_parent` in drivers/of). A tree made to be slow could make that cost its size squared, so it is done once here.

use std::num::NonZeroU32;

use super::controller::Family;
use super::node::{Node, Property};
use super::tree::Tree;

/// How a bus writes the addresses of its children (`of_busses`, drivers/of/address.c).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BusKind {
    /// `pci`: the first of three cells is the space.
    Pci,
    /// `isa`: the first of two cells is the space.
    Isa,
    /// Three cells, of which the first must match as it is.
    Flags,
    /// One number.
    #[default]
    Plain,
}

/// A property that is known by its place in the tree, which takes an eighth of what a view of it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known(NonZeroU32);

impl Known {
    pub(super) fn of<'t>(self, tree: &'t Tree) -> Property<'t> {
        tree.property_at(self.0.get() as usize - 1)
    }
}

/// What a node says, or inherits.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) bus: BusKind,
    /// `#address-cells` for its children, inherited.
    pub(super) address_cells: u32,
    /// `#size-cells` for its children, inherited.
    pub(super) size_cells: u32,
    /// `#address-cells` of its own.
    pub(super) own_address_cells: Option<u32>,
    pub(super) interrupt_parent: Option<u32>,
    pub(super) interrupt_cells: Option<u32>,
    pub(super) interrupt_controller: bool,
    pub(super) family: Family,
    /// `dma-coherent` or `dma-noncoherent` of its own.
    pub(super) coherent: Option<bool>,
    /// `status` of its own.
    pub(super) available: bool,
    /// It says how many cells a reference to it takes, or something like it.
    pub(super) provides: bool,
    pub(super) compatible: Option<Known>,
    pub(super) reg: Option<Known>,
    pub(super) assigned_addresses: Option<Known>,
    pub(super) ranges: Option<Known>,
    pub(super) dma_ranges: Option<Known>,
    pub(super) device_type: Option<Known>,
    /// A parent for DMA may be named among these.
    pub(super) interconnect_names: Option<Known>,
}

/// The facts of every node, by id.
pub(super) fn gather(tree: &Tree) -> Vec<Facts> {
    let mut all: Vec<Facts> = Vec::with_capacity(tree.nodes().len());
    for node in tree.nodes() {
        // Of the root's defaults Linux has 1 and 1 (`OF_ROOT_NODE_*_CELLS_DEFAULT`).
        let inherited = node.parent().and_then(|parent| all.get(parent.id().0 as usize));
        let (address, size) = inherited.map_or((1, 1), |above| (above.address_cells, above.size_cells));
        let facts = of_node(tree, node, address, size);
        all.push(facts);
    }
    all
}

fn of_node(tree: &Tree, node: Node<'_>, address_cells: u32, size_cells: u32) -> Facts {
    let mut facts = Facts { address_cells, size_cells, available: node.is_available(), ..Facts::default() };
    // From behind, so that of two properties of one name the first is the one that counts, as in Linux.
    for (at, property) in node.numbered_properties().rev() {
        let known = u32::try_from(at + 1).ok().and_then(NonZeroU32::new).map(Known);
        let name = property.name_bytes();
        facts.provides |= name.starts_with(b"#") || name == b"msi-controller";
        match name {
            b"#address-cells" => {
                facts.own_address_cells = property.u32();
                facts.address_cells = property.u32().unwrap_or(address_cells);
            }
            b"#size-cells" => facts.size_cells = property.u32().unwrap_or(size_cells),
            b"#interrupt-cells" => facts.interrupt_cells = property.u32(),
            b"interrupt-parent" => facts.interrupt_parent = property.u32(),
            b"interrupt-controller" => facts.interrupt_controller = true,
            b"dma-coherent" => facts.coherent = Some(true),
            b"dma-noncoherent" => facts.coherent = facts.coherent.or(Some(false)),
            b"compatible" => facts.compatible = known,
            b"reg" => facts.reg = known,
            b"assigned-addresses" => facts.assigned_addresses = known,
            b"ranges" => facts.ranges = known,
            b"dma-ranges" => facts.dma_ranges = known,
            b"device_type" => facts.device_type = known,
            b"interconnect-names" => facts.interconnect_names = known,
            _ => {}
        }
    }
    if facts.interrupt_cells.is_some() {
        facts.family = facts.compatible.map_or_else(Family::default, |it| Family::of(it.of(tree)));
    }
    facts.bus = bus_kind(tree, node, &facts);
    facts
}

fn bus_kind(tree: &Tree, node: Node<'_>, facts: &Facts) -> BusKind {
    let kind = facts.device_type.map_or(&b""[..], |kind| kind.of(tree).value());
    let kind = kind.strip_suffix(b"\0").unwrap_or(kind);
    let name = node.name_bytes().split(|&byte| byte == b'@').next().unwrap_or_default();
    if matches!(kind, b"pci" | b"pciex" | b"vci" | b"ht") || name == b"pcie" {
        BusKind::Pci
    } else if name == b"isa" {
        BusKind::Isa
    } else if facts.own_address_cells == Some(3) {
        BusKind::Flags
    } else {
        BusKind::Plain
    }
}
