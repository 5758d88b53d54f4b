//! Resets over real models: R-Car H3's shared lines, Aspeed's I2C line, a pin, and the reset drivers of VFIO.
//!
//! What the machine does with reset lines is tried in the kernel's own tests over devices made for it. Here the same goes through the
//! registers that Linux's drivers write, to blocks with the registers their manuals describe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uvfio_firmware::{self as firmware, Board, Reference, Specifier, Supplier};
use uvfio_kernel::device::{Bus, Device, NoScheduler};
use uvfio_kernel::hw::{Clock, Model, Width, Wires};
use uvfio_kernel::iommu::Owner;
use uvfio_kernel::machine::{Machine, ModelMaker, Options, Setup};
use uvfio_kernel::module::Params;
use uvfio_kernel::provider::reset::platform::HandlerFailed;
use uvfio_kernel::provider::reset::{
    Ask, Asker, Breadth, Holder, Line, NotYours, Relation, ResetRefusal, Scope,
};
use uvfio_kernel::wait::NoWait;
use uvfio_models::block::{Block, EHCI, OHCI, PWM_RCAR, Watch};
use uvfio_models::maker::{Facts, make};
use uvfio_models::stuck::OwnReset;

const H3: &[u8] = include_bytes!("../../../boards/rcar-h3.dtb");
const USER: Owner = Owner(7);

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_seconds(&self) -> u64 {
        0
    }
}

/// The models of the table, and watches on those that count what happens to them.
#[derive(Default)]
struct Models {
    watches: Mutex<HashMap<String, Arc<Watch>>>,
    hangs: bool,
}

impl ModelMaker for Models {
    fn make(&self, device: &firmware::Device, wires: Wires) -> Box<dyn Model> {
        let table = device.compatible.iter().find_map(|word| match word.as_str() {
            "renesas,pwm-rcar" => Some(&PWM_RCAR),
            "generic-ehci" => Some(&EHCI),
            "generic-ohci" => Some(&OHCI),
            _ => None,
        });
        if let Some(table) = table {
            let mut watches = self.watches.lock().expect("no test panics with it");
            let watch = watches.entry(device.name.clone()).or_default().clone();
            return Box::new(Block::watched(table, watch));
        }
        let facts = Facts {
            compatible: device.compatible.iter().map(String::as_str).collect(),
            regions: device.regions.iter().map(|region| region.size).collect(),
            own_reset: if self.hangs { OwnReset::Hangs } else { OwnReset::Completes },
            ..Facts::default()
        };
        make(&facts, wires)
    }
}

struct Bench {
    machine: Arc<Machine>,
    models: Arc<Models>,
}

impl Bench {
    fn new(board: Board) -> Self {
        Self::with(board, Models::default())
    }

    fn with(board: Board, models: Models) -> Self {
        let models = Arc::new(models);
        let setup = Setup {
            models: models.clone(),
            clock: Arc::new(Stopped),
            scheduler: Arc::new(NoScheduler),
            params: Params::new(Vec::new()),
            options: Options::default(),
        };
        let (machine, notes) = Machine::new(board, setup);
        assert!(notes.is_empty(), "{notes:?}");
        Self { machine, models }
    }

    fn h3() -> Self {
        let (board, _) = Board::from_dtb(H3).expect("the board is in the repository");
        Self::new(board)
    }

    fn device(&self, name: &str) -> Arc<Device> {
        self.machine.device(Bus::Platform, name).unwrap_or_else(|| panic!("no device {name}"))
    }

    fn watch(&self, name: &str) -> Arc<Watch> {
        self.models.watches.lock().expect("no test panics with it")[name].clone()
    }

    fn free(&self, name: &str) {
        let driver = self.device(name).driver().expect("a host driver has it");
        self.machine.unbind(Bus::Platform, driver.name(), name, &NoWait).expect("it lets go");
    }

    /// Take devices from their host drivers and claim their groups.
    fn own(&self, names: &[&str]) {
        names.iter().for_each(|name| self.free(name));
        for name in names {
            let group = self.device(name).group().expect("it is behind an IOMMU");
            if group.owner().is_none() {
                group.claim(USER).expect("nobody has it");
            }
        }
    }

    fn reset(&self, name: &str) -> Result<(), ResetRefusal> {
        let plan = self.machine.plan_reset(&self.device(name), Ask::Any, Breadth::Shared)?;
        self.machine.reset(&plan, &Asker::of(USER))
    }

    fn load(&self, name: &str, offset: u64) -> u64 {
        self.device(name).load(0, offset, Width::Word)
    }

    fn store(&self, name: &str, offset: u64, value: u64) {
        self.device(name).store(0, offset, Width::Word, value);
    }
}

fn pwms() -> [String; 7] {
    std::array::from_fn(|channel| format!("e6e3{channel}000.pwm"))
}

