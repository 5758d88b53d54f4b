//! Random sequences of everything an administrator and a program can do, and what must hold after every step.
//!
//! Plug, unplug, load, unload, bind, unbind (by hand, by override, as a set), open, start, close, kill, time passing and autoprobe,
//! with `fw_devlink` on, permissive and off, and with some modules missing at the start. After each step: no device has two owners, no group is viable with a host driver in it or
//! owned while one is, no closed device does DMA, nothing is deferred that could probe, and no table names what is gone.
//!
//! A property that cannot fail shows nothing. Each of these changes was made to the code, and 2,000 sequences found it:
//!
//! * `hand_back` lets a device that still runs reach memory again at its last close;
//! * a group can be claimed while a host driver has a member;
//! * a host driver gets a member of a group that a program owns;
//! * nobody is retried when a supplier gets its driver, when it is unplugged, or when `deferred_probe_timeout` has passed;
//! * a device that has a driver is given to another;
//! * an unplugged device stays in its group;
//! * devices stay behind an IOMMU whose driver has gone;
//! * a device goes although its program has not let go of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::tests::{behind, board, clocked, device, setup};
use super::*;
use crate::addr::{Iova, UserAddr};
use crate::device::{DmaOwner, ProbeError};
use crate::hw::{Access, Activity, Backing, Dma, MemoryGone, Progress, ResetFailed, ResetKind, Width};
use crate::iommu::{Domain, Owner, Prot};
use crate::module::{ModuleSpec, ModuleState};
use crate::wait::{Interrupted, NoWait, Wait};

/// Writes to memory whenever it is allowed to run, from the first store to its registers on; has no reset.
struct Writer {
    dma: Arc<dyn Dma>,
    started: bool,
}

impl Model for Writer {
    fn read(&mut self, _: usize, _: u64, _: Width) -> u64 {
        0
    }

    fn write(&mut self, _: usize, _: u64, _: Width, _: u64) {
        self.started = true;
    }

    fn run(&mut self, _: u32) -> Progress {
        if self.started {
            let _ = self.dma.write(Iova(0x1000), &[1]);
        }
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        Err(ResetFailed)
    }

    fn activity(&self) -> Activity {
        Activity { running: self.started, interrupting: false }
    }
}

struct Writers;

impl ModelMaker for Writers {
    fn make(&self, _: &firmware::Device, wires: Wires) -> Box<dyn Model> {
        Box::new(Writer { dma: wires.dma, started: false })
    }
}

/// A program's memory: takes everything.
struct Memory;

impl Backing for Memory {
    fn read(&self, _: UserAddr, _: &mut [u8]) -> Result<(), MemoryGone> {
        Ok(())
    }

    fn write(&self, _: UserAddr, _: &[u8]) -> Result<(), MemoryGone> {
        Ok(())
    }

