//! Interrupt lines against what Linux does with them, and against a reference over random sequences.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;

/// What a handler does each time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Count,
    Mask,
    Unmask,
    Free,
}

struct Handler {
    calls: AtomicU32,
    act: Act,
}

impl Handler {
    fn new(act: Act) -> Arc<Self> {
        Arc::new(Self { calls: AtomicU32::new(0), act })
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

impl IrqHandler for Handler {
    fn interrupt(&self, line: &IrqLine) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.act {
            Act::Count => {}
            Act::Mask => line.disable_nosync(),
            Act::Unmask => line.enable(),
            Act::Free => line.free(),
        }
    }
}

#[test]
fn a_level_line_that_masks_fires_again_when_it_is_unmasked() {
    let line = IrqLine::new(Trigger::Level);
    let (wire, handler) = (line.output(), Handler::new(Act::Mask));
    line.request(handler.clone(), Start::Enabled).unwrap();
    wire.set(Level::High);
    wire.set(Level::High);
    assert_eq!(handler.calls(), 1);
    line.enable();
    assert_eq!(handler.calls(), 2);
    wire.set(Level::Low);
    line.enable();
    assert_eq!(handler.calls(), 2);
    assert_eq!(line.counts(), IrqCounts { raised: 1, delivered: 2, ..IrqCounts::default() });
}

#[test]
fn disabling_nests() {
    let line = IrqLine::new(Trigger::Level);
    let (wire, handler) = (line.output(), Handler::new(Act::Mask));
    line.request(handler.clone(), Start::Disabled).unwrap();
    line.disable();
    wire.set(Level::High);
    line.enable();
    assert_eq!(handler.calls(), 0);
    line.enable();
    assert_eq!(handler.calls(), 1);
}

#[test]
fn an_edge_line_remembers_one_edge() {
    let line = IrqLine::new(Trigger::Edge);
    let (wire, handler) = (line.output(), Handler::new(Act::Count));
    wire.set(Level::High);
    wire.set(Level::Low);
    line.request(handler.clone(), Start::Disabled).unwrap();
    for _ in 0..3 {
        wire.set(Level::High);
        wire.set(Level::Low);
    }
    line.enable();
    assert_eq!(handler.calls(), 1);
    assert_eq!(line.counts(), IrqCounts { raised: 4, delivered: 1, lost: 3, ..IrqCounts::default() });
}

#[test]
fn a_line_that_is_never_quieted_does_not_hold_its_caller() {
    for act in [Act::Count, Act::Unmask] {
        let line = IrqLine::new(Trigger::Level);
        let (wire, handler) = (line.output(), Handler::new(act));
        line.request(handler.clone(), Start::Enabled).unwrap();
        wire.set(Level::High);
        assert_eq!(handler.calls(), ROUNDS);
        assert_eq!(line.counts().storms, 1);
        line.disable();
        line.enable();
        assert_eq!(handler.calls(), 2 * ROUNDS);
    }
}

#[test]
fn a_handler_may_free_its_own_line() {
    let line = IrqLine::new(Trigger::Level);
    let (wire, handler) = (line.output(), Handler::new(Act::Free));
    line.request(handler.clone(), Start::Enabled).unwrap();
    assert_eq!(line.request(handler.clone(), Start::Enabled), Err(HasHandler));
    wire.set(Level::High);
    assert_eq!(handler.calls(), 1);
    assert!(!line.is_requested());
}

#[test]
fn a_wire_is_high_while_any_of_its_outputs_is() {
    let line = IrqLine::new(Trigger::Level);
    let (one, other) = (line.output(), line.output());
    one.set(Level::High);
    other.set(Level::High);
    one.set(Level::Low);
    assert_eq!(line.level(), Level::High);
    drop(other);
    assert_eq!(line.level(), Level::Low);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    High,
    Low,
    Disable,
    Enable,
    Request(Start),
    Free,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        Just(Op::High),
        Just(Op::Low),
        Just(Op::Disable),
        Just(Op::Enable),
        Just(Op::Request(Start::Enabled)),
        Just(Op::Request(Start::Disabled)),
        Just(Op::Free),
    ];
    proptest::collection::vec(op, 0..80)
}

/// kernel/irq in a few lines, for a handler that masks its line.
#[derive(Default)]
struct Reference {
    high: bool,
    pending: bool,
    requested: bool,
    depth: u32,
    calls: u32,
}

impl Reference {
    fn apply(&mut self, trigger: Trigger, op: Op) {
        match op {
            Op::High => {
                let rose = !self.high;
                self.high = true;
                self.pending |= rose && self.requested;
            }
            Op::Low => self.high = false,
            Op::Disable => self.depth += 1,
            Op::Enable if self.requested => self.depth = self.depth.saturating_sub(1),
            Op::Enable => self.depth = self.depth.saturating_sub(1).max(1),
            Op::Request(start) if !self.requested => {
                (self.requested, self.pending) = (true, false);
                self.depth = u32::from(start == Start::Disabled);
            }
            Op::Request(_) => {}
            Op::Free => (self.requested, self.pending, self.depth) = (false, false, 1),
        }
        let fires = match trigger {
            Trigger::Level => self.high,
            Trigger::Edge => self.pending,
        };
        if fires && self.requested && self.depth == 0 {
            self.calls += 1;
            self.depth = 1;
            self.pending = false;
        }
    }
}

proptest! {
    #[test]
    fn it_agrees_with_a_reference(ops in ops(), edge in any::<bool>()) {
        let trigger = if edge { Trigger::Edge } else { Trigger::Level };
        let line = IrqLine::new(trigger);
        let (wire, handler) = (line.output(), Handler::new(Act::Mask));
        let mut reference = Reference { depth: 1, ..Reference::default() };
        for op in ops {
            match op {
                Op::High => wire.set(Level::High),
                Op::Low => wire.set(Level::Low),
                Op::Disable => line.disable(),
                Op::Enable => line.enable(),
                Op::Request(start) => {
                    prop_assert_eq!(line.request(handler.clone(), start).is_err(), reference.requested);
                }
                Op::Free => line.free(),
            }
            reference.apply(trigger, op);
            prop_assert_eq!(handler.calls(), reference.calls);
            prop_assert_eq!(line.is_enabled(), reference.requested && reference.depth == 0);
        }
    }
}
