//! The nodes Linux makes devices of.
//!
//! `of_platform_default_populate_init` and `of_platform_bus_create` in drivers/of/platform.c: every enabled node with a `compatible` below
//! the root, and below those that are buses by their `compatible`. Devices that drivers make of nodes below their own (I2C, SPI, most
//! multi-function devices) are not here.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::address;
use super::decode::Decoder;
use super::dma;
use super::id_map;
use super::interrupt;
use super::naming;
use super::node::{Node, Property};
use super::pci;
use super::specifier;
use crate::reference::Binding;
use crate::{Bus, Device, Problem, Reference, Specifier, Supplier};

/// `of_default_bus_match_table`.
const BUSES: &[&str] = &["simple-bus", "simple-mfd", "isa", "arm,amba-bus"];
/// `of_skipped_node_table`.
const SKIPPED: &[&str] = &["operating-points-v2"];
/// `reserved_mem_matches`: reserved memory that is a device.
const RESERVED: &[&str] =
    &["phram", "qcom,rmtfs-mem", "qcom,cmd-db", "qcom,smem", "ramoops", "nvmem-rmem", "google,open-dice"];
/// Room is made for so many devices at most before there is any: a tree may have millions of nodes that turn out to be none.
const ROOM: usize = 1 << 14;
/// `AMBA_NR_IRQS`.
const AMBA_INTERRUPTS: usize = 9;

/// The devices in the order Linux makes them.
pub(super) fn devices<'t>(decoder: &Decoder<'t>) -> Vec<Device> {
    let is_likely = |node: &Node<'t>| {
        let facts = decoder.facts(*node);
        facts.available && facts.compatible.is_some()
    };
    let likely = decoder.tree.nodes().filter(is_likely).count().min(ROOM);
    let mut population = Population {
        decoder,
        devices: Vec::with_capacity(likely),
        names: Names { places: HashMap::with_capacity(likely), hasher: RandomState::new() },
        made: vec![false; decoder.tree.nodes().len()],
        coherent_by_default: dma::coherent_by_default(decoder),
    };
    for node in decoder.tree.nodes().filter(|node| is_any(decoder, *node, RESERVED)) {
        population.device(node, Bus::Platform);
    }
    if let Some(firmware) = decoder.tree.by_path("/firmware") {
        firmware.children().for_each(|child| population.create(child, &mut Vec::new(), &[]));
    }
    if let Some(chosen) = decoder.tree.by_path("/chosen") {
        let screen = chosen.children().find(|child| is_any(decoder, *child, &["simple-framebuffer"]));
        screen.into_iter().for_each(|screen| _ = population.device(screen, Bus::Platform));
    }
    population.populate();
    population.devices
}

/// Whether a node is compatible with one of these.
fn is_any<'t>(decoder: &Decoder<'t>, node: Node<'t>, names: &[&str]) -> bool {
    let compatible = decoder.known(decoder.facts(node).compatible);
    compatible.is_some_and(|property| names.iter().any(|name| property.has_string(name)))
}

/// Devices while they are found.
struct Population<'a, 't> {
    decoder: &'a Decoder<'t>,
    devices: Vec<Device>,
    names: Names,
    /// Nodes that are a device already (`OF_POPULATED`).
    made: Vec<bool>,
    coherent_by_default: bool,
}

impl<'t> Population<'_, 't> {
    /// Everything below the root, buses entered as they come.
    fn populate(&mut self) {
        let mut waiting: Vec<Node<'t>> = Vec::new();
        let root = self.decoder.tree.root();
        push_children(&mut waiting, root);
        while let Some(node) = waiting.pop() {
            self.create(node, &mut waiting, BUSES);
        }
    }

    /// `of_platform_bus_create`: make the node's device, and where it is one of `buses` put its children in front of those `waiting`.
    fn create(&mut self, node: Node<'t>, waiting: &mut Vec<Node<'t>>, buses: &[&str]) {
        let facts = self.decoder.facts(node);
        if facts.compatible.is_none() || is_any(self.decoder, node, SKIPPED) {
            return;
        }
        if is_any(self.decoder, node, &["arm,primecell"]) {
            self.device(node, Bus::Amba);
        } else if self.device(node, Bus::Platform) && is_any(self.decoder, node, buses) {
            address::check_ranges(self.decoder, node);
            push_children(waiting, node);
        }
    }

    /// Make a device of a node; false where Linux would not.
    fn device(&mut self, node: Node<'t>, bus: Bus) -> bool {
        let decoder = self.decoder;
        let made = &mut self.made[node.id().0 as usize];
        if !decoder.facts(node).available || *made || !decoder.spend(1) {
            return false;
        }
        let name = naming::name(decoder, node);
        let place = match self.names.place(&self.devices, bus, &name) {
            Ok(place) => place,
            Err(other) => {
                let other = other.path.to_string();
                decoder.report(node, || Problem::NameTaken { name, other });
                return false;
            }
        };
        let mut device = describe(decoder, node, self.coherent_by_default);
        (device.name, device.bus) = (name, bus);
        if bus == Bus::Amba {
            if device.regions.is_empty() {
                decoder.report(node, || Problem::AmbaWithoutRegisters);
                return false;
            }
            device.regions.truncate(1);
            device.interrupts.truncate(AMBA_INTERRUPTS);
        }
        *made = true;
        self.names.places.insert(place, self.devices.len());
        self.devices.push(device);
        true
    }
}

