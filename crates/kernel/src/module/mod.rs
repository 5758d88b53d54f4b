//! Modules: which are there, what they use, who holds them, and their parameters.
//!
//! In Linux this is kernel/module/main.c: a module brings drivers and parameters, uses other modules, is held by whoever runs its
//! code (`try_module_get`), and goes only when nobody holds it. Everything the sandbox offers as a module is compiled in; loading
//! one means registering its drivers.

mod param;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

pub use param::{BadValue, Mode, ParamError, ParamSpec, Params, Setting, Value};

use crate::device::{Bus, Driver};
use crate::errno::{self, Errno};
use crate::sync::Mutex;

/// A module's name; `-` and `_` are the same, and `_` is what is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleName(String);

impl ModuleName {
    /// From either spelling.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.replace('-', "_"))
    }

    /// As in `/proc/modules`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a module consists of.
#[derive(Clone)]
pub struct ModuleSpec {
    /// Its name.
    pub name: ModuleName,
    /// Its parameters.
    pub params: &'static [ParamSpec],
    /// The modules whose symbols it uses; they must be there first.
    pub uses: Vec<ModuleName>,
    /// The drivers it registers.
    pub drivers: Vec<Arc<dyn Driver>>,
}

/// Where a module is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModuleState {
    /// It could be loaded.
    Absent,
    /// Its drivers are being registered.
    Coming,
    /// It is there.
    Live,
    /// Its drivers are being taken away.
    Going,
}

/// A module as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFacts {
    /// Its name.
    pub name: ModuleName,
    /// Where it is in its life.
    pub state: ModuleState,
    /// How many hold it, users of its symbols included, as `lsmod` shows.
    pub references: usize,
    /// The modules that are there and use it.
    pub holders: Vec<ModuleName>,
    /// The modules it uses itself.
    pub uses: Vec<ModuleName>,
    /// The names of its drivers, with their bus.
    pub drivers: Vec<(Bus, String)>,
}

/// Why a module could not be loaded or unloaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// There is none of this name.
    #[error("no module {module}")]
    Unknown {
        /// The name asked for.
        module: String,
    },
    /// It is there already.
    #[error("module {module} is loaded")]
    Loaded {
        /// The module.
        module: ModuleName,
    },
    /// It is not there.
    #[error("module {module} is not loaded")]
    NotLoaded {
        /// The module.
        module: ModuleName,
    },
    /// It is being loaded or unloaded.
    #[error("module {module} is coming or going")]
    Changing {
        /// The module.
        module: ModuleName,
    },
    /// A module whose symbols it uses is not there.
    #[error("module {module} needs module {needs}")]
    Needs {
        /// The module.
        module: ModuleName,
        /// What it needs.
        needs: ModuleName,
    },
    /// Other modules use it, or somebody holds it.
    #[error("module {module} is in use")]
    InUse {
        /// The module.
        module: ModuleName,
        /// How many hold it.
        references: usize,
        /// The modules among them.
        holders: Vec<ModuleName>,
    },
    /// A driver of it could not leave its device.
    #[error("module {module} was not unloaded: interrupted")]
    Interrupted {
        /// The module.
        module: ModuleName,
    },
    /// A parameter has a value it cannot have.
    #[error("{0}")]
    Param(#[from] ParamError),
}

impl ModuleError {
    /// What `init_module` and `delete_module` answer.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            ModuleError::Unknown { .. } | ModuleError::NotLoaded { .. } | ModuleError::Needs { .. } => {
                errno::ENOENT
            }
            ModuleError::Loaded { .. } => errno::EEXIST,
            ModuleError::Changing { .. } => errno::EBUSY,
            ModuleError::InUse { .. } => errno::EAGAIN,
            ModuleError::Interrupted { .. } => errno::EINTR,
            ModuleError::Param(error) => error.errno(),
        }
    }
}

/// The modules of a machine. Its lock is taken last: nothing is called with it held.
#[derive(Default)]
pub(crate) struct Modules {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    modules: BTreeMap<ModuleName, Module>,
    /// Who uses a module, loaded or not.
    users: BTreeMap<ModuleName, BTreeSet<ModuleName>>,
}

struct Module {
    spec: ModuleSpec,
    state: ModuleState,
    held: usize,
}

impl Modules {
    /// Make a module known; it is not there yet. A second one of the same name adds its drivers to the first, and the answer says
    /// whether that one is there already.
    pub(crate) fn declare(&self, spec: ModuleSpec) -> ModuleState {
        let mut known = crate::lock(&self.known);
        for used in &spec.uses {
            known.users.entry(used.clone()).or_default().insert(spec.name.clone());
        }
        match known.modules.get_mut(&spec.name) {
            Some(module) => {
                module.spec.drivers.extend(spec.drivers);
                module.state
            }
            None => {
                known.modules.insert(spec.name.clone(), Module { spec, state: ModuleState::Absent, held: 0 });
                ModuleState::Absent
            }
        }
    }

