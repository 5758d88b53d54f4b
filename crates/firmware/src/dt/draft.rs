//! A tree that can be changed, and written down as a blob.
//!
//! A [`Tree`] only points into the bytes it was read from. Overlays change trees (`drivers/of/dynamic.c` in Linux), and
//! tests make them up; both write a draft and read the blob it gives. For a tree that is only read there is no need of one.

use std::collections::HashMap;

use super::tree::Tree;

/// A node of a draft. One of another draft stands for some node of this one, or for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DraftNode(usize);

/// A tree that can be changed.
#[derive(Clone, Debug)]
pub struct Draft {
    nodes: Vec<Entry>,
    /// Names are looked up here, so that merging large trees takes time in proportion to their size.
    children: HashMap<(DraftNode, Vec<u8>), DraftNode>,
    properties: HashMap<(DraftNode, Vec<u8>), usize>,
    reservations: Vec<(u64, u64)>,
    boot_cpu: u32,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    name: Vec<u8>,
    parent: Option<DraftNode>,
    properties: Vec<(Vec<u8>, Vec<u8>)>,
    children: Vec<DraftNode>,
}

impl Default for Draft {
    fn default() -> Self {
        Draft {
            nodes: vec![Entry::default()],
            children: HashMap::new(),
            properties: HashMap::new(),
            reservations: Vec::new(),
            boot_cpu: 0,
        }
    }
}

impl From<&Tree> for Draft {
    fn from(tree: &Tree) -> Self {
        let mut draft = Draft {
            reservations: tree.memory_reservations().to_vec(),
            boot_cpu: tree.boot_cpu(),
            ..Draft::default()
        };
        let mut made: Vec<DraftNode> = Vec::with_capacity(tree.nodes().len());
        for node in tree.nodes() {
            let parent = node.parent().and_then(|parent| made.get(parent.id().0 as usize).copied());
            let copy = parent.map_or(Draft::ROOT, |parent| draft.add(parent, node.name_bytes()));
            made.push(copy);
            for property in node.properties() {
                draft.push(copy, property.name_bytes(), property.value());
            }
        }
        draft
    }
}

impl Draft {
    /// The root of every draft.
    pub const ROOT: DraftNode = DraftNode(0);

    /// The name of a node.
    #[must_use]
    pub fn name(&self, node: DraftNode) -> &[u8] {
        self.nodes.get(node.0).map_or(&[], |entry| &entry.name)
    }

    /// The path of a node from the root.
    #[must_use]
    pub fn path(&self, node: DraftNode) -> String {
        let up = std::iter::successors(self.nodes.get(node.0), |entry| self.nodes.get(entry.parent?.0));
        let mut names: Vec<_> = up.map(|entry| String::from_utf8_lossy(&entry.name)).collect();
        names.pop();
        let path = names.iter().rev().fold(String::new(), |path, name| path + "/" + name);
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// The nodes in a node, in their order.
    #[must_use]
    pub fn children(&self, node: DraftNode) -> &[DraftNode] {
        self.nodes.get(node.0).map_or(&[], |entry| &entry.children)
    }

    /// The first child of exactly that name.
    #[must_use]
    pub fn child(&self, node: DraftNode, name: &[u8]) -> Option<DraftNode> {
        self.children.get(&(node, name.to_vec())).copied()
    }

    /// The node at a path of exact names.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<DraftNode> {
        let mut names = path.strip_prefix('/')?.split('/').filter(|name| !name.is_empty());
        names.try_fold(Draft::ROOT, |node, name| self.child(node, name.as_bytes()))
    }

    /// Add a child at the end, whatever other children are called.
    pub fn add(&mut self, node: DraftNode, name: &[u8]) -> DraftNode {
        let child = DraftNode(self.nodes.len());
        self.nodes.push(Entry { name: name.to_vec(), parent: Some(node), ..Entry::default() });
        self.children.entry((node, name.to_vec())).or_insert(child);
        if let Some(entry) = self.nodes.get_mut(node.0) {
            entry.children.push(child);
        }
        child
    }

    /// The properties of a node in their order: names and values.
    #[must_use]
    pub fn properties(&self, node: DraftNode) -> &[(Vec<u8>, Vec<u8>)] {
        self.nodes.get(node.0).map_or(&[], |entry| &entry.properties)
    }

    /// The value of the first property of that name.
    #[must_use]
    pub fn property(&self, node: DraftNode, name: &[u8]) -> Option<&[u8]> {
        let at = *self.properties.get(&(node, name.to_vec()))?;
        self.properties(node).get(at).map(|(_, value)| &value[..])
    }

