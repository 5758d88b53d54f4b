//! Resets over small machines: what reaches a device, who may, and what is left after a failure.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use proptest::prelude::*;

use super::super::ModelMaker;
use super::super::tests::{behind, board, device as described, setup};
use super::super::{Machine, Options};
use super::*;
use crate::addr::Iova;
use crate::device::Bus;
use crate::errno;
use crate::hw::{Activity, Level, Model, Progress, ResetFailed, ResetKind, ResetLines, Wires};
use crate::iommu::Owner;
use crate::irq::{IrqHandler, IrqLine, Start};
use crate::provider::reset::{AcpiFailure, NotYours, SystemMemory};
use crate::wait::NoWait;

/// A bank of reset bits.
struct Bank([u32; 2]);

impl ResetLines for Bank {
    fn count(&self) -> u32 {
        64
    }

    fn is_asserted(&self, line: u32) -> bool {
        self.0.get(line as usize / 32).is_some_and(|bits| bits & (1 << (line % 32)) != 0)
    }
}

impl Model for Bank {
    fn read(&mut self, _: usize, offset: u64, _: Width) -> u64 {
        self.0.get(offset as usize / 4).copied().unwrap_or(0).into()
    }

    fn write(&mut self, _: usize, offset: u64, _: Width, value: u64) {
        if let Some(bits) = self.0.get_mut(offset as usize / 4) {
            *bits = value as u32;
        }
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.0 = [0; 2];
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity::default()
    }

    fn reset_lines(&self) -> Option<&dyn ResetLines> {
        Some(self)
    }
}

/// What a test sees and says of a block.
#[derive(Default)]
struct Knobs {
    resets: AtomicU32,
    hangs: AtomicBool,
    running: AtomicBool,
}

/// One register; its stores start DMA.
struct Block {
    register: u64,
    knobs: Arc<Knobs>,
    wires: Wires,
}

impl Model for Block {
    fn read(&mut self, _: usize, _: u64, _: Width) -> u64 {
        self.register
    }

    fn write(&mut self, _: usize, _: u64, _: Width, value: u64) {
        self.register = value;
        let _ = self.wires.dma.write(Iova(0), &[1]);
    }

    fn run(&mut self, _: u32) -> Progress {
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.knobs.resets.fetch_add(1, Ordering::SeqCst);
        if self.knobs.hangs.load(Ordering::SeqCst) {
            return Err(ResetFailed);
        }
        self.register = 0;
        self.knobs.running.store(false, Ordering::SeqCst);
        self.wires.lines.iter().for_each(|line| line.set(Level::Low));
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity { running: self.knobs.running.load(Ordering::SeqCst), interrupting: false }
    }

    fn is_reset(&self) -> Option<bool> {
        Some(self.register == 0)
    }
}

#[derive(Default)]
struct Maker(Mutex<HashMap<String, Arc<Knobs>>>);

impl ModelMaker for Maker {
    fn make(&self, device: &firmware::Device, wires: Wires) -> Box<dyn Model> {
        if device.compatible[0] == "snps,dw-high-reset" {
            return Box::new(Bank([0; 2]));
        }
        let knobs = crate::lock(&self.0).entry(device.name.clone()).or_default().clone();
        Box::new(Block { register: 0, knobs, wires })
    }
}

struct Bench {
    machine: Arc<Machine>,
    maker: Arc<Maker>,
}

impl Bench {
    /// A bank, an SMMU, and devices on these lines, each alone in a group.
    fn new(devices: &[(&str, &[u32])]) -> Self {
        Self::of(devices, |_| {})
    }

