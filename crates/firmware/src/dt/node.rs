//! Views of one node and one property of a tree.
//!
//! Linux's counterparts are `struct device_node` and `struct property` with `drivers/of/base.c` and `property.c`. Values are bytes; what
//! they mean depends on the name, and each way to read them says what it does with a value of another shape.

use std::borrow::Cow;

use super::blob::{Span, word};
use super::tree::{NodeEntry, PropertyEntry, Tree, write_path};
use crate::NodeId;

/// A node of a tree.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    pub(super) tree: &'t Tree,
    pub(super) id: NodeId,
}

/// A property of a node.
#[derive(Clone, Copy)]
pub struct Property<'t> {
    name: &'t [u8],
    value: &'t [u8],
}

impl<'t> Node<'t> {
    /// Its id in the tree.
    #[must_use]
    pub fn id(self) -> NodeId {
        self.id
    }

    fn entry(self) -> &'t NodeEntry {
        &self.tree.nodes[self.id.0 as usize]
    }

    /// Its name with the unit address, such as `serial@9000`, as it stands.
    #[must_use]
    pub fn name_bytes(self) -> &'t [u8] {
        self.entry().name.of(&self.tree.bytes)
    }

    /// Its name with the unit address; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn name(self) -> Cow<'t, str> {
        String::from_utf8_lossy(self.name_bytes())
    }

    /// Its name up to the `@` (`%pOFn` in Linux).
    #[must_use]
    pub fn base_name(self) -> Cow<'t, str> {
        let name = self.name_bytes();
        let end = name.iter().position(|&byte| byte == b'@').unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end])
    }

    /// Its path from the root.
    #[must_use]
    pub fn path(self) -> String {
        let mut path = String::new();
        self.write_path(&mut path);
        path
    }

    pub(super) fn write_path(self, to: &mut String) {
        let mut names = [Span::default(); 64];
        let depth = usize::from(self.entry().depth);
        let mut node = Some(self);
        for name in names.iter_mut().take(depth + 1).rev() {
            let Some(here) = node else { break };
            *name = here.entry().name;
            node = here.parent();
        }
        write_path(&self.tree.bytes, names.into_iter().take(depth + 1), to);
    }

    /// Steps from the root, which is at 0.
    #[must_use]
    pub fn depth(self) -> usize {
        usize::from(self.entry().depth)
    }

    /// The node it stands in.
    #[must_use]
    pub fn parent(self) -> Option<Node<'t>> {
        self.entry().parent.map(|id| Node { id, ..self })
    }

    /// The nodes that stand in it.
    pub fn children(self) -> impl Iterator<Item = Node<'t>> {
        let first = NodeId(self.id.0 + 1);
        let first = (first.0 < self.entry().end).then_some(Node { id: first, ..self });
        std::iter::successors(first, |child| child.entry().next_sibling.map(|id| Node { id, ..*child }))
    }

    /// The child of that name; without an `@` in `name` the first whose name up to the `@` is it.
    #[must_use]
    pub fn child(self, name: &str) -> Option<Node<'t>> {
        let (name, whole) = (name.as_bytes(), name.contains('@'));
        let mut short = None;
        for child in self.children() {
            let rest = child.name_bytes().strip_prefix(name);
            match rest {
                Some([]) => return Some(child),
                Some([b'@', ..]) if !whole => short = short.or(Some(child)),
                _ => {}
            }
        }
        short
    }

    /// Its properties in their order.
    pub fn properties(self) -> impl DoubleEndedIterator<Item = Property<'t>> + ExactSizeIterator + Clone {
        let entry = self.entry();
        let range = entry.first_property as usize..(entry.first_property + entry.properties) as usize;
        let entries = self.tree.properties.get(range).unwrap_or_default();
        entries.iter().map(move |entry| Property::of(entry, &self.tree.bytes))
    }

    /// Its properties with their places in the tree.
    pub(super) fn numbered_properties(self) -> impl DoubleEndedIterator<Item = (usize, Property<'t>)> {
        let first = self.entry().first_property as usize;
        self.properties().enumerate().map(move |(at, property)| (first + at, property))
    }

    /// The first property of that name.
    #[must_use]
    pub fn property(self, name: &str) -> Option<Property<'t>> {
        self.properties().find(|property| property.name == name.as_bytes())
    }

    /// Its phandle.
    #[must_use]
    pub fn phandle(self) -> Option<u32> {
        self.property("phandle").or_else(|| self.property("linux,phandle"))?.u32()
    }

    /// What it is compatible with, the most specific first.
    pub fn compatible(self) -> impl Iterator<Item = Cow<'t, str>> {
        self.property("compatible").into_iter().flat_map(Property::strings)
    }

    /// Whether one of those is `name`, in upper or lower case, as Linux compares them.
    #[must_use]
    pub fn is_compatible(self, name: &str) -> bool {
        self.property("compatible").is_some_and(|property| property.has_string(name))
    }

    /// Whether its `status` lets it be used (`of_device_is_available`).
    #[must_use]
    pub fn is_available(self) -> bool {
        self.entry().available
    }
}

impl<'t> Property<'t> {
    pub(super) fn of(entry: &PropertyEntry, bytes: &'t [u8]) -> Self {
        Property { name: entry.name.of(bytes), value: entry.value.of(bytes) }
    }

    /// One with nothing in it.
    pub(super) fn empty() -> Self {
        Property { name: &[], value: &[] }
    }

    /// Its name as it stands.
    #[must_use]
    pub fn name_bytes(self) -> &'t [u8] {
        self.name
    }

    /// Its name; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn name(self) -> Cow<'t, str> {
        String::from_utf8_lossy(self.name)
    }

    /// Its value.
    #[must_use]
    pub fn value(self) -> &'t [u8] {
        self.value
    }

    /// Its first cell, whatever follows; `None` where there are fewer than four bytes.
    #[must_use]
    pub fn u32(self) -> Option<u32> {
        word(self.value, 0)
    }

    /// Its cells; up to three bytes at the end are no cell.
    pub fn cells(self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'t> {
        let cells = self.value.chunks_exact(4);
        cells.map(|cell| cell.try_into().map_or(0, u32::from_be_bytes))
    }

    /// Its texts, each ended by a zero; the last may lack it.
    pub fn strings(self) -> impl Iterator<Item = Cow<'t, str>> {
        self.string_bytes().map(String::from_utf8_lossy)
    }

    /// Its first text.
    #[must_use]
    pub fn string(self) -> Option<Cow<'t, str>> {
        self.strings().next()
    }

    fn string_bytes(self) -> impl Iterator<Item = &'t [u8]> {
        let value = self.value.strip_suffix(b"\0").unwrap_or(self.value);
        // A property of no bytes has no text, one of a single zero has an empty one.
        let none = self.value.is_empty();
        value.split(|&byte| byte == 0).filter(move |_| !none)
    }

    pub(super) fn has_string(self, text: &str) -> bool {
        self.string_bytes().any(|other| other.eq_ignore_ascii_case(text.as_bytes()))
    }
}

/// What a value says as that of `status`.
pub(super) fn says_available(value: &[u8]) -> bool {
    let text = value.split(|&byte| byte == 0).next().unwrap_or_default();
    matches!(text, b"okay" | b"ok")
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Node").field(&self.path()).finish()
    }
}

impl std::fmt::Debug for Property<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Property").field("name", &self.name()).field("value", &self.value).finish()
    }
}
