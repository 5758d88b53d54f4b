//! Devices that must be probed again later: what each waits for, and whose turn it is.
//!
//! In Linux this is the deferred probe list of drivers/base/dd.c, which is tried as a whole after each successful probe. Here
//! those who wait for a supplier are found by its node, so that a supplier's coming costs only what it sets free. Only those
//! whose driver did not say what they wait for are all tried, once after each batch in which something was bound.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::device::{Deferral, DeviceId};

#[derive(Default)]
pub(super) struct Deferred {
    waiting: BTreeMap<DeviceId, Deferral>,
    by_path: HashMap<String, BTreeSet<DeviceId>>,
    unspecified: BTreeSet<DeviceId>,
    ready: VecDeque<DeviceId>,
    queued: BTreeSet<DeviceId>,
    /// Their turn came while somebody else was binding or unbinding them.
    parked: BTreeSet<DeviceId>,
    /// Something was bound since those who did not say why were last tried.
    progress: Progress,
}

#[derive(Default, PartialEq, Eq)]
enum Progress {
    #[default]
    None,
    Some,
}

impl Deferred {
    /// A device must wait (`driver_deferred_probe_add`).
    pub(super) fn add(&mut self, device: DeviceId, why: Deferral) {
        self.forget_reason(device);
        match why.path() {
            Some(path) => {
                self.by_path.entry(path.to_owned()).or_default().insert(device);
            }
            None => {
                self.unspecified.insert(device);
            }
        }
        self.waiting.insert(device, why);
    }

    /// A device waits no longer, because it was bound or is gone (`driver_deferred_probe_del`).
    pub(super) fn forget(&mut self, device: DeviceId) {
        self.forget_reason(device);
        self.queued.remove(&device);
        self.parked.remove(&device);
    }

    fn forget_reason(&mut self, device: DeviceId) {
        let Some(why) = self.waiting.remove(&device) else { return };
        match why.path() {
            Some(path) => {
                if let Some(waiters) = self.by_path.get_mut(path) {
                    waiters.remove(&device);
                    if waiters.is_empty() {
                        self.by_path.remove(path);
                    }
                }
            }
            None => {
                self.unspecified.remove(&device);
            }
        }
    }

    /// The device of this node was bound: those who waited for it are next.
    pub(super) fn came(&mut self, path: &str) {
        self.progress = Progress::Some;
        self.went(path);
    }

    /// The device of this node is gone: nobody has to wait for it any more.
    pub(super) fn went(&mut self, path: &str) {
        for device in self.by_path.get(path).cloned().unwrap_or_default() {
            self.queue(device);
        }
    }

    /// Everybody is next: the time in which suppliers may come is over.
    pub(super) fn queue_all(&mut self) {
        let waiting: Vec<DeviceId> = self.waiting.keys().copied().collect();
        waiting.into_iter().for_each(|device| self.queue(device));
    }

    /// A device is next.
    pub(super) fn queue(&mut self, device: DeviceId) {
        if self.queued.insert(device) {
            self.ready.push_back(device);
        }
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self) -> Option<DeviceId> {
        loop {
            if self.ready.is_empty() && std::mem::take(&mut self.progress) == Progress::Some {
                let unspecified: Vec<DeviceId> = self.unspecified.iter().copied().collect();
                unspecified.into_iter().for_each(|device| self.queue(device));
            }
            let device = self.ready.pop_front()?;
            if self.queued.remove(&device) {
                return Some(device);
            }
        }
    }

    /// Set a device aside that somebody else is working with.
    pub(super) fn park(&mut self, device: DeviceId) {
        self.parked.insert(device);
    }

    /// It is free after all.
    pub(super) fn take_from_park(&mut self, device: DeviceId) {
        self.parked.remove(&device);
    }

    /// If it was set aside, it is next.
    pub(super) fn unpark_one(&mut self, device: DeviceId) {
        if self.parked.remove(&device) {
            self.queue(device);
        }
    }

    /// Those set aside are next.
    pub(super) fn unpark(&mut self) {
        for device in std::mem::take(&mut self.parked) {
            self.queue(device);
        }
    }

    /// Whether a device waits for a node it knows, and has not had its turn since that came.
    pub(super) fn waits(&self, device: DeviceId) -> bool {
        self.reason(device).is_some_and(|why| why.path().is_some()) && !self.queued.contains(&device)
    }

    /// What a device waits for.
    pub(super) fn reason(&self, device: DeviceId) -> Option<&Deferral> {
        self.waiting.get(&device)
    }

    /// All who wait, in the order they came to the machine.
    pub(super) fn all(&self) -> impl Iterator<Item = (DeviceId, &Deferral)> {
        self.waiting.iter().map(|(device, why)| (*device, why))
    }
}
