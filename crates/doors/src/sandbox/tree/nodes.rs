//! Numbers of the tree's own nodes: one for each thing ever met, for as long as the sandbox lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::sys::Thing;
use crate::sandbox::fuse::wire;

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The root of the mount.
    Root,
    /// What becomes `/dev/vfio`.
    Vfio,
    /// Where the supervisor opens the files it gives to programs.
    Open,
    /// Something met by a name.
    Thing(Arc<Thing>),
}

/// The numbers given so far.
pub struct Nodes {
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    things: Vec<Arc<Thing>>,
    numbers: HashMap<Arc<Thing>, u64>,
}

impl Nodes {
    /// `vfio`.
    pub const VFIO: u64 = wire::ROOT + 1;
    /// `open`.
    pub const OPEN: u64 = wire::ROOT + 2;
    /// The first of things met by a name.
    const FIRST: u64 = wire::ROOT + 3;

    /// The fixed ones.
    #[must_use]
    pub fn new() -> Self {
        Self { given: Mutex::default() }
    }

    /// What a number stands for.
    #[must_use]
    pub fn place(&self, node: u64) -> Option<Place> {
        match node {
            wire::ROOT => Some(Place::Root),
            Self::VFIO => Some(Place::Vfio),
            Self::OPEN => Some(Place::Open),
            _ => {
                let index = usize::try_from(node.checked_sub(Self::FIRST)?).ok()?;
                let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
                given.things.get(index).cloned().map(Place::Thing)
            }
        }
    }

    /// The number of a thing.
    #[must_use]
    pub fn number(&self, thing: Thing) -> u64 {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = given.numbers.get(&thing) {
            return *number;
        }
        let number = Self::FIRST + given.things.len() as u64;
        let thing = Arc::new(thing);
        given.things.push(thing.clone());
        given.numbers.insert(thing, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use uvfio_kernel::sysfs::Directory;

    use super::*;

    #[test]
    fn a_thing_keeps_its_number() {
        let nodes = Nodes::new();
        let buses = Thing::Directory(Directory::Buses);
        let number = nodes.number(buses.clone());
        assert_eq!(nodes.number(buses.clone()), number);
        assert_ne!(nodes.number(Thing::Directory(Directory::Classes)), number);
        assert_eq!(nodes.place(number), Some(Place::Thing(Arc::new(buses))));
        assert_eq!(nodes.place(0), None);
        assert_eq!(nodes.place(u64::MAX), None);
    }
}
