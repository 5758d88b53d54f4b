//! What a method of the firmware reaches while it resets a device: registers by their physical address, as far as they are the asker's.
//!
//! On hardware an operation region reaches whatever is at its address, and Linux does not look. Here it does, too, but a reset must not
//! reach a device that is not the asker's (`ownership`): registers of a device that somebody else has can neither be loaded, which may
//! have effects as well, nor stored to, and the reset has failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Machine;
use crate::device::{Device, DeviceId};
use crate::hw::Width;
use crate::provider::reset::{AcpiFailure, Affected, Asker, SystemMemory, decide};

/// The registers of all devices, for a method that resets one of them.
pub(super) struct ReachedByReset<'a> {
    machine: &'a Machine,
    asker: &'a Asker,
    device: &'a Arc<Device>,
    /// By the first address of a window: its device and number.
    windows: BTreeMap<u64, (DeviceId, usize)>,
}

/// A register of a device.
struct Register {
    device: Arc<Device>,
    region: usize,
    offset: u64,
}

impl<'a> ReachedByReset<'a> {
    pub(super) fn new(machine: &'a Machine, asker: &'a Asker, device: &'a Arc<Device>) -> Self {
        let mut windows = BTreeMap::new();
        for other in machine.control().devices.values() {
            for (region, window) in other.regions().iter().enumerate() {
                windows.entry(window.base).or_insert((other.id(), region));
            }
        }
        Self { machine, asker, device, windows }
    }

    /// What is at an address; the device's own where windows overlap.
    fn find(&self, address: u64, width: Width) -> Option<Register> {
        let within = |device: &Arc<Device>, region: usize| {
            let window = device.regions().get(region)?;
            let offset = address.checked_sub(window.base)?;
            let end = offset.checked_add(width.bytes())?;
            (end <= window.size).then(|| Register { device: Arc::clone(device), region, offset })
        };
        let mut own = 0..self.device.regions().len();
        own.find_map(|region| within(self.device, region)).or_else(|| {
            let (_, &(id, region)) = self.windows.range(..=address).next_back()?;
            within(&self.machine.device_by_id(id)?, region)
        })
    }

    /// Do something with another device's registers, if the asker may.
    fn with<T>(&self, device: &Arc<Device>, access: impl FnOnce() -> T) -> Result<T, AcpiFailure> {
        let name = || device.name().to_owned();
        // Waiting for it could be waiting for one who waits for us.
        let lock = device.try_lock_reset().ok_or_else(|| AcpiFailure::Busy { device: name() })?;
        let holder = self.machine.holder_for(device, self.asker);
        decide(self.asker, &[Affected { device: name(), holder }])?;
        let value = access();
        drop(lock);
        Ok(value)
    }
}

impl SystemMemory for ReachedByReset<'_> {
    fn load(&self, address: u64, width: Width) -> Result<u64, AcpiFailure> {
        match self.find(address, width) {
            // One that did not come out of its last reset gets another chance.
            Some(at) if at.device.id() == self.device.id() => {
                Ok(at.device.load_as_driver(at.region, at.offset, width))
            }
            Some(at) => self.with(&at.device, || at.device.load(at.region, at.offset, width)),
            None => Ok(width.mask()),
        }
    }

    fn store(&self, address: u64, width: Width, value: u64) -> Result<(), AcpiFailure> {
        match self.find(address, width) {
            Some(at) if at.device.id() == self.device.id() => {
                at.device.store_as_driver(at.region, at.offset, width, value);
                Ok(())
            }
            Some(at) => self.with(&at.device, || at.device.store(at.region, at.offset, width, value)),
            None => Ok(()),
        }
    }
}
