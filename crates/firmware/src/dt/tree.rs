//! The tree: every node and property of a blob, as places in its bytes.
//!
//! Linux unflattens in `drivers/of/fdt.c`, and this keeps to what it sees: properties stand before child nodes, and nodes deeper than
//! `FDT_MAX_DEPTH` are passed over. Nothing is copied: the bytes are held once, shared, and a property costs sixteen bytes.

use std::fmt;
use std::sync::Arc;

use super::blob::{self, Damage, Header, NotADeviceTree, Span, Token, Tokens};
use super::node::{Node, Property, says_available};
use crate::diagnostic::Report;
use crate::{Diagnostic, NodeId, Problem};

/// A device tree. Cloning copies its index and shares its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree {
    pub(super) bytes: Arc<[u8]>,
    pub(super) nodes: Vec<NodeEntry>,
    pub(super) properties: Vec<PropertyEntry>,
    /// Sorted by phandle; among equals the first in the tree is first.
    phandles: Vec<(u32, NodeId)>,
    reservations: Vec<(u64, u64)>,
    boot_cpu: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeEntry {
    pub(super) name: Span,
    pub(super) parent: Option<NodeId>,
    pub(super) next_sibling: Option<NodeId>,
    pub(super) first_property: u32,
    pub(super) properties: u32,
    pub(super) depth: u8,
    /// Its `status`, if it has one, lets it be used.
    pub(super) available: bool,
    has_status: bool,
    /// The first node behind this one and all below it.
    pub(super) end: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PropertyEntry {
    pub(super) name: Span,
    pub(super) value: Span,
}

/// `FDT_MAX_DEPTH` less one: the first level Linux does not read.
const TOO_DEEP: usize = 63;
/// `NAME_MAX`: Linux could not show a longer name in sysfs, and looking for its end has to end.
const LONGEST_NAME: usize = 255;

impl Tree {
    /// Read a blob. What is damaged comes back as diagnostics, and what could be read is kept.
    ///
    /// # Errors
    /// Where the header does not say where the tree is.
    pub fn parse(bytes: &[u8]) -> Result<(Tree, Vec<Diagnostic>), NotADeviceTree> {
        let header = Header::read(bytes)?;
        let mut report = Report::default();
        let have = bytes.len();
        if header.total_size as usize > have {
            report.of_blob(Problem::Truncated { claimed: header.total_size, have });
        }
        let mut builder = Builder {
            bytes: &bytes[..have.min(header.total_size as usize)],
            strings: header.strings,
            nodes: Vec::with_capacity(header.structure.len as usize / 128),
            properties: Vec::with_capacity(header.structure.len as usize / 32),
            phandles: Vec::new(),
            open: Vec::new(),
            children: Vec::new(),
            skipped: 0,
            deep_nodes: 0,
            report,
        };
        builder.read(header.structure);
        let Builder { bytes, nodes, properties, mut phandles, report, .. } = builder;
        // Stable, so that the first node of a phandle stays first.
        phandles.sort_by_key(|&(phandle, _)| phandle);
        let tree = Tree {
            bytes: Arc::from(bytes),
            nodes,
            properties,
            phandles,
            reservations: blob::reservations(bytes, header.reservations),
            boot_cpu: header.boot_cpu,
        };
        let report = tree.check_phandles(report);
        Ok((tree, report.finish()))
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        self.node(NodeId(0))
    }

    /// The node of an id this tree gave out. An id of another tree gives some node, or the root.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Node<'_> {
        let id = if (id.0 as usize) < self.nodes.len() { id } else { NodeId(0) };
        Node { tree: self, id }
    }

    /// Every node, parents before their children, in the order of the blob.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> + Clone {
        (0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)).map(|id| Node { tree: self, id: NodeId(id) })
    }

    /// The node a phandle stands for.
    #[must_use]
    pub fn by_phandle(&self, phandle: u32) -> Option<Node<'_>> {
        let at = self.phandles.partition_point(|&(other, _)| other < phandle);
        let &(found, id) = self.phandles.get(at)?;
        (found == phandle).then(|| self.node(id))
    }

    /// The node at a path such as `/soc/serial@9000`; names may leave out what stands behind the `@`, as Linux allows.
    #[must_use]
    pub fn by_path(&self, path: &str) -> Option<Node<'_>> {
        let path = path.strip_prefix('/')?;
        let mut node = self.root();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            node = node.child(name)?;
        }
        Some(node)
    }

    /// Memory the firmware keeps for itself: address and bytes.
    #[must_use]
    pub fn memory_reservations(&self) -> &[(u64, u64)] {
        &self.reservations
    }

    /// The processor that boots.
    #[must_use]
    pub fn boot_cpu(&self) -> u32 {
        self.boot_cpu
    }

    /// A property by its place among all of the tree.
    pub(super) fn property_at(&self, place: usize) -> Property<'_> {
        self.properties.get(place).map_or_else(Property::empty, |entry| Property::of(entry, &self.bytes))
    }

    /// The blob.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn check_phandles(&self, mut report: Report) -> Report {
        let mut first: Option<&(u32, NodeId)> = None;
        for entry in &self.phandles {
            match first {
                Some(&(phandle, id)) if phandle == entry.0 => report.add(
                    || self.node(entry.1).path(),
                    || Problem::DuplicatePhandle { phandle, first: self.node(id).path() },
                ),
                _ => first = Some(entry),
            }
        }
        report
    }
}

