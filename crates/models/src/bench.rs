//! What the tests wire a small model to: a line, a clock that stands still until told otherwise, and no memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use uvfio_kernel::addr::Iova;
use uvfio_kernel::hw::{Access, Clock, Dma, DmaFault, FaultReason, Level, Line, Wires};

/// A line that remembers its level.
#[derive(Default)]
pub(crate) struct Wire(Mutex<bool>);

impl Wire {
    /// The time of day on the bench.
    pub const WALL: u64 = 1_700_000_000;

    pub fn high(&self) -> bool {
        *self.0.lock().expect("no test panics while it holds the lock")
    }
}

impl Line for Wire {
    fn set(&self, level: Level) {
        *self.0.lock().expect("no test panics while it holds the lock") = level == Level::High;
    }
}

/// A clock that the test sets.
#[derive(Default)]
pub(crate) struct Hand(Mutex<Duration>);

impl Hand {
    pub fn set(&self, now: Duration) {
        *self.0.lock().expect("no test panics while it holds the lock") = now;
    }
}

impl Clock for Hand {
    fn now(&self) -> Duration {
        *self.0.lock().expect("no test panics while it holds the lock")
    }
    fn wall_seconds(&self) -> u64 {
        Wire::WALL
    }
}

struct NoMemory;

impl NoMemory {
    fn fault(iova: Iova, access: Access) -> DmaFault {
        DmaFault { iova, access, reason: FaultReason::NotMapped }
    }
}

impl Dma for NoMemory {
    fn read(&self, from: Iova, _: &mut [u8]) -> Result<(), DmaFault> {
        Err(Self::fault(from, Access::Read))
    }
    fn write(&self, to: Iova, _: &[u8]) -> Result<(), DmaFault> {
        Err(Self::fault(to, Access::Write))
    }
    fn fetch(&self, from: Iova, _: &mut [u8]) -> Result<(), DmaFault> {
        Err(Self::fault(from, Access::Execute))
    }
    fn copy(&self, from: Iova, _: Iova, _: u64, _: u64) -> Result<(), (u64, DmaFault)> {
        Err((0, Self::fault(from, Access::Read)))
    }
}

/// Wires with one line, the line, and the clock.
pub(crate) fn wires() -> (Wires, Arc<Wire>, Arc<Hand>) {
    let (line, clock) = (Arc::new(Wire::default()), Arc::new(Hand::default()));
    let wires = Wires { dma: Arc::new(NoMemory), lines: vec![line.clone()], clock: clock.clone() };
    (wires, line, clock)
}
