//! Overlays: a second tree that adds to a first, for a board that gets devices after it was described.
//!
//! Linux: drivers/of/resolver.c makes phandles of the overlay unlike those of the tree and gives labels their phandles, overlay.c puts
//! the fragments in their places. As there, an overlay that does not fit changes nothing. Taking one out again is not here: who
//! applies one keeps the tree it had.

use std::collections::HashMap;

use super::blob::NotADeviceTree;
use super::draft::{Draft, DraftNode};
use super::tree::Tree;
use crate::Diagnostic;

/// Why an overlay does not fit a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It needs a label that the tree's `__symbols__` do not have, or whose node has no phandle.
    #[error("no node of the tree has the label {label}")]
    NoSymbol {
        /// The label.
        label: String,
    },
    /// A fragment's target is not in the tree.
    #[error("the target of {fragment} is not in the tree")]
    NoTarget {
        /// The fragment's name.
        fragment: String,
        /// The target's path, where it names one.
        path: Option<String>,
        /// The target's phandle, where it names one.
        phandle: Option<u32>,
    },
    /// It has no fragment.
    #[error("there is no fragment in it")]
    Empty,
    /// A place to be fixed up is not in the overlay.
    #[error("the fixup {entry} points at nothing")]
    Fixup {
        /// The place as it stands: path, property and offset.
        entry: String,
    },
    /// It would change how the children of a node of the tree are addressed.
    #[error("{property} of {path} would change")]
    CellsChange {
        /// The node's path.
        path: String,
        /// The property.
        property: String,
    },
    /// It would give a node of the tree that has a phandle another. Linux refuses that too (`add_changeset_node`); fdtoverlay does not.
    #[error("{path} has a phandle already")]
    PhandleChange {
        /// The node's path.
        path: String,
    },
    /// Phandles of the tree and the overlay together are more than there are numbers.
    #[error("no phandles are left")]
    NoPhandles,
    /// Both together are larger than a blob can be.
    #[error("the tree would be larger than 4 GiB")]
    TooLarge,
    /// The result cannot be read.
    #[error("the result is not a device tree")]
    Unreadable(#[from] NotADeviceTree),
}

/// The tree with the overlay put in, and what reading it again found wrong.
///
/// # Errors
/// Where the overlay does not fit; the tree is as it was.
pub fn apply(tree: &Tree, overlay: &Tree) -> Result<(Tree, Vec<Diagnostic>), Misfit> {
    let mut parts = Overlay { base: Draft::from(tree), overlay: Draft::from(overlay) };
    parts.renumber(highest_phandle(tree))?;
    parts.resolve_labels()?;
    let fragments = parts.fragments(tree, overlay)?;
    if fragments.is_empty() {
        return Err(Misfit::Empty);
    }
    for fragment in &fragments {
        parts.merge(fragment)?;
    }
    parts.add_symbols(&fragments);
    let blob = parts.base.flatten().ok_or(Misfit::TooLarge)?;
    Ok(Tree::parse(&blob)?)
}

fn highest_phandle(tree: &Tree) -> u32 {
    tree.nodes().filter_map(|node| node.phandle()).filter(|&phandle| phandle != u32::MAX).max().unwrap_or(0)
}

const PHANDLES: [&[u8]; 2] = [b"phandle", b"linux,phandle"];

/// Both trees while one is put into the other.
struct Overlay {
    base: Draft,
    overlay: Draft,
}

/// A fragment and where it belongs.
struct Fragment {
    name: String,
    content: DraftNode,
    target: DraftNode,
    target_path: String,
}

impl Overlay {
    /// Add to every phandle of the overlay, and to each reference within it (`adjust_overlay_phandles`).
    fn renumber(&mut self, by: u32) -> Result<(), Misfit> {
        let mut todo = vec![Draft::ROOT];
        while let Some(node) = todo.pop() {
            todo.extend(self.overlay.children(node));
            for name in PHANDLES {
                if let Some(value) = self.overlay.property_mut(node, name) {
                    add(value, 0, by).ok_or(Misfit::NoPhandles)?;
                }
            }
        }
        let Some(fixups) = self.overlay.child(Draft::ROOT, b"__local_fixups__") else { return Ok(()) };
        // The tree below has the shape of the overlay itself, and offsets where that has phandles.
        let mut todo = vec![(fixups, Draft::ROOT)];
        while let Some((fixups, node)) = todo.pop() {
            for (name, offsets) in self.overlay.properties(fixups).to_vec() {
                let entry = || Misfit::Fixup { entry: text(&name) };
                let value = self.overlay.property_mut(node, &name).ok_or_else(entry)?;
                for offset in offsets.chunks_exact(4) {
                    let offset = offset.try_into().map_or(0, u32::from_be_bytes);
                    add(value, offset as usize, by).ok_or_else(entry)?;
                }
            }
            for child in self.overlay.children(fixups).to_vec() {
                let name = self.overlay.name(child).to_vec();
                let entry = || Misfit::Fixup { entry: text(&name) };
                todo.push((child, self.overlay.child(node, &name).ok_or_else(entry)?));
            }
        }
        Ok(())
    }

