//! IORT, Arm's I/O remapping table: the SMMUs, and through which ids the devices of a server reach them.
//!
//! Arm DEN 0049 (revisions 0 to E.f); Linux: `drivers/acpi/arm64/iort.c`. Nodes name one another by their offset in the table; a
//! device's ids pass through the mappings of one node after the other until an SMMU or an interrupt translation service is reached.

use super::bytes::{View, walk};
use super::{Report, Trouble};

/// What the table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Iort {
    /// Every node, in the order of the table.
    pub nodes: Vec<Node>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands; mappings name it by this.
    pub offset: u32,
    /// What it is.
    pub kind: Kind,
    /// Where its ids go.
    pub mappings: Vec<Mapping>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Interrupt translation services of a GICv3.
    ItsGroup {
        /// Their ids.
        ids: Vec<u32>,
    },
    /// A device of the ACPI namespace: a platform device.
    NamedComponent {
        /// Its path, `\_SB_.ETH0`.
        path: String,
        /// Its DMA sees the processor's caches, by itself or by what the SMMU makes of it.
        coherent: bool,
        /// Bits of an address it can use.
        address_bits: u8,
    },
    /// A PCI host bridge.
    RootComplex {
        /// Its segment.
        segment: u32,
        /// Its DMA sees the processor's caches.
        coherent: bool,
        /// Its functions may ask for translations by themselves.
        ats: bool,
    },
    /// An SMMU of version 1 or 2.
    Smmu {
        /// Its registers.
        base: u64,
        /// Their size.
        span: u64,
        /// 0 for a generic v1, 1 for a generic v2, 2 to 5 for an MMU-400, MMU-500 and others.
        model: u32,
        /// Its table walks see the processor's caches.
        coherent_walk: bool,
        /// The interrupts it reports faults by, as GSI numbers.
        fault_interrupts: Vec<u32>,
    },
    /// An SMMU of version 3.
    SmmuV3 {
        /// Its registers.
        base: u64,
        /// Its table walks see the processor's caches.
        coherent_walk: bool,
        /// Event, page request, error and synchronisation interrupts as GSI numbers; 0 where it sends a message instead.
        interrupts: [u32; 4],
    },
    /// A performance monitor of an SMMU.
    MonitorGroup {
        /// Its registers.
        base: u64,
    },
    /// Memory that devices go on using (RMR).
    Reserved {
        /// First address and bytes of each range.
        ranges: Vec<(u64, u64)>,
    },
    /// A number this reader does not know.
    Unknown(u8),
}

/// Ids of a node, and the ids they become at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First id at this node.
    pub input: u32,
    /// How many ids follow one another; 2^32 is possible.
    pub count: u64,
    /// First id at the other node.
    pub output: u32,
    /// Offset of the other node.
    pub to: u32,
    /// One id whatever comes in: `input` says nothing.
    pub single: bool,
}

const ITS_GROUP: u16 = 0;
const NAMED_COMPONENT: u16 = 1;
const ROOT_COMPLEX: u16 = 2;
const SMMU: u16 = 3;
const SMMU_V3: u16 = 4;
const MONITOR_GROUP: u16 = 5;
const RESERVED: u16 = 6;

pub(super) fn read(bytes: &[u8], report: &mut Report<'_>) -> Iort {
    let table = View::of_table(bytes);
    let mut iort = Iort::default();
    walk(
        table.rest(table.u32(40) as usize),
        report,
        |node| (node.u8(0).into(), node.u16(1).into()),
        |kind| match kind {
            ITS_GROUP => 20,
            NAMED_COMPONENT => 30,
            ROOT_COMPLEX => 33,
            SMMU => 60,
            SMMU_V3 => 60,
            MONITOR_GROUP => 32,
            RESERVED => 28,
            _ => 16,
        },
        |kind, node, report| {
            let offset = u32::try_from(node.at()).unwrap_or(u32::MAX);
            iort.nodes.push(Node {
                offset,
                kind: read_kind(kind, node, report),
                mappings: mappings(node, report),
            });
        },
    );
    let (claimed, have) = (table.u32(36), u32::try_from(iort.nodes.len()).unwrap_or(u32::MAX));
    if claimed != have {
        report.add(36, Trouble::Count { claimed, have });
    }
    for node in &iort.nodes {
        for mapping in &node.mappings {
            if iort.node(mapping.to).is_none() {
                report.add(node.offset as usize, Trouble::Reference { to: mapping.to });
            }
        }
    }
    iort
}

fn read_kind(kind: u16, node: View<'_>, report: &mut Report<'_>) -> Kind {
    match kind {
        ITS_GROUP => Kind::ItsGroup { ids: words(node.entries(20, node.u32(16), 4, report)) },
        NAMED_COMPONENT => Kind::NamedComponent {
            path: node.text(29, report),
            coherent: coherent(node.rest(20)),
            address_bits: node.u8(28),
        },
        ROOT_COMPLEX => Kind::RootComplex {
            segment: node.u32(28),
            coherent: coherent(node.rest(16)),
            ats: node.u32(24) & 1 != 0,
        },
        SMMU => Kind::Smmu {
            base: node.u64(16),
            span: node.u64(24),
            model: node.u32(32),
            coherent_walk: node.u32(36) & 2 != 0,
            fault_interrupts: smmu_interrupts(node, report),
        },
        SMMU_V3 => Kind::SmmuV3 {
            base: node.u64(16),
            coherent_walk: node.u32(24) & 1 != 0,
            interrupts: [44, 48, 52, 56].map(|at| node.u32(at)),
        },
        MONITOR_GROUP => Kind::MonitorGroup { base: node.u64(16) },
        RESERVED => {
            let ranges = node.entries(node.u32(24) as usize, node.u32(20), 20, report);
            Kind::Reserved { ranges: ranges.into_iter().map(|range| (range.u64(0), range.u64(8))).collect() }
        }
        _ => {
            report.add(node.at(), Trouble::Unknown { kind });
            Kind::Unknown(node.u8(0))
        }
    }
}

