//! Every interleaving that a scheduler can think of: DMA against unmap, attach, hold and claim; interrupts against free and disable.
//!
//! `cargo test -p uvfio-kernel --features shuttle --test schedules`. Linux is never tried like this; what is promised here is what
//! its `synchronize_irq` and its IOTLB invalidation promise. A failure comes with a schedule that repeats it.

mod dma;
mod interrupts;

/// Try a case at random, and with few preemptions at the worst places.
fn check(case: fn()) {
    const SCHEDULES: usize = 1500;
    const PREEMPTIONS: usize = 3;
    shuttle::check_random(case, SCHEDULES);
    shuttle::check_pct(case, SCHEDULES, PREEMPTIONS);
}
