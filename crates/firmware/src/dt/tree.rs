//! Nodes and properties of a tree that was read; values are slices of the blob.

use std::collections::HashMap;
use std::sync::Arc;

use super::blob::{Header, NotADeviceTree, Token, Tokens, word};
use crate::board::NodeId;
use crate::diagnostic::{Diagnostic, Problem};

type Span = (u32, u32);

struct NodeData {
    name: Span,
    parent: Option<NodeId>,
    first_child: Option<NodeId>,
    next_sibling: Option<NodeId>,
    /// Range within the list of properties: a node's own stand together, before those of its children.
    properties: Span,
    phandle: u32,
}

struct PropertyData {
    name: Span,
    value: Span,
}

/// A device tree.
pub struct Tree {
    blob: Arc<[u8]>,
    nodes: Vec<NodeData>,
    properties: Vec<PropertyData>,
    phandles: HashMap<u32, NodeId>,
}

/// A node of a tree.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    tree: &'t Tree,
    id: NodeId,
}

/// A property of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'t> {
    /// Its name; bytes that are not UTF-8 make it empty.
    pub name: &'t str,
    /// Its value.
    pub value: &'t [u8],
}

impl Tree {
    /// Read a blob.
    ///
    /// # Errors
    /// Where the bytes are no device tree. Anything else that is wrong becomes a diagnostic.
    pub fn read(bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Result<Tree, NotADeviceTree> {
        let header = Header::read(bytes, diagnostics)?;
        let mut tree =
            Tree { blob: bytes.into(), nodes: Vec::new(), properties: Vec::new(), phandles: HashMap::new() };
        let blob = Arc::clone(&tree.blob);
        tree.fill(Tokens::new(&blob, &header), diagnostics);
        tree.index_phandles(diagnostics);
        Ok(tree)
    }

    fn fill(&mut self, mut tokens: Tokens<'_>, diagnostics: &mut Vec<Diagnostic>) {
        let mut open: Option<NodeId> = None;
        // The last child of each open node, so that a sibling is appended without walking the list.
        let mut last: Vec<Option<NodeId>> = Vec::new();
        loop {
            let at = tokens.at();
            match tokens.next() {
                Ok(Token::Begin(name)) => {
                    if open.is_none() && !self.nodes.is_empty() {
                        diagnostics.push(Diagnostic::of_blob(Problem::Unbalanced { at }));
                        return;
                    }
                    let id = self.begin(name, open, last.last().copied().flatten());
                    if let Some(youngest) = last.last_mut() {
                        *youngest = Some(id);
                    }
                    last.push(None);
                    open = Some(id);
                }
                Ok(Token::End) => {
                    let Some(id) = open else {
                        diagnostics.push(Diagnostic::of_blob(Problem::Unbalanced { at }));
                        return;
                    };
                    last.pop();
                    open = self.data(id).parent;
                }
                Ok(Token::Property(name, value)) => self.property(open, name, value),
                Ok(Token::Finish) => {
                    if open.is_some() {
                        diagnostics.push(Diagnostic::of_blob(Problem::Unbalanced { at }));
                    }
                    return;
                }
                Err(problem) => {
                    diagnostics.push(Diagnostic::of_blob(problem));
                    return;
                }
            }
        }
    }

    fn begin(&mut self, name: Span, parent: Option<NodeId>, elder: Option<NodeId>) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let at = u32::try_from(self.properties.len()).unwrap_or(u32::MAX);
        let (first_child, next_sibling) = (None, None);
        self.nodes.push(NodeData {
            name,
            parent,
            first_child,
            next_sibling,
            properties: (at, at),
            phandle: 0,
        });
        match (elder, parent) {
            (Some(elder), _) => self.nodes[elder.0 as usize].next_sibling = Some(id),
            (None, Some(parent)) => self.nodes[parent.0 as usize].first_child = Some(id),
            (None, None) => {}
        }
        id
    }

    /// Add a property to the open node. One that follows a child node is against the format and belongs to nobody.
    fn property(&mut self, open: Option<NodeId>, name: Span, value: Span) {
        let Some(id) = open else { return };
        let node = &mut self.nodes[id.0 as usize];
        if node.properties.1 as usize != self.properties.len() {
            return;
        }
        node.properties.1 += 1;
        self.properties.push(PropertyData { name, value });
    }

    fn index_phandles(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        for at in 0..self.nodes.len() {
            let id = NodeId(at as u32);
            let node = Node { tree: self, id };
            let Some(phandle) = node.u32("phandle").or_else(|| node.u32("linux,phandle")) else { continue };
            if self.phandles.contains_key(&phandle) {
                diagnostics
                    .push(Diagnostic { path: node.path(), problem: Problem::DuplicatePhandle { phandle } });
                continue;
            }
            self.nodes[at].phandle = phandle;
            self.phandles.insert(phandle, id);
        }
    }

