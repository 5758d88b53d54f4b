//! What all that gives cells a meaning works with: the tree, the facts of its nodes, and a bound on the work.
//!
//! A blob of a few megabytes can be written so that finding each of its addresses takes a walk over all of it. Each step whose number
//! is not bounded by the size of the blob is paid for from an account that grows with that size; real boards use half of it at most.
//! Where the account is empty, decoding stops with a diagnostic. Linux has no such bound: it trusts its firmware.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::facts::{self, Facts, Known};
use super::node::{Node, Property};
use super::tree::Tree;
use crate::diagnostic::Report;
use crate::{Diagnostic, NodeId, Problem};

/// What an entry of a list costs that takes more space than the bytes it stands in. Real boards have up to 0.035 of them for each byte.
pub(super) const ENTRY: usize = 256;

/// A tree that is being decoded.
pub(super) struct Decoder<'t> {
    pub(super) tree: &'t Tree,
    facts: Vec<Facts>,
    report: RefCell<Report>,
    account: Cell<u64>,
    paths: RefCell<Paths>,
}

/// Paths of nodes, each made once: a board names its interrupt controller in nearly every device.
struct Paths {
    of: Vec<Option<Arc<str>>>,
    /// Where a path is put together.
    draft: String,
}

/// Hardly anything is compatible with more.
const MOST_NAMES: usize = 8;
/// Steps any blob is granted.
const GRANT: u64 = 1 << 20;
/// Steps for each byte of it; of 2,026 real boards none takes more than 11.
const GRANT_PER_BYTE: u64 = 16;

impl<'t> Decoder<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        let account = GRANT + GRANT_PER_BYTE * tree.bytes().len() as u64;
        let paths = Paths { of: vec![None; tree.nodes().len()], draft: String::new() };
        Decoder {
            tree,
            facts: facts::gather(tree),
            report: RefCell::default(),
            account: Cell::new(account),
            paths: RefCell::new(paths),
        }
    }

    pub(super) fn facts(&self, node: Node<'t>) -> &Facts {
        &self.facts[node.id().0 as usize]
    }

    /// A property whose place is known.
    pub(super) fn known(&self, property: Option<Known>) -> Option<Property<'t>> {
        property.map(|known| known.of(self.tree))
    }

    pub(super) fn node(&self, id: NodeId) -> Node<'t> {
        self.tree.node(id)
    }

    /// Pay for steps; false where there is nothing left to pay with.
    #[must_use]
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.account.get();
        if left == 0 {
            return false;
        }
        let rest = left.saturating_sub(steps as u64);
        if rest == 0 {
            self.report.borrow_mut().of_blob(Problem::Exhausted);
        }
        self.account.set(rest);
        rest > 0
    }

    /// A property of a node that is asked as often as the tree likes, paid for by the properties it is among.
    pub(super) fn property(&self, node: Node<'t>, name: &str) -> Option<Property<'t>> {
        if self.spend(node.properties().len()) { node.property(name) } else { None }
    }

    /// What a node is compatible with, paid for by the entry.
    pub(super) fn compatible(&self, node: Node<'t>) -> Vec<String> {
        let Some(property) = self.known(self.facts(node).compatible) else { return Vec::new() };
        let mut names = Vec::with_capacity(property.strings().count().min(MOST_NAMES));
        names.extend(property.strings().take_while(|_| self.spend(ENTRY)).map(Cow::into_owned));
        names
    }

    /// The path of a node, paid for by its length.
    pub(super) fn path(&self, node: Node<'t>) -> Arc<str> {
        let Paths { of, draft } = &mut *self.paths.borrow_mut();
        let path = of[node.id().0 as usize].get_or_insert_with(|| {
            draft.clear();
            node.write_path(draft);
            Arc::from(draft.as_str())
        });
        // What is too much was already made; the next one will find the account empty.
        let _ = self.spend(path.len());
        Arc::clone(path)
    }

    /// Whether a node and all above it can be used.
    pub(super) fn is_reachable(&self, node: Node<'t>) -> bool {
        std::iter::successors(Some(node), |node| node.parent()).all(|node| self.facts(node).available)
    }

    pub(super) fn report(&self, node: Node<'t>, problem: impl FnOnce() -> Problem) {
        self.report.borrow_mut().add(|| node.path(), problem);
    }

    pub(super) fn finish(self) -> Vec<Diagnostic> {
        self.report.into_inner().finish()
    }
}
