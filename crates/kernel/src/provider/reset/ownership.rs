//! Whether a reset may happen: it must not reach a device that is not the asker's.
//!
//! In Linux only PCI hot reset asks this (`vfio_pci_ioctl_pci_hot_reset`, drivers/vfio/pci/vfio_pci_core.c): the asker shows the files
//! of every group the reset would touch. Here it is asked for every reset of every scope. A device nobody has may be reset too, if
//! it does nothing that the reset would cut off.

use crate::device::DeviceId;
use crate::iommu::Owner;

/// In whose hands a device is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The asker's own: it has shown the device itself.
    Asker,
    /// A user's, by the claim on its group.
    User(Owner),
    /// A host driver's.
    Host {
        /// The driver's name.
        driver: String,
    },
    /// Nobody's, and it is quiet.
    Nobody,
    /// Nobody's, but it is still at work.
    NobodyAtWork,
}

/// A device that a reset would reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Affected {
    /// Its name.
    pub device: String,
    /// Who has it.
    pub holder: Holder,
}

/// Who asks for a reset: every claim it can show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asker {
    /// Its claims, for instance those of all groups in one container.
    pub claims: Vec<Owner>,
    /// Devices it has open, where there is no group to claim.
    pub devices: Vec<DeviceId>,
}

impl Asker {
    /// One with a single claim.
    #[must_use]
    pub fn of(owner: Owner) -> Self {
        Self { claims: vec![owner], devices: Vec::new() }
    }
}

/// A reset would reach a device that is not the asker's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reset would reach {device}, which is not the asker's")]
pub struct NotYours {
    /// The device.
    pub device: String,
    /// Who has it.
    pub holder: Holder,
}

/// Whether a reset of these devices may happen. The first of them is the one it was asked for.
///
/// # Errors
/// The first device that is not the asker's and that somebody else's reset must leave alone.
pub fn decide(asker: &Asker, affected: &[Affected]) -> Result<(), NotYours> {
    let allowed = |device: &&Affected| match &device.holder {
        Holder::User(owner) => asker.claims.contains(owner),
        Holder::Asker | Holder::Nobody => true,
        Holder::Host { .. } | Holder::NobodyAtWork => false,
    };
    match affected.iter().find(|device| !allowed(device)) {
        Some(device) => Err(NotYours { device: device.device.clone(), holder: device.holder.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affected(device: &str, holder: Holder) -> Affected {
        Affected { device: device.to_owned(), holder }
    }

    #[test]
    fn every_device_must_be_the_askers_or_quiet_and_nobodys() {
        let mine = Holder::User(Owner(1));
        let asker = Asker { claims: vec![Owner(1), Owner(3)], devices: Vec::new() };
        let ask = |others: &[Holder]| {
            let mut all = vec![affected("own", mine.clone())];
            all.extend(others.iter().map(|holder| affected("other", holder.clone())));
            decide(&asker, &all).map_err(|refusal| refusal.holder)
        };
        assert_eq!(ask(&[]), Ok(()));
        assert_eq!(ask(&[Holder::Nobody, mine.clone(), Holder::User(Owner(3))]), Ok(()));
        for other in
            [Holder::User(Owner(2)), Holder::NobodyAtWork, Holder::Host { driver: "ehci".to_owned() }]
        {
            assert_eq!(ask(&[Holder::Nobody, other.clone()]), Err(other));
        }
    }
}
