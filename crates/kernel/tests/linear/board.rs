//! A board of any size: half its devices behind IOMMUs, a fifth waiting for a clock whose driver comes late, all wired to one
//! interrupt controller, some on reset lines, and a few more that are plugged in and out one at a time.

use std::sync::Arc;
use std::time::Duration;

use uvfio_firmware as firmware;
use uvfio_kernel::device::{Bus, NoScheduler};
use uvfio_kernel::hw::{Activity, Clock, Model, Progress, ResetFailed, ResetKind, Width, Wires};
use uvfio_kernel::machine::{Machine, ModelMaker, Options, Setup};
use uvfio_kernel::module::{ModuleName, Params};
use uvfio_kernel::wait::NoWait;

/// The driver of the late clock.
const LATE: &str = "acme-late";

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

/// The time does not pass.
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_seconds(&self) -> u64 {
        0
    }
}

fn device(name: String, compatible: &str) -> firmware::Device {
    firmware::Device {
        path: format!("/{name}").into(),
        name,
        compatible: vec![compatible.to_owned()],
        ..firmware::Device::default()
    }
}

fn to(name: &str, cells: &[u32]) -> firmware::Specifier {
    let path = format!("/{name}").into();
    firmware::Specifier { path, cells: cells.iter().copied().collect(), ..firmware::Specifier::default() }
}

/// Device number `at` of those that are not there for others.
fn consumer(at: usize, size: usize) -> firmware::Device {
    let mut device = device(format!("d{at}"), &format!("acme,kind-{}", at * 50 / size));
    let number = u32::try_from(at).expect("boards are small");
    let interrupt = firmware::Interrupt { path: "/gic".into(), number, ..Default::default() };
    device.interrupts.push(interrupt);
    device.clocks.push(to(&format!("clock{}", at % 10), &[]));
    if at.is_multiple_of(2) {
        device.iommus.push(to(&format!("smmu{}", at % (size / 100)), &[number]));
    }
    if at.is_multiple_of(5) {
        device.clocks.push(to("late", &[]));
    }
    if at.is_multiple_of(7) {
        device.resets.push(to(&format!("reset{}", at % (size / 100)), &[number % 256]));
    }
    device
}

/// `size` devices, and as many as a hundredth of that to be plugged in later.
pub fn board(size: usize) -> (firmware::Board, Vec<firmware::Device>) {
    let mut devices = vec![device("gic".to_owned(), "arm,gic-v3"), device("late".to_owned(), "acme,late")];
    devices.extend((0..10).map(|at| device(format!("clock{at}"), "fixed-clock")));
    for at in 0..size / 100 {
        devices.push(device(format!("smmu{at}"), "arm,smmu-v3"));
        devices.push(device(format!("reset{at}"), "snps,dw-high-reset"));
    }
    let described = devices.len();
    // Consumers first: every one of them meets suppliers that are not there yet.
    let mut all: Vec<firmware::Device> = (described..size).map(|at| consumer(at, size)).collect();
    all.append(&mut devices);
    let more = (size..size + size / 100).map(|at| consumer(at, size)).collect();
    (firmware::Board { devices: all, ..firmware::Board::default() }, more)
}

/// Bring a board up, plug devices in and every second one out again, let the late clock come, and see that nobody waits any more.
/// Returns the machine, and how many devices waited for the clock.
pub fn bring_up(board: firmware::Board, more: &[firmware::Device]) -> (Arc<Machine>, usize) {
    let setup = Setup {
        models: Arc::new(Nothings),
        clock: Arc::new(Still),
        scheduler: Arc::new(NoScheduler),
        params: Params::new(Vec::new()),
        options: Options { absent_modules: vec![ModuleName::new(LATE)], ..Options::default() },
    };
    let (machine, notes) = Machine::new(board, setup);
    assert_eq!(notes, []);
    for one in more {
        machine.plug(std::slice::from_ref(one)).expect("its name is free");
    }
    for one in more.iter().step_by(2) {
        machine.unplug(Bus::Platform, &one.name, &NoWait).expect("nobody uses it");
    }
    let waited = machine.deferred().len();
    machine.load_module(LATE, &[]).expect("it is known");
    let idle = machine.devices(Bus::Platform).into_iter().find(|device| device.driver().is_none());
    assert!(idle.is_none(), "{idle:?} has no driver");
    (machine, waited)
}
