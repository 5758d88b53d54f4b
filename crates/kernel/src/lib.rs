//! What VFIO stands on: devices, drivers and buses, IOMMU groups and domains, reset controllers and interrupt lines.
//!
//! This is the part of Linux under `drivers/base`, `drivers/iommu`, `drivers/reset` and `kernel/irq` that VFIO needs, as ordinary
//! Rust over a described board. It knows nothing of VFIO and does no input or output.

#![forbid(unsafe_code)]

pub mod addr;
pub mod device;
pub mod errno;
pub mod hw;
pub mod machine;
pub mod module;
pub mod wait;

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Take a lock whose holder may have panicked: a model's panic must not take the machine with it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Read under a lock, likewise.
pub(crate) fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Write under a lock, likewise.
pub(crate) fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