    /// Likewise, each device being changed first.
    fn of(devices: &[(&str, &[u32])], change: impl Fn(&mut firmware::Device)) -> Self {
        let mut all = vec![described("rst", "snps,dw-high-reset"), described("smmu", "arm,smmu-v3")];
        all[0].regions.push(firmware::Region { name: None, base: 0, size: 8 });
        for ((name, lines), base) in devices.iter().zip((0x1_0000..).step_by(0x1000)) {
            let mut device = behind(described(name, "vendor,block"), "smmu");
            device.regions.push(firmware::Region { name: None, base, size: 0x1000 });
            let line = |line: &u32| firmware::Specifier {
                path: "/rst".into(),
                cells: [*line][..].into(),
                ..firmware::Specifier::default()
            };
            device.resets = lines.iter().map(line).collect();
            device
                .interrupts
                .push(firmware::Interrupt { path: "/gic".into(), ..firmware::Interrupt::default() });
            change(&mut device);
            all.push(device);
        }
        let maker = Arc::new(Maker::default());
        let (setup, _) = setup(maker.clone(), Options::default());
        let (machine, notes) = Machine::new(board(all), setup);
        assert!(notes.is_empty(), "{notes:?}");
        Self { machine, maker }
    }

    fn device(&self, name: &str) -> Arc<Device> {
        self.machine.device(Bus::Platform, name).unwrap()
    }

    fn knobs(&self, name: &str) -> Arc<Knobs> {
        crate::lock(&self.maker.0)[name].clone()
    }

    fn resets(&self, name: &str) -> u32 {
        self.knobs(name).resets.load(Ordering::SeqCst)
    }

    /// Take a device from its host driver.
    fn free(&self, name: &str) {
        let driver = self.device(name).driver().unwrap();
        self.machine.unbind(Bus::Platform, driver.name(), name, &NoWait).unwrap();
    }

    /// Take it and claim its group.
    fn own(&self, name: &str, owner: u64) {
        self.free(name);
        self.device(name).group().unwrap().claim(Owner(owner)).unwrap();
    }

    fn reset(&self, name: &str, owner: u64, breadth: Breadth) -> Result<(), ResetRefusal> {
        let plan = self.machine.plan_reset(&self.device(name), Ask::Any, breadth)?;
        self.machine.reset(&plan, &Asker::of(Owner(owner)))
    }
}

#[test]
fn a_dedicated_line_resets_its_device() {
    let bench = Bench::new(&[("a", &[3])]);
    bench.own("a", 1);
    bench.device("a").store(0, 0, Width::Word, 7);
    assert_eq!(bench.machine.reset_methods(&bench.device("a")).in_use(), [Scope::Controller]);
    bench.reset("a", 1, Breadth::Dedicated).unwrap();
    assert_eq!((bench.resets("a"), bench.device("a").load(0, 0, Width::Word)), (1, 0));
    assert!(!bench.device("a").is_held_in_reset() && !bench.device("a").dma().is_held());
    assert!(matches!(bench.reset("a", 2, Breadth::Dedicated), Err(ResetRefusal::NotYours(_))));
}

#[test]
fn a_device_in_reset_reads_as_nothing_and_does_no_dma() {
    let bench = Bench::new(&[("a", &[3])]);
    let device = bench.device("a");
    device.store(0, 0, Width::Word, 7);
    let line = bench.machine.reset_core().get(&device.facts().resets, 0, Share::Exclusive, Need::Required);
    let line = line.unwrap().unwrap();
    line.assert().unwrap();
    device.store(0, 0, Width::Word, 9);
    assert!(device.is_held_in_reset() && device.dma().is_held());
    assert_eq!((device.load(0, 0, Width::Word), device.is_reset()), (0, Some(true)));
    line.deassert().unwrap();
    device.store(0, 0, Width::Word, 9);
    assert_eq!((device.load(0, 0, Width::Word), device.dma().is_held()), (9, false));
    assert_eq!(line.reset().unwrap_err().errno(), errno::ENOTSUPP);
}

