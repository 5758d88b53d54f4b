//! Which devices somebody is binding, unbinding or removing right now.
//!
//! In Linux this is `device_lock`. Here a claim is for a whole set of devices at once, taken all or none, so that two callers who
//! want each other's devices cannot wait for each other for ever; and a program that waits for one can be interrupted.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::device::DeviceId;
use crate::sync::Mutex;
use crate::wait::{Gate, Interrupted, Wait};

#[derive(Default)]
pub(super) struct Claims {
    held: Mutex<HashSet<DeviceId>>,
    gate: Arc<Gate>,
}

/// Devices that nobody else binds or unbinds as long as this lives.
pub(super) struct Claim {
    claims: Arc<Claims>,
    devices: BTreeSet<DeviceId>,
}

impl Claims {
    /// Claim all of these, waiting until nobody has any.
    pub(super) fn claim(
        self: &Arc<Self>,
        devices: BTreeSet<DeviceId>,
        wait: &dyn Wait,
    ) -> Result<Claim, Interrupted> {
        self.gate.wait(wait, || self.take(&devices).then_some(()))?;
        Ok(Claim { claims: Arc::clone(self), devices })
    }

    /// Claim one, if nobody has it.
    pub(super) fn try_claim(self: &Arc<Self>, device: DeviceId) -> Option<Claim> {
        let devices = BTreeSet::from([device]);
        self.take(&devices).then(|| Claim { claims: Arc::clone(self), devices })
    }

    /// Wait for something that comes true only when somebody lets go of a claim.
    pub(super) fn wait(&self, wait: &dyn Wait, ready: impl Fn() -> bool) -> Result<(), Interrupted> {
        self.gate.wait(wait, || ready().then_some(()))
    }

    fn take(&self, devices: &BTreeSet<DeviceId>) -> bool {
        let mut held = crate::lock(&self.held);
        let free = devices.iter().all(|device| !held.contains(device));
        if free {
            held.extend(devices);
        }
        free
    }
}

impl Claim {
    /// Whether this device is among them.
    pub(super) fn covers(&self, device: DeviceId) -> bool {
        self.devices.contains(&device)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        {
            let mut held = crate::lock(&self.claims.held);
            for device in &self.devices {
                held.remove(device);
            }
        }
        self.claims.gate.open();
    }
}
