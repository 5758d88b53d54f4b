//! VFIO as a whole: which nodes `/dev/vfio` has, opening them, and what to say at the end.
//!
//! In Linux this is the module state of `drivers/vfio/vfio_main.c` and `drivers/vfio/group.c`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uvfio_kernel::addr::Iova;
use uvfio_kernel::device::{Device, DeviceId};
use uvfio_kernel::machine::{Machine, Note};
use uvfio_kernel::wait::Gate;

use crate::bus;
use crate::caller::Caller;
use crate::container::Protection;
use crate::control::Control;
use crate::file::{File, Node};
use crate::group::GroupKey;
use crate::nodes;
use crate::observe::{Facts, Leftover, Observer};
use crate::personality::{self, Personality};
use crate::refusal::{BindRefusal, Refusal};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::type1::Ledger;

/// How many things left wrong are remembered one by one.
const LEFTOVERS: usize = 64;

/// Whether programs may map registers at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Registers {
    /// Where Linux lets them: a region of whole pages.
    #[default]
    Mappable,
    /// Nowhere: no region has the MMAP flag, and programs read and write.
    TransferOnly,
}

/// Devices that share reset lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetSets {
    /// A line that others are on is no reset of any of them.
    #[default]
    Apart,
    /// It is, for a program that has all of them.
    Together,
}

/// How VFIO shall behave.
#[derive(Clone, Default)]
pub struct Options {
    /// The kernel whose answers to give.
    pub personality: Personality,
    /// Who wants to see every call.
    pub observer: Option<Arc<dyn Observer>>,
    /// Whether programs may map registers.
    pub registers: Registers,
    /// What reset lines are good for that several devices are on.
    pub reset_sets: ResetSets,
}

/// VFIO over one machine.
pub struct Vfio {
    machine: Arc<Machine>,
    shared: Arc<Shared>,
    control: Mutex<Control>,
    closed: Arc<Gate>,
    containers: AtomicU64,
    in_use: Mutex<BTreeSet<DeviceId>>,
}

/// What every part of VFIO needs.
pub(crate) struct Shared {
    /// The kernel whose answers to give.
    pub(crate) personality: Personality,
    /// Who wants to see every call.
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// Whether programs may map registers.
    pub(crate) registers: Registers,
    /// What reset lines are good for that several devices are on.
    pub(crate) reset_sets: ResetSets,
    /// Locked memory.
    pub(crate) ledger: Ledger,
    calls: AtomicU64,
    facts: Mutex<Facts>,
}

impl Shared {
    /// For these options.
    pub(crate) fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            personality: options.personality,
            observer: options.observer,
            registers: options.registers,
            reset_sets: options.reset_sets,
            ledger: Ledger::default(),
            calls: AtomicU64::new(0),
            facts: Mutex::new(Facts::default()),
        })
    }

    /// A call was answered.
    pub(crate) fn count(&self, refusal: Option<&Refusal>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(refusal) = refusal {
            *lock(&self.facts).refusals.entry(refusal.rule()).or_default() += 1;
        }
    }

    /// Something was left wrong.
    pub(crate) fn left(&self, leftover: Leftover) {
        let mut facts = lock(&self.facts);
        if facts.leftovers.len() < LEFTOVERS {
            facts.leftovers.push(leftover);
        } else {
            facts.more_leftovers += 1;
        }
    }

    /// A mapping went away without any device having used it.
    pub(crate) fn never_used(&self, iova: Iova, size: u64) {
        let known = |leftover: &mut Leftover| match leftover {
            Leftover::MappingsNeverUsed { count, bytes, .. } => {
                *count += 1;
                *bytes = bytes.saturating_add(size);
                true
            }
            _ => false,
        };
        if !lock(&self.facts).leftovers.iter_mut().any(known) {
            self.left(Leftover::MappingsNeverUsed { count: 1, bytes: size, first: iova });
        }
    }

    fn facts(&self) -> Facts {
        Facts { calls: self.calls.load(Ordering::Relaxed), ..lock(&self.facts).clone() }
    }
}