#[test]
fn a_shared_line_is_refused_until_all_on_it_are_the_askers() {
    let pwms: Vec<String> = (0..7).map(|pwm| format!("pwm{pwm}")).collect();
    let devices: Vec<(&str, &[u32])> = pwms.iter().map(|pwm| (pwm.as_str(), &[23][..])).collect();
    let bench = Bench::new(&devices);
    bench.own("pwm0", 1);
    let refused = bench.reset("pwm0", 1, Breadth::Dedicated).unwrap_err();
    assert!(matches!(refused, ResetRefusal::NotDedicated { .. }));
    let Err(ResetRefusal::NotYours(NotYours { device, holder })) = bench.reset("pwm0", 1, Breadth::Shared)
    else {
        panic!("it must be refused");
    };
    assert_eq!((device.as_str(), holder), ("pwm1", Holder::Host { driver: "vendor-block".to_owned() }));
    pwms[1..6].iter().for_each(|pwm| bench.own(pwm, 1));
    bench.own("pwm6", 2);
    let refused = bench.reset("pwm0", 1, Breadth::Shared).unwrap_err();
    let holder = Holder::User(Owner(2));
    assert_eq!(refused, ResetRefusal::NotYours(NotYours { device: "pwm6".to_owned(), holder }));
    assert_eq!(refused.errno(), errno::EPERM);
    assert!(pwms.iter().all(|pwm| bench.resets(pwm) == 0));
    let plan = bench.machine.plan_reset(&bench.device("pwm0"), Ask::Any, Breadth::Shared).unwrap();
    assert_eq!(plan.affected.len(), 7);
    let both = Asker { claims: vec![Owner(1), Owner(2)], devices: Vec::new() };
    bench.machine.reset(&plan, &both).unwrap();
    assert!(pwms.iter().all(|pwm| bench.resets(pwm) == 1));
    assert_eq!(bench.machine.reset_sets().len(), 1);
}

#[test]
fn what_nobody_has_may_be_reset_when_it_is_quiet() {
    let bench = Bench::new(&[("host", &[1, 2]), ("phy", &[1])]);
    bench.own("host", 1);
    bench.free("phy");
    bench.knobs("phy").running.store(true, Ordering::SeqCst);
    let refused = bench.reset("host", 1, Breadth::Shared).unwrap_err();
    assert!(matches!(&refused, ResetRefusal::NotYours(it) if it.holder == Holder::NobodyAtWork));
    bench.knobs("phy").running.store(false, Ordering::SeqCst);
    bench.reset("host", 1, Breadth::Shared).unwrap();
    assert_eq!((bench.resets("host"), bench.resets("phy")), (1, 1), "its lines are held together");
}

#[test]
fn a_device_whose_reset_fails_stays_blocked_until_one_succeeds() {
    let bench = Bench::new(&[("a", &[3])]);
    bench.own("a", 1);
    let device = bench.device("a");
    device.store(0, 0, Width::Word, 7);
    bench.knobs("a").hangs.store(true, Ordering::SeqCst);
    let failed = bench.reset("a", 1, Breadth::Dedicated).unwrap_err();
    device.store(0, 0, Width::Word, 9);
    assert_eq!(device.load(0, 0, Width::Word), 0, "it reads as a device in reset, and takes nothing");
    assert_eq!((&failed, failed.errno()), (&ResetRefusal::NotReset { device: "a".to_owned() }, errno::EIO));
    assert!(device.is_blocked() && device.dma().is_held() && !failed.before_anything());
    bench.knobs("a").hangs.store(false, Ordering::SeqCst);
    bench.reset("a", 1, Breadth::Dedicated).unwrap();
    assert!(!device.is_blocked() && !device.dma().is_held());
    device.store(0, 0, Width::Word, 9);
    assert_eq!(device.load(0, 0, Width::Word), 9);
}

#[test]
fn a_plan_is_no_use_once_another_device_is_on_its_line() {
    let bench = Bench::new(&[("a", &[3])]);
    bench.own("a", 1);
    let plan = bench.machine.plan_reset(&bench.device("a"), Ask::Any, Breadth::Dedicated).unwrap();
    let late =
        firmware::Device { resets: plan.device.facts().resets.clone(), ..described("b", "vendor,block") };
    let mut devices = bench.machine.board().devices.clone();
    devices.push(late);
    bench.machine.change_board(board(devices), &NoWait).unwrap();
    let stale = ResetRefusal::Stale { device: "a".to_owned(), other: "b".to_owned() };
    assert_eq!(bench.machine.reset(&plan, &Asker::of(Owner(1))), Err(stale));
    assert_eq!((bench.resets("a"), bench.resets("b"), bench.device("a").is_blocked()), (0, 0, false));
}

