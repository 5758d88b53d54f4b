//! Groups, interrupts, ways to memory and needs as far as tables say them, in the shapes that answers about device trees have.

use std::collections::{BTreeMap, BTreeSet};

use uvfio_board::acpi::{AcpiBlocker, AcpiGrouping};

use uvfio_firmware::{Board, Trigger};

use super::Machine;
use crate::board::depends::Need;
use crate::board::dma::{DeviceDma, DmaView, IommuView, ReservedView, StreamView};
use crate::board::groups::GroupView;
use crate::board::irq::LineView;
use crate::board::view::DeviceView;

/// The groups of devices of the namespace.
pub fn groups(machine: &Machine) -> Vec<GroupView> {
    let groups = machine.view.groups().into_iter().map(|group| {
        let iommu = &machine.view.iommus[group.iommu];
        GroupView {
            group: None,
            iommu: machine.iommu(group.iommu),
            driver: iommu.driver(),
            rule: match iommu.grouping() {
                AcpiGrouping::Device => "one group for each device that is no PCI function",
                AcpiGrouping::Stream => "devices that one stream mapping entry matches share a group",
                AcpiGrouping::Id => "devices of the namespace that have one id share a group",
            },
            source: iommu.source(),
            devices: group.devices.iter().map(|at| machine.devices[*at].name.clone()).collect(),
        }
    });
    groups.collect()
}

/// The interrupts: of all devices where there is a namespace, else of the IOMMUs. Without `all`, those that are shared or of a device
/// behind an IOMMU.
pub fn lines(machine: &Machine, all: bool) -> Vec<LineView> {
    match &machine.namespace {
        Some(board) => lines_of_namespace(machine, board, all),
        None => lines_of_iommus(machine),
    }
}

fn lines_of_namespace(machine: &Machine, board: &Board, all: bool) -> Vec<LineView> {
    let mut lines: BTreeMap<u32, (Trigger, Vec<usize>)> = BTreeMap::new();
    for (at, device) in board.devices.iter().enumerate() {
        for interrupt in &device.interrupts {
            let (_, users) = lines.entry(interrupt.number).or_insert((interrupt.trigger, Vec::new()));
            if users.last() != Some(&at) {
                users.push(at);
            }
        }
    }
    let behind = machine.view.devices.iter().filter(|device| device.iommu.is_some());
    let behind: BTreeSet<usize> = behind.filter_map(|device| device.known).collect();
    let worth = |users: &[usize]| all || users.len() > 1 || users.iter().any(|user| behind.contains(user));
    let lines = lines.into_iter().filter(|(_, (_, users))| worth(users));
    lines
        .map(|(number, (trigger, users))| LineView {
            controller: "GSI".to_owned(),
            number,
            trigger: crate::board::irq::word(trigger),
            shared: users.len() > 1,
            devices: users.iter().map(|user| board.devices[*user].name.to_string()).collect(),
        })
        .collect()
}

fn lines_of_iommus(machine: &Machine) -> Vec<LineView> {
    let mut lines: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (at, iommu) in machine.view.iommus.iter().enumerate() {
        for number in &iommu.interrupts {
            let users = lines.entry(*number).or_default();
            let name = machine.iommu(at);
            if users.last() != Some(&name) {
                users.push(name);
            }
        }
    }
    let line = |(number, devices): (u32, Vec<String>)| LineView {
        controller: "GSI".to_owned(),
        number,
        trigger: "not said",
        shared: devices.len() > 1,
        devices,
    };
    lines.into_iter().map(line).collect()
}

/// Ways to memory.
pub fn dma(machine: &Machine) -> DmaView {
    let mut behind = vec![0; machine.view.iommus.len()];
    machine.view.devices.iter().filter_map(|device| device.iommu).for_each(|iommu| behind[iommu] += 1);
    let iommus = machine.view.iommus.iter().zip(behind).enumerate().map(|(at, (iommu, devices))| IommuView {
        name: machine.iommu(at),
        compatible: Some(iommu.driver().to_owned()),
        enabled: true,
        coherent_walks: iommu.coherent_walks,
        devices,
    });
    let mut memory: BTreeMap<(u64, u64), Vec<String>> = BTreeMap::new();
    let devices = machine.view.devices.iter().zip(&machine.devices).map(|(device, view)| {
        let mut reserved_memory = Vec::new();
        for blocker in &device.blockers {
            if let AcpiBlocker::FirmwareMemory { start, last, .. } = blocker {
                memory.entry((*start, *last)).or_default().push(view.name.clone());
                reserved_memory.push(format!("firmware's {start:#x} to {last:#x}"));
            }
        }
        let iommu = device.iommu.map(|iommu| machine.iommu(iommu));
        let streams = device.ids.iter().filter_map(|(first, count)| {
            let cells = vec![*first];
            Some(StreamView { requester: None, iommu: iommu.clone()?, cells, count: Some(*count) })
        });
        let mut streams: Vec<StreamView> = streams.collect();
        if let (true, Some(iommu)) = (streams.is_empty(), iommu) {
            // VT-d's tables have no ids for what is behind bridges and for all others: it is the function's own.
            streams.push(StreamView { requester: None, iommu, cells: Vec::new(), count: None });
        }
        DeviceDma {
            device: view.name.clone(),
            streams,
            group: None,
            coherent: device.coherent,
            address_bits: device.address_bits,
            ranges: Vec::new(),
            reserved_memory,
        }
    });
    let devices = devices.collect();
    let reserved = memory.into_iter().map(|((start, last), users)| ReservedView {
        name: format!("of firmware, by {}", crate::board::words::list(&users)),
        ranges: vec![(start, last.saturating_sub(start).saturating_add(1))],
        no_map: false,
    });
    DmaView { iommus: iommus.collect(), devices, reserved: reserved.collect() }
}

/// What the tables say that a device needs: its IOMMU.
pub fn needs(device: &DeviceView) -> Vec<Need> {
    let need = |iommu: &String| Need {
        what: "IOMMU",
        provider: iommu.clone(),
        cells: device.ids.iter().map(|ids| ids.first).collect(),
        name: None,
        enabled: true,
    };
    device.iommus.iter().map(need).collect()
}