    /// Write the phandles of labels of the tree where the overlay uses them (`__fixups__`).
    fn resolve_labels(&mut self) -> Result<(), Misfit> {
        let Some(fixups) = self.overlay.child(Draft::ROOT, b"__fixups__") else { return Ok(()) };
        for (label, places) in self.overlay.properties(fixups).to_vec() {
            let phandle = self.label(&label).ok_or_else(|| Misfit::NoSymbol { label: text(&label) })?;
            for place in places.split(|&byte| byte == 0).filter(|place| !place.is_empty()) {
                let entry = text(place);
                let found = self.place(&entry).ok_or(Misfit::Fixup { entry })?;
                found.copy_from_slice(&phandle);
            }
        }
        Ok(())
    }

    /// The phandle of the node of the tree that has a label.
    fn label(&self, label: &[u8]) -> Option<[u8; 4]> {
        let symbols = self.base.child(Draft::ROOT, b"__symbols__")?;
        let path = self.base.property(symbols, label)?;
        let node = self.base.at(&text(path.strip_suffix(b"\0").unwrap_or(path)))?;
        PHANDLES.iter().find_map(|name| self.base.property(node, name)?.try_into().ok())
    }

    /// The four bytes that `path:property:offset` stands for.
    fn place(&mut self, place: &str) -> Option<&mut [u8]> {
        let (path, rest) = place.split_once(':')?;
        let (property, offset) = rest.rsplit_once(':')?;
        let offset: usize = offset.parse().ok()?;
        let node = self.overlay.at(path)?;
        self.overlay.property_mut(node, property.as_bytes())?.get_mut(offset..offset.checked_add(4)?)
    }

    /// The fragments and their targets in the tree.
    fn fragments(&self, tree: &Tree, overlay: &Tree) -> Result<Vec<Fragment>, Misfit> {
        let mut found = Vec::new();
        for (node, &draft) in overlay.root().children().zip(self.overlay.children(Draft::ROOT)) {
            let Some(content) = self.overlay.child(draft, b"__overlay__") else { continue };
            let phandle = self.overlay.property(draft, b"target").and_then(|value| value.try_into().ok());
            let phandle = phandle.map(u32::from_be_bytes);
            let path =
                node.property("target-path").and_then(|path| path.string()).map(|path| path.into_owned());
            let target = match (phandle, &path) {
                (Some(phandle), _) => tree.by_phandle(phandle),
                (None, Some(path)) => tree.by_path(path),
                (None, None) => None,
            };
            let fragment = node.name().into_owned();
            let target_path = target.map(|target| target.path());
            let place = target_path.as_deref().and_then(|path| self.base.at(path));
            let Some((target, target_path)) = place.zip(target_path) else {
                return Err(Misfit::NoTarget { fragment, path, phandle });
            };
            found.push(Fragment { name: fragment, content, target, target_path });
        }
        Ok(found)
    }

    /// Put a fragment's nodes and properties into the tree (`build_changeset_next_level`).
    fn merge(&mut self, fragment: &Fragment) -> Result<(), Misfit> {
        let mut todo = vec![(fragment.content, fragment.target)];
        while let Some((from, to)) = todo.pop() {
            for (name, value) in self.overlay.properties(from) {
                if PHANDLES.contains(&&name[..]) && self.base.property(to, name).is_some() {
                    return Err(Misfit::PhandleChange { path: self.base.path(to) });
                }
                let is_cells = matches!(&name[..], b"#address-cells" | b"#size-cells");
                let old = self.base.property(to, name);
                if is_cells && old.is_some_and(|old| old != value) && !self.base.children(to).is_empty() {
                    let property = text(name);
                    return Err(Misfit::CellsChange { path: self.base.path(to), property });
                }
                self.base.set(to, name, value);
            }
            for &child in self.overlay.children(from) {
                let name = self.overlay.name(child);
                let place = self.base.child(to, name).unwrap_or_else(|| self.base.add(to, name));
                todo.push((child, place));
            }
        }
        Ok(())
    }

    /// The overlay's labels name places within fragments; in the tree they name where those went.
    fn add_symbols(&mut self, fragments: &[Fragment]) {
        let Some(symbols) = self.overlay.child(Draft::ROOT, b"__symbols__") else { return };
        let there = self.base.child(Draft::ROOT, b"__symbols__");
        let there = there.unwrap_or_else(|| self.base.add(Draft::ROOT, b"__symbols__"));
        let by_name: HashMap<&str, &Fragment> =
            fragments.iter().map(|fragment| (fragment.name.as_str(), fragment)).collect();
        for (label, path) in self.overlay.properties(symbols).to_vec() {
            let place = text(path.strip_suffix(b"\0").unwrap_or(&path));
            let Some((fragment, rest)) = place.trim_start_matches('/').split_once("/__overlay__") else {
                continue;
            };
            let Some(fragment) = by_name.get(fragment) else { continue };
            let place = format!("{}{rest}\0", fragment.target_path.trim_end_matches('/'));
            self.base.set(there, &label, place.as_bytes());
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Add to the cell at an offset; `None` where there is none or the sum is no phandle.
fn add(value: &mut [u8], offset: usize, by: u32) -> Option<()> {
    let cell: &mut [u8] = value.get_mut(offset..offset.checked_add(4)?)?;
    let old = u32::from_be_bytes((&*cell).try_into().ok()?);
    let sum = old.checked_add(by).filter(|&sum| sum != u32::MAX)?;
    cell.copy_from_slice(&sum.to_be_bytes());
    Some(())
}
