//! The namespace: names in one another, in the order they came, each with an object (ACPI 6.5, section 5.3).

use std::collections::HashMap;

use super::Failure;
use super::object::Object;

/// A segment of a name.
pub(super) type Seg = [u8; 4];

/// A name's number. It is another name's when the method that made it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name(pub(super) usize);

/// The root, `\`.
pub(super) const ROOT: Name = Name(0);

/// More names than tables of real machines have.
const MOST: usize = 1 << 16;
/// Names may be no deeper in one another.
const DEEPEST: usize = 64;
/// Aliases of aliases that are followed.
const MOST_ALIASES: usize = 8;

/// A name as it stands in code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) from_root: bool,
    /// How many scopes up it starts.
    pub(super) up: usize,
    pub(super) segments: Vec<Seg>,
}

#[derive(Debug)]
struct Node {
    segment: Seg,
    parent: Name,
    depth: usize,
    object: Object,
}

/// All names.
#[derive(Debug)]
pub(super) struct Names {
    nodes: Vec<Node>,
    index: HashMap<(Name, Seg), Name>,
    /// Bytes of all objects.
    kept: u64,
}

/// All objects may take no more bytes.
const MOST_KEPT: u64 = 64 << 20;

impl Names {
    /// What there is before any table (ACPI 6.5, section 5.3.1; `acpi_gbl_pre_defined_names`).
    pub(super) fn new() -> Self {
        let root = Node { segment: *b"\\___", parent: ROOT, depth: 0, object: Object::Scope };
        let mut names = Names { nodes: vec![root], index: HashMap::new(), kept: 0 };
        for scope in [b"_GPE", b"_PR_", b"_SB_", b"_SI_", b"_TZ_"] {
            names.insert(ROOT, *scope, Object::Scope);
        }
        names.insert(ROOT, *b"_REV", Object::Integer(2));
        names.insert(ROOT, *b"_OS_", Object::Text(b"Microsoft Windows NT".to_vec()));
        names.insert(ROOT, *b"_GL_", Object::Mutex);
        names.insert(ROOT, *b"_OSI", Object::Osi);
        names
    }

    fn insert(&mut self, parent: Name, segment: Seg, object: Object) -> Name {
        let name = Name(self.nodes.len());
        let depth = self.nodes.get(parent.0).map_or(0, |node| node.depth) + 1;
        self.kept += object.size();
        self.nodes.push(Node { segment, parent, depth, object });
        self.index.insert((parent, segment), name);
        name
    }

