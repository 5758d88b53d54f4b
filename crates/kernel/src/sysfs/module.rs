//! `/sys/module`: the modules that are loaded (kernel/module/sysfs.c, kernel/params.c), and `/proc/modules`.

use super::{Attribute, Directory, Entry, Named, Sysfs, directory, file};
use crate::module::{Mode, ModuleFacts, ModuleName, ModuleState};

/// A file of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModuleFile {
    /// `refcnt`.
    Refcnt,
    /// `initstate`.
    Initstate,
    /// `coresize`: what `lsmod` prints as its size.
    Coresize,
    /// `taint`.
    Taint,
    /// `uevent`.
    Uevent,
}

/// A module here has no code of its own to measure; this is a page each for text, data and the rest.
const CORE_SIZE: u32 = 16384;

impl ModuleFile {
    pub(super) fn mode(self) -> u16 {
        match self {
            ModuleFile::Uevent => 0o200,
            _ => 0o444,
        }
    }
}

impl Sysfs {
    pub(super) fn module(&self, name: &str) -> Option<Entry> {
        let facts = self.machine.module(name).filter(is_there)?;
        (facts.name.as_str() == name).then_some(Entry::Directory(Directory::Module(facts.name)))
    }

    pub(super) fn modules(&self) -> Vec<Named> {
        let there = self.machine.modules().into_iter().filter(is_there);
        there.map(|facts| directory(facts.name.as_str(), Directory::Module(facts.name.clone()))).collect()
    }

    pub(super) fn module_entries(&self, module: &ModuleName) -> Vec<Named> {
        let Some(facts) = self.machine.module(module.as_str()).filter(is_there) else { return Vec::new() };
        let attribute = |which| Attribute::Module(module.clone(), which);
        let mut entries = vec![
            file("coresize", attribute(ModuleFile::Coresize)),
            file("initstate", attribute(ModuleFile::Initstate)),
            file("refcnt", attribute(ModuleFile::Refcnt)),
            file("taint", attribute(ModuleFile::Taint)),
            file("uevent", attribute(ModuleFile::Uevent)),
            directory("holders", Directory::Holders(module.clone())),
        ];
        if !facts.drivers.is_empty() {
            entries.push(directory("drivers", Directory::ModuleDrivers(module.clone())));
        }
        if !self.machine.params().of(module.as_str()).is_empty() {
            entries.push(directory("parameters", Directory::Parameters(module.clone())));
        }
        entries
    }

    pub(super) fn parameters(&self, module: &ModuleName) -> Vec<Named> {
        let params = self.machine.params().of(module.as_str()).into_iter();
        let named = |name: &'static str| file(name, Attribute::Parameter(module.clone(), name.to_owned()));
        params.map(|(spec, _)| named(spec.name)).collect()
    }

    pub(super) fn parameter_mode(&self, module: &ModuleName, name: &str) -> u16 {
        match self.machine.params().spec(module.as_str(), name).map(|spec| spec.mode) {
            Some(Mode::ReadWrite) => 0o644,
            Some(Mode::ReadOnly) | None => 0o444,
        }
    }

    pub(super) fn holders(&self, module: &ModuleName) -> Vec<Named> {
        let Some(facts) = self.machine.module(module.as_str()) else { return Vec::new() };
        let named = |holder: ModuleName| Named {
            entry: Entry::Link(format!("../../{holder}")),
            name: holder.as_str().to_owned(),
        };
        facts.holders.into_iter().map(named).collect()
    }

    pub(super) fn module_drivers(&self, module: &ModuleName) -> Vec<Named> {
        let Some(facts) = self.machine.module(module.as_str()) else { return Vec::new() };
        let named = |(bus, driver): (crate::device::Bus, String)| Named {
            name: format!("{bus}:{driver}"),
            entry: Entry::Link(format!("../../../bus/{bus}/drivers/{driver}")),
        };
        facts.drivers.into_iter().map(named).collect()
    }

    pub(super) fn read_module(&self, module: &ModuleName, file: ModuleFile) -> Option<String> {
        let facts = self.machine.module(module.as_str()).filter(is_there)?;
        match file {
            ModuleFile::Refcnt => Some(format!("{}\n", facts.references)),
            ModuleFile::Initstate => Some(format!("{}\n", state(facts.state))),
            ModuleFile::Coresize => Some(format!("{CORE_SIZE}\n")),
            ModuleFile::Taint => Some("\n".to_owned()),
            ModuleFile::Uevent => None,
        }
    }

    /// `/proc/modules` (kernel/module/procfs.c): name, size, references, users, state, address.
    #[must_use]
    pub fn proc_modules(&self) -> String {
        let line = |facts: ModuleFacts| {
            let users = if facts.holders.is_empty() {
                "-".to_owned()
            } else {
                facts.holders.iter().map(|holder| format!("{holder},")).collect()
            };
            let state = match facts.state {
                ModuleState::Live => "Live",
                ModuleState::Coming => "Loading",
                ModuleState::Going | ModuleState::Absent => "Unloading",
            };
            format!("{} {CORE_SIZE} {} {users} {state} 0x0000000000000000\n", facts.name, facts.references)
        };
        self.machine.modules().into_iter().filter(is_there).map(line).collect()
    }
}

fn is_there(facts: &ModuleFacts) -> bool {
    facts.state != ModuleState::Absent
}

fn state(state: ModuleState) -> &'static str {
    match state {
        ModuleState::Live => "live",
        ModuleState::Coming => "coming",
        ModuleState::Going | ModuleState::Absent => "going",
    }
}
