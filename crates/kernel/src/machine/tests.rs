//! The driver core over small boards made by hand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::device::{DmaOwner, NoScheduler, ProbeError, Reason};
use crate::errno;
use crate::hw::{Activity, Progress, ResetFailed, ResetKind, Width};
use crate::module::{Mode, ModuleSpec, ParamSpec, Value};
use crate::wait::{Gate, Interrupted, NoWait, Wait};

/// A device that is nothing but there.
struct Nothing;

impl Model for Nothing {
    fn read(&mut self, _: usize, _: u64, _: Width) -> u64 {
        0
    }

    fn write(&mut self, _: usize, _: u64, _: Width, _: u64) {}

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }
}

struct Nothings;

impl ModelMaker for Nothings {
    fn make(&self, _: &firmware::Device, _: Wires) -> Box<dyn Model> {
        Box::new(Nothing)
    }
}

#[derive(Default)]
pub(crate) struct HandClock(AtomicU64);

impl HandClock {
    pub(crate) fn advance(&self, by: Duration, machine: &Machine) {
        self.0.fetch_add(by.as_secs(), Ordering::SeqCst);
        machine.run_timers();
    }
}

impl Clock for HandClock {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn wall_seconds(&self) -> u64 {
        0
    }
}

/// A platform device at a path; its name is the path with dashes.
pub(crate) fn device(path: &str, compatible: &str) -> firmware::Device {
    firmware::Device {
        name: path.replace('/', "-"),
        path: format!("/{path}").into(),
        compatible: vec![compatible.to_owned()],
        ..firmware::Device::default()
    }
}

fn specifier(supplier: &str) -> firmware::Specifier {
    firmware::Specifier { path: format!("/{supplier}").into(), ..firmware::Specifier::default() }
}

pub(crate) fn clocked(mut device: firmware::Device, supplier: &str) -> firmware::Device {
    device.clocks.push(specifier(supplier));
    device
}

pub(crate) fn behind(mut device: firmware::Device, iommu: &str) -> firmware::Device {
    device.iommus.push(specifier(iommu));
    device
}

pub(crate) fn board(devices: Vec<firmware::Device>) -> firmware::Board {
    firmware::Board { model: "test".to_owned(), devices, ..firmware::Board::default() }
}

pub(crate) struct Bench {
    pub(crate) machine: Arc<Machine>,
    notes: Vec<Note>,
    pub(crate) clock: Arc<HandClock>,
}

pub(crate) fn setup(models: Arc<dyn ModelMaker>, options: Options) -> (Setup, Arc<HandClock>) {
    let clock = Arc::new(HandClock::default());
    let setup = Setup {
        models,
        clock: clock.clone(),
        scheduler: Arc::new(NoScheduler),
        params: Params::new(vec!["user.strict=0".parse().unwrap()]),
        options,
    };
    (setup, clock)
}

pub(crate) fn bring_up(devices: Vec<firmware::Device>, options: Options) -> Bench {
    bring_board_up(board(devices), options)
}

pub(crate) fn bring_board_up(board: firmware::Board, options: Options) -> Bench {
    let (setup, clock) = setup(Arc::new(Nothings), options);
    let (machine, notes) = Machine::new(board, setup);
    Bench { machine, notes, clock }
}

#[derive(Debug, thiserror::Error)]
#[error("not without a reset")]
struct NoReset;

impl Reason for NoReset {
    fn errno(&self) -> errno::Errno {
        errno::ENOENT
    }

    fn rule(&self) -> &'static str {
        "user.no-reset"
    }
}

/// A driver for programs: takes only what it is told to, and waits until it is not used.
pub(crate) struct User {
    used: Mutex<Vec<String>>,
    gate: Arc<Gate>,
    refuses: Option<&'static str>,
}

impl User {
    fn new() -> Arc<Self> {
        Arc::new(Self { used: Mutex::default(), gate: Gate::new(), refuses: Some("fussy") })
    }

    fn open(&self, device: &str) {
        crate::lock(&self.used).push(device.to_owned());
    }

