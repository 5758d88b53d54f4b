//! The file system the program sees: what a node is, what is in it, and where names lead.
//!
//! The root holds `vfio`, which becomes `/dev/vfio`; whatever is laid over something of the host's, each directly under a name of
//! its own, so that one listing tells the kernel of them all; and `open`, which is mounted nowhere and through which the supervisor
//! opens the files it gives to programs.

mod nodes;
mod overlay;
mod real;
mod session;
mod sys;

use std::sync::Arc;

use uvfio_abi::Errno;
use uvfio_kernel::iommu::GroupId;
use uvfio_kernel::machine::Machine;
use uvfio_kernel::sysfs::{Attribute, Sysfs};
use uvfio_vfio::Vfio;
use uvfio_vfio::file::Node;

pub use nodes::{Nodes, Place};
pub use overlay::{MODULES, Overlay};
pub use real::Real;
pub use session::Item;
pub use sys::{Sys, Thing};

use super::files::{self, Files};
use super::fuse::Entry;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A file with these permissions.
    File {
        /// `rwxrwxrwx` as in `stat`.
        permissions: u16,
    },
}

impl Kind {
    /// File type and permissions as in `stat`.
    #[must_use]
    pub const fn mode(self) -> u32 {
        match self {
            Kind::Directory => 0o040_755,
            Kind::Link => 0o120_777,
            Kind::File { permissions } => 0o100_000 | permissions as u32,
        }
    }
}

/// The size sysfs gives its files.
const ATTRIBUTE: u64 = 4096;

/// A device file spans every offset a region can have.
const SPAN: u64 = 1 << 62;

/// The whole tree.
pub struct Tree {
    nodes: Nodes,
    machine: Arc<Machine>,
    sys: Sys,
    overlays: Vec<Overlay>,
}

/// What a directory holds, as it was when it was opened.
pub type Listing = Vec<(String, Kind)>;

impl Tree {
    /// A tree that shows this machine, and the real `/sys` around it.
    #[must_use]
    pub fn new(machine: Arc<Machine>, real: Real) -> Self {
        let sys = Sys::new(Sysfs::new(machine.clone()), real);
        let overlays = overlay::overlays(&sys);
        Self { nodes: Nodes::new(), machine, sys, overlays }
    }

    /// What is laid over something of the host's.
    #[must_use]
    pub fn overlays(&self) -> &[Overlay] {
        &self.overlays
    }

    /// The part under `sys`.
    #[must_use]
    pub fn sys(&self) -> &Sys {
        &self.sys
    }

    /// The thing a node is, where it is one.
    #[must_use]
    pub fn thing(&self, node: u64) -> Option<Arc<Thing>> {
        match self.nodes.place(node)? {
            Place::Thing(thing) => Some(thing),
            Place::Root | Place::Vfio | Place::Open => None,
        }
    }

    /// Where a link leads.
    #[must_use]
    pub fn link(&self, node: u64) -> Option<Vec<u8>> {
        self.sys.link(&*self.thing(node)?)
    }

    /// What a thing is.
    #[must_use]
    pub fn kind(&self, thing: &Thing) -> Kind {
        match thing {
            Thing::Session(item) => item.kind(),
            thing => self.sys.kind(thing),
        }
    }

    fn entry(&self, thing: Thing) -> Entry {
        let entry = Entry { fixed: Sys::is_fixed(&thing), ..self.describe(0, &thing) };
        Entry { node: self.nodes.number(thing), ..entry }
    }

    fn describe(&self, node: u64, thing: &Thing) -> Entry {
        let kind = self.kind(thing);
        let size = match thing {
            // Properties are shown with their length, as binary files of sysfs are.
            Thing::Attribute(property @ Attribute::Property(..)) => {
                self.sys.machine().read(property).map_or(0, |bytes| bytes.len() as u64)
            }
            // modprobe maps what it reads.
            Thing::Session(item) => item.text(&self.machine).len() as u64,
            _ if matches!(kind, Kind::File { .. }) => ATTRIBUTE,
            _ => 0,
        };
        Entry { node, mode: kind.mode(), size, fixed: false }
    }

