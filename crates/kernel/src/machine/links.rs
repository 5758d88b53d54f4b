//! Links from consumers to their suppliers, made from the description's references.
//!
//! In Linux these are device links (Documentation/driver-api/device_link.rst) as fw_devlink makes them (drivers/base/core.c,
//! drivers/of/property.c): a consumer is probed after its suppliers, unbound before them, and a supplier learns when all its
//! consumers have probed (`sync_state`). Links of a cycle order nothing, or nobody would ever probe.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::device::DeviceId;

/// What a reference is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// `iommus`.
    Iommu,
    /// `clocks`.
    Clock,
    /// `power-domains`.
    PowerDomain,
    /// `resets`.
    Reset,
    /// The interrupt controller.
    Interrupt,
    /// The host bridge a PCI function was found behind. In Linux the bridge is its parent and no supplier, so sysfs shows no link.
    Bridge,
}

/// Whether a link orders probing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkOrder {
    /// The consumer waits for the supplier.
    Enforced,
    /// It does not: the link only counts for `sync_state` (`DL_FLAG_SYNC_STATE_ONLY`).
    SyncStateOnly,
}

#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) kinds: BTreeSet<LinkKind>,
    pub(super) order: LinkOrder,
}

impl Link {
    /// Whether it is one of Linux's device links.
    pub(super) fn is_shown(&self) -> bool {
        !self.kinds.contains(&LinkKind::Bridge)
    }
}

#[derive(Default)]
pub(super) struct Links {
    /// By consumer, then supplier.
    suppliers: BTreeMap<DeviceId, BTreeMap<DeviceId, Link>>,
    consumers: BTreeMap<DeviceId, BTreeSet<DeviceId>>,
    /// References to nodes that are no device yet, by node.
    awaited: HashMap<String, BTreeMap<DeviceId, BTreeSet<LinkKind>>>,
    awaits: HashMap<DeviceId, BTreeSet<String>>,
    /// How many consumers of a supplier have no driver.
    unbound: HashMap<DeviceId, usize>,
    bound: BTreeSet<DeviceId>,
    synced: BTreeSet<DeviceId>,
}

impl Links {
    /// A consumer refers to a supplier.
    pub(super) fn add(&mut self, consumer: DeviceId, supplier: DeviceId, kind: LinkKind, order: LinkOrder) {
        let link = self.suppliers.entry(consumer).or_default().entry(supplier);
        link.or_insert_with(|| Link { kinds: BTreeSet::new(), order }).kinds.insert(kind);
        let is_new = self.consumers.entry(supplier).or_default().insert(consumer);
        if is_new && !self.bound.contains(&consumer) {
            *self.unbound.entry(supplier).or_default() += 1;
        }
    }

    /// A consumer refers to a node that is no device yet.
    pub(super) fn wait_for(&mut self, consumer: DeviceId, path: &str, kind: LinkKind) {
        self.awaited.entry(path.to_owned()).or_default().entry(consumer).or_default().insert(kind);
        self.awaits.entry(consumer).or_default().insert(path.to_owned());
    }

    /// Who refers to this node, now that it is a device.
    pub(super) fn awaiting(&mut self, path: &str) -> BTreeMap<DeviceId, BTreeSet<LinkKind>> {
        let waiting = self.awaited.remove(path).unwrap_or_default();
        for consumer in waiting.keys() {
            if let Some(paths) = self.awaits.get_mut(consumer) {
                paths.remove(path);
            }
        }
        waiting
    }

    /// A device is gone, and with it its links. Its consumers wait for its node to be a device again.
    pub(super) fn remove(&mut self, device: DeviceId, path: &str) {
        for supplier in self.suppliers.remove(&device).unwrap_or_default().into_keys() {
            if let Some(consumers) = self.consumers.get_mut(&supplier) {
                consumers.remove(&device);
            }
            if !self.bound.contains(&device)
                && let Some(unbound) = self.unbound.get_mut(&supplier)
            {
                *unbound = unbound.saturating_sub(1);
            }
        }
        for consumer in self.consumers.remove(&device).unwrap_or_default() {
            let link = self.suppliers.get_mut(&consumer).and_then(|suppliers| suppliers.remove(&device));
            for kind in link.into_iter().flat_map(|link| link.kinds) {
                self.wait_for(consumer, path, kind);
            }
        }
        self.unbound.remove(&device);
        self.bound.remove(&device);
        self.synced.remove(&device);
        for path in self.awaits.remove(&device).unwrap_or_default() {
            if let Some(waiting) = self.awaited.get_mut(&path) {
                waiting.remove(&device);
                if waiting.is_empty() {
                    self.awaited.remove(&path);
                }
            }
        }
    }