    /// An object takes the place of another.
    pub(super) fn keep(&mut self, size: u64, former: u64) -> Result<(), Failure> {
        let kept = self.kept.saturating_sub(former).saturating_add(size);
        if kept > MOST_KEPT {
            return Err(Failure::TooMuchMemory);
        }
        self.kept = kept;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Forget all names from that number on.
    pub(super) fn truncate(&mut self, len: usize) {
        for at in (len.max(1)..self.nodes.len()).rev() {
            let node = &self.nodes[at];
            self.kept = self.kept.saturating_sub(node.object.size());
            let key = (node.parent, node.segment);
            if self.index.get(&key) == Some(&Name(at)) {
                self.index.remove(&key);
            }
        }
        self.nodes.truncate(len.max(1));
    }

    /// The object of a name, whatever name it is an alias of.
    pub(super) fn object(&self, name: Name) -> Option<&Object> {
        Some(&self.nodes.get(self.real(name).0)?.object)
    }

    pub(super) fn object_mut(&mut self, name: Name) -> Option<&mut Object> {
        let name = self.real(name);
        Some(&mut self.nodes.get_mut(name.0)?.object)
    }

    fn real(&self, name: Name) -> Name {
        let mut name = name;
        for _ in 0..MOST_ALIASES {
            match self.nodes.get(name.0).map(|node| &node.object) {
                Some(Object::Alias(other)) => name = *other,
                _ => break,
            }
        }
        name
    }

    /// The name above.
    pub(super) fn parent(&self, name: Name) -> Name {
        self.nodes.get(name.0).map_or(ROOT, |node| node.parent)
    }

    /// The name of that segment in a scope.
    pub(super) fn child(&self, scope: Name, segment: Seg) -> Option<Name> {
        self.index.get(&(scope, segment)).copied()
    }

    fn start(&self, path: &Path, scope: Name) -> Name {
        if path.from_root {
            return ROOT;
        }
        // More steps up than the tree is deep end at the root.
        (0..path.up.min(DEEPEST)).fold(scope, |scope, _| self.parent(scope))
    }

    /// The name a path in a scope stands for. One of a single segment is looked for in all scopes above, too.
    pub(super) fn find(&self, path: &Path, scope: Name) -> Option<Name> {
        if let (false, 0, [segment]) = (path.from_root, path.up, &path.segments[..]) {
            let mut scope = scope;
            loop {
                match self.child(scope, *segment) {
                    Some(found) => return Some(found),
                    None if scope == ROOT => return None,
                    None => scope = self.parent(scope),
                }
            }
        }
        path.segments.iter().try_fold(self.start(path, scope), |name, segment| self.child(name, *segment))
    }

    /// Give a path an object: a new name, or the one there is.
    pub(super) fn define(&mut self, path: &Path, scope: Name, object: Object) -> Result<Name, Failure> {
        let Some((&last, above)) = path.segments.split_last() else { return Err(Failure::NotAName) };
        let start = self.start(path, scope);
        let parent = above.iter().try_fold(start, |name, segment| self.child(name, *segment));
        let parent = parent.ok_or_else(|| Failure::NoSuchName(path.show()))?;
        if let Some(known) = self.child(parent, last) {
            let former = self.nodes.get(known.0).map_or(0, |node| node.object.size());
            self.keep(object.size(), former)?;
            if let Some(node) = self.nodes.get_mut(known.0) {
                node.object = object;
            }
            return Ok(known);
        }
        if self.nodes.get(parent.0).is_none_or(|node| node.depth >= DEEPEST) {
            return Err(Failure::TooDeep);
        }
        if self.nodes.len() >= MOST || self.kept.saturating_add(object.size()) > MOST_KEPT {
            return Err(Failure::TooMuchMemory);
        }
        Ok(self.insert(parent, last, object))
    }

    /// Names with a device, each behind the one it is in, in the order they came.
    pub(super) fn devices(&self) -> Vec<Name> {
        let mut children: HashMap<Name, Vec<Name>> = HashMap::new();
        for (at, node) in self.nodes.iter().enumerate().skip(1) {
            children.entry(node.parent).or_default().push(Name(at));
        }
        let mut found = Vec::new();
        let mut waiting = vec![ROOT];
        while let Some(name) = waiting.pop() {
            if matches!(self.nodes[name.0].object, Object::Device) {
                found.push(name);
            }
            waiting.extend(children.get(&name).into_iter().flatten().rev());
        }
        found
    }

    /// The full path of a name, `\_SB_.DMA0`.
    pub(super) fn show(&self, name: Name) -> String {
        let mut segments = Vec::new();
        let mut name = name;
        while name != ROOT
            && let Some(node) = self.nodes.get(name.0)
        {
            segments.push(String::from_utf8_lossy(&node.segment).into_owned());
            name = node.parent;
        }
        segments.reverse();
        format!("\\{}", segments.join("."))
    }

    /// The name of a full path.
    pub(super) fn at(&self, path: &str) -> Option<Name> {
        let segment = |text: &str| <Seg>::try_from(text.as_bytes()).ok();
        let mut segments = path.strip_prefix('\\')?.split('.');
        segments.try_fold(ROOT, |name, text| self.child(name, segment(text)?))
    }
}

impl Path {
    pub(super) fn show(&self) -> String {
        let segments: Vec<_> = self.segments.iter().map(|segment| String::from_utf8_lossy(segment)).collect();
        let root = if self.from_root { "\\" } else { "" };
        format!("{root}{}{}", "^".repeat(self.up.min(DEEPEST)), segments.join("."))
    }
}

impl Path {
    /// From text, `\_SB.DMA0`.
    pub(super) fn read(text: &[u8]) -> Option<Path> {
        let mut rest = text;
        let mut path = Path::default();
        if let Some(below) = rest.strip_prefix(b"\\") {
            path.from_root = true;
            rest = below;
        }
        while let Some(above) = rest.strip_prefix(b"^") {
            path.up += 1;
            rest = above;
        }
        for part in rest.split(|&byte| byte == b'.').filter(|_| !rest.is_empty()) {
            let mut segment = [b'_'; 4];
            segment.get_mut(..part.len())?.copy_from_slice(part);
            path.segments.push(segment);
        }
        Some(path)
    }
}