impl Default for Tree {
    /// A tree that is only a root.
    fn default() -> Self {
        let root = NodeEntry {
            name: Span::default(),
            parent: None,
            next_sibling: None,
            first_property: 0,
            properties: 0,
            depth: 0,
            available: true,
            has_status: false,
            end: 1,
        };
        Tree {
            bytes: Arc::from([].as_slice()),
            nodes: vec![root],
            properties: Vec::new(),
            phandles: Vec::new(),
            reservations: Vec::new(),
            boot_cpu: 0,
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, properties) = (self.nodes.len(), self.properties.len());
        f.debug_struct("Tree").field("nodes", &nodes).field("properties", &properties).finish_non_exhaustive()
    }
}

/// A tree while its tokens are read.
struct Builder<'a> {
    bytes: &'a [u8],
    strings: Span,
    nodes: Vec<NodeEntry>,
    properties: Vec<PropertyEntry>,
    phandles: Vec<(u32, NodeId)>,
    /// The nodes that have started and not ended.
    open: Vec<NodeId>,
    /// For each of them its latest child.
    children: Vec<Option<NodeId>>,
    /// Levels open that are passed over.
    skipped: usize,
    deep_nodes: usize,
    report: Report,
}

impl Builder<'_> {
    fn read(&mut self, block: Span) {
        let mut tokens = Tokens::new(self.bytes, block);
        loop {
            let at = tokens.at();
            match tokens.next() {
                Ok(Token::Begin(name)) => self.begin(name, at),
                Ok(Token::End) if self.skipped > 0 => self.skipped -= 1,
                Ok(Token::End) if self.open.is_empty() => {
                    self.report.of_blob(Problem::Unbalanced { open: 0 });
                    break;
                }
                Ok(Token::End) => self.end(),
                Ok(Token::Property { name, value }) => self.property(name, value, at),
                Ok(Token::Finish) => break,
                Err(Damage::Ends) => {
                    self.report.of_blob(Problem::StructureEnds { at });
                    break;
                }
                Err(Damage::Unknown(token)) => {
                    self.report.of_blob(Problem::UnknownToken { at, token });
                    break;
                }
            }
        }
        let open = self.open.len() + self.skipped;
        if open > 0 {
            self.report.of_blob(Problem::Unbalanced { open });
        }
        while !self.open.is_empty() {
            self.end();
        }
        if self.deep_nodes > 0 {
            self.report.of_blob(Problem::TooDeep { deepest: TOO_DEEP - 1, nodes: self.deep_nodes });
        }
        if self.nodes.is_empty() {
            self.report.of_blob(Problem::NoRoot);
            self.nodes = Tree::default().nodes;
        }
    }

    fn begin(&mut self, name: Span, at: usize) {
        let second_root = self.open.is_empty() && !self.nodes.is_empty();
        if self.skipped > 0 || second_root || self.open.len() >= TOO_DEEP {
            self.deep_nodes += usize::from(!self.open.is_empty());
            if second_root && self.skipped == 0 {
                self.report.of_blob(Problem::SecondRoot { at });
            }
            self.skipped += 1;
            return;
        }
        let id = NodeId(
            u32::try_from(self.nodes.len()).expect("a node takes bytes, and those are counted in 32 bits"),
        );
        let parent = self.open.last().copied();
        if let Some(latest) = self.children.last_mut()
            && let Some(sibling) = latest.replace(id)
        {
            self.nodes[sibling.0 as usize].next_sibling = Some(id);
        }
        self.nodes.push(NodeEntry {
            name: Span { len: name.len.min(LONGEST_NAME as u32), ..name },
            parent,
            next_sibling: None,
            first_property: count(&self.properties),
            properties: 0,
            depth: self.open.len() as u8,
            available: true,
            has_status: false,
            end: 0,
        });
        self.open.push(id);
        self.children.push(None);
        if name.len as usize > LONGEST_NAME {
            let path = self.path();
            self.report.add(|| path, || Problem::LongName { length: name.len as usize });
        }
    }

    fn end(&mut self) {
        let end = count(&self.nodes);
        self.children.pop();
        if let Some(id) = self.open.pop() {
            self.nodes[id.0 as usize].end = end;
        }
    }

    fn property(&mut self, offset: u32, value: Span, at: usize) {
        if self.skipped > 0 {
            return;
        }
        let Some(name) = self.name(offset) else {
            let path = self.path();
            return self.report.add(|| path, || Problem::PropertyName { at, offset });
        };
        let owner = self.open.last().copied().filter(|_| self.children.last() == Some(&None));
        let Some(owner) = owner else {
            let name = String::from_utf8_lossy(name.of(self.bytes)).into_owned();
            let path = self.path();
            return self.report.add(|| path, || Problem::StrayProperty { name });
        };
        if value.len == 4 && matches!(name.of(self.bytes), b"phandle" | b"linux,phandle") {
            let phandle = blob::word(self.bytes, value.start as usize).unwrap_or(0);
            let known = self.phandles.last() == Some(&(phandle, owner));
            if phandle != 0 && phandle != u32::MAX && !known {
                self.phandles.push((phandle, owner));
            }
        }
        let node = &mut self.nodes[owner.0 as usize];
        if name.of(self.bytes) == b"status" && !std::mem::replace(&mut node.has_status, true) {
            node.available = says_available(value.of(self.bytes));
        }
        node.properties += 1;
        self.properties.push(PropertyEntry { name, value });
    }

    /// Where a name of the block of names is; cut where it is too long.
    fn name(&mut self, offset: u32) -> Option<Span> {
        if offset >= self.strings.len {
            return None;
        }
        let rest = Span { start: self.strings.start + offset, len: self.strings.len - offset };
        let bytes = rest.of(self.bytes);
        let bytes = &bytes[..bytes.len().min(LONGEST_NAME + 1)];
        let len = match bytes.iter().position(|&byte| byte == 0) {
            Some(len) => len,
            None if bytes.len() > LONGEST_NAME => {
                let path = self.path();
                self.report.add(|| path, || Problem::LongName { length: bytes.len() });
                LONGEST_NAME
            }
            None => return None,
        };
        Some(Span { len: len as u32, ..rest })
    }

    /// The path of the node that is open.
    fn path(&self) -> String {
        let mut path = String::new();
        write_path(self.bytes, self.open.iter().map(|id| self.nodes[id.0 as usize].name), &mut path);
        path
    }
}

/// Write the path made of the names of the nodes on it, the root's first, where nothing is so far.
pub(super) fn write_path(bytes: &[u8], names: impl Iterator<Item = Span>, to: &mut String) {
    for name in names.skip(1) {
        to.push('/');
        to.push_str(&String::from_utf8_lossy(name.of(bytes)));
    }
    if to.is_empty() {
        to.push('/');
    }
}

/// How many there are. A node or a property takes at least eight bytes of a blob of less than 2^32.
fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