    /// Whether a module has a driver of this name.
    pub(crate) fn has_driver(&self, module: &ModuleName, bus: Bus, driver: &str) -> bool {
        let known = crate::lock(&self.known);
        let is_it = |own: &Arc<dyn Driver>| own.bus() == bus && own.name() == driver;
        known.modules.get(module).is_some_and(|module| module.spec.drivers.iter().any(is_it))
    }

    /// Begin to load: from here on nobody else does, and what it uses stays. Returns what it consists of.
    pub(crate) fn begin_load(&self, name: &str) -> Result<ModuleSpec, ModuleError> {
        let name = ModuleName::new(name);
        let mut known = crate::lock(&self.known);
        let module =
            known.modules.get(&name).ok_or_else(|| ModuleError::Unknown { module: name.to_string() })?;
        match module.state {
            ModuleState::Absent => {}
            ModuleState::Live => return Err(ModuleError::Loaded { module: name }),
            ModuleState::Coming | ModuleState::Going => return Err(ModuleError::Changing { module: name }),
        }
        let live = |needs: &ModuleName| {
            known.modules.get(needs).is_some_and(|module| module.state == ModuleState::Live)
        };
        if let Some(needs) = module.spec.uses.iter().find(|needs| !live(needs)) {
            return Err(ModuleError::Needs { module: name, needs: needs.clone() });
        }
        let spec = module.spec.clone();
        if let Some(module) = known.modules.get_mut(&name) {
            module.state = ModuleState::Coming;
        }
        Ok(spec)
    }

    /// Begin to unload, where nobody holds it.
    pub(crate) fn begin_unload(&self, name: &str) -> Result<ModuleSpec, ModuleError> {
        let name = ModuleName::new(name);
        let mut known = crate::lock(&self.known);
        let module =
            known.modules.get(&name).ok_or_else(|| ModuleError::Unknown { module: name.to_string() })?;
        match module.state {
            ModuleState::Live => {}
            ModuleState::Absent => return Err(ModuleError::NotLoaded { module: name }),
            ModuleState::Coming | ModuleState::Going => return Err(ModuleError::Changing { module: name }),
        }
        let holders = known.holders(&name);
        let references = module.held + holders.len();
        if references > 0 {
            return Err(ModuleError::InUse { module: name, references, holders });
        }
        let spec = module.spec.clone();
        if let Some(module) = known.modules.get_mut(&name) {
            module.state = ModuleState::Going;
        }
        Ok(spec)
    }

    /// Loading or unloading came to its end, or was undone.
    pub(crate) fn settle(&self, name: &ModuleName, state: ModuleState) {
        if let Some(module) = crate::lock(&self.known).modules.get_mut(name) {
            module.state = state;
        }
    }

    /// Hold a module that is there (`try_module_get`).
    pub(crate) fn hold(self: &Arc<Self>, name: &str) -> Option<ModuleHold> {
        let name = ModuleName::new(name);
        let mut known = crate::lock(&self.known);
        let module = known.modules.get_mut(&name).filter(|module| module.state == ModuleState::Live)?;
        module.held += 1;
        drop(known);
        Some(ModuleHold { modules: Arc::clone(self), name })
    }

    /// What is known of one.
    pub(crate) fn facts(&self, name: &str) -> Option<ModuleFacts> {
        let known = crate::lock(&self.known);
        known.modules.get(&ModuleName::new(name)).map(|module| known.facts(module))
    }

    /// All that are known.
    pub(crate) fn all(&self) -> Vec<ModuleFacts> {
        let known = crate::lock(&self.known);
        known.modules.values().map(|module| known.facts(module)).collect()
    }
}

impl Known {
    /// The modules that are there and use this one.
    fn holders(&self, name: &ModuleName) -> Vec<ModuleName> {
        let there = |user: &&ModuleName| {
            self.modules.get(*user).is_some_and(|module| module.state != ModuleState::Absent)
        };
        self.users.get(name).into_iter().flatten().filter(there).cloned().collect()
    }

    fn facts(&self, module: &Module) -> ModuleFacts {
        let holders = self.holders(&module.spec.name);
        let drivers = module.spec.drivers.iter();
        ModuleFacts {
            name: module.spec.name.clone(),
            state: module.state,
            references: module.held + holders.len(),
            holders,
            uses: module.spec.uses.clone(),
            drivers: drivers.map(|driver| (driver.bus(), driver.name().to_owned())).collect(),
        }
    }
}

/// Keeps a module from being unloaded (`module_put` when dropped).
pub struct ModuleHold {
    modules: Arc<Modules>,
    name: ModuleName,
}

impl Drop for ModuleHold {
    fn drop(&mut self) {
        if let Some(module) = crate::lock(&self.modules.known).modules.get_mut(&self.name) {
            module.held = module.held.saturating_sub(1);
        }
    }
}

impl fmt::Debug for ModuleHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleHold({})", self.name)
    }
}
