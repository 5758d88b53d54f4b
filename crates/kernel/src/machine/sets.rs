//! Giving a whole set of devices to their drivers in one step: all members of each group, or none.
//!
//! The seeds ask for this (unbinding and binding are two writes in Linux, and whoever plugs a device in between them wins): all
//! devices are claimed together, what was done is undone when a step fails, and a refusal names what is in the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claims::Claim;
use super::control::Control;
use super::letgo::Former;
use super::{LinkOrder, Machine, Refusal};
use crate::device::{BindFiles, Bus, Device, DeviceId};
use crate::iommu::GroupId;
use crate::wait::Wait;

/// Why a set was not bound or unbound. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SetRefusal {
    /// One of the devices asked for is in the way.
    #[error("{device}: {why}")]
    Device {
        /// The device.
        device: String,
        /// Why.
        why: Box<Refusal>,
    },
    /// A device that nobody asked for is in the way: it shares a group with one that was.
    #[error("{member}, in group {group} with {device}: {why}")]
    Member {
        /// The device asked for.
        device: String,
        /// Their group.
        group: GroupId,
        /// Who is in the way.
        member: String,
        /// Why.
        why: Box<Refusal>,
    },
    /// There is no driver for devices of this bus.
    #[error("no driver for bus {bus}")]
    NoDriverFor {
        /// The bus.
        bus: Bus,
    },
}

/// A device of a set, and whom it is there for.
struct Wanted {
    device: Arc<Device>,
    asked: Option<(String, GroupId)>,
}

impl Wanted {
    fn refuse(&self, why: impl Into<Refusal>) -> SetRefusal {
        let name = self.device.name().to_owned();
        let why = Box::new(why.into());
        match &self.asked {
            None => SetRefusal::Device { device: name, why },
            Some((device, group)) => {
                SetRefusal::Member { device: device.clone(), group: *group, member: name, why }
            }
        }
    }
}

impl Machine {
    /// Give these devices, and the others of their groups, to the driver named for their bus, by override. Devices that have that
    /// driver already stay with it. Returns all that have it now.
    ///
    /// # Errors
    /// Names the device or group member in the way, and why; everything is then as it was.
    pub fn bind_set(
        &self,
        devices: &[(Bus, &str)],
        drivers: &BTreeMap<Bus, String>,
        wait: &dyn Wait,
    ) -> Result<Vec<Arc<Device>>, SetRefusal> {
        let result = self.claim_set(devices, wait).and_then(|(wanted, _claim)| {
            let mut moves = Vec::new();
            for one in &wanted {
                let bus = one.device.bus();
                let name = drivers.get(&bus).ok_or(SetRefusal::NoDriverFor { bus })?;
                if !has_driver(&one.device, name) {
                    moves.push((one, name.as_str()));
                }
            }
            self.hand_over(&moves, wait)?;
            Ok(wanted.into_iter().map(|wanted| wanted.device).collect())
        });
        self.settle();
        result
    }

    /// Take these devices, and the others of their groups, from the driver named for their bus, clear their overrides, and let the
    /// bus find them drivers. Devices that do not have that driver stay as they are and are not returned.
    ///
    /// # Errors
    /// Names the device or group member in the way, and why; everything is then as it was.
    pub fn unbind_set(
        &self,
        devices: &[(Bus, &str)],
        drivers: &BTreeMap<Bus, String>,
        wait: &dyn Wait,
    ) -> Result<Vec<Arc<Device>>, SetRefusal> {
        let result = self.claim_set(devices, wait).and_then(|(wanted, _claim)| {
            let named = |wanted: &&Wanted| {
                drivers.get(&wanted.device.bus()).is_some_and(|name| has_driver(&wanted.device, name))
            };
            let theirs: Vec<&Wanted> = wanted.iter().filter(named).collect();
            let former = self.let_set_go(&theirs, wait)?;
            for one in &former {
                self.control().set_override(&one.device, None);
            }
            // Only when all have left their user: a host driver that came first would find the group owned.
            for one in former.iter().rev() {
                // What has no driver, or one that refuses, stays without, as after a write to drivers_probe.
                let _ = self.attach(&one.device);
            }
            Ok(former.into_iter().map(|former| former.device).collect())
        });
        self.settle();
        result
    }