#[test]
fn one_pwm_channel_alone_is_refused_and_all_seven_are_reset() {
    let bench = Bench::h3();
    let pwms = pwms();
    let names = pwms.each_ref().map(String::as_str);
    names.iter().for_each(|pwm| bench.store(pwm, 0x0, 1));
    bench.own(&names[..1]);
    let refused = bench.reset(names[0]).expect_err("the others are their host driver's");
    let holder = Holder::Host { driver: "pwm-rcar".to_owned() };
    assert_eq!(refused, ResetRefusal::NotYours(NotYours { device: names[1].to_owned(), holder }));
    assert!(names.iter().all(|pwm| bench.watch(pwm).resets() == 0 && bench.load(pwm, 0) == 1));
    bench.own(&names[1..]);
    bench.reset(names[0]).expect("all seven are ours");
    assert!(names.iter().all(|pwm| bench.watch(pwm).resets() == 1 && bench.load(pwm, 0) == 0));
}

#[test]
fn a_usb_host_is_reset_with_its_phy() {
    let bench = Bench::h3();
    let (host, phy) = ("ee0a0100.usb", "ee0a0200.usb-phy");
    bench.own(&[host]);
    assert_eq!(bench.machine.reset_relation(&bench.device(host), &bench.device(phy)), Relation::Phy);
    bench.store(host, 0x10, 0x0008_0001);
    assert!(matches!(bench.reset(host), Err(ResetRefusal::NotYours(it)) if it.device == phy));
    bench.free(phy);
    bench.reset(host).expect("the phy is nobody's, and quiet");
    assert_eq!((bench.load(host, 0x10), bench.watch(host).disturbed()), (0x0008_0000, 1));
}

#[test]
fn hosts_that_share_lines_see_nothing_of_a_refused_reset() {
    let bench = Bench::h3();
    let (ohci, ehci) = ("ee080000.usb", "ee080100.usb");
    bench.store(ohci, 0x4, 0x80);
    bench.store(ehci, 0x10, 0x0008_0001);
    let members = [ehci, "e6590000.hsusb", "ee000000.usb", "ee020000.usb", ohci];
    bench.free(ehci);
    let refused = bench.reset(ehci).expect_err("its group is not claimed, and others are at work");
    assert!(matches!(refused, ResetRefusal::NotYours(_)), "{refused:?}");
    assert_eq!((bench.watch(ohci).resets(), bench.watch(ehci).resets()), (0, 0));
    for member in &members[1..] {
        bench.free(member);
    }
    bench.free("ee080200.usb-phy");
    bench.device(ehci).group().expect("it is behind an IOMMU").claim(USER).expect("nobody has it");
    bench.reset(ehci).expect("all on its lines are ours, or quiet and nobody's");
    assert_eq!((bench.watch(ohci).resets(), bench.watch(ehci).resets()), (1, 1));
}

#[test]
fn a_line_of_its_own_needs_nobody() {
    let bench = Bench::h3();
    let dmac = "e6700000.dma-controller";
    bench.own(&[dmac]);
    let plan =
        bench.machine.plan_reset(&bench.device(dmac), Ask::Any, Breadth::Dedicated).expect("it has one");
    assert_eq!((plan.scope, plan.lines.as_slice()), (Scope::Controller, &[cpg(2 * 32 + 19)][..]));
    bench.machine.reset(&plan, &Asker::of(USER)).expect("it is ours");
    let ask =
        |name: &str| bench.machine.plan_reset(&bench.device(name), Ask::Any, Breadth::Dedicated).map(drop);
    assert!(matches!(ask("e6e30000.pwm"), Err(ResetRefusal::NotDedicated { .. })));
    assert!(matches!(ask("ee080100.usb"), Err(ResetRefusal::NotOneLine { lines: 2, .. })));
}

/// Every line of the controller is in the same few registers; only the one asked for may move.
#[test]
fn devices_at_work_on_other_lines_notice_nothing() {
    let bench = Bench::h3();
    let pwms = pwms();
    let hosts = ["ee080000.usb", "ee080100.usb", "ee0a0100.usb"];
    pwms.iter().for_each(|pwm| bench.store(pwm, 0x0, 1));
    bench.store(hosts[0], 0x4, 0x80);
    hosts[1..].iter().for_each(|host| bench.store(host, 0x10, 0x0008_0001));
    let dmac = "e6700000.dma-controller";
    bench.own(&[dmac]);
    bench.store(dmac, 0x0, 7);
    bench.reset(dmac).expect("it is ours, and its line too");
    assert_eq!(bench.load(dmac, 0x0), 0);
    for name in pwms.iter().map(String::as_str).chain(hosts) {
        let watch = bench.watch(name);
        assert_eq!((watch.resets(), watch.disturbed()), (0, 0), "{name}");
        assert!(bench.device(name).activity().running && !bench.device(name).dma().is_held(), "{name}");
    }
}

fn cpg(line: u32) -> Line {
    Line::at("/soc/clock-controller@e6150000", line)
}

