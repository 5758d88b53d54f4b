//! Device trees: bytes of a flattened tree in, nodes and properties out, and what their cells mean.
//!
//! The format is the Devicetree Specification (v0.4), chapter 5; what the cells mean is its chapters 2 and 3 and Linux's bindings. What
//! Linux makes of it is in `drivers/of`, and where the two differ this follows Linux.

mod address;
mod blob;
mod controller;
mod decode;
mod dma;
mod draft;
mod facts;
mod id_map;
mod interrupt;
mod memory;
mod naming;
mod node;
mod overlay;
mod pci;
mod populate;
mod provider;
mod specifier;
mod tree;

pub use blob::NotADeviceTree;
pub use draft::{Draft, DraftNode};
pub use id_map::{IdMap, IdRange};
pub use node::{Node, Property};
pub use overlay::{Merge, Misfit, apply};
pub use pci::{MapLine, PciHost, PciSpace, PciWindow};
pub use tree::Tree;

use crate::board::DescribedBy;
use crate::{Board, Diagnostic};
use decode::Decoder;

/// The board a tree describes.
pub(crate) fn board(tree: Tree) -> (Board, Vec<Diagnostic>) {
    let decoder = Decoder::new(&tree);
    let root = tree.root();
    let devices = populate::devices(&decoder);
    let (memory, reserved) = (memory::memory(&decoder), memory::reserved(&decoder));
    let mut board = Board {
        model: root.property("model").and_then(Property::string).unwrap_or_default().into_owned(),
        compatible: root.compatible().map(Into::into).collect(),
        devices,
        providers: provider::providers(&decoder),
        memory,
        reserved,
        tree: Tree::default(),
        described_by: DescribedBy::DeviceTree,
    };
    let diagnostics = decoder.finish();
    board.tree = tree;
    (board, diagnostics)
}
