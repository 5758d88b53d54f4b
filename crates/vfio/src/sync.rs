//! The locks of this crate, in one place so that tests can exchange them for those of a deterministic scheduler (feature
//! `shuttle`).
//!
//! A lock whose holder panicked is taken as it is: a model's panic must not take every other device with it.

use std::sync::PoisonError;
#[cfg(not(feature = "shuttle"))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

/// Take a lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
