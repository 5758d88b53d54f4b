//! From a namespace and the tables beside it to a board: the devices that Linux makes of them.
//!
//! Linux: drivers/acpi/scan.c (who is enumerated, and names), drivers/acpi/acpi_platform.c and drivers/acpi/arm64/amba.c (on which bus),
//! drivers/acpi/arm64/iort.c (SMMUs as devices, and who is behind them), drivers/acpi/viot.c. Devices come in the order of the
//! namespace as it is handed in, behind the SMMUs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::identity::AcpiFacts;
use super::iort::{Iort, Kind, Node, Steps};
use super::namespace::{Entry, Namespace, full_path};
use super::resource::{Fault, Resources};
use super::viot::{Devices, Place, Viot};
use super::{Table, Value};
use crate::board::DescribedBy;
use crate::{
    Board, Bus, Device, Diagnostic, Interrupt, NodeId, Problem, Provider, Reference, Region, Specifier,
    Supplier, Trigger,
};

/// Ids of what is on the AMBA bus (`amba_id_list`).
const AMBA: &[&str] = &["ARMH0061", "ARMH0330"];
/// Ids of what is no device of its own (`forbidden_id_list`).
const FORBIDDEN: &[&str] = &["PNP0000", "PNP0100", "PNP0200", "ACPI0009", "ACPI000A", "SMB0001", "ACPI0001"];
/// Ids of what others than the platform bus take: PCI host bridges and interrupt links, containers, processors (the `acpi_scan_handler`s of
/// drivers/acpi/pci_root.c, pci_link.c, container.c and acpi_processor.c).
const TAKEN: &[&str] =
    &["PNP0A03", "PNP0A08", "PNP0C0F", "ACPI0004", "PNP0A05", "PNP0A06", "ACPI0007", "ACPI0010"];
/// What ids on the PNP bus begin with: keyboards and mice, parallel and serial ports, drives, clocks, boards, ports that are taken
/// (the greater part of `acpi_pnp_device_ids`, drivers/acpi/acpi_pnp.c).
const PNP: &[&str] =
    &["PNP03", "PNP04", "PNP05", "PNP06", "PNP07", "PNP0B", "PNP0C01", "PNP0C02", "PNP0C04", "PNP0F"];
/// `AMBA_NR_IRQS`.
const AMBA_INTERRUPTS: usize = 9;
/// Bytes of an SMMUv3's registers (`SZ_128K`, `arm_smmu_v3_init_resources`).
const SMMU_V3_BYTES: u64 = 0x2_0000;
/// `_STA`: it is there, it works.
const PRESENT_OR_FUNCTIONAL: u32 = 0x9;

impl Board {
    /// The board that ACPI describes. Trouble comes back as diagnostics beside the board.
    #[must_use]
    pub fn from_acpi(tables: &[Table], namespace: &Namespace) -> (Board, Vec<Diagnostic>) {
        let mut enumeration = Enumeration::of(tables);
        enumeration.smmus();
        enumeration.namespace(namespace);
        enumeration.unnamed();
        enumeration.finish(tables)
    }
}

/// A machine's devices while they are found.
struct Enumeration<'a> {
    iort: Option<&'a Iort>,
    viot: Option<&'a Viot>,
    /// IORT's nodes of devices, by path.
    components: BTreeMap<String, &'a Node>,
    steps: Steps,
    devices: Vec<Device>,
    providers: Vec<Provider>,
    diagnostics: Vec<Diagnostic>,
    /// How many devices have an id already.
    instances: HashMap<String, u32>,
    /// The interrupt translation services devices are behind.
    services: BTreeMap<u32, NodeId>,
    next: u32,
}

/// What children of a device inherit.
#[derive(Clone, Copy)]
struct Above {
    attached: bool,
    coherent: Option<bool>,
}