impl Vfio {
    /// VFIO over a machine: loads its modules there, whose drivers an administrator can then name.
    #[must_use]
    pub fn new(machine: &Arc<Machine>, options: Options) -> (Arc<Self>, Vec<Note>) {
        let vfio = Arc::new(Self {
            machine: machine.clone(),
            shared: Shared::new(options),
            control: Mutex::default(),
            closed: Gate::new(),
            containers: AtomicU64::new(0),
            in_use: Mutex::default(),
        });
        nodes::add_container(machine);
        let notes = bus::modules(&vfio).into_iter().flat_map(|module| machine.register_module(module));
        let notes = notes.collect();
        (vfio, notes)
    }

    /// The kernel whose answers are given.
    #[must_use]
    pub fn personality(&self) -> &Personality {
        &self.shared.personality
    }

    /// What reset lines are good for that several devices are on.
    #[must_use]
    pub fn reset_sets(&self) -> ResetSets {
        self.shared.reset_sets
    }

    /// What `/dev/vfio` holds now: the container's node, then groups by number.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        let control = self.control();
        let mut nodes: Vec<Node> =
            control.groups().map(|(_, group)| nodes::of_group(group.id, group.protection())).collect();
        nodes.push(Node::Container);
        nodes.sort_unstable();
        nodes
    }

    /// `open` of a node of `/dev/vfio`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn open(self: &Arc<Self>, node: Node, caller: &dyn Caller) -> Result<File, Refusal> {
        self.observe_open(node, caller, || self.open_node(node, caller))
    }

    /// What happened so far.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.shared.facts()
    }

    /// How many pages of an address space are mapped for devices, each as often as it is (`mm->locked_vm`, to which type1 adds them).
    #[must_use]
    pub fn locked_pages(&self, space: u64) -> u64 {
        self.shared.ledger.locked(space)
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Take the control lock.
    pub(crate) fn control(&self) -> MutexGuard<'_, Control> {
        lock(&self.control)
    }

    /// Opened whenever a device has been closed for good.
    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.closed
    }

    /// The devices that are open, their first open being over. Held while devices that share something are reset together.
    pub(crate) fn in_use(&self) -> MutexGuard<'_, BTreeSet<DeviceId>> {
        lock(&self.in_use)
    }

    pub(crate) fn next_container(&self) -> u64 {
        self.containers.fetch_add(1, Ordering::Relaxed)
    }

    /// `enable_unsafe_noiommu_mode`.
    pub(crate) fn noiommu_is_enabled(&self) -> bool {
        self.machine.params().bool("vfio", "enable_unsafe_noiommu_mode")
    }

    /// The group a device comes to, made where it is the first of it (`vfio_group_find_or_alloc`).
    pub(crate) fn group_of(
        &self,
        device: &Device,
    ) -> Result<(GroupKey, MutexGuard<'_, Control>), BindRefusal> {
        let mut control = self.control();
        let Some(group) = device.group() else {
            if !self.noiommu_is_enabled() {
                return Err(BindRefusal::NoGroup { device: device.name().to_owned() });
            }
            let Some(group) = self.machine.make_group(device, "vfio") else {
                return Err(BindRefusal::NoGroup { device: device.name().to_owned() });
            };
            lock(&self.shared.facts).tainted_by.push(device.name().to_owned());
            return Ok((control.add_group(group.id(), None), control));
        };
        let coherent = group.facts_of(device.dma()).is_some_and(|facts| facts.coherent);
        if !coherent && self.personality().holds(&personality::COHERENT_REQUIRED) {
            return Err(BindRefusal::NotCoherent { device: device.name().to_owned() });
        }
        let found = control.find(group.id(), Protection::Iommu);
        let key = found.unwrap_or_else(|| control.add_group(group.id(), Some(group)));
        Ok((key, control))
    }
}
