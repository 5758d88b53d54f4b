//! The machine's time, taken from the system's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uvfio_kernel::hw::Clock;

/// Real time, from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    since: Instant,
}

impl SystemClock {
    /// Begin now.
    #[must_use]
    pub fn begin() -> Self {
        Self { since: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn wall_seconds(&self) -> u64 {
        // A clock set before 1970 reads as that year.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