impl<'a> Enumeration<'a> {
    fn of(tables: &'a [Table]) -> Self {
        let iort = |table: &'a Table| if let Table::Iort(_, iort) = table { Some(iort) } else { None };
        let viot = |table: &'a Table| if let Table::Viot(_, viot) = table { Some(viot) } else { None };
        // Linux takes the first of each.
        let iort = tables.iter().find_map(iort);
        let mut components = BTreeMap::new();
        for node in iort.into_iter().flat_map(|iort| &iort.nodes) {
            if let Kind::NamedComponent { path, .. } = &node.kind {
                components.entry(full_path(path)).or_insert(node);
            }
        }
        Self {
            iort,
            viot: tables.iter().find_map(viot),
            components,
            steps: Steps::default(),
            devices: Vec::new(),
            providers: Vec::new(),
            diagnostics: Vec::new(),
            instances: HashMap::new(),
            services: BTreeMap::new(),
            next: 0,
        }
    }

    fn report(&mut self, path: &str, problem: Problem) {
        self.diagnostics.push(Diagnostic { path: path.into(), problem });
    }

    fn node(&mut self) -> NodeId {
        self.next = self.next.saturating_add(1);
        NodeId(self.next)
    }

    /// `iort_init_platform_devices`: each SMMU is a platform device with a number in its name.
    fn smmus(&mut self) {
        let mut number = 0;
        for node in self.iort.into_iter().flat_map(|iort| &iort.nodes) {
            let Some((platform, like, region, interrupts, coherent)) = smmu(node) else { continue };
            let device = Device {
                name: format!("{platform}.{number}.auto"),
                path: table_path(node).into(),
                node: self.node(),
                regions: vec![region],
                interrupts,
                dma_coherent: coherent,
                acpi: Some(Box::new(AcpiFacts {
                    platform: Some(platform.to_owned()),
                    status: 0xf,
                    identities: vec![like.to_owned()],
                    ..AcpiFacts::default()
                })),
                ..Device::default()
            };
            self.provider(Reference::Iommu, device.node, &device.path, like, coherent);
            self.devices.push(device);
            number += 1;
        }
    }

    fn provider(&mut self, kind: Reference, node: NodeId, path: &str, compatible: &str, coherent: bool) {
        self.providers.push(Provider {
            kind,
            node,
            path: path.into(),
            compatible: vec![compatible.to_owned()],
            cells: u32::from(kind == Reference::Iommu),
            available: true,
            dma_coherent: coherent,
        });
    }

    fn namespace(&mut self, namespace: &Namespace) {
        let mut above: HashMap<&str, Above> = HashMap::new();
        for entry in &namespace.devices {
            let parent = above.get(entry.scope()).copied();
            let parent = parent.unwrap_or(Above { attached: true, coherent: None });
            let (facts, compatible) = AcpiFacts::of(entry);
            for name in &entry.failed {
                self.report(&entry.path, Problem::NotEvaluated { name: name.clone() });
            }
            // An id is counted whether or not its device is there.
            let name = self.name(&facts);
            let attached = parent.attached && facts.status & PRESENT_OR_FUNCTIONAL != 0;
            let own = entry.object("_CCA").and_then(Value::integer).map(|value| value != 0);
            let coherent = parent.coherent.or(own);
            above.insert(&entry.path, Above { attached, coherent });
            if let (Some(name), true) = (name, attached) {
                self.device(entry, name, facts, compatible, coherent);
            }
        }
    }

    /// `acpi_device_set_name`: the id and how many had it before.
    fn name(&mut self, facts: &AcpiFacts) -> Option<String> {
        let hid = facts.hid()?;
        let instance = self.instances.entry(hid.to_owned()).or_default();
        let name = format!("{hid}:{instance:02x}");
        *instance = instance.saturating_add(1);
        Some(name)
    }

