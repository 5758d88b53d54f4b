//! The order in which a device is handed back: DMA, interrupts, reset, power; and what the next driver gets.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tests::{behind, board, device, setup};
use super::*;
use crate::addr::{Iova, UserAddr};
use crate::device::Power;
use crate::hw::{
    Access, Activity, Backing, Dma, Level, Line, MemoryGone, Progress, ResetFailed, ResetKind, Width,
};
use crate::iommu::{Domain, Owner, Prot};
use crate::irq::{IrqHandler, IrqLine, Start};
use crate::wait::NoWait;

const P: Bus = Bus::Platform;

/// Writes to memory and interrupts whenever it is looked at, from the first store to its registers until it is reset. The worst a
/// device can do while it is handed back.
struct Restless {
    dma: Arc<dyn Dma>,
    line: Arc<dyn Line>,
    busy: bool,
}

impl Restless {
    fn act(&mut self) {
        if self.busy {
            let _ = self.dma.write(Iova(0x1000), &[1]);
            self.line.set(Level::Low);
            self.line.set(Level::High);
        }
    }
}

impl Model for Restless {
    fn read(&mut self, _: usize, _: u64, _: Width) -> u64 {
        self.act();
        0
    }

    fn write(&mut self, _: usize, _: u64, _: Width, _: u64) {
        self.busy = true;
        self.act();
    }

    fn run(&mut self, _: u32) -> Progress {
        self.act();
        Progress::Idle
    }

    fn reset(&mut self, _: ResetKind) -> Result<(), ResetFailed> {
        self.act();
        self.busy = false;
        self.line.set(Level::Low);
        Ok(())
    }

    fn activity(&self) -> Activity {
        Activity { running: self.busy, interrupting: self.busy }
    }
}

struct RestlessOnes;

impl ModelMaker for RestlessOnes {
    fn make(&self, device: &firmware::Device, wires: Wires) -> Box<dyn Model> {
        let line = wires.lines.first().unwrap_or_else(|| panic!("{} has a line", device.name)).clone();
        Box::new(Restless { dma: wires.dma, line, busy: false })
    }
}

/// A program's memory, which counts what reaches it.
#[derive(Default)]
struct Memory(AtomicU64);

impl Backing for Memory {
    fn read(&self, _: UserAddr, _: &mut [u8]) -> Result<(), MemoryGone> {
        Ok(())
    }

    fn write(&self, _: UserAddr, bytes: &[u8]) -> Result<(), MemoryGone> {
        self.0.fetch_add(bytes.len() as u64, Ordering::SeqCst);
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

/// Counts interrupts.
#[derive(Default)]
struct Told(AtomicU64);

impl IrqHandler for Told {
    fn interrupt(&self, _: &IrqLine) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn dma_stops_then_interrupts_go_then_it_is_reset_then_power_goes() {
    let mut wired = behind(device("dev", "acme,dev"), "smmu");
    wired.interrupts.push(firmware::Interrupt { path: "/gic".into(), ..firmware::Interrupt::default() });
    let mut smmu = device("smmu", "arm,smmu-v3");
    smmu.interrupts.push(firmware::Interrupt { path: "/gic".into(), number: 1, ..Default::default() });
    let (setup, _) = setup(Arc::new(RestlessOnes), Options::default());
    let (machine, _) = Machine::new(board(vec![smmu, wired]), setup);
    let device = machine.device(P, "dev").unwrap();
    machine.unbind(P, "acme-dev", "dev", &NoWait).unwrap();

    let group = device.group().unwrap();
    let owner = Owner(1);
    group.claim(owner).unwrap();
    let (memory, told) = (Arc::new(Memory::default()), Arc::new(Told::default()));
    let domain = Domain::paging(group.iommu().clone());
    let all = Prot { read: true, write: true, exec: false };
    domain.map(Iova(0x1000), 0x1000, all, memory.clone(), UserAddr(0)).unwrap();
    group.attach(owner, &domain).unwrap();
    device.take_up();
    let line = device.irq(0).unwrap().clone();
    line.request(told.clone(), Start::Enabled).unwrap();
    device.store(0, 0, Width::Word, 1);

    // At each stage the device does its worst, and what came of it is written down.
    let seen = Mutex::new(Vec::new());
    let stage = |name: &'static str| {
        let before = (memory.0.load(Ordering::SeqCst), told.0.load(Ordering::SeqCst));
        device.load(0, 0, Width::Word);
        let after = (memory.0.load(Ordering::SeqCst), told.0.load(Ordering::SeqCst));
        let what = (after.0 > before.0, after.1 > before.1, device.activity().running, device.power());
        crate::lock(&seen).push((name, what));
    };
    stage("open");
    let handed = device.hand_back(
        || {
            stage("before interrupts go");
            line.free();
            stage("before reset");
        },
        |device| {
            let done = device.reset(ResetKind::Line);
            stage("before power goes");
            Some(done)
        },
    );
    stage("handed back");
    let (active, suspended) = (Power::Active, Power::Suspended);
    // Whether it reached memory, whether an interrupt was delivered, whether it runs, and its power.
    assert_eq!(
        *crate::lock(&seen),
        [
            ("open", (true, true, true, active)),
            ("before interrupts go", (false, true, true, active)),
            ("before reset", (false, false, true, active)),
            ("before power goes", (false, false, false, active)),
            ("handed back", (false, false, false, suspended)),
        ]
    );
    assert!(handed.is_quiet());
    assert!(device.dma().faults().total >= 2, "what it tried is counted");

    // Only now may memory be somebody else's, and the host driver gets a device that is at rest.
    let _ = domain.unmap(Iova(0x1000), 0x1000);
    group.release(owner).unwrap();
    let before = device.seen_by_host();
    machine.bind(P, "acme-dev", "dev", &NoWait).unwrap();
    device.run(1);
    let now = device.seen_by_host();
    assert_eq!(now.times, before.times + 1);
    assert_eq!((now.running, now.interrupting, now.moved, now.raised), (0, 0, 0, 0));
}