    fn close(&self, device: &str) {
        crate::lock(&self.used).retain(|used| used != device);
        self.gate.open();
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
        match self.refuses {
            Some(name) if device.name() == name => Err(ProbeError::refused(NoReset)),
            _ => Ok(()),
        }
    }

    fn remove(&self, device: &Arc<Device>, wait: &dyn Wait) -> Result<(), Interrupted> {
        let unused = || (!crate::lock(&self.used).iter().any(|used| used == device.name())).then_some(());
        self.gate.wait(wait, unused)
    }
}

pub(crate) fn with_user(bench: &Bench) -> Arc<User> {
    let user = User::new();
    let spec = ModuleSpec {
        name: ModuleName::new("user"),
        params: &[ParamSpec { name: "strict", default: Value::Bool(true), mode: Mode::ReadWrite }],
        uses: Vec::new(),
        drivers: vec![user.clone()],
    };
    assert!(bench.machine.register_module(spec).is_empty());
    user
}

fn driver_of(machine: &Machine, device: &str) -> Option<String> {
    machine.device(Bus::Platform, device)?.driver().map(|driver| driver.name().to_owned())
}

fn errno(result: Result<(), Refusal>) -> i32 {
    result.map_or_else(|refusal| refusal.errno(), |()| 0)
}

const P: Bus = Bus::Platform;

#[test]
fn every_device_has_its_host_driver_after_boot() {
    let bench = bring_up(
        vec![device("b", "acme,b"), device("a", "virtio,mmio"), device("c", "syscon")],
        Options::default(),
    );
    assert_eq!(bench.notes, []);
    assert_eq!(driver_of(&bench.machine, "a").as_deref(), Some("virtio-mmio"));
    assert_eq!(driver_of(&bench.machine, "b").as_deref(), Some("acme-b"));
    assert_eq!(driver_of(&bench.machine, "c"), None);
    assert_eq!(bench.machine.devices_of(P, "acme-b").len(), 1);
}

#[test]
fn an_administrator_gives_a_device_to_another_driver_and_back() {
    let bench = bring_up(vec![device("a", "acme,a"), device("b", "acme,b")], Options::default());
    let machine = &bench.machine;
    with_user(&bench);
    assert_eq!(driver_of(machine, "a").as_deref(), Some("acme-a"));
    assert_eq!(
        errno(machine.bind(P, "user", "a\n", &NoWait)),
        errno::ENODEV,
        "does not match without an override"
    );
    machine.set_driver_override(P, "a", "user\n").unwrap();
    assert_eq!(errno(machine.bind(P, "user", "a", &NoWait)), errno::EBUSY, "still bound");
    assert_eq!(errno(machine.unbind(P, "user", "a", &NoWait)), errno::ENODEV);
    machine.unbind(P, "acme-a", "a\n", &NoWait).unwrap();
    assert_eq!(errno(machine.unbind(P, "acme-a", "a", &NoWait)), errno::ENODEV, "twice");
    assert_eq!(errno(machine.bind(P, "acme-a", "a", &NoWait)), errno::ENODEV, "the override keeps it away");
    machine.drivers_probe(P, "a", &NoWait).unwrap();
    assert_eq!(driver_of(machine, "a").as_deref(), Some("user"));
    assert_eq!(errno(machine.bind(P, "user", "a", &NoWait)), errno::EBUSY);
    machine.set_driver_override(P, "a", "\n").unwrap();
    assert_eq!(machine.device(P, "a").unwrap().driver_override(), None);
    machine.unbind(P, "user", "a", &NoWait).unwrap();
    machine.bind(P, "acme-a", "a", &NoWait).unwrap();
    assert_eq!(driver_of(machine, "a").as_deref(), Some("acme-a"));
    assert_eq!(errno(machine.bind(P, "acme-a", "zz", &NoWait)), errno::ENODEV);
    assert_eq!(errno(machine.bind(P, "nobody", "a", &NoWait)), errno::ENODEV);
    assert_eq!(errno(machine.drivers_probe(P, "", &NoWait)), errno::ENODEV);
    assert_eq!(errno(machine.set_driver_override(P, "a", &"x".repeat(5000))), errno::EINVAL);
}

