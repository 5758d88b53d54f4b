//! Interrupt lines that are raised while somebody frees, disables or enables them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use shuttle::thread;

use uvfio_kernel::hw::Level;
use uvfio_kernel::irq::{IrqHandler, IrqLine, Start, Trigger};

/// A handler that must not run while it is told so, and counts.
#[derive(Default)]
struct Handler {
    forbidden: AtomicBool,
    running: AtomicU32,
    calls: AtomicU32,
}

impl IrqHandler for Handler {
    fn interrupt(&self, line: &IrqLine) {
        assert!(!self.forbidden.load(Ordering::SeqCst), "the handler was called when it must not be");
        assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0, "two calls at a time");
        thread::yield_now();
        assert!(!self.forbidden.load(Ordering::SeqCst), "the handler was still running");
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.calls.fetch_add(1, Ordering::SeqCst);
        if line.trigger() == Trigger::Level {
            // As VFIO does: masked until its user has quieted the device.
            line.disable_nosync();
        }
    }
}

/// A device that pulses its line on a thread of its own and leaves it high.
fn device(line: &Arc<IrqLine>) -> thread::JoinHandle<()> {
    let wire = line.output();
    thread::spawn(move || {
        wire.set(Level::High);
        wire.set(Level::Low);
        wire.set(Level::High);
        // The output lives as long as the test: dropping it would lower the wire.
        std::mem::forget(wire);
    })
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().expect("the thread does not panic"));
}

#[test]
fn no_handler_after_a_free() {
    crate::check(free);
}

fn free() {
    for trigger in [Trigger::Level, Trigger::Edge] {
        let (line, handler) = (IrqLine::new(trigger), Arc::new(Handler::default()));
        line.request(handler.clone(), Start::Enabled).expect("there is no handler");
        let devices = [device(&line), device(&line)];
        line.free();
        handler.forbidden.store(true, Ordering::SeqCst);
        join(devices);
        line.enable();
    }
}

#[test]
fn no_handler_while_disabled() {
    crate::check(disable);
}

fn disable() {
    let (line, handler) = (IrqLine::new(Trigger::Edge), Arc::new(Handler::default()));
    line.request(handler.clone(), Start::Enabled).expect("there is no handler");
    let device = device(&line);
    let other = {
        let line = line.clone();
        thread::spawn(move || {
            line.disable();
            line.enable();
        })
    };
    line.disable();
    handler.forbidden.store(true, Ordering::SeqCst);
    thread::yield_now();
    handler.forbidden.store(false, Ordering::SeqCst);
    line.enable();
    join([device, other]);
    assert!(
        handler.calls.load(Ordering::SeqCst) > 0,
        "an edge that came while it was disabled is remembered"
    );
}

#[test]
fn no_level_is_forgotten() {
    crate::check(level);
}

/// A level line that ends high and enabled has called its handler for it.
fn level() {
    let (line, handler) = (IrqLine::new(Trigger::Level), Arc::new(Handler::default()));
    line.request(handler.clone(), Start::Disabled).expect("there is no handler");
    let device = device(&line);
    let user = {
        let line = line.clone();
        thread::spawn(move || line.enable())
    };
    join([device, user]);
    assert!(handler.calls.load(Ordering::SeqCst) >= 1);
    assert!(!line.is_enabled(), "its handler has masked it");
    let before = handler.calls.load(Ordering::SeqCst);
    line.enable();
    assert_eq!(handler.calls.load(Ordering::SeqCst), before + 1, "it is still high");
}

#[test]
fn no_edge_is_forgotten() {
    crate::check(edge);
}

/// Edges are merged, but none is neither delivered nor counted as lost.
fn edge() {
    let (line, handler) = (IrqLine::new(Trigger::Edge), Arc::new(Handler::default()));
    line.request(handler.clone(), Start::Enabled).expect("there is no handler");
    let devices = [device(&line), device(&line)];
    join(devices);
    let counts = line.counts();
    assert_eq!(counts.delivered + counts.lost, counts.raised);
    assert_eq!(u64::from(handler.calls.load(Ordering::SeqCst)), counts.delivered);
    assert!(counts.delivered >= 1);
}
