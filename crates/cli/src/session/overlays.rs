//! The overlays that were put into a board's description, so that any of them can be taken out again.
//!
//! Linux keeps a changeset for each (drivers/of/overlay.c) and lets only the topmost go. Here the description without one is made anew
//! from the board's own and the others in their order.

use uvfio_firmware::dt::{self, Misfit};
use uvfio_firmware::{Board, DescribedBy, NotADeviceTree, Tree};

/// A board's own tree and what was put into it.
pub struct Overlays {
    base: Option<Tree>,
    applied: Vec<(String, Tree)>,
}

/// Why the description stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum Unchanged {
    /// The bytes are no device tree.
    #[error("it is not a usable device tree: {0}")]
    NotADeviceTree(#[from] NotADeviceTree),
    /// The overlay does not fit.
    #[error("it does not fit the board: {0}")]
    Misfit(#[from] Misfit),
    /// Another overlay needs what this one brought.
    #[error("overlay {other} needs it: {why}")]
    Needed {
        /// The other one.
        other: String,
        /// What would be missing.
        why: Misfit,
    },
    /// The board is described by ACPI.
    #[error("the board is described by ACPI, and an overlay can only be put into a device tree")]
    NoTree,
    /// One of this name is there.
    #[error("an overlay of this name is there already")]
    Twice,
}

impl Overlays {
    /// None yet. A board that ACPI describes takes none.
    pub fn of(board: &Board) -> Self {
        let base = (board.described_by == DescribedBy::DeviceTree).then(|| board.tree.clone());
        Overlays { base, applied: Vec::new() }
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.applied.iter().any(|(other, _)| other == name)
    }

    /// The description with one more, and the overlays as they are then.
    ///
    /// # Errors
    /// Where it cannot be read, does not fit, or is there.
    pub fn with(&self, name: &str, bytes: &[u8]) -> Result<(Tree, Overlays), Unchanged> {
        if self.has(name) {
            return Err(Unchanged::Twice);
        }
        let (overlay, _) = Tree::parse(bytes)?;
        let (tree, _) = dt::apply(&self.tree()?, &overlay, dt::Merge::Live)?;
        let mut applied = self.applied.clone();
        applied.push((name.to_owned(), overlay));
        Ok((tree, Overlays { base: self.base.clone(), applied }))
    }

    /// The description without one, and the overlays as they are then.
    ///
    /// # Errors
    /// Where another one needs it.
    pub fn without(&self, name: &str) -> Result<(Tree, Overlays), Unchanged> {
        let mut tree = self.base.clone().ok_or(Unchanged::NoTree)?;
        let applied: Vec<(String, Tree)> =
            self.applied.iter().filter(|(other, _)| other != name).cloned().collect();
        for (other, overlay) in &applied {
            let needed = |why| Unchanged::Needed { other: other.clone(), why };
            tree = dt::apply(&tree, overlay, dt::Merge::Live).map_err(needed)?.0;
        }
        Ok((tree, Overlays { base: self.base.clone(), applied }))
    }

    fn tree(&self) -> Result<Tree, Unchanged> {
        let mut tree = self.base.clone().ok_or(Unchanged::NoTree)?;
        for (_, overlay) in &self.applied {
            tree = dt::apply(&tree, overlay, dt::Merge::Live)?.0;
        }
        Ok(tree)
    }
}
