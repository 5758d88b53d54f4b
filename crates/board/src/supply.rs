//! Who is needed by whom: a device that serves others is not handed out without them.
//!
//! Linux keeps the order by device links (`of_supplier_bindings`, drivers/of/property.c) and would unbind the consumers with their
//! supplier. Which property makes which kind of link is the firmware crate's table; here each provider has its consumers, those
//! included that are only part of a device.

use uvfio_firmware::{Board, NodeId, Reference};

use crate::DeviceIndex;
use crate::bond::{Bond, BondKind};
use crate::index::{Index, Referral};

/// Who needs whom, and what for. Devices come before nodes that are none.
type Need = (DeviceIndex, Result<DeviceIndex, NodeId>, Reference);

/// One bond for each device that others need.
pub(crate) fn bonds(board: &Board, index: &Index, referrals: &[Referral]) -> Vec<Bond> {
    let mut needs: Vec<Need> = Vec::with_capacity(4 * board.devices.len());
    let mut add = |provider: NodeId, kind: Reference, consumer: Result<DeviceIndex, NodeId>| {
        // What is disabled serves nobody.
        let provider = index.owner(provider).filter(|_| index.is_enabled(provider));
        needs.extend(provider.filter(|provider| consumer != Ok(*provider)).map(|one| (one, consumer, kind)));
    };
    for (at, device) in board.devices.iter().enumerate() {
        for (kind, provider) in providers(device) {
            add(provider, kind, Ok(DeviceIndex::new(at)));
        }
    }
    for referral in referrals.iter().filter(|referral| index.is_enabled(referral.from)) {
        add(referral.to, referral.kind, index.owner(referral.from).ok_or(referral.from));
    }
    let mut needs = by_provider(&needs, board.devices.len());
    needs.chunk_by_mut(|a, b| a.0 == b.0).for_each(|needs| needs.sort_unstable());
    needs.dedup();
    needs.chunk_by(|a, b| a.0 == b.0).map(bond).collect()
}

/// The same needs, those of one provider behind those of another and otherwise in the order they were in. There are many, and each
/// provider's are nearly in order, so that this and sorting each for itself takes a fraction of sorting all.
fn by_provider(needs: &[Need], devices: usize) -> Vec<Need> {
    let Some(&any) = needs.first() else { return Vec::new() };
    let mut next = vec![0usize; devices + 1];
    needs.iter().for_each(|need| next[need.0.at() + 1] += 1);
    (0..devices).for_each(|at| next[at + 1] += next[at]);
    let mut sorted = vec![any; needs.len()];
    for need in needs {
        let slot = &mut next[need.0.at()];
        sorted[*slot] = *need;
        *slot += 1;
    }
    sorted
}

/// The bond of the provider that all of these need.
fn bond(needs: &[Need]) -> Bond {
    let mut kinds: Vec<Reference> = Vec::new();
    for (.., kind) in needs {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    kinds.sort_unstable();
    let mut members: Vec<DeviceIndex> = needs.iter().filter_map(|need| need.1.ok()).collect();
    members.dedup();
    let mut others: Vec<NodeId> = needs.iter().filter_map(|need| need.1.err()).collect();
    others.dedup();
    Bond { kind: BondKind::Supplies { provider: needs[0].0, kinds, others }, members }
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