    /// Let each device go from its driver and give it to another, or put all back as they were.
    fn hand_over(&self, moves: &[(&Wanted, &str)], wait: &dyn Wait) -> Result<(), SetRefusal> {
        let wanted: Vec<&Wanted> = moves.iter().map(|(wanted, _)| *wanted).collect();
        let former = self.let_set_go(&wanted, wait)?;
        // Suppliers first: the other way round than they were let go.
        for one in former.iter().rev() {
            let Some((wanted, name)) = moves.iter().find(|(wanted, _)| wanted.device.id() == one.device.id())
            else {
                continue;
            };
            let bus = one.device.bus();
            self.control().set_override(&one.device, Some((*name).to_owned()));
            let found =
                self.driver(bus, name).ok_or_else(|| Refusal::NoDriver { bus, driver: (*name).to_owned() });
            let bound = found.and_then(|driver| {
                self.probe(&one.device, &driver).map_err(super::probe::ProbeFailure::refusal)
            });
            if let Err(why) = bound {
                self.put_back(&former, wait);
                return Err(wanted.refuse(why));
            }
        }
        Ok(())
    }

    /// Take each device from its driver, consumers before their suppliers, or put back those that were taken. Returns what they
    /// were like, in that order.
    fn let_set_go(&self, wanted: &[&Wanted], wait: &dyn Wait) -> Result<Vec<Former>, SetRefusal> {
        let ids = wanted.iter().map(|one| one.device.id()).collect();
        {
            let mut control = self.control();
            for one in wanted {
                if let Some(why) = in_the_way(&control, &one.device, &ids) {
                    return Err(one.refuse(why));
                }
            }
            control.leave(&ids);
        }
        self.release_in_order(&ids, wait).map_err(|stuck| {
            match wanted.iter().find(|one| one.device.id() == stuck.device.id()) {
                Some(one) => one.refuse(stuck.why),
                None => {
                    SetRefusal::Device { device: stuck.device.name().to_owned(), why: Box::new(stuck.why) }
                }
            }
        })
    }

    /// Claim the devices and the other members of their groups, once nobody else has any.
    fn claim_set(
        &self,
        devices: &[(Bus, &str)],
        wait: &dyn Wait,
    ) -> Result<(Vec<Wanted>, Claim), SetRefusal> {
        loop {
            let wanted = self.expand(devices)?;
            let ids: BTreeSet<DeviceId> = wanted.iter().map(|wanted| wanted.device.id()).collect();
            let claim = self.claims.claim(ids, wait).map_err(|interrupted| SetRefusal::Device {
                device: devices.first().map(|(_, name)| (*name).to_owned()).unwrap_or_default(),
                why: Box::new(interrupted.into()),
            })?;
            // A device plugged in while we waited belongs to the set too.
            let now = self.expand(devices)?;
            if now.iter().all(|wanted| claim.covers(wanted.device.id())) {
                return Ok((now, claim));
            }
        }
    }

    /// The devices of a set, members of their groups included, each once.
    fn expand(&self, devices: &[(Bus, &str)]) -> Result<Vec<Wanted>, SetRefusal> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for (bus, name) in devices {
            let no_device = || SetRefusal::Device {
                device: (*name).to_owned(),
                why: Box::new(Refusal::NoDevice { bus: *bus, device: (*name).to_owned() }),
            };
            let device = self.device(*bus, name).ok_or_else(no_device)?;
            wanted.push(Wanted { device, asked: None });
        }
        let mut seen: BTreeSet<DeviceId> = wanted.iter().map(|wanted| wanted.device.id()).collect();
        let mut members = Vec::new();
        for asked in &wanted {
            let Some(group) = asked.device.group() else { continue };
            for device in self.members(group.id()) {
                if seen.insert(device.id()) {
                    members
                        .push(Wanted { device, asked: Some((asked.device.name().to_owned(), group.id())) });
                }
            }
        }
        let mut first = BTreeSet::new();
        wanted.retain(|wanted| first.insert(wanted.device.id()));
        wanted.extend(members);
        Ok(wanted)
    }
}

fn has_driver(device: &Device, name: &str) -> bool {
    device.driver().is_some_and(|driver| driver.name() == name)
}

/// What keeps a device with its driver: that it cannot be taken by hand, or that others outside the set need it.
fn in_the_way(control: &Control, device: &Device, set: &BTreeSet<DeviceId>) -> Option<Refusal> {
    let consumer = control.links.consumers(device.id()).find_map(|(consumer, link)| {
        let needs =
            !set.contains(&consumer) && link.order == LinkOrder::Enforced && control.has_driver(consumer);
        control.devices.get(&consumer).filter(|_| needs).map(|consumer| consumer.name().to_owned())
    });
    let needed = consumer.map(|consumer| Refusal::Needed { device: device.name().to_owned(), consumer });
    needed.or_else(|| {
        let driver = device.driver()?;
        let suppressed = driver.bind_files() == BindFiles::Suppressed;
        suppressed.then(|| Refusal::BindSuppressed { driver: driver.name().to_owned() })
    })
}