    fn data(&self, id: NodeId) -> &NodeData {
        &self.nodes[id.0 as usize]
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.blob.get(span.0 as usize..span.1 as usize).unwrap_or(&[])
    }

    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.slice(span)).unwrap_or("")
    }

    /// The root; `None` for a blob without any node.
    #[must_use]
    pub fn root(&self) -> Option<Node<'_>> {
        self.node(NodeId(0))
    }

    /// A node by its number.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<Node<'_>> {
        ((id.0 as usize) < self.nodes.len()).then_some(Node { tree: self, id })
    }

    /// The node that has a phandle.
    #[must_use]
    pub fn by_phandle(&self, phandle: u32) -> Option<Node<'_>> {
        self.phandles.get(&phandle).map(|&id| Node { tree: self, id })
    }

    /// A node by its full path.
    #[must_use]
    pub fn by_path(&self, path: &str) -> Option<Node<'_>> {
        path.split('/')
            .filter(|part| !part.is_empty())
            .try_fold(self.root()?, |node, part| node.children().find(|child| child.name() == part))
    }

    /// Every node, parents before children, in the order of the blob.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.nodes.len()).map(|at| Node { tree: self, id: NodeId(at as u32) })
    }
}

impl<'t> Node<'t> {
    /// Its number.
    #[must_use]
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The tree it is of.
    #[must_use]
    pub fn tree(self) -> &'t Tree {
        self.tree
    }

    fn data(self) -> &'t NodeData {
        self.tree.data(self.id)
    }

    /// Its name with its unit address, `dma@7ff00000`; empty for the root.
    #[must_use]
    pub fn name(self) -> &'t str {
        self.tree.text(self.data().name)
    }

    /// Its name without the unit address.
    #[must_use]
    pub fn base_name(self) -> &'t str {
        self.name().split_once('@').map_or(self.name(), |(base, _)| base)
    }

    /// Its path from the root.
    #[must_use]
    pub fn path(self) -> String {
        let mut names = Vec::new();
        let mut node = self;
        while let Some(parent) = node.parent() {
            names.push(node.name());
            node = parent;
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
            + if names.is_empty() { "/" } else { "" }
    }

    /// The node it is in.
    #[must_use]
    pub fn parent(self) -> Option<Node<'t>> {
        self.data().parent.map(|id| Node { tree: self.tree, id })
    }

    /// The nodes in it.
    pub fn children(self) -> impl Iterator<Item = Node<'t>> {
        let mut next = self.data().first_child;
        std::iter::from_fn(move || {
            let id = next?;
            next = self.tree.data(id).next_sibling;
            Some(Node { tree: self.tree, id })
        })
    }

    /// Its phandle, 0 where it has none.
    #[must_use]
    pub fn phandle(self) -> u32 {
        self.data().phandle
    }

    /// Its properties in their order.
    pub fn properties(self) -> impl Iterator<Item = Property<'t>> {
        let (from, to) = self.data().properties;
        self.tree.properties[from as usize..to as usize]
            .iter()
            .map(|data| Property { name: self.tree.text(data.name), value: self.tree.slice(data.value) })
    }

    /// The value of a property.
    #[must_use]
    pub fn value(self, name: &str) -> Option<&'t [u8]> {
        let (from, to) = self.data().properties;
        self.tree.properties[from as usize..to as usize]
            .iter()
            .find(|data| self.tree.slice(data.name) == name.as_bytes())
            .map(|data| self.tree.slice(data.value))
    }

    /// Whether it has a property.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// A property of one cell.
    #[must_use]
    pub fn u32(self, name: &str) -> Option<u32> {
        self.value(name).and_then(|value| word(value, 0))
    }

    /// A property as its cells; bytes that are left over are not.
    pub fn cells(self, name: &str) -> impl Iterator<Item = u32> + 't {
        self.value(name).unwrap_or(&[]).chunks_exact(4).map(|cell| word(cell, 0).unwrap_or(0))
    }

    /// A property as texts.
    pub fn texts(self, name: &str) -> impl Iterator<Item = &'t str> {
        let value = self.value(name).unwrap_or(&[]);
        let value = value.strip_suffix(&[0]).unwrap_or(value);
        let some = !value.is_empty();
        value
            .split(|&byte| byte == 0)
            .filter(move |_| some)
            .map(|text| std::str::from_utf8(text).unwrap_or(""))
    }

    /// The first text of a property.
    #[must_use]
    pub fn text(self, name: &str) -> Option<&'t str> {
        self.texts(name).next()
    }

    /// Whether Linux takes it for there: no `status`, or `okay`, or `ok` (`of_device_is_available`).
    #[must_use]
    pub fn is_available(self) -> bool {
        self.text("status").is_none_or(|status| status == "okay" || status == "ok")
    }

    /// Whether its `compatible` has one of these.
    #[must_use]
    pub fn is_compatible(self, with: &[&str]) -> bool {
        self.texts("compatible").any(|compatible| with.contains(&compatible))
    }
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path())
    }
}
