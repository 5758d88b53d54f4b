//! The interrupt state machine against a reference, over random sequences.

use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use proptest::test_runner::Config;
use uvfio_kernel::hw::Level;
use uvfio_kernel::irq::{Start, Trigger};

use super::*;
use crate::testing::{Event, Process};

#[derive(Clone, Copy, Debug)]
enum Step {
    Raise,
    Lower,
    Mask,
    Unmask,
    Loopback,
    Set,
    Clear,
    MaskByEvent,
    UnmaskByEvent,
    WriteMask,
    WriteUnmask,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Raise),
        2 => Just(Step::Lower),
        1 => Just(Step::Mask),
        2 => Just(Step::Unmask),
        1 => Just(Step::Loopback),
        2 => Just(Step::Set),
        1 => Just(Step::Clear),
        1 => Just(Step::MaskByEvent),
        1 => Just(Step::UnmaskByEvent),
        1 => Just(Step::WriteMask),
        1 => Just(Step::WriteUnmask),
    ];
    proptest::collection::vec(step, 0..40)
}

/// What should be, written down as plainly as possible.
struct Reference {
    kind: Kind,
    high: bool,
    masked: bool,
    armed: bool,
    remembered_edge: bool,
    masks: bool,
    unmasks: bool,
    count: u64,
}

impl Reference {
    fn signal(&mut self) {
        if self.armed {
            self.count += 1;
        }
    }

    fn settle(&mut self) {
        match self.kind {
            Kind::Automasked if self.high && self.armed && !self.masked => {
                self.masked = true;
                self.signal();
            }
            Kind::Plain if self.remembered_edge && self.armed => {
                self.remembered_edge = false;
                self.signal();
            }
            _ => {}
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Raise => {
                self.remembered_edge |= !self.high;
                self.high = true;
            }
            Step::Lower => self.high = false,
            Step::Mask => self.masked = true,
            Step::Unmask => self.masked = false,
            Step::Loopback if self.kind == Kind::Plain => self.signal(),
            Step::Loopback if self.masked => {}
            Step::Loopback => {
                self.masked = true;
                self.signal();
            }
            Step::Set => self.armed = true,
            Step::Clear => self.armed = false,
            Step::MaskByEvent => self.masks = true,
            Step::UnmaskByEvent => self.unmasks = true,
            Step::WriteMask => self.masked |= self.masks,
            Step::WriteUnmask => self.masked &= !self.unmasks,
        }
        self.settle();
    }
}

struct Bench {
    process: Process,
    irq: Arc<Irq>,
    output: Arc<dyn uvfio_kernel::hw::Line>,
    trigger: (i32, Arc<Event>),
    mask: (i32, Arc<Event>),
    unmask: (i32, Arc<Event>),
}

impl Bench {
    fn new(kind: Kind) -> Self {
        let line = IrqLine::new(match kind {
            Kind::Automasked => Trigger::Level,
            Kind::Plain => Trigger::Edge,
        });
        let irq = Irq::new(0, kind, line.clone());
        line.request(irq.clone(), Start::Disabled).expect("nobody has it");
        let process = Process::new();
        let (trigger, mask, unmask) = (process.eventfd(), process.eventfd(), process.eventfd());
        Self { process, irq, output: line.output(), trigger, mask, unmask }
    }

    fn masker(&self, action: MaskAction, fd: i32) -> Result<(), IrqRefusal> {
        self.irq.set_masker(&self.process, action, fd)
    }

    fn step(&self, step: Step) {
        match step {
            Step::Raise => self.output.set(Level::High),
            Step::Lower => self.output.set(Level::Low),
            Step::Mask => drop(self.irq.mask()),
            Step::Unmask => self.irq.unmask(),
            Step::Loopback => self.irq.raise(),
            Step::Set => self.irq.set_trigger(&self.process, self.trigger.0).expect("an eventfd"),
            Step::Clear => self.irq.set_trigger(&self.process, -1).expect("always"),
            Step::MaskByEvent => drop(self.masker(MaskAction::Mask, self.mask.0)),
            Step::UnmaskByEvent => drop(self.masker(MaskAction::Unmask, self.unmask.0)),
            Step::WriteMask => {
                self.mask.1.write();
                self.mask.1.take();
            }
            Step::WriteUnmask => {
                self.unmask.1.write();
                self.unmask.1.take();
            }
        }
    }
}

fn agree(kind: Kind, steps: &[Step]) {
    let bench = Bench::new(kind);
    let mut reference = Reference {
        kind,
        high: false,
        masked: false,
        armed: false,
        remembered_edge: false,
        masks: false,
        unmasks: false,
        count: 0,
    };
    for (number, step) in steps.iter().enumerate() {
        bench.step(*step);
        reference.step(*step);
        assert_eq!(bench.trigger.1.take(), std::mem::take(&mut reference.count), "after step {number}");
    }
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn level_interrupts_agree_with_the_reference(steps in steps()) {
        agree(Kind::Automasked, &steps);
    }

    #[test]
    fn edge_interrupts_agree_with_the_reference(steps in steps()) {
        let maskable = |step: &Step| {
            matches!(step, Step::Mask | Step::Unmask | Step::MaskByEvent | Step::UnmaskByEvent)
        };
        let steps: Vec<Step> = steps.into_iter().filter(|step| !maskable(step)).collect();
        agree(Kind::Plain, &steps);
    }
}

#[test]
fn a_masked_interrupt_that_is_still_high_fires_again_when_unmasked() {
    let bench = Bench::new(Kind::Automasked);
    bench.step(Step::Set);
    bench.step(Step::Raise);
    assert_eq!(bench.trigger.1.take(), 1);
    assert_eq!(bench.trigger.1.take(), 0);
    bench.step(Step::Unmask);
    assert_eq!(bench.trigger.1.take(), 1);
    bench.step(Step::Lower);
    bench.step(Step::Unmask);
    assert_eq!(bench.trigger.1.take(), 0);
}

#[test]
fn a_second_masking_eventfd_is_refused_until_the_first_is_taken_off() {
    let bench = Bench::new(Kind::Automasked);
    let mask = |fd| bench.masker(MaskAction::Mask, fd);
    assert_eq!(mask(bench.mask.0), Ok(()));
    assert!(matches!(mask(bench.mask.0), Err(IrqRefusal::EventFdBusy { .. })));
    assert_eq!(mask(99), Err(IrqRefusal::BadFd { fd: 99 }));
    assert_eq!(mask(3), Err(IrqRefusal::NotAnEventFd { fd: 3 }));
    assert_eq!(mask(-1), Ok(()));
    assert_eq!(mask(bench.mask.0), Ok(()));
}

#[test]
fn an_eventfd_that_is_readable_already_acts_at_once_and_stays_readable() {
    let bench = Bench::new(Kind::Automasked);
    bench.step(Step::Set);
    bench.mask.1.signal();
    bench.masker(MaskAction::Mask, bench.mask.0).expect("it is set");
    assert_eq!(bench.mask.1.take(), 1);
    bench.step(Step::Raise);
    assert_eq!(bench.trigger.1.take(), 0);
}

#[test]
fn a_refused_trigger_takes_the_old_one_off() {
    let bench = Bench::new(Kind::Automasked);
    bench.step(Step::Set);
    assert!(bench.irq.set_trigger(&bench.process, 99).is_err());
    assert!(!bench.irq.is_armed());
    bench.step(Step::Raise);
    assert_eq!(bench.trigger.1.take(), 0);
    bench.step(Step::Set);
    assert_eq!(bench.trigger.1.take(), 1);
}
