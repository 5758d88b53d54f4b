//! Which region of device addresses a device behind a MediaTek M4U is in.
//!
//! In Linux this is `mtk_iommu_get_iova_region_id` and `mtk_iommu_get_bank_id` (drivers/iommu/mtk_iommu.c): a stream is a port of
//! a local arbiter, `larb << 5 | port`, and each region belongs to certain ports. The regions' numbers and the arbiters of each
//! are those of the driver's tables and of dt-bindings/memory/mt8*-memory-port.h.

use super::domain::Aperture;
use crate::addr::Iova;

/// Ports of a local arbiter, a bit for each.
type Ports = u32;

/// Every port.
const ALL: Ports = !0;

/// One rule of a region: arbiters from the first to the last, and which of their ports.
type Larbs = (u32, u32, Ports);

/// An SoC's regions and banks.
#[derive(Debug, PartialEq, Eq)]
pub struct Soc {
    /// The ports of each region; a single region has every port.
    regions: &'static [&'static [Larbs]],
    /// Banks other than the first, and their ports: each is a group of its own.
    banks: &'static [(u32, Ports)],
    /// Whether all instances act as one (`SHARE_PGTABLE`).
    pub(super) instances: Instances,
}

/// Whether the instances of one SoC share their tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instances {
    /// Each has its own groups.
    Apart,
    /// They have their groups in common.
    Together,
}

/// What tells a device's group from others of the same IOMMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) group: u32,
    pub(super) region: usize,
}

impl Soc {
    /// One region for all.
    pub const SINGLE: Soc = Soc { regions: &[&[(0, 31, ALL)]], banks: &[], instances: Instances::Apart };
    /// MT2712, both of its M4Us.
    pub const MT2712: Soc = Soc { instances: Instances::Together, ..Self::SINGLE };
    /// The bus of PCIe and USB: a bank for each.
    pub const MT8195_INFRA: Soc =
        Soc { regions: Self::SINGLE.regions, banks: &[(4, 0xfff0_0000)], instances: Instances::Apart };
    /// MT8186.
    pub const MT8186: Soc = Soc {
        regions: &[
            &[(0, 2, ALL)],
            &[(4, 4, ALL), (7, 7, ALL)],
            &[(8, 9, ALL), (11, 11, ALL), (13, 13, !0x600), (16, 17, ALL), (19, 20, ALL)],
            &[],
            &[(13, 13, 0x600)],
            &[(14, 14, ALL)],
        ],
        banks: &[],
        instances: Instances::Apart,
    };
    /// MT8188, both of its M4Us.
    pub const MT8188: Soc = Soc {
        regions: &[
            &[(0, 3, ALL)],
            &[(21, 23, ALL)],
            &[(4, 20, ALL), (25, 25, ALL)],
            &[],
            &[(24, 24, 0x3)],
            &[(24, 24, 0xc)],
        ],
        banks: &[],
        instances: Instances::Together,
    };
    /// MT8192.
    pub const MT8192: Soc = Soc {
        regions: &[
            &[(0, 1, ALL)],
            &[(4, 5, ALL), (7, 7, ALL)],
            &[(2, 2, ALL), (9, 9, ALL), (11, 11, ALL), (13, 13, !0x600), (14, 14, !0x30), (16, 20, ALL)],
            &[],
            &[(13, 13, 0x600)],
            &[(14, 14, 0x30)],
        ],
        banks: &[],
        instances: Instances::Apart,
    };
    /// MT8195, both of its M4Us.
    pub const MT8195: Soc = Soc {
        regions: &[
            &[(0, 3, ALL)],
            &[(19, 24, ALL)],
            &[(4, 17, ALL), (25, 28, ALL)],
            &[],
            &[(18, 18, 0x3)],
            &[(18, 18, 0xc)],
        ],
        banks: &[],
        instances: Instances::Together,
    };

    /// Where a device with these streams belongs; `None` where its ports are not all in one region.
    pub(super) fn place(&self, streams: impl Iterator<Item = u32> + Clone) -> Option<Place> {
        let larb = (streams.clone().next()? >> 5) & 0x1f;
        let ports = streams.fold(0, |ports, stream| ports | (1u32 << (stream & 0x1f)));
        let bank = self.banks.iter().find(|(_, of)| ports & of != 0);
        let within = |region: &&[Larbs]| {
            region.iter().any(|&(first, last, of)| (first..=last).contains(&larb) && of & ports == ports)
        };
        let region = self.regions.iter().position(within)?;
        let group = match bank {
            Some((bank, _)) => *bank,
            None => u32::try_from(region).unwrap_or(u32::MAX),
        };
        Some(Place { group, region })
    }

    /// The device addresses of a region, where an SoC has several (`mt8192_multi_dom`).
    pub(super) fn aperture(&self, region: usize) -> Option<Aperture> {
        const GIB: u64 = 1 << 30;
        let (first, size) = match (self.regions.len(), region) {
            (1, _) => return None,
            (_, 0..4) => (4 * GIB * region as u64, 4 * GIB),
            (_, 4) => (0x2_4000_0000, 0x400_0000),
            _ => (0x2_4400_0000, 0x400_0000),
        };
        Some(Aperture { first: Iova(first), last: Iova(first + size - 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(soc: &Soc, streams: &[(u32, u32)]) -> Option<u32> {
        let streams: Vec<u32> = streams.iter().map(|(larb, port)| (larb << 5) | port).collect();
        soc.place(streams.iter().copied()).map(|place| place.group)
    }

    #[test]
    fn a_device_is_in_the_region_of_its_ports() {
        assert_eq!(place(&Soc::SINGLE, &[(7, 3)]), Some(0));
        assert_eq!(place(&Soc::MT8192, &[(13, 0), (13, 1)]), Some(2));
        assert_eq!(place(&Soc::MT8192, &[(13, 9)]), Some(4));
        assert_eq!(place(&Soc::MT8192, &[(13, 8), (13, 9)]), None);
        assert_eq!(place(&Soc::MT8195_INFRA, &[(0, 16)]), Some(0));
        assert_eq!(place(&Soc::MT8195_INFRA, &[(0, 20), (0, 21)]), Some(4));
        assert_eq!(place(&Soc::MT8195, &[]), None);
    }

    #[test]
    fn regions_have_their_own_addresses() {
        assert_eq!(Soc::SINGLE.aperture(0), None);
        assert_eq!(Soc::MT8195.aperture(1).map(|it| it.first), Some(Iova(0x1_0000_0000)));
        assert_eq!(Soc::MT8195.aperture(5).map(|it| it.last), Some(Iova(0x2_47ff_ffff)));
    }
}