#[test]
fn the_sets_of_the_board_are_those_of_its_lines() {
    let bench = Bench::h3();
    let name = |id: &_| bench.machine.device_by_id(*id).expect("it is there").name().to_owned();
    let mut sets: Vec<(usize, Vec<String>)> = bench
        .machine
        .reset_sets()
        .iter()
        .map(|set| (set.lines.len(), set.devices.iter().map(name).collect()))
        .collect();
    sets.iter_mut().for_each(|(_, names)| names.sort());
    sets.sort();
    let usb2 = ["e6590000.hsusb", "ee080000.usb", "ee080100.usb", "ee080200.usb-phy"];
    let usb3 = ["e65ee000.usb-phy", "ee000000.usb", "ee020000.usb"];
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        sets,
        [
            (1, names(&usb3)),
            (1, pwms().to_vec()),
            (1, names(&["ee0a0100.usb", "ee0a0200.usb-phy"])),
            (2, names(&usb2)),
        ]
    );
}

/// A device without an IOMMU at a path of a board made by hand.
fn device(name: &str, compatible: &str, size: u64) -> firmware::Device {
    firmware::Device {
        name: name.to_owned(),
        path: format!("/{name}").into(),
        compatible: vec![compatible.to_owned()],
        regions: vec![firmware::Region { name: None, base: 0, size }],
        ..firmware::Device::default()
    }
}

fn specifier(provider: &str, cells: &[u32]) -> Specifier {
    Specifier { path: format!("/{provider}").into(), cells: cells.into(), ..Specifier::default() }
}

fn by_hand(devices: Vec<firmware::Device>) -> Board {
    Board { model: "by hand".to_owned(), devices, ..Board::default() }
}

fn reset_of(bench: &Bench, name: &str) -> Result<(), ResetRefusal> {
    let device = bench.device(name);
    if device.driver().is_some() {
        bench.free(name);
    }
    let plan = bench.machine.plan_reset(&device, Ask::Any, Breadth::Shared)?;
    bench.machine.reset(&plan, &Asker { claims: Vec::new(), devices: vec![device.id()] })
}

#[test]
fn aspeeds_one_line_resets_all_i2c_buses() {
    let mut devices = vec![device("scu", "aspeed,ast2500-scu", 0x1000)];
    for bus in 0..3 {
        let mut i2c = device(&format!("i2c{bus}"), "generic-ehci", 0x100);
        i2c.resets.push(specifier("scu", &[7]));
        devices.push(i2c);
    }
    let bench = Bench::new(by_hand(devices));
    assert!(matches!(reset_of(&bench, "i2c0"), Err(ResetRefusal::NotYours(_))));
    ["i2c1", "i2c2"].iter().for_each(|name| bench.free(name));
    reset_of(&bench, "i2c0").expect("the others are nobody's");
    assert!((0..3).all(|bus| bench.watch(&format!("i2c{bus}")).resets() == 1));
}

#[test]
fn a_pin_resets_where_there_is_no_line() {
    for (flags, level) in [(0, 0), (1, 8)] {
        let mut block = device("block", "generic-ehci", 0x100);
        let pin = Specifier { name: Some("reset".to_owned()), ..specifier("gpio", &[3, flags]) };
        block.suppliers.push(Supplier { kind: Reference::Gpio, specifier: pin });
        let bench = Bench::new(by_hand(vec![device("gpio", "arm,pl061", 0x1000), block]));
        reset_of(&bench, "block").expect("the pin is its own");
        assert_eq!(bench.watch("block").resets(), 1);
        assert_eq!(bench.load("gpio", 8 << 2), level, "released again");
    }
}

#[test]
fn vfios_reset_drivers_bring_their_devices_to_rest() {
    for (compatible, sizes) in [
        ("calxeda,hb-xgmac", &[0x1000][..]),
        ("amd,xgbe-seattle-v1a", &[0x8000, 0x1000]),
        ("brcm,iproc-flexrm-mbox", &[0x2_0000]),
    ] {
        let mut described = device("dev", compatible, 0);
        let region = |size: &u64| firmware::Region { name: None, base: 0, size: *size };
        described.regions = sizes.iter().map(region).collect();
        let board = || by_hand(vec![described.clone()]);
        let bench = Bench::new(board());
        bench.store("dev", 0x0, 0xc);
        reset_of(&bench, "dev").unwrap_or_else(|why| panic!("{compatible}: {why}"));
        assert!(!bench.device("dev").activity().running, "{compatible}");
        let stuck = Bench::with(board(), Models { hangs: true, ..Models::default() });
        let done = reset_of(&stuck, "dev");
        let expected = match compatible {
            "amd,xgbe-seattle-v1a" => Err(HandlerFailed::Mac),
            "brcm,iproc-flexrm-mbox" => Err(HandlerFailed::Ring { ring: 0 }),
            _ => Ok(()),
        };
        let blocked = expected.is_err();
        assert_eq!(done, expected.map_err(|why| ResetRefusal::Handler { device: "dev".to_owned(), why }));
        assert_eq!(stuck.device("dev").is_blocked(), blocked, "{compatible}");
    }
}
