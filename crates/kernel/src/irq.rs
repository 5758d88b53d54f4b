//! Interrupt lines: wires from devices, and the one handler behind each.
//!
//! In Linux this is `struct irq_desc` with kernel/irq/chip.c (`handle_level_irq`, `handle_edge_irq`) and kernel/irq/manage.c
//! (`request_irq`, `disable_irq`, `free_irq`). Disabling nests. A level line calls its handler as long as it is high and enabled;
//! an edge line remembers one edge while it is disabled or its handler runs. The handler is called by whoever changed the line,
//! without the line's lock, one call at a time, and never after [`IrqLine::free`] has returned. It may change the line, but must
//! not access a device: the device may be in the middle of the access that raised the line.

use std::sync::Arc;

use crate::errno::{self, Errno};
use crate::hw::{Level, Line};
use crate::sync::{self, Condvar, Mutex, MutexGuard, PoisonError, ThreadId};

/// How many times the handler is called for one change of the line. A device that keeps a level line high although its handler
/// has run, or a handler that unmasks what it has not quieted, would hold its caller for ever otherwise; a kernel gives such a
/// line up too (`note_interrupt`, kernel/irq/spurious.c). The next change starts again.
const ROUNDS: u32 = 64;

/// What of the wire an interrupt controller reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Being high.
    Level,
    /// The change from low to high.
    Edge,
}

/// What is called when a line fires.
pub trait IrqHandler: Send + Sync {
    /// It fired.
    fn interrupt(&self, line: &IrqLine);
}

/// Whether a line is enabled by requesting it (`IRQF_NO_AUTOEN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// It fires at once.
    Enabled,
    /// It waits for [`IrqLine::enable`].
    Disabled,
}

/// A handler is there already; lines are not shared between handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the interrupt line has a handler")]
pub struct HasHandler;

impl HasHandler {
    /// What `request_irq()` answers.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        errno::EBUSY
    }
}

/// How a line has fared since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IrqCounts {
    /// Changes of the wire from low to high.
    pub raised: u64,
    /// Calls of a handler.
    pub delivered: u64,
    /// Edges that came while there was no handler, or while another edge was remembered already.
    pub lost: u64,
    /// Times the handler was called so often for one change that the line was left alone until the next.
    pub storms: u64,
    /// Calls of [`IrqLine::enable`] that had no disable before them.
    pub unbalanced: u64,
}

/// An interrupt line.
pub struct IrqLine {
    trigger: Trigger,
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    /// Outputs of devices that drive the wire high.
    high: u32,
    /// How many times it is disabled. Without a handler it is always disabled once.
    depth: u32,
    handler: Option<Arc<dyn IrqHandler>>,
    /// An edge waits to be delivered.
    pending: bool,
    /// Who is in the handler, or between two calls of it.
    running: Option<ThreadId>,
    counts: IrqCounts,
}

impl IrqLine {
    /// A low line without a handler.
    #[must_use]
    pub fn new(trigger: Trigger) -> Arc<Self> {
        let state = State { depth: 1, ..State::default() };
        Arc::new(Self { trigger, state: Mutex::new(state), idle: Condvar::new() })
    }

    /// What it reacts to.
    #[must_use]
    pub fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// A device's output onto the wire, low. The wire is high while any of its outputs is; dropping an output lowers it.
    #[must_use]
    pub fn output(self: &Arc<Self>) -> Arc<dyn Line> {
        Arc::new(Output { line: self.clone(), level: Mutex::new(Level::Low) })
    }

    /// The level of the wire.
    #[must_use]
    pub fn level(&self) -> Level {
        if sync::lock(&self.state).high > 0 { Level::High } else { Level::Low }
    }

