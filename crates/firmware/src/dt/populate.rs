//! Which nodes become devices, on which bus and under which name, as Linux decides it (drivers/of/platform.c).

use super::address::{translate, windows};
use super::interrupt::interrupts;
use super::specifier::{References, specifiers};
use super::tree::{Node, Tree};
use crate::board::{Bus, Device};
use crate::diagnostic::{self, Diagnostic};

/// Buses whose children are devices, too (`of_default_bus_match_table`).
const BUSES: [&str; 4] = ["simple-bus", "simple-mfd", "isa", "arm,amba-bus"];
/// Nodes at the root that are no devices (`of_skipped_node_table`).
const SKIPPED: [&str; 1] = ["operating-points-v2"];
/// Children of `/reserved-memory` that are devices all the same (`reserved_mem_matches`).
const RESERVED_MEMORY: [&str; 9] = [
    "phram",
    "qcom,rmtfs-mem",
    "qcom,cmd-db",
    "qcom,smem",
    "ramoops",
    "nvmem-rmem",
    "google,open-dice",
    "mediatek,scp-ctx",
    "qcom,rmtfs",
];

/// The devices of a tree, in the order Linux makes them.
pub fn devices(tree: &Tree, diagnostics: &mut Vec<Diagnostic>) -> Vec<Device> {
    let mut devices = Vec::new();
    let Some(root) = tree.root() else { return devices };
    for node in root.children().filter(|node| node.name() == "reserved-memory").flat_map(Node::children) {
        if node.is_compatible(&RESERVED_MEMORY) {
            add(node, &mut devices, diagnostics);
        }
    }
    for node in root.children().filter(|node| node.name() == "firmware") {
        // Linux populates it as a bus of its own (of_platform_default_populate_init).
        node.children().for_each(|child| visit(child, &mut devices, diagnostics));
    }
    root.children().for_each(|node| visit(node, &mut devices, diagnostics));
    devices
}

/// A node and, where it is a bus, its children (`of_platform_bus_create`). Without recursion: a blob may nest as deep as it likes.
fn visit(node: Node<'_>, devices: &mut Vec<Device>, diagnostics: &mut Vec<Diagnostic>) {
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        if !node.has("compatible") || node.is_compatible(&SKIPPED) || !node.is_available() {
            continue;
        }
        let bus = add(node, devices, diagnostics);
        if bus == Bus::Platform && node.is_compatible(&BUSES) {
            let at = pending.len();
            pending.extend(node.children());
            pending[at..].reverse();
        }
    }
}

fn add(node: Node<'_>, devices: &mut Vec<Device>, diagnostics: &mut Vec<Diagnostic>) -> Bus {
    let bus = if node.is_compatible(&["arm,primecell"]) { Bus::Amba } else { Bus::Platform };
    let mut refer =
        |property, cells, names| specifiers(node, References { property, cells, names }, diagnostics);
    let iommus = refer(diagnostic::Property::Iommus, Some("#iommu-cells"), None);
    let resets = refer(diagnostic::Property::Resets, Some("#reset-cells"), Some("reset-names"));
    let clocks = refer(diagnostic::Property::Clocks, Some("#clock-cells"), Some("clock-names"));
    let power_domains =
        refer(diagnostic::Property::PowerDomains, Some("#power-domain-cells"), Some("power-domain-names"));
    devices.push(Device {
        name: name(node),
        bus,
        path: node.path(),
        node: node.id(),
        compatible: node.texts("compatible").map(str::to_owned).collect(),
        regions: windows(node, diagnostics),
        interrupts: interrupts(node, diagnostics),
        iommus,
        resets,
        clocks,
        power_domains,
        dma_coherent: is_coherent(node),
    });
    bus
}

/// The name of the device (`of_device_make_bus_id`): the translated address and the node's name; for a node without an address that
/// can be translated, the name of each node up to one that has.
fn name(node: Node<'_>) -> String {
    let mut name = String::new();
    let mut at = node;
    while let Some(parent) = at.parent() {
        let own = if let Some(address) = first_address(at, parent) {
            let base = at.base_name();
            return if name.is_empty() {
                format!("{address:x}.{base}")
            } else {
                format!("{address:x}.{base}:{name}")
            };
        } else {
            at.name()
        };
        name = if name.is_empty() { own.to_owned() } else { format!("{own}:{name}") };
        at = parent;
    }
    name
}

fn first_address(node: Node<'_>, bus: Node<'_>) -> Option<u64> {
    let mut quiet = Vec::new();
    match windows(node, &mut quiet).first() {
        Some(window) => Some(window.base),
        // A number without a size is an address as well, for the name.
        None => {
            let cells: Vec<u32> = node.cells("reg").collect();
            let count = bus.u32("#address-cells").unwrap_or(1) as usize;
            if count == 0 || bus.u32("#size-cells") != Some(0) {
                return None;
            }
            let address = cells.get(..count)?.iter().fold(0, |number, &cell| number << 32 | u64::from(cell));
            translate(bus, address)
        }
    }
}

/// Whether the device's DMA sees the processor's caches (`of_dma_is_coherent`): what the nearest node that says anything says.
fn is_coherent(node: Node<'_>) -> bool {
    let mut at = Some(node);
    while let Some(node) = at {
        if node.has("dma-coherent") {
            return true;
        }
        if node.has("dma-noncoherent") {
            return false;
        }
        at = node.parent();
    }
    false
}
