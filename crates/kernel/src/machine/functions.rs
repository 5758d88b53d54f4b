//! PCI functions: what is on a host bridge's bus, as far as the description names it.
//!
//! In Linux functions are found by reading configuration space once the bridge's driver has probed (`pci_host_probe`,
//! drivers/pci/probe.c), and go when it leaves (`pci_stop_root_bus`). A device tree names few of them, as nodes below the bridge;
//! those become devices here, with what follows from their requester id: streams by the bridge's `iommu-map` with its mask
//! (`of_pci_iommu_init`, drivers/iommu/of_iommu.c), and groups by slot. Not for their registers: nothing here has any.

use std::collections::HashMap;
use std::sync::Arc;

use uvfio_firmware as firmware;

use super::Machine;
use super::control::Control;
use super::links::{LinkKind, LinkOrder};
use super::plug::references;
use crate::device::{Device, DeviceId};
use crate::iommu::Slot;

/// Where a function is: bits 15 to 8 the bus, 7 to 3 the slot, 2 to 0 the function (PCI Express Base Specification, 2.2.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct RequesterId(u16);

impl RequesterId {
    /// From the first cell of a function's `reg` (IEEE Std 1275 PCI Bus Binding, 2.2.1.1).
    fn of_address(high: u32) -> Self {
        RequesterId((high >> 8 & 0xffff) as u16)
    }

    /// As Linux names it in a domain.
    fn name(self, domain: u32) -> String {
        let RequesterId(id) = self;
        format!("{domain:04x}:{:02x}:{:02x}.{}", id >> 8, id >> 3 & 0x1f, id & 7)
    }
}

/// The functions that a description names below a host bridge, in the order of the tree.
pub(super) fn described(board: &firmware::Board, bridge: &firmware::Device) -> Vec<firmware::Device> {
    let (Some(host), Some(node)) = (&bridge.pci, board.tree.by_path(&bridge.path)) else { return Vec::new() };
    let function = |node: firmware::dt::Node<'_>| {
        let high = node.property("reg")?.cells().next()?;
        let compatible = node.property("compatible")?.strings().map(|word| word.into_owned()).collect();
        let id = RequesterId::of_address(high);
        let path = format!("{}/{}", bridge.path.trim_end_matches('/'), node.name());
        Some(firmware::Device {
            name: id.name(host.domain.unwrap_or(0)),
            bus: firmware::Bus::Pci,
            path: path.into(),
            compatible,
            iommus: streams(&bridge.iommu_map, id).into_iter().collect(),
            suppliers: messages(&bridge.msi_map, id).into_iter().collect(),
            dma_coherent: bridge.dma_coherent,
            ..firmware::Device::default()
        })
    };
    let enabled = |node: &firmware::dt::Node<'_>| {
        let status = node.property("status").and_then(firmware::dt::Property::string);
        status.is_none_or(|status| matches!(&*status, "okay" | "ok"))
    };
    node.children().filter(enabled).filter_map(function).collect()
}

/// What a requester id becomes at its IOMMU.
fn streams(map: &firmware::dt::IdMap, RequesterId(id): RequesterId) -> Option<firmware::Specifier> {
    let (row, output) = map.look_up(id.into())?;
    let cells = std::iter::once(output).chain(row.rest.iter().copied()).collect();
    Some(firmware::Specifier { provider: row.provider, path: row.path.clone(), cells, name: None })
}

/// Where its messages go.
fn messages(map: &firmware::dt::IdMap, id: RequesterId) -> Option<firmware::Supplier> {
    Some(firmware::Supplier { kind: firmware::Reference::Msi, specifier: streams(map, id)? })
}

impl Machine {
    /// The functions below the bridges among these devices.
    pub(super) fn functions_below(&self, devices: &[firmware::Device]) -> Vec<firmware::Device> {
        let board = self.board();
        devices.iter().flat_map(|bridge| described(&board, bridge)).collect()
    }

    /// A host bridge has a driver: what is on its bus is found.
    pub(super) fn find_functions(&self, control: &mut Control, bridge: &Device) {
        if bridge.facts().pci.is_none() {
            return;
        }
        let described = described(&self.board(), bridge.facts());
        // One whose name is taken is not found, as `pci_scan_single_device` finds nothing twice.
        let made: Vec<Arc<Device>> =
            described.iter().filter_map(|one| self.make(control, one).ok()).collect();
        for function in &made {
            control.links.add(function.id(), bridge.id(), LinkKind::Bridge, LinkOrder::Enforced);
        }
        // A cycle among functions would be a cycle in the description, which nobody is left to tell of.
        let _ = self.link(control, &made);
        self.link_to_functions(control, bridge, &made);
        for function in &made {
            control.deferred.queue(function.id());
        }
    }

    /// Who refers to a function was linked to its bridge as long as there was no function.
    fn link_to_functions(&self, control: &mut Control, bridge: &Device, functions: &[Arc<Device>]) {
        let Some(order) = self.link_order_of_references() else { return };
        let ids: HashMap<&str, DeviceId> = functions.iter().map(|it| (it.path(), it.id())).collect();
        let consumers = control.links.consumers(bridge.id()).filter_map(|(id, _)| control.devices.get(&id));
        let consumers: Vec<Arc<Device>> = consumers.cloned().collect();
        for consumer in consumers {
            for (kind, path) in references(consumer.facts()) {
                if let Some(function) = ids.get(path).filter(|function| **function != consumer.id()) {
                    control.links.add(consumer.id(), *function, kind, order);
                }
            }
        }
    }

    /// Its driver is gone: so are they. None of them has a driver any more.
    pub(super) fn lose_functions(&self, control: &mut Control, bridge: &Device) {
        if bridge.facts().pci.is_none() {
            return;
        }
        let on_its_bus =
            |(function, kinds): (DeviceId, bool)| kinds.then(|| control.devices.get(&function).cloned());
        let functions: Vec<Arc<Device>> = control
            .links
            .consumers(bridge.id())
            .map(|(function, link)| (function, link.kinds.contains(&LinkKind::Bridge)))
            .filter_map(on_its_bus)
            .flatten()
            .collect();
        for function in functions {
            self.leave(control, &function);
            control.remove_device(&function);
        }
    }
}

/// The slot a function is in, by its name: `0000:00:02.1` is in slot 2 of bus 0.
pub(super) fn slot(function: &firmware::Device) -> Option<Slot> {
    if function.bus != firmware::Bus::Pci {
        return None;
    }
    let (place, _) = function.name.rsplit_once('.')?;
    let numbers = place.split(':').map(|part| u64::from_str_radix(part, 16));
    // A domain has 32 bits, a bus 8, a slot 5.
    numbers.into_iter().try_fold(0, |slot, part| Some((slot << 8) | part.ok()?)).map(Slot)
}

#[cfg(test)]
mod tests;