    /// Whether a handler is there.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        sync::lock(&self.state).handler.is_some()
    }

    /// Whether it fires when the wire says so: it has a handler and is not disabled.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        let state = sync::lock(&self.state);
        state.handler.is_some() && state.depth == 0
    }

    /// How it has fared.
    #[must_use]
    pub fn counts(&self) -> IrqCounts {
        sync::lock(&self.state).counts
    }

    /// Set the handler (`request_irq`). A level line that is high, and starts enabled, fires at once.
    ///
    /// # Errors
    /// Where there is one.
    pub fn request(&self, handler: Arc<dyn IrqHandler>, start: Start) -> Result<(), HasHandler> {
        let mut state = sync::lock(&self.state);
        if state.handler.is_some() {
            return Err(HasHandler);
        }
        state.handler = Some(handler);
        state.pending = false;
        state.depth = match start {
            Start::Enabled => 0,
            Start::Disabled => 1,
        };
        self.deliver(state);
        Ok(())
    }

    /// Take the handler away (`free_irq`). When it returns the handler is not running and will not run, except where the handler
    /// itself asked: it is not called again.
    pub fn free(&self) {
        let mut state = sync::lock(&self.state);
        let handler = state.handler.take();
        state.pending = false;
        state.depth = 1;
        drop(self.quiet(state));
        drop(handler);
    }

    /// Disable it once more, without waiting for a handler that runs (`disable_irq_nosync`).
    pub fn disable_nosync(&self) {
        let mut state = sync::lock(&self.state);
        state.depth = state.depth.saturating_add(1);
    }

    /// Disable it once more. When it returns the handler is not running (`disable_irq`), except where the handler itself asked.
    pub fn disable(&self) {
        let mut state = sync::lock(&self.state);
        state.depth = state.depth.saturating_add(1);
        drop(self.quiet(state));
    }

    /// Undo one disable (`enable_irq`). With the last one, a level line that is high fires, and so does a remembered edge. One
    /// enable too many does nothing but count, as Linux only warns.
    pub fn enable(&self) {
        let mut state = sync::lock(&self.state);
        if state.handler.is_none() {
            // The line of no handler stays disabled once: the next request decides.
            match state.depth {
                0 | 1 => state.counts.unbalanced += 1,
                _ => state.depth -= 1,
            }
            return;
        }
        match state.depth.checked_sub(1) {
            Some(depth) => state.depth = depth,
            None => state.counts.unbalanced += 1,
        }
        self.deliver(state);
    }

    /// An output of the wire changes from what `driven` says. The two change together, whoever else drives the same output.
    fn drive(&self, mut driven: MutexGuard<'_, Level>, level: Level) {
        let mut state = sync::lock(&self.state);
        *driven = level;
        drop(driven);
        match level {
            Level::Low => state.high = state.high.saturating_sub(1),
            Level::High => {
                state.high = state.high.saturating_add(1);
                if state.high == 1 {
                    self.rise(&mut state);
                }
            }
        }
        self.deliver(state);
    }

    fn rise(&self, state: &mut State) {
        state.counts.raised += 1;
        if self.trigger == Trigger::Edge {
            if state.handler.is_none() || state.pending {
                state.counts.lost += 1;
            } else {
                state.pending = true;
            }
        }
    }

    /// Call the handler as long as there is reason to, unless somebody is at it: they look again when the handler returns.
    fn deliver<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        if state.running.is_some() {
            return;
        }
        for _ in 0..ROUNDS {
            let Some(handler) = self.due(&state).cloned() else { return };
            state.pending = false;
            state.running = Some(sync::current().id());
            state.counts.delivered += 1;
            drop(state);
            let running = Running(self);
            handler.interrupt(self);
            drop(handler);
            drop(running);
            state = sync::lock(&self.state);
            if state.running.is_some() {
                return;
            }
        }
        if self.due(&state).is_some() {
            state.counts.storms += 1;
        }
    }

    /// The handler, where the line is enabled and has something to tell it.
    fn due<'a>(&self, state: &'a State) -> Option<&'a Arc<dyn IrqHandler>> {
        let fires = match self.trigger {
            Trigger::Level => state.high > 0,
            Trigger::Edge => state.pending,
        };
        state.handler.as_ref().filter(|_| fires && state.depth == 0)
    }

    /// Wait until nobody but the caller is in the handler (`synchronize_irq`).
    fn quiet<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let me = sync::current().id();
        while state.running.is_some_and(|runner| runner != me) {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }
}

/// Somebody is in the handler; ends when it returns, also by a panic.
struct Running<'a>(&'a IrqLine);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        sync::lock(&self.0.state).running = None;
        self.0.idle.notify_all();
    }
}

/// One device's output onto a wire.
struct Output {
    line: Arc<IrqLine>,
    level: Mutex<Level>,
}

impl Line for Output {
    fn set(&self, level: Level) {
        let driven = sync::lock(&self.level);
        if *driven != level {
            self.line.drive(driven, level);
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.set(Level::Low);
    }
}

#[cfg(test)]
mod tests;