    /// A device's suppliers.
    pub(super) fn suppliers(&self, consumer: DeviceId) -> impl Iterator<Item = (DeviceId, &Link)> {
        self.suppliers.get(&consumer).into_iter().flatten().map(|(supplier, link)| (*supplier, link))
    }

    /// The link between two devices.
    pub(super) fn get(&self, consumer: DeviceId, supplier: DeviceId) -> Option<&Link> {
        self.suppliers.get(&consumer)?.get(&supplier)
    }

    /// A device's consumers.
    pub(super) fn consumers(&self, supplier: DeviceId) -> impl Iterator<Item = (DeviceId, &Link)> {
        let consumers = self.consumers.get(&supplier).into_iter().flatten();
        consumers.filter_map(move |consumer| {
            let link = self.suppliers.get(consumer)?.get(&supplier)?;
            Some((*consumer, link))
        })
    }

    /// All links: consumer, supplier.
    pub(super) fn all(&self) -> impl Iterator<Item = (DeviceId, DeviceId, &Link)> {
        self.suppliers.iter().flat_map(|(consumer, suppliers)| {
            suppliers.iter().map(|(supplier, link)| (*consumer, *supplier, link))
        })
    }

    /// A device was bound. Returns those whose consumers have now all probed, itself included.
    pub(super) fn bound(&mut self, device: DeviceId) -> Vec<DeviceId> {
        let mut synced = Vec::new();
        if !self.bound.insert(device) {
            return synced;
        }
        let suppliers: Vec<DeviceId> = self.suppliers(device).map(|(supplier, _)| supplier).collect();
        for supplier in suppliers {
            let left = self.unbound.entry(supplier).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 && self.bound.contains(&supplier) && self.synced.insert(supplier) {
                synced.push(supplier);
            }
        }
        if self.unbound.get(&device).copied().unwrap_or_default() == 0 && self.synced.insert(device) {
            synced.push(device);
        }
        synced
    }

    /// A device lost its driver.
    pub(super) fn unbound(&mut self, device: DeviceId) {
        if !self.bound.remove(&device) {
            return;
        }
        let suppliers: Vec<DeviceId> = self.suppliers(device).map(|(supplier, _)| supplier).collect();
        for supplier in suppliers {
            *self.unbound.entry(supplier).or_default() += 1;
        }
        self.synced.remove(&device);
    }

    /// Whether a device refers to a node that is no device yet.
    pub(super) fn waits(&self, consumer: DeviceId) -> bool {
        self.awaits.get(&consumer).is_some_and(|paths| !paths.is_empty())
    }

    /// Whether all consumers of a device have probed, and it was told.
    pub(super) fn is_synced(&self, device: DeviceId) -> bool {
        self.synced.contains(&device)
    }

    /// Find the cycles that go through one of these devices; their links order nothing from now on. Each is returned once.
    /// Linear in the links that can be reached.
    pub(super) fn break_cycles(&mut self, roots: impl Iterator<Item = DeviceId>) -> Vec<Vec<DeviceId>> {
        let cycles = super::cycles::find(roots, |device| {
            let enforced =
                |(supplier, link): (DeviceId, &Link)| (link.order == LinkOrder::Enforced).then_some(supplier);
            self.suppliers(device).filter_map(enforced).collect()
        });
        for cycle in &cycles {
            let members: BTreeSet<DeviceId> = cycle.iter().copied().collect();
            for consumer in cycle {
                for (supplier, link) in self.suppliers.get_mut(consumer).into_iter().flatten() {
                    if members.contains(supplier) {
                        link.order = LinkOrder::SyncStateOnly;
                    }
                }
            }
        }
        cycles
    }
}
