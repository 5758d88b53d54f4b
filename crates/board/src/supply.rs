//! Who is needed by whom: a device that serves others is not handed out without them.
//!
//! Linux keeps the order by device links (`of_supplier_bindings`, drivers/of/property.c) and would unbind the consumers with their
//! supplier. Which property makes which kind of link is the firmware crate's table; here each provider has its consumers, those
//! included that are only part of a device.

use std::collections::BTreeMap;

use uvfio_firmware::{Board, NodeId, Reference};

use crate::DeviceIndex;
use crate::bond::{Bond, BondKind};
use crate::index::{Index, Referral};

#[derive(Default)]
struct Consumers {
    devices: Vec<DeviceIndex>,
    kinds: Vec<Reference>,
    others: Vec<NodeId>,
}

/// One bond for each device that others need.
pub(crate) fn bonds(board: &Board, index: &Index, referrals: &[Referral]) -> Vec<Bond> {
    let mut found: BTreeMap<DeviceIndex, Consumers> = BTreeMap::new();
    let mut add = |provider: NodeId, kind: Reference, consumer: Result<DeviceIndex, NodeId>| {
        // What is disabled serves nobody.
        let Some(provider) = index.owner(provider).filter(|_| index.is_enabled(provider)) else { return };
        if consumer == Ok(provider) {
            return;
        }
        let consumers = found.entry(provider).or_default();
        if !consumers.kinds.contains(&kind) {
            consumers.kinds.push(kind);
        }
        match consumer {
            Ok(device) if consumers.devices.last() != Some(&device) => consumers.devices.push(device),
            Err(node) if consumers.others.last() != Some(&node) => consumers.others.push(node),
            _ => {}
        }
    };
    for (at, device) in board.devices.iter().enumerate() {
        for (kind, provider) in providers(device) {
            add(provider, kind, Ok(DeviceIndex::new(at)));
        }
    }
    for referral in referrals.iter().filter(|referral| index.is_enabled(referral.from)) {
        add(referral.to, referral.kind, index.owner(referral.from).ok_or(referral.from));
    }
    let bond = |(provider, mut consumers): (DeviceIndex, Consumers)| {
        consumers.devices.sort_unstable();
        consumers.devices.dedup();
        consumers.kinds.sort_unstable();
        let kind = BondKind::Supplies { provider, kinds: consumers.kinds, others: consumers.others };
        Bond { kind, members: consumers.devices }
    };
    found.into_iter().map(bond).collect()
}

/// All that a device refers to.
pub(crate) fn providers(device: &uvfio_firmware::Device) -> impl Iterator<Item = (Reference, NodeId)> {
    let lists = [
        (Reference::Iommu, &device.iommus),
        (Reference::Reset, &device.resets),
        (Reference::Clock, &device.clocks),
        (Reference::PowerDomain, &device.power_domains),
    ];
    let lists = lists.into_iter().flat_map(|(kind, list)| list.iter().map(move |one| (kind, one.provider)));
    let interrupts = device.interrupts.iter().map(|interrupt| (Reference::Interrupt, interrupt.controller));
    let others = device.suppliers.iter().map(|supplier| (supplier.kind, supplier.specifier.provider));
    lists.chain(interrupts).chain(others).filter(|(kind, _)| *kind != Reference::Memory)
}
