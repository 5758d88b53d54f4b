//! The reset core: which controllers are there, and which of their lines are in whose hands.
//!
//! In Linux this is drivers/reset/core.c: `reset_controller_register`, `__of_reset_control_get` and the rules of
//! `__reset_control_get_internal` about who may have a line that somebody has. A controller that goes while handles are held is a
//! dangling pointer there; here its handles say that it is gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uvfio_firmware::Specifier;

use super::array::ResetArray;
use super::control::ResetControl;
use super::controller::ResetController;
use super::error::ResetError;
use crate::sync::{self, Mutex, RwLock};

/// How a consumer wants a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// Alone, and to use it at once.
    Exclusive,
    /// Alone among those who use it: it is acquired when needed, and may be another's meanwhile.
    ExclusiveReleased,
    /// With others who share it.
    Shared,
}

/// What becomes of a request for a line the consumer does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// It fails.
    Required,
    /// It gives nothing, and using nothing succeeds.
    Optional,
}

/// The controllers that are there.
#[derive(Default)]
pub struct ResetCore {
    controllers: RwLock<HashMap<String, Arc<Registered>>>,
}

/// A controller that is there, or was.
pub(super) struct Registered {
    pub(super) provider: String,
    pub(super) controller: Arc<dyn ResetController>,
    pub(super) controls: Mutex<Controls>,
}

/// The handles of one controller's lines.
#[derive(Default)]
pub(super) struct Controls {
    pub(super) presence: Presence,
    pub(super) entries: BTreeMap<u64, Entry>,
    last: u64,
}

/// Whether a controller is still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Presence {
    #[default]
    Here,
    Gone,
}

/// One handle, or for a shared line all of them (`struct reset_control`).
pub(super) struct Entry {
    pub(super) line: u32,
    pub(super) hold: Hold,
    pub(super) handles: usize,
}

/// How a line is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Exclusive { acquired: bool },
    Shared { deasserted: u32, triggered: u32 },
}

impl ResetCore {
    /// No controllers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A controller's driver has its block. One that was registered for this node before is gone.
    pub fn register(&self, provider: &str, controller: Arc<dyn ResetController>) {
        self.unregister(provider);
        let registered = Registered { provider: provider.to_owned(), controller, controls: Mutex::default() };
        sync::write(&self.controllers).insert(provider.to_owned(), Arc::new(registered));
    }

    /// A controller's driver has left its block.
    pub fn unregister(&self, provider: &str) {
        if let Some(registered) = sync::write(&self.controllers).remove(provider) {
            sync::lock(&registered.controls).presence = Presence::Gone;
        }
    }

    /// Whether a controller is registered for this node.
    #[must_use]
    pub fn has(&self, provider: &str) -> bool {
        sync::read(&self.controllers).contains_key(provider)
    }

    /// The line a specifier means.
    ///
    /// # Errors
    /// Where its provider is not there, takes another number of cells, or has no such line.
    pub fn line(&self, specifier: &Specifier) -> Result<u32, ResetError> {
        self.translate(specifier).map(|(_, line)| line)
    }

    fn translate(&self, specifier: &Specifier) -> Result<(Arc<Registered>, u32), ResetError> {
        let provider = || specifier.path.to_string();
        let registered = sync::read(&self.controllers).get(&*specifier.path).cloned();
        let registered = registered.ok_or_else(|| ResetError::Deferred { provider: provider() })?;
        let (takes, has) = (registered.controller.cells(), specifier.cells.len());
        if takes != has {
            return Err(ResetError::Cells { provider: provider(), takes, has });
        }
        let line = registered.controller.translate(&specifier.cells);
        let none = || ResetError::NoSuchLine { provider: provider(), cells: specifier.cells.to_vec() };
        line.ok_or_else(none).map(|line| (registered, line))
    }

    /// The line at a place of a consumer's `resets`.
    ///
    /// # Errors
    /// Where there is none and one is needed, the provider is not there or has no such line, or another has the line.
    pub fn get(
        &self,
        resets: &[Specifier],
        index: usize,
        share: Share,
        need: Need,
    ) -> Result<Option<ResetControl>, ResetError> {
        match (resets.get(index), need) {
            (Some(specifier), _) => self.take(specifier, share).map(Some),
            (None, Need::Optional) => Ok(None),
            (None, Need::Required) => Err(ResetError::NoLine { wanted: index.to_string() }),
        }
    }

    /// The line with this name in a consumer's `reset-names`.
    ///
    /// # Errors
    /// As for [`ResetCore::get`].
    pub fn get_named(
        &self,
        resets: &[Specifier],
        name: &str,
        share: Share,
        need: Need,
    ) -> Result<Option<ResetControl>, ResetError> {
        let named = |specifier: &&Specifier| specifier.name.as_deref() == Some(name);
        match (resets.iter().find(named), need) {
            (Some(specifier), _) => self.take(specifier, share).map(Some),
            (None, Need::Optional) => Ok(None),
            (None, Need::Required) => Err(ResetError::NoLine { wanted: name.to_owned() }),
        }
    }

    /// All lines of a consumer as one (`of_reset_control_array_get`).
    ///
    /// # Errors
    /// Where there is none and one is needed, or any could not be had; none is taken then.
    pub fn get_all(
        &self,
        resets: &[Specifier],
        share: Share,
        need: Need,
    ) -> Result<Option<ResetArray>, ResetError> {
        match (resets, need) {
            ([], Need::Optional) => Ok(None),
            ([], Need::Required) => Err(ResetError::NoLine { wanted: "0".to_owned() }),
            _ => {
                let controls: Result<Vec<_>, _> = resets.iter().map(|it| self.take(it, share)).collect();
                Ok(Some(ResetArray::new(controls?)))
            }
        }
    }

    /// `__reset_control_get_internal`.
    fn take(&self, specifier: &Specifier, share: Share) -> Result<ResetControl, ResetError> {
        let (registered, line) = self.translate(specifier)?;
        let mut controls = sync::lock(&registered.controls);
        if controls.presence == Presence::Gone {
            return Err(ResetError::Gone { provider: specifier.path.to_string() });
        }
        let there = controls.entries.iter_mut().find(|(_, entry)| entry.line == line);
        let id = match (there, share) {
            (Some((id, Entry { hold: Hold::Shared { .. }, handles, .. })), Share::Shared) => {
                *handles += 1;
                *id
            }
            (None, _) | (Some((_, Entry { hold: Hold::Exclusive { .. }, .. })), Share::ExclusiveReleased) => {
                let hold = match share {
                    Share::Exclusive => Hold::Exclusive { acquired: true },
                    Share::ExclusiveReleased => Hold::Exclusive { acquired: false },
                    Share::Shared => Hold::Shared { deasserted: 0, triggered: 0 },
                };
                controls.last += 1;
                let id = controls.last;
                controls.entries.insert(id, Entry { line, hold, handles: 1 });
                id
            }
            (Some(_), _) => return Err(ResetError::Busy { provider: specifier.path.to_string(), line }),
        };
        drop(controls);
        Ok(ResetControl::new(registered, id, line))
    }
}

#[cfg(test)]
mod tests;
