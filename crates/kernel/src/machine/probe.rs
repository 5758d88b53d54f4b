//! Giving a device to a driver and taking it back, in the order Linux does it.
//!
//! This is `really_probe` and `__device_release_driver` of drivers/base/dd.c: suppliers first, then DMA (`dma_configure`), then
//! the driver's own probe. The caller holds a claim on the device; the control lock is only taken to look and to record.

use std::sync::Arc;
use std::time::Duration;

use super::control::{Control, Expired};
use super::links::{Link, LinkKind, LinkOrder};
use super::{Autoprobe, FwDevlink, Machine, Refusal};
use crate::device::{Deferral, Device, Driver, Presence, ProbeError, taken_by};
use crate::wait::{Interrupted, Wait};

/// Why a probe did not succeed, and on which side of the driver's own code.
pub(super) enum ProbeFailure {
    /// Before the driver was asked.
    Before(Refusal),
    /// The driver's own answer.
    Driver(Refusal),
}

impl ProbeFailure {
    pub(super) fn refusal(self) -> Refusal {
        match self {
            ProbeFailure::Before(refusal) | ProbeFailure::Driver(refusal) => refusal,
        }
    }
}

impl Machine {
    /// Give a device to a driver (`really_probe`). The caller has claimed it.
    pub(super) fn probe(&self, device: &Arc<Device>, driver: &Arc<dyn Driver>) -> Result<(), ProbeFailure> {
        if device.presence() == Presence::Gone {
            return Err(ProbeFailure::Before(Refusal::Going { device: device.name().to_owned() }));
        }
        let result = self.give(device, driver);
        if let Err(ProbeFailure::Before(refusal) | ProbeFailure::Driver(refusal)) = &result {
            self.note(device, refusal);
        }
        result
    }

    /// Likewise, also to put back a device that was to go and then stays.
    pub(super) fn give(&self, device: &Arc<Device>, driver: &Arc<dyn Driver>) -> Result<(), ProbeFailure> {
        let deferred =
            |why| ProbeFailure::Before(Refusal::Deferred { device: device.name().to_owned(), why });
        if let Some(current) = device.driver() {
            return Err(ProbeFailure::Before(Refusal::Bound {
                device: device.name().to_owned(),
                driver: current.name().to_owned(),
            }));
        }
        {
            let mut control = self.control();
            control.work.attempt();
            control.set_matched(device.id());
            let suppliers = control.links.suppliers(device.id()).count();
            control.work.visit(suppliers);
            if let Some(why) = self.missing_supplier(&control, device) {
                return Err(deferred(why));
            }
            control.begin_probe(device, driver).map_err(ProbeFailure::Before)?;
        }
        let result = self.call_probe(device, driver);
        self.control().end_probe(device, driver);
        result
    }

    fn call_probe(&self, device: &Arc<Device>, driver: &Arc<dyn Driver>) -> Result<(), ProbeFailure> {
        // Nobody resets the device from under a driver that is just getting it.
        let _lock = device.lock_reset();
        self.configure_dma(device, driver.dma_owner()).map_err(ProbeFailure::Before)?;
        match driver.probe(device) {
            Ok(()) => {
                self.bound(device, driver);
                Ok(())
            }
            Err(error) => {
                self.release_dma(device);
                Err(ProbeFailure::Driver(match error {
                    ProbeError::Defer(why) => Refusal::Deferred { device: device.name().to_owned(), why },
                    ProbeError::Refused(reason) => Refusal::Probe {
                        device: device.name().to_owned(),
                        driver: driver.name().to_owned(),
                        reason,
                    },
                }))
            }
        }
    }

    /// Take a device from its driver (`__device_release_driver`). The caller has claimed it.
    pub(super) fn release(&self, device: &Arc<Device>, wait: &dyn Wait) -> Result<(), Interrupted> {
        let Some(driver) = device.driver() else { return Ok(()) };
        driver.remove(device, wait)?;
        self.release_dma(device);
        let mut guard = self.control();
        let control = &mut *guard;
        device.set_driver(None);
        control.refused.remove(&device.id());
        if let Some(entry) = control.bus_mut(device.bus()).drivers.get_mut(driver.name()) {
            entry.devices.remove(device.name());
        }
        control.links.unbound(device.id());
        self.iommu_went(control, device);
        self.lose_functions(control, device);
        self.reset_controller_went(device);
        Ok(())
    }

    /// Try the drivers that would take a device until one does (`device_attach`). The caller has claimed it. A failure before a
    /// driver was asked ends the search, a driver's own does not.
    pub(super) fn attach(&self, device: &Arc<Device>) -> Result<(), Refusal> {
        if device.driver().is_some() {
            return Ok(());
        }
        let candidates = {
            let mut control = self.control();
            control.deferred.forget(device.id());
            let candidates = control.candidates(device);
            control.work.visit(candidates.len());
            control.refused.remove(&device.id());
            if let (true, Some(driver)) = (candidates.is_empty(), device.driver_override()) {
                control.refused.insert(device.id(), Refusal::NoDriver { bus: device.bus(), driver });
            }
            candidates
        };
        for driver in candidates {
            match self.probe(device, &driver) {
                Ok(()) => return Ok(()),
                Err(ProbeFailure::Before(refusal)) => {
                    self.defer(device, &refusal);
                    return Err(refusal);
                }
                Err(ProbeFailure::Driver(refusal)) => self.defer(device, &refusal),
            }
        }
        Ok(())
    }

    /// Remember why a device has no driver: whoever wrote to `drivers_probe` is not told, and a kernel writes it to its log.
    fn note(&self, device: &Device, refusal: &Refusal) {
        self.control().refused.insert(device.id(), refusal.clone());
    }