#[test]
fn a_failing_probe_is_an_error_of_bind_and_none_of_drivers_probe() {
    let bench = bring_up(vec![device("fussy", "syscon")], Options::default());
    let machine = &bench.machine;
    with_user(&bench);
    machine.set_driver_override(P, "fussy", "user").unwrap();
    let refusal = machine.bind(P, "user", "fussy", &NoWait).unwrap_err();
    assert_eq!((refusal.errno(), refusal.rule()), (errno::ENOENT, "user.no-reset"));
    machine.drivers_probe(P, "fussy", &NoWait).unwrap();
    assert_eq!(driver_of(machine, "fussy"), None);
    let fussy = machine.device(P, "fussy").unwrap();
    let why = |machine: &Machine| machine.refusal(&fussy).map(|refusal| refusal.rule());
    assert_eq!(why(machine), Some("user.no-reset"), "but it can be asked for");
    machine.set_driver_override(P, "fussy", "nobody").unwrap();
    machine.drivers_probe(P, "fussy", &NoWait).unwrap();
    assert_eq!(why(machine), Some("bus.no-driver"));
    machine.set_driver_override(P, "fussy", "").unwrap();
    machine.drivers_probe(P, "fussy", &NoWait).unwrap();
    assert_eq!(why(machine), None);
}

#[test]
fn unbinding_a_device_in_use_waits_and_can_be_interrupted() {
    let bench = bring_up(vec![device("a", "syscon"), device("b", "acme,b")], Options::default());
    let machine = &bench.machine;
    let user = with_user(&bench);
    machine.set_driver_override(P, "a", "user").unwrap();
    machine.bind(P, "user", "a", &NoWait).unwrap();
    user.open("a");
    assert_eq!(errno(machine.unbind(P, "user", "a", &NoWait)), errno::EINTR);
    assert_eq!(driver_of(machine, "a").as_deref(), Some("user"));
    let waiting = {
        let machine = machine.clone();
        std::thread::spawn(move || machine.unbind(P, "user", "a", &crate::wait::Uninterruptible))
    };
    machine.unbind(P, "acme-b", "b", &NoWait).expect("other devices are not held up");
    user.close("a");
    waiting.join().unwrap().unwrap();
    assert_eq!(driver_of(machine, "a"), None);
}

#[test]
fn consumers_wait_for_suppliers_and_lose_their_driver_first() {
    let options = Options { absent_modules: vec![ModuleName::new("acme_clk")], ..Options::default() };
    let devices = vec![
        clocked(clocked(device("a", "acme,a"), "clk"), "b"),
        clocked(device("b", "acme,b"), "clk"),
        device("clk", "acme,clk"),
    ];
    let bench = bring_up(devices, options);
    let machine = &bench.machine;
    let waits = |machine: &Machine| {
        machine
            .deferred()
            .into_iter()
            .map(|(device, why)| format!("{}: {why}", device.name()))
            .collect::<Vec<_>>()
    };
    assert_eq!(waits(machine), ["a: supplier b not ready", "b: supplier clk not ready"]);
    assert_eq!(errno(machine.bind(P, "acme-a", "a", &NoWait)), errno::EAGAIN);
    assert_eq!(errno(machine.drivers_probe(P, "a", &NoWait)), errno::EINVAL);
    machine.load_module("acme-clk", &[]).unwrap();
    assert_eq!(waits(machine), [""; 0]);
    assert_eq!(driver_of(machine, "a").as_deref(), Some("acme-a"));
    machine.unbind(P, "acme-clk", "clk", &NoWait).unwrap();
    assert_eq!(driver_of(machine, "a"), None);
    assert_eq!(driver_of(machine, "b"), None);
    machine.bind(P, "acme-clk", "clk", &NoWait).unwrap();
    assert_eq!(
        driver_of(machine, "a").as_deref(),
        Some("acme-a"),
        "linked consumers are probed with their supplier"
    );
}