    /// Where a name in a directory leads.
    ///
    /// # Errors
    /// `ENOENT` where nowhere, `ENOTDIR` where the node is no directory.
    pub fn look(&self, parent: u64, name: &str, vfio: &Vfio, files: &Files) -> Result<Entry, Errno> {
        match self.nodes.place(parent).ok_or(Errno::ENOENT)? {
            Place::Root => match name {
                "vfio" => Ok(fixed(Nodes::VFIO)),
                "open" => Ok(fixed(Nodes::OPEN)),
                "status" => Ok(self.entry(Thing::Session(Item::Statuses))),
                _ => {
                    let overlay = self.overlays.iter().find(|overlay| overlay.name == name);
                    let entry = self.entry(overlay.ok_or(Errno::ENOENT)?.thing.clone());
                    Ok(Entry { fixed: true, ..entry })
                }
            },
            Place::Vfio if name == session::NAME => Ok(self.entry(Thing::Session(Item::Top))),
            Place::Vfio => {
                let name = vfio_node(name).filter(|name| vfio.nodes().contains(name)).ok_or(Errno::ENOENT)?;
                Ok(vfio_entry(files.look(name), name))
            }
            Place::Open => {
                let node = name.parse().map_err(|_| Errno::ENOENT)?;
                if files.is_known(node) { Ok(device_entry(node)) } else { Err(Errno::ENOENT) }
            }
            Place::Thing(thing) => {
                if self.kind(&thing) != Kind::Directory {
                    return Err(Errno::ENOTDIR);
                }
                let found = match &*thing {
                    Thing::Session(item) => item.look(name, &self.machine).map(Thing::Session),
                    thing => self.sys.look(thing, name),
                };
                Ok(self.entry(found.ok_or(Errno::ENOENT)?))
            }
        }
    }

    /// A node's attributes.
    ///
    /// # Errors
    /// `ENOENT` where there is no such node.
    pub fn attributes(&self, node: u64) -> Result<Entry, Errno> {
        if node >= files::FIRST {
            return Ok(device_entry(node));
        }
        match self.nodes.place(node).ok_or(Errno::ENOENT)? {
            Place::Thing(thing) => Ok(self.describe(node, &thing)),
            Place::Root | Place::Vfio | Place::Open => Ok(fixed(node)),
        }
    }

    /// What a directory holds now.
    ///
    /// # Errors
    /// `ENOENT` where there is no such node.
    pub fn list(&self, node: u64, vfio: &Vfio) -> Result<Listing, Errno> {
        match self.nodes.place(node).ok_or(Errno::ENOENT)? {
            Place::Root => {
                let laid =
                    self.overlays.iter().map(|overlay| (overlay.name.clone(), self.kind(&overlay.thing)));
                Ok(laid.chain([("vfio".to_owned(), Kind::Directory)]).collect())
            }
            Place::Vfio => {
                let file = Kind::File { permissions: 0o600 };
                Ok(vfio.nodes().iter().map(|node| (node.to_string(), file)).collect())
            }
            Place::Open => Ok(Vec::new()),
            Place::Thing(thing) => Ok(match &*thing {
                Thing::Session(item) => item.list(&self.machine),
                thing => self.sys.list(thing),
            }),
        }
    }
}

const fn fixed(node: u64) -> Entry {
    Entry { node, mode: Kind::Directory.mode(), size: 0, fixed: true }
}

/// `/dev/vfio/vfio` is for everybody, as Linux makes it; groups are the administrator's.
fn vfio_entry(number: u64, name: Node) -> Entry {
    let permissions = if name == Node::Container { 0o666 } else { 0o600 };
    Entry { node: number, mode: Kind::File { permissions }.mode(), size: SPAN, fixed: false }
}

fn device_entry(node: u64) -> Entry {
    Entry { node, mode: Kind::File { permissions: 0o600 }.mode(), size: SPAN, fixed: false }
}

/// The node of `/dev/vfio` with this file name.
fn vfio_node(name: &str) -> Option<Node> {
    // Only the spelling Linux gives: no sign, no leading zero.
    let group = |text: &str| text.parse().ok().map(GroupId).filter(|group| group.to_string() == text);
    match name {
        "vfio" => Some(Node::Container),
        _ => match name.strip_prefix("noiommu-") {
            Some(number) => group(number).map(Node::NoiommuGroup),
            None => group(name).map(Node::Group),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_vfio_have_one_spelling() {
        assert_eq!(vfio_node("vfio"), Some(Node::Container));
        assert_eq!(vfio_node("7"), Some(Node::Group(GroupId(7))));
        assert_eq!(vfio_node("noiommu-0"), Some(Node::NoiommuGroup(GroupId(0))));
        for wrong in ["+7", "07", "", "-1", "noiommu-", "noiommu-x", "4294967296"] {
            assert_eq!(vfio_node(wrong), None, "{wrong}");
        }
    }
}
