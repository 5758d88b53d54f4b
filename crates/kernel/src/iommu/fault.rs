//! DMA faults: what a device tried and could not, kept for whoever asks later.
//!
//! In Linux the IOMMU's driver prints them (`arm_smmu_context_fault`, drivers/iommu/arm/arm-smmu/arm-smmu.c) and passes them to
//! `report_iommu_fault()`. A device can fault for ever, so only the first ones are kept whole; the rest are counted.

use crate::hw::DmaFault;
use crate::sync::{self, Mutex};

/// How many faults of one device are kept whole.
const KEPT: usize = 64;

/// One fault, with the device it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The device's name.
    pub device: String,
    /// What it wanted, where, and why not.
    pub fault: DmaFault,
}

/// The faults of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first ones, oldest first.
    pub first: Vec<DmaFault>,
    /// All there were.
    pub total: u64,
}

/// Takes faults as they happen. Its memory is taken once.
pub(super) struct Log {
    faults: Mutex<Faults>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { faults: Mutex::new(Faults { first: Vec::with_capacity(KEPT), total: 0 }) }
    }

    pub(super) fn record(&self, fault: DmaFault) {
        let mut faults = sync::lock(&self.faults);
        faults.total = faults.total.saturating_add(1);
        if faults.first.len() < KEPT {
            faults.first.push(fault);
        }
    }

    pub(super) fn facts(&self) -> Faults {
        sync::lock(&self.faults).clone()
    }
}