#[test]
fn nobody_waits_for_a_supplier_without_a_driver_for_ever() {
    let options = Options { absent_modules: vec![ModuleName::new("acme_clk")], ..Options::default() };
    let bench = bring_up(vec![clocked(device("a", "acme,a"), "clk"), device("clk", "acme,clk")], options);
    assert_eq!(driver_of(&bench.machine, "a"), None);
    bench.clock.advance(Duration::from_secs(10), &bench.machine);
    assert_eq!(driver_of(&bench.machine, "a").as_deref(), Some("acme-a"));
}

#[test]
fn a_cycle_is_reported_and_holds_nobody_up() {
    let devices = vec![clocked(device("a", "acme,a"), "b"), clocked(device("b", "acme,b"), "a")];
    let bench = bring_up(devices, Options::default());
    assert_eq!(bench.notes, [Note::Cycle { devices: vec!["a".to_owned(), "b".to_owned()] }]);
    assert_eq!(driver_of(&bench.machine, "a").as_deref(), Some("acme-a"));
    assert_eq!(driver_of(&bench.machine, "b").as_deref(), Some("acme-b"));
}

#[test]
fn modules_come_and_go_any_number_of_times() {
    let bench = bring_up(vec![device("a", "acme,a")], Options::default());
    let machine = &bench.machine;
    for _ in 0..3 {
        machine.unload_module("acme-a", &NoWait).unwrap();
        assert_eq!(driver_of(machine, "a"), None);
        assert_eq!(errno(machine.unload_module("acme-a", &NoWait)), errno::ENOENT);
        machine.load_module("acme_a", &[]).unwrap();
        assert_eq!(driver_of(machine, "a").as_deref(), Some("acme-a"));
        assert_eq!(errno(machine.load_module("acme_a", &[]).map(drop)), errno::EEXIST);
    }
    let hold = machine.hold_module("acme-a").unwrap();
    assert_eq!(errno(machine.unload_module("acme-a", &NoWait)), errno::EAGAIN);
    drop(hold);
    machine.unload_module("acme-a", &NoWait).unwrap();
    assert_eq!(errno(machine.unload_module("no-such", &NoWait)), errno::ENOENT);
}

#[test]
fn parameters_are_the_modules() {
    let bench = bring_up(vec![], Options::default());
    with_user(&bench);
    assert!(!bench.machine.params().bool("user", "strict"), "set on the command line");
    bench.machine.params().write("user", "strict", "y\n").unwrap();
    assert!(bench.machine.params().bool("user", "strict"));
}

#[test]
fn a_plugged_device_is_probed_and_an_unplugged_one_leaves_nothing() {
    let bench = bring_up(vec![clocked(device("a", "acme,a"), "late")], Options::default());
    let machine = &bench.machine;
    assert_eq!(driver_of(machine, "a").as_deref(), Some("acme-a"), "what it refers to is no device");
    machine.plug(&[device("late", "acme,late"), clocked(device("d", "acme,d"), "late")]).unwrap();
    assert_eq!(driver_of(machine, "d").as_deref(), Some("acme-d"));
    assert_eq!(
        machine.plug(&[device("x", "acme,x"), device("a", "acme,a")]).unwrap_err().errno(),
        errno::EEXIST
    );
    assert!(machine.device(P, "x").is_none());
    machine.unplug(P, "late", &NoWait).unwrap();
    assert_eq!(driver_of(machine, "d"), None);
    assert!(machine.device(P, "late").is_none());
    assert_eq!(errno(machine.unplug(P, "late", &NoWait)), errno::ENODEV);
}

#[test]
fn without_autoprobe_nothing_is_taken() {
    let bench = bring_up(vec![], Options::default());
    let machine = &bench.machine;
    machine.set_autoprobe(P, Autoprobe::Off);
    machine.plug(&[device("a", "acme,a")]).unwrap();
    assert_eq!(driver_of(machine, "a"), None);
    machine.drivers_probe(P, "a", &NoWait).unwrap();
    assert_eq!(driver_of(machine, "a").as_deref(), Some("acme-a"));
}

