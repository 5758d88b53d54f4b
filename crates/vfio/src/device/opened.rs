//! What a device has while it is open: its interrupts.
//!
//! In Linux `vfio_platform_open_device` and `vfio_platform_close_device` of `drivers/vfio/platform/vfio_platform_common.c`. Opening
//! requests every interrupt, disabled, and resets the device; the last close resets it again and gives everything back.

use std::sync::Arc;

use uvfio_abi::Errno;
use uvfio_kernel::device::Device;
use uvfio_kernel::irq::{IrqLine, Start, Trigger};

use crate::irq::{Irq, Kind};
use crate::observe::Leftover;
use crate::sync::{Mutex, MutexGuard, lock};

/// An open device.
pub(crate) struct Opened {
    irqs: Vec<Requested>,
    gate: Mutex<()>,
}

/// An interrupt, and whether its line could be had.
pub(super) struct Requested {
    /// The interrupt.
    pub(super) irq: Arc<Irq>,
    line: Arc<IrqLine>,
    /// Why the line could not be requested. It does not fail the open.
    pub(super) not_requested: Option<Errno>,
}

impl Opened {
    /// Request every interrupt of a device.
    pub(crate) fn new(device: &Arc<Device>) -> Self {
        let irqs = device.irqs().iter().enumerate().map(|(index, line)| {
            let kind = match line.trigger() {
                Trigger::Level => Kind::Automasked,
                Trigger::Edge => Kind::Plain,
            };
            let irq = Irq::new(index as u32, kind, line.clone());
            let requested = line.request(irq.clone(), Start::Disabled);
            Requested {
                irq,
                line: line.clone(),
                not_requested: requested.err().map(|busy| Errno(busy.errno())),
            }
        });
        Self { irqs: irqs.collect(), gate: Mutex::new(()) }
    }

    pub(super) fn irqs(&self) -> &[Requested] {
        &self.irqs
    }

    /// One request at a time (`igate`).
    pub(super) fn gate(&self) -> MutexGuard<'_, ()> {
        lock(&self.gate)
    }

    /// Give every interrupt back. Returns those that still had an eventfd.
    pub(crate) fn close(&self, device: &Arc<Device>) -> Vec<Leftover> {
        let mut left = Vec::new();
        for (index, requested) in self.irqs.iter().enumerate() {
            if requested.irq.is_armed() {
                left.push(Leftover::InterruptArmed { device: device.name().to_owned(), index: index as u32 });
            }
            if requested.not_requested.is_none() {
                requested.line.free();
            }
            requested.irq.close();
        }
        left
    }
}
