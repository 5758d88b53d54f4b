//! `/sys` as the program sees it: the machine's part, and around it the real one.

use uvfio_kernel::sysfs::{Attribute, Directory, Entry, Sysfs};

use super::{Item, Kind, Listing, Real};

/// Something that is met by a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Thing {
    /// A directory of the machine's.
    Directory(Directory),
    /// A link in a directory of the machine's.
    Link(Directory, String),
    /// A file of the machine's.
    Attribute(Attribute),
    /// Something real, by its path below `/sys`.
    Real(String, Kind),
    /// Something for tools inside, no part of `/sys`.
    Session(Item),
}

/// What else is seen in a directory of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// Nothing.
    Alone,
    /// What the real directory at the same path holds. The machine's own come and go.
    BesideReal,
    /// What the real directory holds, too; it is there only for what is below it, which stays the same.
    OnTheWay,
}

fn shows(directory: &Directory) -> Shows {
    match directory {
        Directory::Root | Directory::Buses | Directory::Devices | Directory::Firmware | Directory::Kernel => {
            Shows::OnTheWay
        }
        Directory::Platform
        | Directory::Virtual
        | Directory::Classes
        | Directory::Debug
        | Directory::Modules => Shows::BesideReal,
        _ => Shows::Alone,
    }
}

/// Both together.
pub struct Sys {
    machine: Sysfs,
    real: Real,
}

impl Sys {
    /// The machine's part over the real one.
    #[must_use]
    pub fn new(machine: Sysfs, real: Real) -> Self {
        Self { machine, real }
    }

    /// The machine's part.
    #[must_use]
    pub fn machine(&self) -> &Sysfs {
        &self.machine
    }

    /// The real one.
    #[must_use]
    pub fn real(&self) -> &Real {
        &self.real
    }

    /// What a name in a directory stands for: the machine's, or else something real where that is shown.
    #[must_use]
    pub fn look(&self, parent: &Thing, name: &str) -> Option<Thing> {
        match parent {
            Thing::Directory(directory) => match self.machine.lookup(directory, name) {
                Some(Entry::Directory(directory)) => Some(Thing::Directory(directory)),
                Some(Entry::Attribute(attribute)) => Some(Thing::Attribute(attribute)),
                Some(Entry::Link(_)) => Some(Thing::Link(directory.clone(), name.to_owned())),
                None if shows(directory) == Shows::Alone => None,
                None => self.look_for_real(&self.machine.path(directory)?, name),
            },
            Thing::Real(path, Kind::Directory) => self.look_for_real(path, name),
            Thing::Real(..) | Thing::Link(..) | Thing::Attribute(_) | Thing::Session(_) => None,
        }
    }

    fn look_for_real(&self, parent: &str, name: &str) -> Option<Thing> {
        let path = join(parent, name);
        let kind = self.real.look(&path)?;
        Some(Thing::Real(path, kind))
    }

    /// What a thing is.
    #[must_use]
    pub fn kind(&self, thing: &Thing) -> Kind {
        match thing {
            Thing::Directory(_) => Kind::Directory,
            Thing::Link(..) => Kind::Link,
            Thing::Attribute(attribute) => Kind::File { permissions: self.machine.mode(attribute) },
            Thing::Real(_, kind) => *kind,
            Thing::Session(item) => item.kind(),
        }
    }

    /// Whether a thing is where it is for as long as the machine is: the kernel need not ask for it again.
    #[must_use]
    pub fn is_fixed(thing: &Thing) -> bool {
        matches!(
            thing,
            Thing::Directory(
                Directory::Root
                    | Directory::Buses
                    | Directory::Bus(_)
                    | Directory::BusDevices(_)
                    | Directory::BusDrivers(_)
                    | Directory::Devices
                    | Directory::Firmware
                    | Directory::DeviceTree
                    | Directory::Platform
                    | Directory::Virtual
                    | Directory::Classes
                    | Directory::Kernel
                    | Directory::Debug
                    | Directory::Groups
                    | Directory::Modules
            )
        )
    }

    /// What a directory holds; nothing where it is none.
    #[must_use]
    pub fn list(&self, thing: &Thing) -> Listing {
        match thing {
            Thing::Directory(directory) => {
                let mut listing: Listing = self
                    .machine
                    .list(directory)
                    .into_iter()
                    .map(|named| {
                        let kind = match named.entry {
                            Entry::Directory(_) => Kind::Directory,
                            Entry::Link(_) => Kind::Link,
                            Entry::Attribute(_) => Kind::File { permissions: 0 },
                        };
                        (named.name, kind)
                    })
                    .collect();
                if shows(directory) != Shows::Alone {
                    let ours: std::collections::HashSet<String> =
                        listing.iter().map(|(name, _)| name.clone()).collect();
                    let real = self.machine.path(directory).map(|path| self.real.list(&path));
                    listing.extend(real.into_iter().flatten().filter(|(name, _)| !ours.contains(name)));
                }
                listing
            }
            Thing::Real(path, Kind::Directory) => self.real.list(path),
            Thing::Real(..) | Thing::Link(..) | Thing::Attribute(_) | Thing::Session(_) => Vec::new(),
        }
    }

    /// Where a link leads.
    #[must_use]
    pub fn link(&self, thing: &Thing) -> Option<Vec<u8>> {
        match thing {
            Thing::Link(directory, name) => match self.machine.lookup(directory, name)? {
                Entry::Link(target) => Some(target.into_bytes()),
                Entry::Directory(_) | Entry::Attribute(_) => None,
            },
            Thing::Real(path, Kind::Link) => self.real.link(path).ok(),
            Thing::Real(..) | Thing::Directory(_) | Thing::Attribute(_) | Thing::Session(_) => None,
        }
    }

    /// The directories to lay over real ones, and their paths below `/sys`: the lowest that cover everything the machine has.
    #[must_use]
    pub fn covers(&self) -> Vec<(String, Thing)> {
        let mut covers = Vec::new();
        self.cover(&Directory::Root, &mut covers);
        covers
    }

    // A directory whose real counterpart lacks something the machine has is covered itself.
    fn cover(&self, directory: &Directory, covers: &mut Vec<(String, Thing)>) {
        let Some(path) = self.machine.path(directory) else { return };
        let below = self.machine.list(directory);
        let is_real = |name: &str| self.real.look(&join(&path, name)) == Some(Kind::Directory);
        if shows(directory) != Shows::OnTheWay || !below.iter().all(|named| is_real(&named.name)) {
            covers.push((path, Thing::Directory(directory.clone())));
            return;
        }
        for named in below {
            if let Entry::Directory(directory) = named.entry {
                self.cover(&directory, covers);
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