#[test]
fn new_id_takes_a_twin_by_surprise_and_an_override_does_not() {
    let plugged = |options: Options, give: &dyn Fn(&Machine)| {
        let bench = bring_up(vec![device("one", "acme,x")], options);
        with_user(&bench);
        let machine = &bench.machine;
        machine.unbind(P, "acme-x", "one", &NoWait).unwrap();
        machine.unload_module("acme-x", &NoWait).unwrap();
        give(machine);
        machine.plug(&[device("twin", "acme,x")]).unwrap();
        (driver_of(machine, "one"), driver_of(machine, "twin"))
    };
    let offered = Options { new_id: NewId::Offered, ..Options::default() };
    let user = Some("user".to_owned());
    let by_id = plugged(offered, &|machine| machine.new_id(P, "user", "acme,x\n").unwrap());
    assert_eq!(by_id, (user.clone(), user.clone()));
    let by_override = plugged(Options::default(), &|machine| {
        assert_eq!(errno(machine.new_id(P, "user", "acme,x")), errno::EACCES);
        machine.set_driver_override(P, "one", "user").unwrap();
        machine.drivers_probe(P, "one", &NoWait).unwrap();
    });
    assert_eq!(by_override, (user, None));
}

fn to_user() -> std::collections::BTreeMap<Bus, String> {
    [(P, "user".to_owned())].into()
}

/// Two devices of one group behind an SMMU that maps their stream together, one of its own, and their clock.
fn shared_group(second: &str) -> Bench {
    let devices = vec![
        device("smmu", "arm,mmu-500"),
        behind(clocked(device("one", "acme,x"), "clk"), "smmu"),
        behind(device(second, "acme,y"), "smmu"),
        device("clk", "fixed-clock"),
    ];
    let bench = bring_up(devices, Options::default());
    let group = |name| bench.machine.device(P, name).unwrap().group().unwrap().id();
    assert_eq!(group("one"), group(second));
    bench
}

#[test]
fn a_set_is_bound_with_all_members_and_given_back() {
    let bench = shared_group("two");
    let machine = &bench.machine;
    with_user(&bench);
    let bound = machine.bind_set(&[(P, "one")], &to_user(), &NoWait).unwrap();
    assert_eq!(bound.iter().map(|device| device.name()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(driver_of(machine, "two").as_deref(), Some("user"));
    machine.bind_set(&[(P, "two")], &to_user(), &NoWait).unwrap();
    let freed = machine.unbind_set(&[(P, "one"), (P, "one")], &to_user(), &NoWait).unwrap();
    assert_eq!(freed.len(), 2);
    assert_eq!(driver_of(machine, "one").as_deref(), Some("acme-x"));
    assert_eq!(driver_of(machine, "two").as_deref(), Some("acme-y"));
    assert_eq!(machine.device(P, "one").unwrap().driver_override(), None);
}

#[test]
fn a_set_that_cannot_be_bound_is_left_as_it_was_and_says_why() {
    let bench = shared_group("fussy");
    let machine = &bench.machine;
    with_user(&bench);
    machine.set_driver_override(P, "one", "acme-x").unwrap();
    let refusal = machine.bind_set(&[(P, "one")], &to_user(), &NoWait).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "fussy, in group 0 with one: driver user refused fussy: not without a reset"
    );
    assert_eq!(driver_of(machine, "one").as_deref(), Some("acme-x"));
    assert_eq!(driver_of(machine, "fussy").as_deref(), Some("acme-y"));
    assert_eq!(machine.device(P, "one").unwrap().driver_override().as_deref(), Some("acme-x"));
    let refused = |name: &str| machine.bind_set(&[(P, name)], &to_user(), &NoWait).unwrap_err().to_string();
    assert_eq!(refused("clk"), "clk: clk supplies one");
    assert_eq!(refused("smmu"), "smmu: smmu supplies one");
    assert_eq!(refused("none"), "none: bus platform has no device \"none\"");
}

#[test]
fn a_device_that_does_not_stop_stays_blocked_until_it_is_taken_up_again() {
    struct Runs;

    impl Model for Runs {
        fn read(&mut self, _: usize, _: u64, _: Width) -> u64 {
            0
        }
        fn write(&mut self, _: usize, _: u64, _: Width, _: u64) {}
        fn run(&mut self, _: u32) -> Progress {
            Progress::More
        }
        fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
            Err(ResetFailed)
        }
        fn activity(&self) -> Activity {
            Activity { running: true, interrupting: false }
        }
    }

    impl ModelMaker for Runs {
        fn make(&self, _: &firmware::Device, _: Wires) -> Box<dyn Model> {
            Box::new(Runs)
        }
    }

    let (setup, _) = setup(Arc::new(Runs), Options::default());
    let (machine, _) = Machine::new(board(vec![device("a", "acme,a")]), setup);
    let device = machine.device(P, "a").unwrap();
    device.take_up();
    let order = Mutex::new(Vec::new());
    let handed = device.hand_back(
        || crate::lock(&order).push(("detach", device.dma().is_held())),
        |device| {
            crate::lock(&order).push(("reset", device.dma().is_held()));
            Some(device.reset(ResetKind::Line))
        },
    );
    assert_eq!(*crate::lock(&order), [("detach", true), ("reset", true)]);
    assert!(!handed.is_quiet());
    assert!(device.dma().is_held());
    device.take_up();
    assert!(!device.dma().is_held());
}