#[test]
fn a_line_in_other_hands_is_busy_and_nothing_is_done() {
    let bench = Bench::new(&[("a", &[3, 4])]);
    bench.own("a", 1);
    let resets = bench.device("a").facts().resets.clone();
    let other = bench.machine.reset_core().get(&resets, 1, Share::Exclusive, Need::Required).unwrap();
    let failed = bench.reset("a", 1, Breadth::Shared).unwrap_err();
    assert_eq!((failed.errno(), failed.before_anything()), (errno::EBUSY, true));
    assert_eq!((bench.resets("a"), bench.device("a").is_blocked()), (0, false));
    drop(other);
    bench.reset("a", 1, Breadth::Shared).unwrap();
}

#[test]
fn a_devices_own_phy_does_not_keep_its_line_from_being_its_own() {
    let bench = Bench::of(&[("host", &[3]), ("phy", &[3])], |device| {
        if device.name == "host" {
            let phy = firmware::Specifier { path: "/phy".into(), ..firmware::Specifier::default() };
            device.suppliers.push(firmware::Supplier { kind: firmware::Reference::Phy, specifier: phy });
        }
    });
    bench.own("host", 1);
    assert!(matches!(bench.reset("host", 1, Breadth::Dedicated), Err(ResetRefusal::NotYours(_))));
    bench.free("phy");
    bench.reset("host", 1, Breadth::Dedicated).unwrap();
    assert_eq!((bench.resets("host"), bench.resets("phy")), (1, 1));
}

struct Nothing;

impl IrqHandler for Nothing {
    fn interrupt(&self, _: &IrqLine) {}
}

#[test]
fn interrupts_are_masked_meanwhile_and_as_they_were_afterwards() {
    let bench = Bench::new(&[("a", &[3])]);
    bench.own("a", 1);
    let device = bench.device("a");
    let line = device.irq(0).unwrap().clone();
    line.request(Arc::new(Nothing), Start::Enabled).unwrap();
    bench.knobs("a").hangs.store(true, Ordering::SeqCst);
    bench.reset("a", 1, Breadth::Dedicated).unwrap_err();
    assert!(!line.is_enabled());
    bench.knobs("a").hangs.store(false, Ordering::SeqCst);
    bench.reset("a", 1, Breadth::Dedicated).unwrap();
    assert!(line.is_enabled());
}

#[test]
fn what_cannot_be_had_is_refused_before_anything_happens() {
    let bench = Bench::new(&[("a", &[99]), ("none", &[])]);
    bench.own("a", 1);
    let failed = bench.reset("a", 1, Breadth::Dedicated).unwrap_err();
    assert_eq!((failed.errno(), bench.resets("a")), (errno::EINVAL, 0));
    bench.free("none");
    let plan = |ask| bench.machine.plan_reset(&bench.device("none"), ask, Breadth::Shared).map(|_| ());
    assert_eq!(plan(Ask::Any), Err(ResetRefusal::NoMethod { device: "none".to_owned() }));
    let pci = Err(ResetRefusal::NotAvailable { scope: Scope::Flr });
    assert_eq!(plan(Ask::Only(Scope::Flr)), pci);
    bench.machine.set_reset_methods(&bench.device("a"), "\n").unwrap();
    assert!(matches!(bench.reset("a", 1, Breadth::Shared), Err(ResetRefusal::NoMethod { .. })));
}

/// A `_RST` that asks for a reset of the same device.
struct Recursive(Mutex<Option<Arc<Machine>>>);

impl AcpiReset for Recursive {
    fn describes_machine(&self) -> bool {
        true
    }

    fn has(&self, _: &str) -> bool {
        true
    }

    fn evaluate(&self, device: &str, _: &dyn SystemMemory) -> Result<(), AcpiFailure> {
        let Some(machine) = crate::lock(&self.0).take() else { return Ok(()) };
        let device = machine.device(Bus::Platform, device).unwrap();
        let plan = machine.plan_reset(&device, Ask::Any, Breadth::Shared).unwrap();
        let says = |refusal: ResetRefusal| AcpiFailure::Interpreter { says: refusal.to_string() };
        machine.reset(&plan, &Asker::of(Owner(1))).map_err(says)
    }
}

