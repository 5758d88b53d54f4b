//! How far sequences of calls get: what was done and what was refused, counted per 100,000 executions.
//!
//! Only where `UVFIO_FUZZ_TALLY` is set: `UVFIO_FUZZ_TALLY=1 cargo xtask fuzz ioctl 60` shows whether a target reaches what it is to try.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{LazyLock, Mutex, PoisonError};

/// A table is printed after so many executions.
const EXECUTIONS: u64 = 100_000;

#[derive(Default)]
struct Tally {
    executions: u64,
    /// Done and refused.
    counts: BTreeMap<String, [u64; 2]>,
}

static TALLY: LazyLock<Option<Mutex<Tally>>> =
    LazyLock::new(|| std::env::var_os("UVFIO_FUZZ_TALLY").map(|_| Mutex::default()));

/// Count a call; `what` is only looked at where anybody counts.
pub fn count<T, E>(what: impl Display, result: &Result<T, E>) {
    let Some(tally) = &*TALLY else { return };
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.counts.entry(what.to_string()).or_default()[usize::from(result.is_err())] += 1;
}

/// Count an execution, and print the table when it is time.
pub fn execution() {
    let Some(tally) = &*TALLY else { return };
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.executions += 1;
    if tally.executions == EXECUTIONS {
        eprintln!("in {EXECUTIONS} executions: done, refused");
        for (what, [done, refused]) in &tally.counts {
            eprintln!("{done:9} {refused:9}  {what}");
        }
        *tally = Tally::default();
    }
}