    fn device(
        &mut self,
        entry: &Entry,
        name: String,
        facts: AcpiFacts,
        compatible: Vec<String>,
        coherent: Option<bool>,
    ) {
        let is_other = |id: &str| FORBIDDEN.contains(&id) || TAKEN.contains(&id);
        let is_pnp = |id: &String| PNP.iter().any(|pnp| id.starts_with(pnp));
        if facts.ids.iter().any(|id| is_other(id.as_str()) || is_pnp(id)) {
            return;
        }
        let bus = match facts.ids.iter().any(|id| AMBA.contains(&id.as_str())) {
            true => Bus::Amba,
            false => Bus::Platform,
        };
        let mut resources = match entry.object("_CRS") {
            Some(Value::Buffer(bytes)) => Resources::read(bytes),
            _ => Resources::default(),
        };
        for fault in std::mem::take(&mut resources.faults) {
            self.report(&entry.path, fault_of(fault));
        }
        if bus == Bus::Amba {
            if resources.regions.is_empty() {
                return self.report(&entry.path, Problem::AmbaWithoutRegisters);
            }
            resources.regions.truncate(1);
            resources.interrupts.truncate(AMBA_INTERRUPTS);
        }
        let mut device = Device {
            name,
            bus,
            path: entry.path.as_str().into(),
            node: self.node(),
            compatible,
            interrupts: resources.interrupts.iter().map(|&(number, trigger)| gsi(number, trigger)).collect(),
            regions: resources.regions,
            acpi: Some(Box::new(facts)),
            ..Device::default()
        };
        self.configure_dma(&mut device, coherent);
        self.devices.push(device);
    }

    /// `acpi_dma_configure_id`: on Arm a device that does not say whether it is coherent does no DMA (`acpi_dma_supported`).
    fn configure_dma(&mut self, device: &mut Device, coherent: Option<bool>) {
        let component = self.components.get(&*device.path).copied();
        match coherent {
            None if self.iort.is_some() => {
                if component.is_some() {
                    self.report(&device.path, Problem::NoCoherency);
                }
                return;
            }
            said => device.dma_coherent = said.unwrap_or(true),
        }
        let (Some(iort), Some(component)) = (self.iort, component) else { return };
        let targets = iort.streams_within(component, &mut self.steps);
        device.iommus.extend(targets.map(|target| Specifier {
            path: table_path(target.node).into(),
            cells: [target.id][..].into(),
            ..Specifier::default()
        }));
        if let Some(service) = iort.interrupt_service(component, &mut self.steps) {
            let known = self.services.get(&service.offset).copied();
            let provider = known.unwrap_or_else(|| self.node());
            self.services.insert(service.offset, provider);
            let specifier = Specifier { provider, path: table_path(service).into(), ..Specifier::default() };
            device.suppliers.push(Supplier { kind: Reference::Msi, specifier });
        }
        if self.steps.are_gone() {
            self.report(&device.path, Problem::Exhausted);
        }
    }

    /// Named components that are in no namespace.
    fn unnamed(&mut self) {
        let there: HashSet<&str> = self.devices.iter().map(|device| device.path.as_ref()).collect();
        let missing = self.components.keys().filter(|path| !there.contains(path.as_str()));
        let missing: Vec<String> = missing.cloned().collect();
        missing.iter().for_each(|path| self.report(path, Problem::NoSuchComponent));
    }

    /// The virtio-iommus and those behind them, known by where their registers are (`viot_get_mmio_iommu`, `viot_mmio_dev_iommu_init`).
    fn viot(&mut self) {
        let Some(viot) = self.viot else { return };
        let first_window = |device: &Device| device.regions.first().map(|region| region.base);
        let by_base: HashMap<u64, usize> = (self.devices.iter().enumerate())
            .filter_map(|(at, device)| Some((first_window(device)?, at)))
            .collect();
        for endpoint in &viot.endpoints {
            let Devices::Mmio { base } = endpoint.devices else { continue };
            let iommu = endpoint.iommu.and_then(|iommu| viot.iommus.get(iommu));
            let Some(Place::Mmio { base: iommu }) = iommu.map(|iommu| iommu.place) else { continue };
            let (Some(&device), Some(&iommu)) = (by_base.get(&base), by_base.get(&iommu)) else { continue };
            if let Some(facts) = &mut self.devices[iommu].acpi
                && !facts.identities.iter().any(|identity| identity == VIRTIO_IOMMU)
            {
                facts.identities.insert(0, VIRTIO_IOMMU.to_owned());
            }
            let path = self.devices[iommu].path.clone();
            let cells = [endpoint.first_id][..].into();
            self.devices[device].iommus.push(Specifier { path, cells, ..Specifier::default() });
        }
    }