/// Who has which name. Names are kept by those who have them: here are only places that names lead to.
struct Names {
    /// Devices by place.
    places: HashMap<u64, usize>,
    hasher: RandomState,
}

impl Names {
    /// The place of a name that nobody has on that bus; the device that has it otherwise.
    fn place<'d>(&self, devices: &'d [Device], bus: Bus, name: &str) -> Result<u64, &'d Device> {
        let mut place = self.hasher.hash_one((bus, name));
        // That two names lead to one place is as good as impossible; the next place then serves as well.
        while let Some(other) = self.places.get(&place).and_then(|at| devices.get(*at)) {
            if other.bus == bus && other.name == name {
                return Err(other);
            }
            place = place.wrapping_add(1);
        }
        Ok(place)
    }
}

/// In front of those waiting, the first child first.
fn push_children<'t>(waiting: &mut Vec<Node<'t>>, node: Node<'t>) {
    let from = waiting.len();
    waiting.extend(node.children());
    waiting[from..].reverse();
}

/// All a node says of its device, but for name and bus.
fn describe<'t>(decoder: &Decoder<'t>, node: Node<'t>, coherent_by_default: bool) -> Device {
    let mut device = Device {
        path: decoder.path(node),
        node: node.id(),
        compatible: decoder.compatible(node),
        regions: address::regions(decoder, node),
        interrupts: interrupt::interrupts(decoder, node),
        dma_coherent: dma::is_coherent(decoder, node, coherent_by_default),
        dma_ranges: dma::ranges(decoder, node),
        iommu_map: id_map::id_map(decoder, node, &id_map::IOMMU),
        msi_map: id_map::id_map(decoder, node, &id_map::MSI),
        pci: pci::host(decoder, node),
        ..Device::default()
    };
    for property in node.properties() {
        refer(decoder, node, property, &mut device);
    }
    device
}

/// Add the references a property holds, where it holds any.
fn refer<'t>(decoder: &Decoder<'t>, node: Node<'t>, property: Property<'t>, device: &mut Device) {
    let Some((binding, part)) = Binding::of(property.name_bytes()).filter(|_| decoder.spend(1)) else {
        return;
    };
    let found = specifier::specifiers(decoder, node, property, binding, part);
    check_providers(decoder, node, binding.kind, &found);
    match binding.kind {
        Reference::Iommu => add(&mut device.iommus, found),
        Reference::Reset => {
            let read: usize = found.iter().map(|specifier| 1 + specifier.cells.len()).sum();
            device.lost_resets += (property.value().len() / 4).saturating_sub(read);
            add(&mut device.resets, found);
        }
        Reference::Clock => add(&mut device.clocks, found),
        Reference::PowerDomain => add(&mut device.power_domains, found),
        kind => {
            let suppliers = found.into_iter().map(|specifier| Supplier { kind, specifier });
            if device.suppliers.is_empty() {
                device.suppliers.reserve_exact(suppliers.len());
            }
            device.suppliers.extend(suppliers);
        }
    }
}

/// The first list is kept as it is: there is hardly ever another.
fn add(list: &mut Vec<Specifier>, found: Vec<Specifier>) {
    if list.is_empty() {
        *list = found;
    } else {
        list.extend(found);
    }
}

/// An enabled device behind a disabled provider is worth a word.
fn check_providers<'t>(decoder: &Decoder<'t>, node: Node<'t>, kind: Reference, specifiers: &[Specifier]) {
    for specifier in specifiers {
        let provider = decoder.node(specifier.provider);
        if !decoder.facts(provider).available {
            let provider = specifier.path.to_string();
            decoder.report(node, || Problem::ProviderDisabled { kind, provider });
        }
    }
}