#[test]
fn with_acpi_nothing_but_its_method_resets_and_a_reset_in_a_reset_is_refused() {
    let bench = Bench::new(&[("a", &[3])]);
    bench.own("a", 1);
    bench.machine.set_acpi_reset(Arc::new(Recursive(Mutex::new(Some(bench.machine.clone())))));
    assert_eq!(bench.machine.reset_methods(&bench.device("a")).show(), "acpi\n");
    let failed = bench.reset("a", 1, Breadth::Shared).unwrap_err();
    let says = "a is being reset".to_owned();
    assert_eq!(failed.errno(), errno::EINVAL);
    assert_eq!(failed, ResetRefusal::Acpi { device: "a".to_owned(), why: AcpiFailure::Interpreter { says } });
    bench.reset("a", 1, Breadth::Shared).unwrap();
}

/// A `_RST` that stores 0 to these addresses.
struct Stores(Vec<u64>);

impl AcpiReset for Stores {
    fn describes_machine(&self) -> bool {
        true
    }

    fn has(&self, device: &str) -> bool {
        device == "-a" || device == "a"
    }

    fn evaluate(&self, _: &str, memory: &dyn SystemMemory) -> Result<(), AcpiFailure> {
        for &address in &self.0 {
            memory.store(address, Width::Word, 0)?;
            memory.load(address, Width::Word)?;
        }
        Ok(())
    }
}

#[test]
fn a_method_reaches_registers_as_far_as_their_devices_are_the_askers() {
    let bench = Bench::new(&[("a", &[]), ("b", &[])]);
    bench.own("a", 1);
    let method = |addresses: &[u64]| {
        bench.machine.set_acpi_reset(Arc::new(Stores(addresses.to_vec())));
        bench.device("a").store(0, 0, Width::Word, 7);
        bench.reset("a", 1, Breadth::Dedicated)
    };
    // Its own, and where nothing is.
    assert_eq!(method(&[0x1_0000, 0xdead_0000, 0x1_0ffd, u64::MAX]), Ok(()));
    assert_eq!(bench.device("a").load(0, 0, Width::Word), 0);
    // A host driver's.
    bench.device("b").store(0, 0, Width::Word, 5);
    let driver = "vendor-block".to_owned();
    let not_yours = |holder| AcpiFailure::NotYours(NotYours { device: "b".to_owned(), holder });
    let refused = |holder| {
        let refusal = ResetRefusal::Acpi { device: "a".to_owned(), why: not_yours(holder) };
        assert_eq!(refusal.errno(), errno::EPERM);
        Err(refusal)
    };
    assert_eq!(method(&[0x1_0000, 0x1_1000]), refused(Holder::Host { driver }));
    assert!(bench.device("a").is_blocked());
    assert_eq!(bench.device("b").load(0, 0, Width::Word), 5);
    // The next try reaches the device all the same.
    bench.device("a").store_as_driver(0, 0, Width::Word, 7);
    assert_eq!(method(&[0x1_0000]), Ok(()));
    assert_eq!((bench.device("a").is_blocked(), bench.device("a").load(0, 0, Width::Word)), (false, 0));
    // Another user's, the asker's own, nobody's.
    bench.free("b");
    bench.device("b").group().unwrap().claim(Owner(2)).unwrap();
    assert_eq!(method(&[0x1_1000]), refused(Holder::User(Owner(2))));
    bench.device("b").group().unwrap().release(Owner(2)).unwrap();
    assert_eq!(method(&[0x1_1000]), Ok(()));
    assert!(!bench.device("a").is_blocked());
    assert_eq!(bench.device("b").load(0, 0, Width::Word), 0);
    bench.device("b").group().unwrap().claim(Owner(1)).unwrap();
    assert_eq!(method(&[0x1_1000]), Ok(()));
    // One that is just being given to somebody.
    let device = bench.device("b");
    let lock = device.lock_reset();
    let why = AcpiFailure::Busy { device: "b".to_owned() };
    assert_eq!(method(&[0x1_1000]), Err(ResetRefusal::Acpi { device: "a".to_owned(), why }));
    drop(lock);
}

