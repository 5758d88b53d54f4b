//! Taking several devices from their drivers, each before its suppliers, or none.
//!
//! In Linux `device_links_unbind_consumers` (drivers/base/core.c) takes a supplier's consumers from their drivers before the
//! supplier. There nobody can interrupt it; here a wait for a program can end, and then what was taken is given back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::claims::Claim;
use super::control::Control;
use super::{LinkOrder, Machine, Refusal};
use crate::device::{Device, DeviceId, Driver};
use crate::wait::Wait;

/// What a device was like before it was let go.
pub(super) struct Former {
    pub(super) device: Arc<Device>,
    driver: Option<Arc<dyn Driver>>,
    driver_override: Option<String>,
}

/// The device that could not be let go, and why.
pub(super) struct Stuck {
    pub(super) device: Arc<Device>,
    pub(super) why: Refusal,
}

impl From<Stuck> for Refusal {
    fn from(stuck: Stuck) -> Self {
        stuck.why
    }
}

impl Machine {
    /// Claim devices and those of their consumers that have a driver, and take them from their drivers, consumers first, or leave
    /// all as they are. Which of the devices it is to be is asked once they are claimed, because much may have happened before.
    pub(super) fn let_go(
        &self,
        devices: &[Arc<Device>],
        wait: &dyn Wait,
        pick: impl Fn() -> Result<Vec<Arc<Device>>, Refusal>,
    ) -> Result<Claim, Refusal> {
        loop {
            let members = self.control().bound_consumers(devices);
            let claim = self.claims.claim(members, wait)?;
            let picked = pick()?;
            let members = {
                let mut control = self.control();
                let members = control.bound_consumers(&picked);
                if !members.iter().all(|id| claim.covers(*id)) {
                    // Another got a driver, or is getting one, while we waited.
                    continue;
                }
                control.leave(&members);
                members
            };
            self.release_in_order(&members, wait)?;
            return Ok(claim);
        }
    }

    /// Take devices from their drivers, each before its suppliers, or leave all as they are. The caller has claimed them and marked
    /// them as leaving, which they are no more when this returns. Returns what was let go, in that order.
    pub(super) fn release_in_order(
        &self,
        members: &BTreeSet<DeviceId>,
        wait: &dyn Wait,
    ) -> Result<Vec<Former>, Stuck> {
        let mut former: Vec<Former> = Vec::new();
        let mut stuck = None;
        let devices = self.control().consumers_first(members);
        for device in devices {
            let driver = device.driver();
            if let Err(why) = self.release_unserved(&device, wait) {
                stuck = Some(Stuck { device, why });
                break;
            }
            let driver_override = device.driver_override();
            former.push(Former { device, driver, driver_override });
        }
        self.control().stay(members);
        match stuck {
            None => Ok(former),
            Some(stuck) => {
                self.put_back(&former, wait);
                Err(stuck)
            }
        }
    }

    /// Take a device from its driver, unless it is an IOMMU and devices behind it still have drivers.
    fn release_unserved(&self, device: &Arc<Device>, wait: &dyn Wait) -> Result<(), Refusal> {
        match self.served(device) {
            None => Ok(self.release(device, wait)?),
            Some(consumer) => Err(Refusal::Needed {
                device: device.name().to_owned(),
                consumer: consumer.name().to_owned(),
            }),
        }
    }

    /// Put devices back as they were, as far as that is possible.
    pub(super) fn put_back(&self, former: &[Former], wait: &dyn Wait) {
        for one in former {
            let now = one.device.driver().map(|driver| driver.name().to_owned());
            if now != one.driver.as_ref().map(|driver| driver.name().to_owned()) {
                // A user who opened it meanwhile keeps it: there is nothing to undo then.
                let _ = self.release(&one.device, wait);
            }
            if one.device.driver_override() != one.driver_override {
                self.control().set_override(&one.device, one.driver_override.clone());
            }
        }
        for one in former.iter().rev() {
            if let (None, Some(driver)) = (one.device.driver(), &one.driver) {
                // It had the device a moment ago, under the same claim.
                let _ = self.give(&one.device, driver);
            }
        }
    }
}

impl Control {
    /// From now on nobody is probed who needs one of these (`DL_STATE_SUPPLIER_UNBIND`).
    pub(super) fn leave(&mut self, devices: &BTreeSet<DeviceId>) {
        self.leaving.extend(devices);
    }

    /// They have left their drivers, or stay after all: then those who were turned away are next.
    fn stay(&mut self, devices: &BTreeSet<DeviceId>) {
        for id in devices {
            self.leaving.remove(id);
            if let Some(device) = self.devices.get(id).filter(|device| device.driver().is_some()) {
                self.deferred.came(device.path());
            }
        }
    }

    /// Devices, and those of their consumers, direct or not, that have a driver or are getting one, and must lose it first.
    fn bound_consumers(&self, devices: &[Arc<Device>]) -> BTreeSet<DeviceId> {
        let mut found: BTreeSet<DeviceId> = devices.iter().map(|device| device.id()).collect();
        let mut next: Vec<DeviceId> = found.iter().copied().collect();
        while let Some(supplier) = next.pop() {
            for (consumer, link) in self.links.consumers(supplier) {
                if link.order == LinkOrder::Enforced && self.has_driver(consumer) && found.insert(consumer) {
                    next.push(consumer);
                }
            }
        }
        found
    }

    /// Devices in an order in which each comes before its own suppliers. Linear in their links.
    fn consumers_first(&self, members: &BTreeSet<DeviceId>) -> Vec<Arc<Device>> {
        let consumers = |id: DeviceId| -> Vec<DeviceId> {
            let enforced = self.links.consumers(id).filter(|(_, link)| link.order == LinkOrder::Enforced);
            enforced.map(|(consumer, _)| consumer).filter(|consumer| members.contains(consumer)).collect()
        };
        let mut ordered = Vec::new();
        let mut seen = BTreeSet::new();
        // Depth first, so that a device is put down when all of its own consumers have been.
        let mut path: Vec<(DeviceId, Vec<DeviceId>)> = Vec::new();
        for root in members {
            if seen.insert(*root) {
                path.push((*root, consumers(*root)));
            }
            while let Some((id, rest)) = path.last_mut() {
                match rest.pop() {
                    Some(next) if seen.insert(next) => path.push((next, consumers(next))),
                    Some(_) => {}
                    None => {
                        ordered.extend(self.devices.get(id).cloned());
                        path.pop();
                    }
                }
            }
        }
        ordered
    }
}