/// The global interrupt, then one pair of words for each context interrupt.
fn smmu_interrupts(node: View<'_>, report: &mut Report<'_>) -> Vec<u32> {
    let global = node.entries(node.u32(40) as usize, 1, 8, report);
    let contexts = node.entries(node.u32(48) as usize, node.u32(44), 8, report);
    words(global.into_iter().chain(contexts).collect())
}

fn words(entries: Vec<View<'_>>) -> Vec<u32> {
    entries.into_iter().map(|entry| entry.u32(0)).collect()
}

/// Table 14: coherent by itself (CCA), or made so by the path and the attributes the SMMU gives (CPM and DACS).
fn coherent(properties: View<'_>) -> bool {
    properties.u32(0) == 1 || properties.u8(7) & 3 == 3
}

fn mappings(node: View<'_>, report: &mut Report<'_>) -> Vec<Mapping> {
    node.entries(node.u32(12) as usize, node.u32(8), 20, report)
        .into_iter()
        .map(|entry| Mapping {
            input: entry.u32(0),
            count: u64::from(entry.u32(4)) + 1,
            output: entry.u32(8),
            to: entry.u32(12),
            single: entry.u32(16) & 1 != 0,
        })
        .collect()
}

/// Where an id ends up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The node that takes it.
    pub node: &'a Node,
    /// The id there: a stream id at an SMMU, a device id at an interrupt translation service.
    pub id: u32,
}

impl Iort {
    /// The node at an offset.
    #[must_use]
    pub fn node(&self, offset: u32) -> Option<&Node> {
        // They stand in the order of their offsets.
        let at = self.nodes.binary_search_by_key(&offset, |node| node.offset).ok()?;
        self.nodes.get(at)
    }

    /// The SMMU that translates for id `id` of `node`, and the stream id it has there; `None` where nothing does, or where the
    /// mappings go in a circle.
    #[must_use]
    pub fn smmu(&self, node: &Node, id: u32) -> Option<Target<'_>> {
        self.follow(node, id, &mut Steps::default(), is_smmu)
    }

    /// Every stream id that a named component has, with its SMMU. Linux takes each mapping's output
    /// (`iort_named_component_init` and `iort_nc_iommu_map`).
    pub fn streams<'a>(&'a self, component: &'a Node) -> impl Iterator<Item = Target<'a>> {
        self.streams_within(component, Steps::default())
    }

    /// The same, for as many steps as there are.
    pub(super) fn streams_within<'a>(
        &'a self,
        component: &'a Node,
        mut steps: impl std::borrow::BorrowMut<Steps> + 'a,
    ) -> impl Iterator<Item = Target<'a>> {
        component.mappings.iter().filter_map(move |mapping| {
            let next = self.node(mapping.to)?;
            match next.kind {
                Kind::Smmu { .. } | Kind::SmmuV3 { .. } => Some(Target { node: next, id: mapping.output }),
                _ => self.follow(next, mapping.output, steps.borrow_mut(), is_smmu),
            }
        })
    }

    /// The interrupt translation service that a named component's messages go to: directly, or by way of its SMMU
    /// (`iort_get_platform_device_domain`).
    pub(super) fn interrupt_service(&self, component: &Node, steps: &mut Steps) -> Option<&Node> {
        let is_service = |kind: &Kind| matches!(kind, Kind::ItsGroup { .. });
        component.mappings.iter().find_map(|mapping| {
            let next = self.node(mapping.to)?;
            if is_service(&next.kind) {
                return Some(next);
            }
            self.follow(next, mapping.output, steps, is_service).map(|target| target.node)
        })
    }

    /// From a node through the mappings that take the id, to the first node that is wanted.
    fn follow(
        &self,
        node: &Node,
        id: u32,
        steps: &mut Steps,
        is_wanted: impl Fn(&Kind) -> bool,
    ) -> Option<Target<'_>> {
        let mut id = id;
        let mut at = self.node(node.offset)?;
        for _ in 0..MOST_HOPS.min(self.nodes.len()) {
            let (next, next_id) = at.mappings.iter().find_map(|mapping| {
                steps.take()?;
                Some((self.node(mapping.to)?, mapping.apply(id)?))
            })?;
            if is_wanted(&next.kind) {
                return Some(Target { node: next, id: next_id });
            }
            (at, id) = (next, next_id);
        }
        None
    }
}

fn is_smmu(kind: &Kind) -> bool {
    matches!(kind, Kind::Smmu { .. } | Kind::SmmuV3 { .. })
}

/// More nodes than ids pass through on any machine; mappings may go in a circle.
const MOST_HOPS: usize = 64;

/// How many mappings may still be looked at: a table can be made so that each device leads through all of it.
pub(super) struct Steps(u64);

impl Default for Steps {
    fn default() -> Self {
        Steps(1 << 24)
    }
}

impl Steps {
    fn take(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }

    /// Whether there are none left.
    pub(super) fn are_gone(&self) -> bool {
        self.0 == 0
    }
}

impl Mapping {
    /// The id that `id` becomes, where this mapping takes it.
    #[must_use]
    pub fn apply(&self, id: u32) -> Option<u32> {
        if self.single {
            return Some(self.output);
        }
        let distance = id.checked_sub(self.input)?;
        if u64::from(distance) < self.count { self.output.checked_add(distance) } else { None }
    }
}
