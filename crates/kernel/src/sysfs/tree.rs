//! `/sys/firmware/devicetree/base`: the device tree, a directory for each node and a file for each property (drivers/of/kobj.c).

use super::{Attribute, Directory, Entry, Named, Sysfs, directory, file};

/// The property every node has in Linux whether or not the tree says it: its name without the unit address.
const NAME: &str = "name";

/// The path of a node below another.
fn below(path: &str, name: &str) -> String {
    format!("{}/{name}", path.trim_end_matches('/'))
}

impl Sysfs {
    pub(super) fn tree_entry(&self, path: &str, name: &str) -> Option<Entry> {
        let board = self.machine.board();
        let node = board.tree.by_path(path)?;
        if node.property(name).is_some() || name == NAME {
            return Some(Entry::Attribute(Attribute::Property(path.to_owned(), name.to_owned())));
        }
        node.child(name)?;
        Some(Entry::Directory(Directory::Node(below(path, name))))
    }

    pub(super) fn tree_entries(&self, path: &str) -> Vec<Named> {
        let board = self.machine.board();
        let Some(node) = board.tree.by_path(path) else { return Vec::new() };
        let property = |name: String| file(name.clone(), Attribute::Property(path.to_owned(), name));
        let mut entries: Vec<Named> =
            node.properties().map(|one| property(one.name().into_owned())).collect();
        if node.property(NAME).is_none() {
            entries.push(property(NAME.to_owned()));
        }
        let child = |name: String| directory(name.clone(), Directory::Node(below(path, &name)));
        entries.extend(node.children().map(|node| child(node.name().into_owned())));
        entries
    }

    pub(super) fn read_property(&self, path: &str, name: &str) -> Option<Vec<u8>> {
        let board = self.machine.board();
        let node = board.tree.by_path(path)?;
        match node.property(name) {
            Some(property) => Some(property.value().to_vec()),
            None if name == NAME => {
                let mut value = node.base_name().into_owned().into_bytes();
                value.push(0);
                Some(value)
            }
            None => None,
        }
    }

    /// Where a device's node is, if the tree has it.
    pub(super) fn node_of(&self, path: &str) -> Option<Directory> {
        self.machine.board().tree.by_path(path)?;
        Some(Directory::Node(path.to_owned()))
    }
}