    fn finish(mut self, tables: &[Table]) -> (Board, Vec<Diagnostic>) {
        self.viot();
        let by_path: HashMap<Arc<str>, NodeId> =
            self.devices.iter().map(|device| (device.path.clone(), device.node)).collect();
        for specifier in self.devices.iter_mut().flat_map(|device| &mut device.iommus) {
            specifier.provider = by_path.get(&specifier.path).copied().unwrap_or_default();
        }
        for (offset, node) in std::mem::take(&mut self.services) {
            self.provider(Reference::Msi, node, &path_of(offset), "arm,gic-v3-its", false);
        }
        self.providers.sort_by_key(|provider| (provider.kind, provider.node));
        let board = Board {
            model: model(tables),
            devices: self.devices,
            providers: self.providers,
            described_by: DescribedBy::Acpi,
            ..Board::default()
        };
        (board, self.diagnostics)
    }
}

/// What the kernel calls a virtio-iommu.
const VIRTIO_IOMMU: &str = "virtio,pci-iommu";

/// ACPI has no name for a machine; who made its tables, and for what, is the nearest.
fn model(tables: &[Table]) -> String {
    let headers = tables.iter().map(Table::header);
    let dsdt = headers.clone().find(|header| header.signature.0 == *b"DSDT");
    let header = dsdt.or_else(|| headers.clone().next());
    header.map_or_else(String::new, |header| {
        format!("{} {}", header.oem_id, header.oem_table_id).trim().to_owned()
    })
}

/// The name of its platform device, what a device tree calls it, its registers, its interrupts, and whether it walks through the caches.
fn smmu(node: &Node) -> Option<(&'static str, &'static str, Region, Vec<Interrupt>, bool)> {
    let region = |base, size| Region { name: None, base, size };
    match &node.kind {
        Kind::SmmuV3 { base, coherent_walk, interrupts } => {
            let wired = interrupts.iter().filter(|&&number| number != 0);
            let interrupts = wired.map(|&number| gsi(number, Trigger::EdgeRising)).collect();
            Some(("arm-smmu-v3", "arm,smmu-v3", region(*base, SMMU_V3_BYTES), interrupts, *coherent_walk))
        }
        Kind::Smmu { base, span, model, coherent_walk, fault_interrupts } => {
            // `acpi_smmu_get_data`: 0 is version 1, 1 version 2, then MMU-400, MMU-500, MMU-401, ThunderX.
            let like = match model {
                0 => "arm,smmu-v1",
                2 => "arm,mmu-400",
                3 => "arm,mmu-500",
                4 => "arm,mmu-401",
                5 => "cavium,smmu-v2",
                _ => "arm,smmu-v2",
            };
            let interrupts = fault_interrupts.iter().map(|&number| gsi(number, Trigger::LevelHigh)).collect();
            Some(("arm-smmu", like, region(*base, *span), interrupts, *coherent_walk))
        }
        _ => None,
    }
}

/// What is in no namespace is told apart by its place in the table.
fn table_path(node: &Node) -> String {
    path_of(node.offset)
}

fn path_of(offset: u32) -> String {
    format!("IORT@{offset:x}")
}

/// All interrupts of ACPI are inputs of one controller, in one numbering.
fn gsi(number: u32, trigger: Trigger) -> Interrupt {
    Interrupt { number, trigger, ..Interrupt::default() }
}

fn fault_of(fault: Fault) -> Problem {
    match fault {
        Fault::Ends { at } => Problem::ResourceEnds { at },
        Fault::Extent { base, size } => Problem::ResourceExtent { base, size },
        Fault::Many => Problem::Exhausted,
    }
}

#[cfg(test)]
mod tests;