#[test]
fn a_device_plugged_into_a_group_in_use_is_no_host_drivers() {
    let bench = shared_group("two");
    let machine = &bench.machine;
    with_user(&bench);
    machine.bind_set(&[(P, "one")], &to_user(), &NoWait).unwrap();
    let group = machine.device(P, "one").unwrap().group().unwrap();
    group.claim(crate::iommu::Owner(1)).unwrap();
    machine.plug(&[behind(device("third", "acme,x"), "smmu")]).unwrap();
    assert_eq!(machine.device(P, "third").unwrap().group().unwrap().id(), group.id());
    assert_eq!(driver_of(machine, "third"), None);
    assert_eq!(errno(machine.bind(P, "acme-x", "third", &NoWait)), errno::EBUSY);
    machine.bind_set(&[(P, "third")], &to_user(), &NoWait).unwrap();
    assert_eq!(driver_of(machine, "third").as_deref(), Some("user"));
    group.release(crate::iommu::Owner(1)).unwrap();
}

#[test]
fn devices_go_with_those_below_them_or_not_at_all() {
    let devices = vec![
        device("bus", "acme,bus"),
        device("bus/a", "acme,a"),
        device("bus/b", "syscon"),
        clocked(device("c", "acme,c"), "bus/a"),
    ];
    let bench = bring_up(devices, Options::default());
    let machine = &bench.machine;
    let user = with_user(&bench);
    machine.set_driver_override(P, "bus-b", "user").unwrap();
    machine.drivers_probe(P, "bus-b", &NoWait).unwrap();
    user.open("bus-b");
    assert_eq!(errno(machine.unplug(P, "bus", &NoWait)), errno::EINTR);
    let bound = |name| driver_of(machine, name).is_some();
    assert!(bound("bus") && bound("bus-a") && bound("bus-b") && bound("c"), "nothing was changed");
    user.close("bus-b");
    machine.unplug(P, "bus", &NoWait).unwrap();
    assert_eq!(machine.devices(P).iter().map(|device| device.name()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(driver_of(machine, "c"), None);
    machine.plug(&[device("bus", "acme,bus"), device("bus/a", "acme,a")]).unwrap();
    assert_eq!(driver_of(machine, "c").as_deref(), Some("acme-c"), "its supplier is there again");
}

#[test]
fn an_iommu_is_not_taken_out_under_its_devices() {
    let options = Options { fw_devlink: FwDevlink::Off, ..Options::default() };
    let bench = bring_up(vec![device("smmu", "arm,smmu-v3"), behind(device("a", "acme,a"), "smmu")], options);
    let machine = &bench.machine;
    assert!(machine.device(P, "a").unwrap().group().is_some());
    assert_eq!(errno(machine.unplug(P, "smmu", &NoWait)), errno::EBUSY);
    assert_eq!(errno(machine.unload_module("arm_smmu_v3", &NoWait)), errno::EAGAIN);
    machine.unbind(P, "acme-a", "a", &NoWait).unwrap();
    machine.unplug(P, "smmu", &NoWait).unwrap();
    assert!(machine.device(P, "a").unwrap().group().is_none());
    machine.unload_module("arm_smmu_v3", &NoWait).unwrap();
}

/// Says how often it was asked, and when it was told that all consumers have probed.
#[derive(Default)]
struct Counting {
    probes: AtomicU64,
    synced: AtomicU64,
    table: Vec<String>,
}

impl Driver for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn bus(&self) -> Bus {
        P
    }

    fn module(&self) -> &str {
        "counting"
    }

    fn table(&self) -> &[String] {
        &self.table
    }

    fn probe(&self, device: &Arc<Device>) -> Result<(), ProbeError> {
        self.probes.fetch_add(1, Ordering::SeqCst);
        let waits = device.name().starts_with("waits");
        if waits { Err(ProbeError::Defer(Deferral::Unspecified)) } else { Ok(()) }
    }

    fn remove(&self, _: &Arc<Device>, _: &dyn Wait) -> Result<(), Interrupted> {
        Ok(())
    }

    fn sync_state(&self, _: &Arc<Device>) {
        self.synced.fetch_add(1, Ordering::SeqCst);
    }
}

fn with_counting(bench: &Bench, compatible: &str) -> Arc<Counting> {
    let counting = Arc::new(Counting { table: vec![compatible.to_owned()], ..Counting::default() });
    bench.machine.register_module(ModuleSpec {
        name: ModuleName::new("counting"),
        params: &[],
        uses: Vec::new(),
        drivers: vec![counting.clone()],
    });
    counting
}

#[test]
fn those_who_wait_for_a_supplier_are_probed_once_when_it_comes() {
    let options = || Options { absent_modules: vec![ModuleName::new("acme_clk")], ..Options::default() };
    let mut devices = vec![device("clk", "acme,clk")];
    devices.extend((0..500).map(|number| clocked(device(&format!("d{number}"), "arm,primecell"), "clk")));
    let bench = bring_up(devices, options());
    let counting = with_counting(&bench, "arm,primecell");
    assert_eq!(counting.probes.load(Ordering::SeqCst), 0, "their supplier is not there");
    bench.machine.load_module("acme_clk", &[]).unwrap();
    assert_eq!(counting.probes.load(Ordering::SeqCst), 500);
    assert_eq!(bench.machine.deferred().len(), 0);
}

#[test]
fn those_who_do_not_say_what_they_wait_for_are_tried_after_each_batch() {
    let mut devices: Vec<_> = (0..100).map(|number| device(&format!("d{number}"), "acme,d")).collect();
    devices.extend((0..10).map(|number| device(&format!("waits{number}"), "arm,primecell")));
    let bench = bring_up(devices, Options::default());
    let counting = with_counting(&bench, "arm,primecell");
    bench.machine.unload_module("acme-d", &NoWait).unwrap();
    let before = counting.probes.load(Ordering::SeqCst);
    bench.machine.load_module("acme-d", &[]).unwrap();
    assert_eq!(counting.probes.load(Ordering::SeqCst) - before, 10, "once for all hundred that were bound");
}

#[test]
fn a_supplier_is_told_when_all_consumers_have_probed() {
    for fw_devlink in [FwDevlink::Permissive, FwDevlink::On] {
        let options = Options { fw_devlink, ..Options::default() };
        let devices = vec![
            device("s", "arm,primecell"),
            clocked(device("a", "acme,a"), "s"),
            clocked(device("b", "acme,b"), "s"),
        ];
        let bench = bring_up(devices, options);
        bench.machine.unbind(P, "acme-b", "b", &NoWait).ok();
        let counting = with_counting(&bench, "arm,primecell");
        let supplier = bench.machine.device(P, "s").unwrap();
        if fw_devlink == FwDevlink::Permissive {
            assert_eq!(driver_of(&bench.machine, "a").as_deref(), Some("acme-a"), "it does not wait");
            assert!(!bench.machine.is_synced(supplier.id()));
            bench.machine.bind(P, "acme-b", "b", &NoWait).unwrap();
        }
        assert!(bench.machine.is_synced(supplier.id()));
        assert_eq!(counting.synced.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_changed_description_brings_devices_and_takes_them() {
    let bench = bring_up(vec![device("a", "acme,a"), device("b", "syscon")], Options::default());
    let machine = &bench.machine;
    let user = with_user(&bench);
    machine.set_driver_override(P, "b", "user").unwrap();
    machine.drivers_probe(P, "b", &NoWait).unwrap();
    user.open("b");
    let other = || board(vec![device("a", "acme,a"), device("c", "acme,c")]);
    assert_eq!(errno(machine.change_board(other(), &NoWait).map(drop)), errno::EINTR);
    assert!(machine.device(P, "c").is_none());
    assert_eq!(machine.board().devices[1].name, "b");
    user.close("b");
    assert_eq!(machine.change_board(other(), &NoWait).unwrap(), []);
    assert!(machine.device(P, "b").is_none());
    assert_eq!(driver_of(machine, "c").as_deref(), Some("acme-c"));
    assert_eq!(machine.board().devices[1].name, "c");
}

/// A board from a tree with these nodes below the root: name, `compatible`, `status`, the name of their IOMMU.
fn described(nodes: &[(&str, &str, &str, Option<&str>)]) -> firmware::Board {
    let mut draft = firmware::dt::Draft::default();
    let root = draft.at("/").unwrap();
    let phandle =
        |name: &str| nodes.iter().zip(1u32..).find(|(node, _)| node.0 == name).unwrap().1.to_be_bytes();
    for (name, compatible, status, iommu) in nodes {
        let node = draft.add(root, name.as_bytes());
        draft.set(node, b"compatible", format!("{compatible}\0").as_bytes());
        draft.set(node, b"status", format!("{status}\0").as_bytes());
        draft.set(node, b"#iommu-cells", &0u32.to_be_bytes());
        draft.set(node, b"phandle", &phandle(name));
        if let Some(iommu) = iommu {
            draft.set(node, b"iommus", &phandle(iommu));
        }
    }
    firmware::Board::from_dtb(&draft.flatten().unwrap()).unwrap().0
}

#[test]
fn a_changed_status_brings_a_device_or_takes_it_and_other_properties_are_not_read_again() {
    let before = described(&[
        ("smmu", "arm,smmu-v3", "okay", None),
        ("other", "arm,smmu-v3", "okay", None),
        ("a", "acme,a", "okay", Some("smmu")),
        ("b", "acme,b", "disabled", Some("smmu")),
        ("c", "acme,c", "okay", Some("smmu")),
    ]);
    let after = described(&[
        ("smmu", "arm,smmu-v3", "okay", None),
        ("other", "arm,smmu-v3", "okay", None),
        ("a", "acme,a", "disabled", Some("smmu")),
        ("b", "acme,b", "okay", Some("smmu")),
        ("c", "acme,c", "okay", Some("other")),
    ]);
    let bench = bring_board_up(before.clone(), Options::default());
    let machine = &bench.machine;
    let there = |machine: &Machine| {
        ["a", "b", "c"].map(|name| machine.device(P, name).is_some_and(|device| device.driver().is_some()))
    };
    assert_eq!(there(machine), [true, false, true]);
    let c = machine.device(P, "c").unwrap();
    let iommu = |device: &Device| device.group().map(|group| group.iommu().path().to_owned());
    for _ in 0..3 {
        assert_eq!(machine.change_board(after.clone(), &NoWait).unwrap(), []);
        assert_eq!(there(machine), [false, true, true]);
        let now = machine.device(P, "c").unwrap();
        assert_eq!(now.id(), c.id(), "a device whose node stays is not made anew");
        machine.unbind(P, "acme-c", "c", &NoWait).unwrap();
        machine.bind(P, "acme-c", "c", &NoWait).unwrap();
        assert_eq!(iommu(&c).as_deref(), Some("/smmu"), "it stays behind the IOMMU it was put behind");
        let tree = machine.board();
        let node = tree.tree.by_path("/c").unwrap();
        assert_eq!(node.property("iommus").unwrap().u32(), Some(2), "the tree shows the new property");
        assert_eq!(machine.change_board(before.clone(), &NoWait).unwrap(), []);
        assert_eq!(there(machine), [true, false, true]);
    }
}