    /// The same, to be changed in place.
    pub fn property_mut(&mut self, node: DraftNode, name: &[u8]) -> Option<&mut [u8]> {
        let at = *self.properties.get(&(node, name.to_vec()))?;
        self.nodes.get_mut(node.0)?.properties.get_mut(at).map(|(_, value)| &mut value[..])
    }

    /// Give a property a value, in its place or at the end.
    pub fn set(&mut self, node: DraftNode, name: &[u8], value: &[u8]) {
        let at = self.properties.get(&(node, name.to_vec())).copied();
        let entry = self.nodes.get_mut(node.0);
        match at.and_then(|at| entry?.properties.get_mut(at)) {
            Some((_, old)) => *old = value.to_vec(),
            None => self.push(node, name, value),
        }
    }

    /// Add a property at the end. One of the same name that is there already stays the one that counts.
    fn push(&mut self, node: DraftNode, name: &[u8], value: &[u8]) {
        let Some(entry) = self.nodes.get_mut(node.0) else { return };
        self.properties.entry((node, name.to_vec())).or_insert(entry.properties.len());
        entry.properties.push((name.to_vec(), value.to_vec()));
    }

    /// As a blob of version 17. `None` where it is larger than a blob can say (4 GiB).
    #[must_use]
    pub fn flatten(&self) -> Option<Vec<u8>> {
        let mut writer = Writer::default();
        // Nodes to be started, and `None` for each end, the next one last.
        let mut todo = vec![Some(Draft::ROOT)];
        while let Some(step) = todo.pop() {
            let Some(entry) = step.and_then(|node| self.nodes.get(node.0)) else {
                writer.token(2);
                continue;
            };
            writer.token(1);
            writer.text(&entry.name);
            entry.properties.iter().for_each(|(name, value)| writer.property(name, value));
            todo.push(None);
            todo.extend(entry.children.iter().rev().map(|child| Some(*child)));
        }
        writer.token(9);
        writer.finish(&self.reservations, self.boot_cpu)
    }
}

/// The blocks of a blob while they grow.
#[derive(Default)]
struct Writer {
    structure: Vec<u8>,
    strings: Vec<u8>,
    offsets: HashMap<Vec<u8>, usize>,
    /// A number did not fit 32 bits.
    overflows: bool,
}

/// The header, the reservations behind it, then tokens and names (Devicetree Specification v0.4, 5.2).
const HEADER: usize = 40;

impl Writer {
    fn token(&mut self, token: u32) {
        self.structure.extend(token.to_be_bytes());
    }

    fn number(&mut self, number: usize) -> u32 {
        u32::try_from(number).unwrap_or_else(|_| {
            self.overflows = true;
            0
        })
    }

    fn pad(&mut self) {
        self.structure.resize(self.structure.len().next_multiple_of(4), 0);
    }

    fn text(&mut self, text: &[u8]) {
        self.structure.extend(text);
        self.structure.push(0);
        self.pad();
    }

    fn property(&mut self, name: &[u8], value: &[u8]) {
        let next = self.strings.len();
        let offset = *self.offsets.entry(name.to_vec()).or_insert(next);
        if offset == next {
            self.strings.extend(name);
            self.strings.push(0);
        }
        let (length, offset) = (self.number(value.len()), self.number(offset));
        self.token(3);
        self.token(length);
        self.token(offset);
        self.structure.extend(value);
        self.pad();
    }

    fn finish(mut self, reservations: &[(u64, u64)], boot_cpu: u32) -> Option<Vec<u8>> {
        let structure = HEADER + 16 * (reservations.len() + 1);
        let strings = structure + self.structure.len();
        let total = strings + self.strings.len();
        let [total, structure, strings] = [total, structure, strings].map(|number| self.number(number));
        let (names, tokens) = (self.number(self.strings.len()), self.number(self.structure.len()));
        let header = [0xd00d_feed, total, structure, strings, HEADER as u32, 17, 16, boot_cpu, names, tokens];
        let mut blob: Vec<u8> = header.into_iter().flat_map(u32::to_be_bytes).collect();
        let pairs = reservations.iter().chain(&[(0, 0)]);
        blob.extend(pairs.flat_map(|&(address, size)| [address, size]).flat_map(u64::to_be_bytes));
        blob.extend(&self.structure);
        blob.extend(&self.strings);
        (!self.overflows).then_some(blob)
    }
}
