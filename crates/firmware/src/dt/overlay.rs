//! Overlays: a second tree that adds to a first, for a board that gets devices after it was described.
//!
//! Linux: drivers/of/resolver.c makes phandles of the overlay unlike those of the tree and gives labels their phandles, overlay.c puts
//! the fragments in their places. As there, an overlay that does not fit changes nothing. Taking one out again is not here: who
//! applies one keeps the tree it had. Bootloaders and builds do the same with libfdt (fdt_overlay.c), which takes some overlays that
//! Linux would not: who boots such a board has them in its tree, so both rules are here.

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
    /// It needs labels, and the tree has none: it was compiled without them.
    #[error(
        "it needs the label {label}, and the tree has no labels: it was compiled without dtc's option -@"
    )]
    NoSymbols {
        /// The first it needs.
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
    /// Linux: it would change how the children of a node of the tree are addressed.
    #[error("{property} of {path} would change")]
    CellsChange {
        /// The node's path.
        path: String,
        /// The property.
        property: String,
    },
    /// Linux: it would give a node of the tree that has a phandle another (`add_changeset_node`).
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

/// Who puts an overlay in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// A bootloader or a build, with libfdt: a node that has a phandle keeps it, and what the overlay calls by another name follows; a
    /// name without an address means the first node that has it with one, too.
    Boot,
    /// A running Linux.
    Live,
}

/// The tree with the overlay put in, and what reading it again found wrong.
///
/// # Errors
/// Where the overlay does not fit; the tree is as it was.
pub fn apply(tree: &Tree, overlay: &Tree, merge: Merge) -> Result<(Tree, Vec<Diagnostic>), Misfit> {
    let mut parts = Overlay { base: Draft::from(tree), overlay: Draft::from(overlay), merge };
    parts.renumber(highest_phandle(tree))?;
    parts.resolve_labels()?;
    let fragments = parts.fragments(tree, overlay)?;
    if fragments.is_empty() {
        return Err(Misfit::Empty);
    }
    if merge == Merge::Boot {
        parts.keep_phandles(&fragments)?;
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
    merge: Merge,
}

/// A cell of the overlay that is a phandle of its own.
struct Place {
    node: DraftNode,
    property: Vec<u8>,
    offset: usize,
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
        for Place { node, property, offset } in self.references()? {
            let cell = self.overlay.property_mut(node, &property);
            let entry = || Misfit::Fixup { entry: text(&property) };
            add(cell.ok_or_else(entry)?, offset, by).ok_or_else(entry)?;
        }
        Ok(())
    }

    /// Where the overlay refers to nodes of its own (`__local_fixups__`).
    fn references(&self) -> Result<Vec<Place>, Misfit> {
        let mut places = Vec::new();
        let Some(fixups) = self.overlay.child(Draft::ROOT, b"__local_fixups__") else { return Ok(places) };
        // The tree below has the shape of the overlay itself, and offsets where that has phandles.
        let mut todo = vec![(fixups, Draft::ROOT)];
        while let Some((fixups, node)) = todo.pop() {
            for (name, offsets) in self.overlay.properties(fixups) {
                for offset in offsets.chunks_exact(4) {
                    let offset = offset.try_into().map_or(0, u32::from_be_bytes);
                    places.push(Place { node, property: name.clone(), offset: offset as usize });
                }
            }
            for child in self.overlay.children(fixups) {
                let name = self.overlay.name(*child);
                let entry = || Misfit::Fixup { entry: text(name) };
                todo.push((*child, self.overlay.child(node, name).ok_or_else(entry)?));
            }
        }
        Ok(places)
    }

    /// What the overlay would give another phandle keeps the one it has, also where the overlay refers to it
    /// (`overlay_prevent_phandle_overwrite`).
    fn keep_phandles(&mut self, fragments: &[Fragment]) -> Result<(), Misfit> {
        let mut kept: HashMap<[u8; 4], [u8; 4]> = HashMap::new();
        let mut todo: Vec<_> = fragments.iter().map(|fragment| (fragment.content, fragment.target)).collect();
        while let Some((from, to)) = todo.pop() {
            let phandle = |draft: &Draft, node| {
                PHANDLES.iter().find_map(|name| <[u8; 4]>::try_from(draft.property(node, name)?).ok())
            };
            if let (Some(new), Some(old)) = (phandle(&self.overlay, from), phandle(&self.base, to)) {
                kept.insert(new, old);
            }
            for &child in self.overlay.children(from) {
                todo.extend(self.same_child(to, self.overlay.name(child)).map(|place| (child, place)));
            }
        }
        if kept.is_empty() {
            return Ok(());
        }
        for Place { node, property, offset } in self.references()? {
            let value = self.overlay.property_mut(node, &property);
            let cell = value.and_then(|value| value.get_mut(offset..offset.checked_add(4)?));
            let cell = cell.ok_or_else(|| Misfit::Fixup { entry: text(&property) })?;
            if let Some(old) = kept.get(&*cell) {
                cell.copy_from_slice(old);
            }
        }
        Ok(())
    }

    /// The child of a node of the tree that a node of the overlay is about.
    fn same_child(&self, node: DraftNode, name: &[u8]) -> Option<DraftNode> {
        if self.merge == Merge::Live || name.contains(&b'@') {
            return self.base.child(node, name);
        }
        // `fdt_nodename_eq_`: the first in order, with an address or without.
        let without_address = |child: &&DraftNode| self.base.name(**child).split(|byte| *byte == b'@').next();
        self.base.children(node).iter().find(|child| without_address(child) == Some(name)).copied()
    }

    /// Write the phandles of labels of the tree where the overlay uses them (`__fixups__`).
    fn resolve_labels(&mut self) -> Result<(), Misfit> {
        let Some(fixups) = self.overlay.child(Draft::ROOT, b"__fixups__") else { return Ok(()) };
        for (label, places) in self.overlay.properties(fixups).to_vec() {
            let phandle = self.label(&label).ok_or_else(|| {
                let label = text(&label);
                match self.base.child(Draft::ROOT, b"__symbols__") {
                    Some(_) => Misfit::NoSymbol { label },
                    None => Misfit::NoSymbols { label },
                }
            })?;
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
                    match self.merge {
                        Merge::Boot => continue,
                        Merge::Live => return Err(Misfit::PhandleChange { path: self.base.path(to) }),
                    }
                }
                let is_cells = matches!(&name[..], b"#address-cells" | b"#size-cells");
                let old = self.base.property(to, name);
                let is_live = self.merge == Merge::Live;
                if is_live
                    && is_cells
                    && old.is_some_and(|old| old != value)
                    && !self.base.children(to).is_empty()
                {
                    let property = text(name);
                    return Err(Misfit::CellsChange { path: self.base.path(to), property });
                }
                self.base.set(to, name, value);
            }
            for &child in self.overlay.children(from) {
                let name = self.overlay.name(child);
                let place = self.same_child(to, name).unwrap_or_else(|| self.base.add(to, name));
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
