//! The machine's time, which is the host's.

use std::time::{Duration, Instant, SystemTime};

use uvfio_kernel::hw::Clock;

/// Time since it was made.
pub struct HostClock {
    start: Instant,
}

impl HostClock {
    /// Starts now.
    pub fn new() -> Self {
        HostClock { start: Instant::now() }
    }
}

impl Clock for HostClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall_seconds(&self) -> u64 {
        // A host whose clock stands before 1970 has no better answer than 0.
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