#[test]
fn a_controller_that_is_gone_resets_nothing() {
    let bench = Bench::new(&[("a", &[3])]);
    bench.own("a", 1);
    bench.free("rst");
    let failed = bench.reset("a", 1, Breadth::Shared).unwrap_err();
    assert_eq!((failed.errno(), bench.resets("a")), (errno::EPROBE_DEFER, 0));
}

/// Whose a device is, in a random topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Host,
    User(u64),
    Nobody,
    NobodyAtWork,
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![
        Just(Whose::Host),
        (1..4u64).prop_map(Whose::User),
        Just(Whose::Nobody),
        Just(Whose::NobodyAtWork)
    ]
}

/// A request: for which device, with which claims, with which devices shown, and how broad.
type Request = (usize, std::collections::BTreeSet<u64>, std::collections::BTreeSet<usize>, bool);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_reset_reaches_what_is_on_its_lines_if_all_of_that_is_its_askers_and_else_nothing(
        lines in proptest::collection::vec(proptest::collection::btree_set(0..5u32, 0..3), 2..7),
        whose in proptest::collection::vec(whose(), 7),
        requests in proptest::collection::vec(
            (0..7usize, proptest::collection::btree_set(1..4u64, 0..4),
             proptest::collection::btree_set(0..7usize, 0..4), any::<bool>()),
            1..12,
        ),
    ) {
        let names: Vec<String> = (0..lines.len()).map(|at| format!("d{at}")).collect();
        let cells: Vec<Vec<u32>> = lines.iter().map(|set| set.iter().copied().collect()).collect();
        let devices: Vec<(&str, &[u32])> =
            names.iter().zip(&cells).map(|(name, cells)| (name.as_str(), cells.as_slice())).collect();
        let bench = Bench::new(&devices);
        for (name, whose) in names.iter().zip(&whose) {
            match whose {
                Whose::Host => {}
                Whose::User(owner) => bench.own(name, *owner),
                Whose::Nobody | Whose::NobodyAtWork => bench.free(name),
            }
        }
        let requests: Vec<Request> = requests;
        for (target, claims, shown, dedicated) in requests {
            let target = target % names.len();
            for (name, whose) in names.iter().zip(&whose) {
                bench.knobs(name).running.store(*whose == Whose::NobodyAtWork, Ordering::SeqCst);
            }
            let before: Vec<u32> = names.iter().map(|name| bench.resets(name)).collect();
            let asker = Asker {
                claims: claims.iter().map(|owner| Owner(*owner)).collect(),
                devices: shown.iter().filter_map(|at| names.get(*at)).map(|name| bench.device(name).id()).collect(),
            };
            let breadth = if dedicated { Breadth::Dedicated } else { Breadth::Shared };
            let plan = bench.machine.plan_reset(&bench.device(&names[target]), Ask::Any, breadth);
            let done = plan.and_then(|plan| bench.machine.reset(&plan, &asker));
            // Who that is, said once more without any of the machine's own words.
            let reached: Vec<usize> = (0..names.len())
                .filter(|at| *at == target || !lines[*at].is_disjoint(&lines[target]))
                .collect();
            let allowed = |at: &usize| match whose[*at] {
                Whose::Host => false,
                Whose::User(owner) => claims.contains(&owner) || shown.contains(at),
                Whose::Nobody => true,
                Whose::NobodyAtWork => shown.contains(at),
            };
            let fits = match dedicated {
                true => lines[target].len() == 1 && reached.len() == 1,
                false => !lines[target].is_empty(),
            };
            let expected = fits && reached.iter().all(allowed);
            prop_assert_eq!(done.is_ok(), expected, "{:?}", done);
            for (at, name) in names.iter().enumerate() {
                let times = u32::from(expected && reached.contains(&at));
                prop_assert_eq!(bench.resets(name) - before[at], times, "{}", name);
                prop_assert!(!bench.device(name).is_blocked() && !bench.device(name).dma().is_held());
            }
        }
    }
}