    fn copy(
        &self,
        _: UserAddr,
        _: &dyn Backing,
        _: UserAddr,
        _: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        Ok(())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// A driver like VFIO's: takes only what it is told to, gives a group to one program, and leaves a device when it is closed.
#[derive(Default)]
struct User {
    has: Mutex<Has>,
    owners: AtomicU64,
}

#[derive(Default)]
struct Has {
    bound: BTreeSet<DeviceId>,
    open: BTreeMap<String, Arc<Device>>,
}

impl User {
    /// A program opens a device, with the group it is in.
    fn open(&self, device: &Arc<Device>) {
        let mut has = crate::lock(&self.has);
        let Some(group) = device.group() else { return };
        if !has.bound.contains(&device.id()) || has.open.contains_key(device.name()) {
            return;
        }
        if group.owner().is_none() {
            let owner = Owner(self.owners.fetch_add(1, Ordering::SeqCst));
            if group.claim(owner).is_err() {
                return;
            }
            let domain = Domain::paging(Arc::clone(group.iommu()));
            let all = Prot { read: true, write: true, exec: false };
            domain.map(Iova(0x1000), 0x1000, all, Arc::new(Memory), UserAddr(0)).unwrap();
            group.attach(owner, &domain).unwrap();
        }
        device.take_up();
        has.open.insert(device.name().to_owned(), Arc::clone(device));
    }

    /// The program closes it, and the group with the last of its devices.
    fn close(&self, name: &str) {
        let mut has = crate::lock(&self.has);
        let Some(device) = has.open.remove(name) else { return };
        device.hand_back(|| (), |device| Some(device.reset(ResetKind::Line)));
        let group = device.group().expect("an open device is in a group");
        let others =
            has.open.values().any(|other| other.group().is_some_and(|other| other.id() == group.id()));
        if !others {
            let owner = group.owner().expect("an open device's group is owned");
            group.release(owner).unwrap();
        }
    }

    fn open_devices(&self) -> Vec<String> {
        crate::lock(&self.has).open.keys().cloned().collect()
    }

    fn is_open(&self, name: &str) -> bool {
        crate::lock(&self.has).open.contains_key(name)
    }
}

impl Driver for User {
    fn name(&self) -> &str {
        "user"
    }

    fn bus(&self) -> Bus {
        Bus::Platform
    }

    fn module(&self) -> &str {
        "user"
    }

    fn dma_owner(&self) -> DmaOwner {
        DmaOwner::Driver
    }

    fn probe(&self, device: &Arc<Device>) -> Result<(), ProbeError> {
        crate::lock(&self.has).bound.insert(device.id());
        Ok(())
    }

    fn remove(&self, device: &Arc<Device>, _: &dyn Wait) -> Result<(), Interrupted> {
        let mut has = crate::lock(&self.has);
        if has.open.contains_key(device.name()) {
            return Err(Interrupted);
        }
        has.bound.remove(&device.id());
        Ok(())
    }
}

/// The devices there can be: pairs that share a group behind an SMMU, singles behind another, suppliers, a cycle.
fn devices() -> Vec<firmware::Device> {
    vec![
        device("smmu", "arm,mmu-500"),
        device("smmu3", "arm,smmu-v3"),
        device("clk", "acme,clk"),
        behind(device("pair-a", "acme,a"), "smmu"),
        behind(clocked(device("pair-b", "acme,b"), "clk"), "smmu"),
        behind(device("single", "acme,a"), "smmu3"),
        behind(clocked(device("both", "acme,b"), "single"), "smmu3"),
        clocked(device("free", "acme,c"), "both"),
        clocked(clocked(device("ring-a", "acme,c"), "ring-b"), "clk"),
        clocked(device("ring-b", "acme,c"), "ring-a"),
    ]
}

const DRIVERS: [&str; 7] = ["user", "arm-smmu", "arm-smmu-v3", "acme-clk", "acme-a", "acme-b", "acme-c"];

#[derive(Clone, Debug)]
enum Step {
    Plug(usize),
    Unplug(usize),
    Load(usize),
    Unload(usize),
    Bind(usize, usize),
    Unbind(usize),
    Override(usize, Option<usize>),
    Probe(usize),
    /// What an administrator does by hand: override, unbind, `drivers_probe`.
    Give(usize, Option<usize>),
    BindSet(usize),
    UnbindSet(usize),
    Open(usize),
    Start(usize),
    /// A program takes a device with all of its group, opens them, and starts them.
    Use(usize),
    /// One of the open devices is closed: the number is taken modulo how many there are.
    Close(usize),
    Kill,
    Later,
    Autoprobe(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let device = || 0..devices().len();
    let driver = || 0..DRIVERS.len();
    prop_oneof![
        2 => device().prop_map(Step::Plug),
        1 => device().prop_map(Step::Unplug),
        3 => driver().prop_map(Step::Load),
        1 => driver().prop_map(Step::Unload),
        2 => (driver(), device()).prop_map(|(driver, device)| Step::Bind(driver, device)),
        2 => device().prop_map(Step::Unbind),
        2 => (device(), prop::option::of(driver())).prop_map(|(device, driver)| Step::Override(device, driver)),
        2 => device().prop_map(Step::Probe),
        3 => (device(), prop::option::of(Just(0))).prop_map(|(device, driver)| Step::Give(device, driver)),
        3 => device().prop_map(Step::BindSet),
        1 => device().prop_map(Step::UnbindSet),
        4 => device().prop_map(Step::Open),
        2 => device().prop_map(Step::Start),
        3 => device().prop_map(Step::Use),
        3 => device().prop_map(Step::Close),
        1 => Just(Step::Kill),
        2 => Just(Step::Later),
        1 => any::<bool>().prop_map(Step::Autoprobe),
    ]
}

fn fw_devlink() -> impl Strategy<Value = FwDevlink> {
    prop_oneof![4 => Just(FwDevlink::On), 1 => Just(FwDevlink::Permissive), 1 => Just(FwDevlink::Off)]
}

struct World {
    machine: Arc<Machine>,
    user: Arc<User>,
    clock: Arc<super::tests::HandClock>,
    devices: Vec<firmware::Device>,
}

impl World {
    fn new(fw_devlink: FwDevlink, absent: &[&str]) -> Self {
        let devices = devices();
        let absent_modules = absent.iter().map(|name| ModuleName::new(name)).collect();
        let options = Options { fw_devlink, absent_modules, ..Options::default() };
        let (setup, clock) = setup(Arc::new(Writers), options);
        let (machine, _) = Machine::new(board(devices.clone()), setup);
        let user = Arc::new(User::default());
        let drivers: Vec<Arc<dyn Driver>> = vec![user.clone()];
        machine.register_module(ModuleSpec {
            name: ModuleName::new("user"),
            params: &[],
            uses: Vec::new(),
            drivers,
        });
        Self { machine, user, clock, devices }
    }

    fn device(&self, at: usize) -> Option<Arc<Device>> {
        self.machine.device(Bus::Platform, &self.devices[at].name)
    }

    fn with_its_group(&self, device: Arc<Device>) -> Vec<Arc<Device>> {
        match device.group() {
            Some(group) => self.machine.members(group.id()),
            None => vec![device],
        }
    }

    /// Refusals are part of the game; what they leave behind is checked.
    fn take(&self, step: &Step) {
        let bus = Bus::Platform;
        let machine = &self.machine;
        let name = |at: usize| self.devices[at].name.as_str();
        let users = || BTreeMap::from([(bus, "user".to_owned())]);
        match *step {
            Step::Plug(at) => drop(machine.plug(&self.devices[at..=at])),
            Step::Unplug(at) => drop(machine.unplug(bus, name(at), &NoWait)),
            Step::Load(at) => drop(machine.load_module(DRIVERS[at], &[])),
            Step::Unload(at) => drop(machine.unload_module(DRIVERS[at], &NoWait)),
            Step::Bind(driver, at) => drop(machine.bind(bus, DRIVERS[driver], name(at), &NoWait)),
            Step::Unbind(at) => {
                if let Some(driver) = self.device(at).and_then(|device| device.driver()) {
                    drop(machine.unbind(bus, driver.name(), name(at), &NoWait));
                }
            }
            Step::Override(at, driver) => {
                let driver = driver.map_or("", |driver| DRIVERS[driver]);
                drop(machine.set_driver_override(bus, name(at), driver));
            }
            Step::Probe(at) => drop(machine.drivers_probe(bus, name(at), &NoWait)),
            Step::Give(at, driver) => {
                self.take(&Step::Override(at, driver));
                self.take(&Step::Unbind(at));
                self.take(&Step::Probe(at));
            }
            Step::BindSet(at) => drop(machine.bind_set(&[(bus, name(at))], &users(), &NoWait)),
            Step::UnbindSet(at) => drop(machine.unbind_set(&[(bus, name(at))], &users(), &NoWait)),
            Step::Open(at) => self.device(at).iter().for_each(|device| self.user.open(device)),
            Step::Start(at) => {
                if let Some(device) = self.device(at).filter(|device| self.user.is_open(device.name())) {
                    device.store(0, 0, Width::Word, 1);
                }
            }
            Step::Use(at) => {
                drop(machine.bind_set(&[(bus, name(at))], &users(), &NoWait));
                for device in self.device(at).into_iter().flat_map(|device| self.with_its_group(device)) {
                    self.user.open(&device);
                    if self.user.is_open(device.name()) {
                        device.store(0, 0, Width::Word, 1);
                    }
                }
            }
            Step::Close(number) => {
                let open = self.user.open_devices();
                if let Some(name) = open.get(number % open.len().max(1)) {
                    self.user.close(name);
                }
            }
            Step::Kill => self.devices.iter().for_each(|device| self.user.close(&device.name)),
            Step::Later => self.clock.advance(Duration::from_secs(5), machine),
            Step::Autoprobe(on) => {
                machine.set_autoprobe(bus, if on { Autoprobe::On } else { Autoprobe::Off });
            }
        }
    }

    fn check(&self) {
        let machine = &self.machine;
        let devices = machine.devices(Bus::Platform);
        self.no_device_has_two_owners(&devices);
        self.no_group_is_viable_with_a_host_driver_in_it(&devices);
        self.no_closed_device_does_dma(&devices);
        self.nothing_is_deferred_that_could_probe();
        for facts in machine.modules() {
            let there = |(bus, name): &(Bus, String)| machine.driver(*bus, name).is_some();
            assert_eq!(facts.drivers.iter().all(there), facts.state == ModuleState::Live, "{facts:?}");
        }
        for (supplier, consumer) in machine.device_links() {
            assert!(machine.device_by_id(supplier).is_some() && machine.device_by_id(consumer).is_some());
        }
    }

    fn nothing_is_deferred_that_could_probe(&self) {
        let deferred = self.machine.deferred();
        let control = self.machine.control();
        for (device, why) in deferred {
            assert!(device.driver().is_none(), "{device:?} is bound and deferred");
            assert!(self.machine.has_to_wait(&control, &device, &why), "{device:?} could probe: {why}");
        }
    }

    fn no_device_has_two_owners(&self, devices: &[Arc<Device>]) {
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for driver in self.machine.drivers(Bus::Platform) {
            for device in self.machine.devices_of(Bus::Platform, driver.name()) {
                let other = owners.insert(device.name().to_owned(), driver.name().to_owned());
                assert_eq!(other, None, "{device:?} has two owners");
            }
        }
        for device in devices {
            let own = device.driver().map(|driver| driver.name().to_owned());
            assert_eq!(owners.remove(device.name()), own, "{device:?}");
            let open = self.user.is_open(device.name());
            assert!(!open || own.as_deref() == Some("user"), "{device:?} is open and not the user's");
        }
        assert!(owners.is_empty(), "drivers have devices that are gone: {owners:?}");
    }

    fn no_group_is_viable_with_a_host_driver_in_it(&self, devices: &[Arc<Device>]) {
        for group in self.machine.groups() {
            let members = self.machine.members(group.id());
            assert!(!members.is_empty(), "group {} has no members", group.id());
            let by_host = |device: &&Arc<Device>| {
                device.driver().is_some_and(|driver| driver.dma_owner() == DmaOwner::Kernel)
            };
            assert_eq!(members.iter().filter(by_host).count(), group.hosts());
            assert!(group.owner().is_none() || group.hosts() == 0);
            let open = members.iter().any(|device| self.user.is_open(device.name()));
            assert_eq!(group.owner().is_some(), open);
            assert_eq!(group.members().len(), members.len());
        }
        for device in devices {
            let Some(group) = device.group() else { continue };
            assert!(self.machine.members(group.id()).iter().any(|member| member.id() == device.id()));
            assert!(
                self.machine.iommu_device_of(device).is_some(),
                "the IOMMU went while devices are behind it"
            );
        }
    }

    fn no_closed_device_does_dma(&self, devices: &[Arc<Device>]) {
        for device in devices {
            let before = device.dma().transferred();
            device.run(1);
            let moved = device.dma().transferred() != before;
            assert!(!moved || self.user.is_open(device.name()), "{device:?} is closed and does DMA");
        }
    }
}

/// A developer waits for fewer than a lane does.
fn sequences() -> u32 {
    if std::env::var_os("CI").is_some() { 10_000 } else { 2_000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: sequences(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_nobody_shares_what_is_somebody_elses(
        fw_devlink in fw_devlink(),
        absent in prop::sample::subsequence(&DRIVERS[1..], 0..4),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let world = World::new(fw_devlink, &absent);
        world.check();
        for step in &steps {
            world.take(step);
            world.check();
        }
    }
}

/// Several programs and administrators at once: what is left when all have finished is as sound as after one.
#[test]
fn whoever_does_it_at_once_it_stays_sound() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    for _ in 0..100 {
        let world = World::new(FwDevlink::On, &[]);
        let sequences: Vec<Vec<Step>> =
            (0..4).map(|_| prop::collection::vec(step(), 100).new_tree(runner).unwrap().current()).collect();
        std::thread::scope(|scope| {
            for steps in &sequences {
                let world = &world;
                scope.spawn(move || steps.iter().for_each(|step| world.take(step)));
            }
        });
        world.machine.run_timers();
        world.check();
    }
}
