//! What of the tree is laid over something of the host's.

use std::path::Path;

use super::session::Item;
use super::sys::{Sys, Thing};

/// Something laid over something of the host's.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// Its name in the root of the tree.
    pub name: String,
    /// What it is laid over.
    pub target: String,
    /// What is seen there.
    pub(super) thing: Thing,
}

/// Where modprobe(8) looks for modules.
pub const MODULES: &str = "/lib/modules";

/// Where the kernel lists its modules, if it was built to have any.
pub const LOADED: &str = "/proc/modules";

/// All of them: directories of `/sys`, and the lists of modules where the host has a place for them.
pub fn overlays(sys: &Sys) -> Vec<Overlay> {
    let overlay = |target: String, thing| {
        let name = target.trim_start_matches('/').replace('/', ":");
        Overlay { name, target, thing }
    };
    let of_sys = sys.covers().into_iter();
    let mut overlays: Vec<Overlay> =
        of_sys.map(|(path, thing)| overlay(format!("/sys/{path}"), thing)).collect();
    if Path::new(MODULES).is_dir() {
        overlays.push(overlay(MODULES.to_owned(), Thing::Session(Item::Releases)));
    }
    if Path::new(LOADED).exists() {
        overlays.push(overlay(LOADED.to_owned(), Thing::Session(Item::Loaded)));
    }
    overlays
}