    /// Put a device on the deferred list, where that is what the refusal says.
    fn defer(&self, device: &Device, refusal: &Refusal) {
        if let Refusal::Deferred { why, .. } = refusal {
            let mut control = self.control();
            control.deferred.add(device.id(), why.clone());
            if !self.has_to_wait(&control, device, why) {
                // What it waits for came, or went, after the driver core had looked and before this was written down.
                control.deferred.queue(device.id());
            }
        }
    }

    /// Whether a device that was deferred would be again.
    pub(super) fn has_to_wait(&self, control: &Control, device: &Device, why: &Deferral) -> bool {
        match why {
            Deferral::Supplier { .. } => self.missing_supplier(control, device).is_some(),
            Deferral::Iommu { path, .. } => control.iommu_may_come(path),
            Deferral::Unspecified => true,
        }
    }

    /// Probe whoever may have become able to, until nothing changes. Devices somebody else is working with are left to them:
    /// each operation ends with this.
    pub(super) fn settle(&self) {
        self.expire();
        self.control().deferred.unpark();
        loop {
            let mut control = self.control();
            let Some(id) = control.deferred.next() else { return };
            control.work.visit(1);
            let Some(device) = control.devices.get(&id).cloned() else { continue };
            if control.bus_mut(device.bus()).autoprobe == Autoprobe::Off {
                // Its turn has come and gone, as in `deferred_probe_work_func`.
                control.deferred.forget(id);
                continue;
            }
            // Parked before the claim is tried: who has it now looks at the parked ones when he has let go.
            control.deferred.park(id);
            drop(control);
            let Some(claim) = self.claims.try_claim(id) else { continue };
            self.control().deferred.take_from_park(id);
            // Whatever it failed for is on the deferred list, or was the driver's last word.
            let _ = self.attach(&device);
            drop(claim);
            // Its turn may have come again meanwhile, in another thread that could not claim it.
            self.control().deferred.unpark_one(id);
        }
    }

    /// The first supplier a device still has to wait for (`device_links_check_suppliers`).
    fn missing_supplier(&self, control: &Control, device: &Device) -> Option<Deferral> {
        let counts =
            |link: &Link| self.options.fw_devlink == FwDevlink::On || link.kinds.contains(&LinkKind::Bridge);
        let mut suppliers = control.links.suppliers(device.id()).filter(|(_, link)| counts(link));
        let missing = suppliers.find_map(|(supplier, link)| {
            let supplier = control.devices.get(&supplier)?;
            let waits = link.order == LinkOrder::Enforced && !control.is_ready(supplier);
            // A device that is only a bus never gets a driver. Another may get one as long as there is time, and one that some driver
            // has taken once is worth waiting for even after that (`can_match`, `fw_devlink_drivers_done`).
            let never = || taken_by(supplier.bus(), supplier.facts().identities()).is_none();
            let hopeless = || {
                supplier.driver().is_none()
                    && !control.was_matched(supplier.id())
                    && (control.expired == Expired::Yes || never())
            };
            (waits && !hopeless()).then(|| Arc::clone(supplier))
        })?;
        Some(Deferral::Supplier { supplier: missing.name().to_owned(), path: missing.path().to_owned() })
    }

    /// A driver has a device (`driver_bound`): record it, let those who wait for the device be probed, and tell suppliers whose
    /// last consumer this was.
    fn bound(&self, device: &Arc<Device>, driver: &Arc<dyn Driver>) {
        self.reset_controller_came(device, driver.dma_owner());
        let synced: Vec<Arc<Device>> = {
            let mut guard = self.control();
            let control = &mut *guard;
            device.set_driver(Some(Arc::clone(driver)));
            if let Some(entry) = control.bus_mut(device.bus()).drivers.get_mut(driver.name()) {
                entry.devices.insert(device.name().to_owned(), Arc::clone(device));
            }
            self.iommu_came(control, device);
            self.find_functions(control, device);
            control.refused.remove(&device.id());
            control.deferred.forget(device.id());
            control.deferred.came(device.path());
            let consumers = control.links.consumers(device.id()).count();
            control.work.visit(consumers);
            if self.options.fw_devlink == FwDevlink::On {
                for (consumer, link) in control.links.consumers(device.id()) {
                    let unbound =
                        control.devices.get(&consumer).is_some_and(|device| device.driver().is_none());
                    // One that waits for somebody else would only find that it still does.
                    if unbound && link.order == LinkOrder::Enforced && !control.deferred.waits(consumer) {
                        control.deferred.queue(consumer);
                    }
                }
            }
            let synced = control.links.bound(device.id());
            synced.iter().filter_map(|id| control.devices.get(id).cloned()).collect()
        };
        for supplier in synced {
            if let Some(driver) = supplier.driver() {
                driver.sync_state(&supplier);
            }
        }
    }

    /// When [`Machine::run_timers`] has something to do, on the machine's clock.
    #[must_use]
    pub fn next_timer(&self) -> Option<Duration> {
        let timeout = self.options.deferred_probe_timeout?;
        (self.control().expired == Expired::No).then_some(timeout)
    }

    /// Do what has become due.
    pub fn run_timers(&self) {
        self.settle();
    }

    /// When the time in which suppliers may come is over, everybody who waits has one more chance
    /// (`deferred_probe_timeout_work_func`).
    fn expire(&self) {
        let Some(timeout) = self.options.deferred_probe_timeout else { return };
        let mut control = self.control();
        if control.expired == Expired::No && self.clock.now() >= timeout {
            control.expired = Expired::Yes;
            control.deferred.queue_all();
        }
    }
}
