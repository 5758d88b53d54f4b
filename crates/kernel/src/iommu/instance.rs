//! An IOMMU of the board: its node, and what its driver says about it.
//!
//! In Linux this is `struct iommu_device` (include/linux/iommu.h), registered by the driver when it probes the block.

use std::sync::Arc;

use super::domain::{Aperture, IommuFacts};
use super::driver::{CoherencyRule, IommuDriver};

/// What of an IOMMU's node its driver looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IommuNode {
    /// `dma-coherent`: its table walks are coherent.
    pub dma_coherent: bool,
    /// `stream-match-mask`: the mask of streams whose specifier has none.
    pub stream_match_mask: Option<u16>,
}

/// An IOMMU.
#[derive(Debug)]
pub struct Iommu {
    path: String,
    facts: IommuFacts,
    driver: Option<&'static IommuDriver>,
    node: IommuNode,
}

impl Iommu {
    /// An IOMMU no driver is known for: one group for each device behind it.
    #[must_use]
    pub fn new(path: impl Into<String>, facts: IommuFacts) -> Arc<Self> {
        Arc::new(Self { path: path.into(), facts, driver: None, node: IommuNode::default() })
    }

    /// The IOMMU at this node of the description, by its driver.
    #[must_use]
    pub fn of_driver(path: impl Into<String>, driver: &'static IommuDriver, node: IommuNode) -> Arc<Self> {
        Arc::new(Self { path: path.into(), facts: driver.facts(), driver: Some(driver), node })
    }

    /// The part of this one that translates only these addresses.
    pub(super) fn region(&self, aperture: Aperture) -> Arc<Self> {
        let facts = IommuFacts { aperture, ..self.facts.clone() };
        Arc::new(Self { path: self.path.clone(), facts, driver: self.driver, node: self.node })
    }

    /// Its node.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it can do.
    #[must_use]
    pub fn facts(&self) -> &IommuFacts {
        &self.facts
    }

    /// Its driver, where that is known.
    #[must_use]
    pub fn driver(&self) -> Option<&'static IommuDriver> {
        self.driver
    }

    /// What its node says.
    #[must_use]
    pub fn node(&self) -> IommuNode {
        self.node
    }

    /// Whether the driver says that a device's DMA is coherent; `device` is what the device's own node says.
    #[must_use]
    pub fn coherent_for(&self, device: DeviceCoherency) -> bool {
        let device = device == DeviceCoherency::Coherent;
        match self.driver.map_or(CoherencyRule::IommuOrDevice, |driver| driver.coherency) {
            CoherencyRule::Never => false,
            CoherencyRule::Iommu => self.node.dma_coherent,
            CoherencyRule::IommuOrDevice => self.node.dma_coherent || device,
            CoherencyRule::Always => true,
        }
    }
}

/// What a device's own node says about its DMA (`dev_is_dma_coherent`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceCoherency {
    /// `dma-coherent`.
    Coherent,
    /// Nothing, or `dma-noncoherent`.
    NonCoherent,
}
