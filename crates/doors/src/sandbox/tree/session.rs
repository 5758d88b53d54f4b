//! What is for tools inside the sandbox and no part of Linux: the hidden directory `/dev/vfio/.uvfio`.
//!
//! `control` takes the requests of `uvfio bind`, `unbind` and `hotplug`. Below `lib/modules` stand, as modprobe(8) wants them, the
//! modules the machine offers; loading one is a caught call, so that the files themselves hold only their name.

mod index;

use std::sync::Arc;

use uvfio_kernel::machine::Machine;
use uvfio_kernel::module::{ModuleFacts, ModuleName};
use uvfio_kernel::sysfs::Sysfs;

use super::{Kind, Listing};

/// The directory's name in `/dev/vfio`, where no listing shows it.
pub const NAME: &str = ".uvfio";

/// Something in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// The directory itself.
    Top,
    /// `control`.
    Control,
    /// `modules`, which becomes `/proc/modules`.
    Loaded,
    /// The root's `status`, which is mounted nowhere.
    Statuses,
    /// `status/PID`, which becomes `/proc/PID/status` of a process with this number inside.
    Status(u32),
    /// `lib`.
    Lib,
    /// `lib/modules`.
    Releases,
    /// `lib/modules/RELEASE`, RELEASE being what `uname -r` says.
    Release,
    /// `modules.dep`, which says what modules need.
    Dependencies,
    /// `modules.dep.bin`, the same for quick lookup.
    Index,
    /// `kernel`.
    Kernel,
    /// `kernel/MODULE.ko`.
    Module(ModuleName),
}

impl Item {
    /// What a name in a directory stands for.
    #[must_use]
    pub fn look(&self, name: &str, machine: &Machine) -> Option<Item> {
        match (self, name) {
            (Item::Top, "control") => Some(Item::Control),
            (Item::Top, "modules") => Some(Item::Loaded),
            (Item::Top, "lib") => Some(Item::Lib),
            (Item::Statuses, name) => name.parse().ok().map(Item::Status),
            (Item::Lib, "modules") => Some(Item::Releases),
            (Item::Releases, name) if name == release() => Some(Item::Release),
            (Item::Release, "modules.dep") => Some(Item::Dependencies),
            (Item::Release, "modules.dep.bin") => Some(Item::Index),
            (Item::Release, "kernel") => Some(Item::Kernel),
            (Item::Kernel, name) => {
                let name = name.strip_suffix(".ko")?;
                machine
                    .module(name)
                    .filter(|facts| facts.name.as_str() == name)
                    .map(|facts| Item::Module(facts.name))
            }
            _ => None,
        }
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Item::Top | Item::Statuses | Item::Lib | Item::Releases | Item::Release | Item::Kernel => {
                Kind::Directory
            }
            Item::Control => Kind::File { permissions: 0o600 },
            Item::Loaded | Item::Status(_) | Item::Dependencies | Item::Index | Item::Module(_) => {
                Kind::File { permissions: 0o444 }
            }
        }
    }

    /// What a directory holds.
    #[must_use]
    pub fn list(&self, machine: &Machine) -> Listing {
        let names: Vec<(String, Item)> = match self {
            Item::Top => vec![
                ("control".to_owned(), Item::Control),
                ("modules".to_owned(), Item::Loaded),
                ("lib".to_owned(), Item::Lib),
            ],
            Item::Lib => vec![("modules".to_owned(), Item::Releases)],
            Item::Releases => vec![(release(), Item::Release)],
            Item::Release => vec![
                ("modules.dep".to_owned(), Item::Dependencies),
                ("modules.dep.bin".to_owned(), Item::Index),
                ("kernel".to_owned(), Item::Kernel),
            ],
            Item::Kernel => machine
                .modules()
                .into_iter()
                .map(|facts| (file(&facts.name), Item::Module(facts.name)))
                .collect(),
            _ => Vec::new(),
        };
        names.into_iter().map(|(name, item)| (name, item.kind())).collect()
    }

    /// What a file says.
    #[must_use]
    pub fn text(&self, machine: &Arc<Machine>) -> Vec<u8> {
        match self {
            Item::Loaded => Sysfs::new(machine.clone()).proc_modules().into_bytes(),
            Item::Dependencies => {
                let lines = machine.modules().into_iter().map(|facts| depends(&facts, machine) + "\n");
                lines.collect::<String>().into_bytes()
            }
            Item::Index => {
                let modules = machine.modules();
                index::index(modules.iter().map(|facts| (facts.name.as_str(), depends(facts, machine))))
            }
            // modprobe looks at the first bytes for signs of compression, and takes nothing shorter than those.
            Item::Module(name) => format!("{:<16}\n", name.as_str()).into_bytes(),
            _ => Vec::new(),
        }
    }
}

fn file(module: &ModuleName) -> String {
    format!("{module}.ko")
}

/// `kernel/MODULE.ko: kernel/NEEDED.ko ...`, needed ones directly and through others, those needed most first (depmod(8)).
fn depends(facts: &ModuleFacts, machine: &Machine) -> String {
    let mut needed: Vec<ModuleName> = Vec::new();
    let mut todo = facts.uses.clone();
    while let Some(name) = todo.pop() {
        if !needed.contains(&name) {
            todo.extend(machine.module(name.as_str()).map(|facts| facts.uses).unwrap_or_default());
            needed.push(name);
        }
    }
    let needed: Vec<String> = needed.iter().map(|name| format!("kernel/{}", file(name))).collect();
    format!("kernel/{}: {}", file(&facts.name), needed.join(" "))
}

/// What `uname -r` says.
fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}
