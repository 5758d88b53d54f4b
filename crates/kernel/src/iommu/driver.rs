//! The IOMMU drivers of Linux: what each can translate, and how it makes groups of platform devices.
//!
//! In Linux these are the `device_group`, `capable` and `get_resv_regions` of each `struct iommu_ops` under drivers/iommu. Each row
//! names its source; where hardware registers decide, the row says what the block implements by its manual. Groups of PCI
//! functions follow the path to them and are not made here.

use super::domain::{Aperture, IommuFacts, ReservedKind, ReservedRegion};
use super::mediatek::Soc;
use crate::addr::Iova;

/// How a driver decides which devices are in one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// One group for each device (`generic_device_group`).
    Device,
    /// One group for all devices of an instance (`generic_single_device_group`).
    Instance,
    /// Likewise, and of several instances the last one named is it.
    LastInstance,
    /// Devices whose streams are matched by one entry of the stream mapping table share a group (`arm_smmu_device_group`).
    StreamMap,
    /// Devices that have a stream in common must have all in common, and share a group (`apple_dart_device_group`).
    StreamSets,
    /// Devices whose first stream is in one of these sets, or the same, share a group (`tegra_smmu_device_group`).
    SwGroups(&'static [&'static [u32]]),
    /// One group for each region of device addresses, or each bank (`mtk_iommu_device_group`).
    Regions(&'static Soc),
}

/// When the driver says that DMA is coherent with the processors' caches (`IOMMU_CAP_CACHE_COHERENCY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoherencyRule {
    /// Never; VFIO does not take such a device since 6.0.
    Never,
    /// Where the IOMMU's own node is `dma-coherent`.
    Iommu,
    /// Where the IOMMU's or the device's node is.
    IommuOrDevice,
    /// Always.
    Always,
}

/// Which devices the driver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// All.
    Every,
    /// Those that `ipmmu_device_is_allowed` knows, on the SoCs that need it.
    RenesasList,
}

/// A driver, or those of its compatibles that differ from its others.
#[derive(Debug)]
pub struct IommuDriver {
    /// Its name; two IOMMUs are of one kind where it is the same.
    pub name: &'static str,
    /// What it takes.
    pub compatible: &'static [&'static str],
    /// How it makes groups.
    pub grouping: Grouping,
    /// Whom it takes.
    pub admission: Admission,
    /// A bit for each page size.
    pub page_sizes: u64,
    /// Bits of a device address.
    pub address_bits: u32,
    /// When it says that DMA is coherent.
    pub coherency: CoherencyRule,
    /// Whether it reserves a window for message-signalled interrupts (`MSI_IOVA_BASE`).
    pub msi_window: MsiWindow,
    /// Where this can be read in Linux.
    pub source: &'static str,
}

/// Whether device addresses are set aside for message-signalled interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MsiWindow {
    /// None.
    None,
    /// `MSI_IOVA_BASE`, `MSI_IOVA_LENGTH`: 1 MiB at 0x8000000 (drivers/iommu/iommu.c or the driver itself).
    Software,
}

impl IommuDriver {
    /// The driver that takes a node with these compatibles, most specific first.
    #[must_use]
    pub fn of(compatible: &[String]) -> Option<&'static Self> {
        compatible
            .iter()
            .find_map(|word| DRIVERS.iter().find(|driver| driver.compatible.contains(&word.as_str())))
    }

    /// What a user of it must respect.
    #[must_use]
    pub fn facts(&self) -> IommuFacts {
        let last = Iova(u64::MAX.checked_shr(64 - self.address_bits).unwrap_or(0));
        let window = ReservedRegion {
            first: Iova(0x800_0000),
            last: Iova(0x80f_ffff),
            kind: ReservedKind::SoftwareMsi,
        };
        IommuFacts {
            page_sizes: self.page_sizes,
            aperture: Aperture { first: Iova(0), last },
            reserved: match self.msi_window {
                MsiWindow::None => Vec::new(),
                MsiWindow::Software => vec![window],
            },
        }
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Long descriptors with 4 KiB granules (drivers/iommu/io-pgtable-arm.c).
const LPAE: u64 = (4 * KIB) | (2 * MIB) | GIB;
/// Short descriptors (drivers/iommu/io-pgtable-arm-v7s.c).
const V7S: u64 = (4 * KIB) | (64 * KIB) | MIB | (16 * MIB);

/// What most rows have in common.
const PLAIN: IommuDriver = IommuDriver {
    name: "",
    compatible: &[],
    grouping: Grouping::Device,
    admission: Admission::Every,
    page_sizes: 4 * KIB,
    address_bits: 32,
    coherency: CoherencyRule::Never,
    msi_window: MsiWindow::None,
    source: "",
};

/// Arm's SMMU, versions 1 and 2.
const ARM_SMMU: IommuDriver = IommuDriver {
    name: "arm-smmu",
    grouping: Grouping::StreamMap,
    page_sizes: LPAE,
    address_bits: 48,
    coherency: CoherencyRule::IommuOrDevice,
    msi_window: MsiWindow::Software,
    source: "drivers/iommu/arm/arm-smmu/arm-smmu.c",
    ..PLAIN
};

/// NVIDIA's SMMU in the memory controllers of Tegra30 to Tegra210; streams are numbered as in dt-bindings/memory/tegra*-mc.h.
const TEGRA: IommuDriver =
    IommuDriver { name: "tegra-smmu", source: "drivers/iommu/tegra-smmu.c, drivers/memory/tegra", ..PLAIN };

/// MediaTek's M4U, second generation.
const MEDIATEK: IommuDriver = IommuDriver {
    name: "mtk-iommu",
    page_sizes: V7S,
    address_bits: 34,
    source: "drivers/iommu/mtk_iommu.c",
    ..PLAIN
};

static DRIVERS: &[IommuDriver] = &[
    // SMMUv1 is stage 2 with 40 bits of intermediate addresses (Arm IHI 0062, DDI 0521).
    IommuDriver { compatible: &["arm,smmu-v1", "arm,mmu-400", "arm,mmu-401"], address_bits: 40, ..ARM_SMMU },
    IommuDriver {
        compatible: &[
            "arm,smmu-v2",
            "arm,mmu-500",
            "cavium,smmu-v2",
            "marvell,ap806-smmu-500",
            "nvidia,smmu-500",
            "qcom,smmu-v2",
            "qcom,smmu-500",
        ],
        ..ARM_SMMU
    },
    IommuDriver {
        name: "arm-smmu-v3",
        compatible: &["arm,smmu-v3"],
        grouping: Grouping::Device,
        coherency: CoherencyRule::Iommu,
        source: "drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c",
        ..ARM_SMMU
    },
    IommuDriver {
        name: "ipmmu-vmsa",
        compatible: &[
            "renesas,ipmmu-vmsa",
            "renesas,ipmmu-r8a774a1",
            "renesas,ipmmu-r8a774b1",
            "renesas,ipmmu-r8a774c0",
            "renesas,ipmmu-r8a774e1",
            "renesas,ipmmu-r8a7795",
            "renesas,ipmmu-r8a7796",
            "renesas,ipmmu-r8a77961",
            "renesas,ipmmu-r8a77965",
            "renesas,ipmmu-r8a77970",
            "renesas,ipmmu-r8a77980",
            "renesas,ipmmu-r8a77990",
            "renesas,ipmmu-r8a77995",
            "renesas,ipmmu-r8a779a0",
            "renesas,rcar-gen4-ipmmu-vmsa",
        ],
        grouping: Grouping::Instance,
        admission: Admission::RenesasList,
        page_sizes: LPAE,
        source: "drivers/iommu/ipmmu-vmsa.c",
        ..PLAIN
    },
    // Each `of_xlate` replaces the instance, so the last one stays.
    IommuDriver {
        name: "rk_iommu",
        compatible: &["rockchip,iommu", "rockchip,rk3568-iommu"],
        grouping: Grouping::LastInstance,
        page_sizes: 0x007f_f000,
        source: "drivers/iommu/rockchip-iommu.c",
        ..PLAIN
    },
    IommuDriver {
        name: "sun50i-iommu",
        compatible: &["allwinner,sun50i-h6-iommu", "allwinner,sun50i-h616-iommu"],
        grouping: Grouping::Instance,
        source: "drivers/iommu/sun50i-iommu.c",
        ..PLAIN
    },
    // A device may be behind several of these; they act as one.
    IommuDriver {
        name: "exynos-sysmmu",
        compatible: &["samsung,exynos-sysmmu"],
        page_sizes: (4 * KIB) | (64 * KIB) | MIB,
        source: "drivers/iommu/exynos-iommu.c",
        ..PLAIN
    },
    // Since 6.8 one group for all devices of an instance; each instance has one device.
    IommuDriver {
        name: "omap-iommu",
        compatible: &["ti,omap2-iommu", "ti,omap4-iommu", "ti,dra7-iommu", "ti,dra7-dsp-iommu"],
        grouping: Grouping::Instance,
        page_sizes: V7S,
        source: "drivers/iommu/omap-iommu.c",
        ..PLAIN
    },
    IommuDriver {
        name: "mtk-iommu-v1",
        compatible: &["mediatek,mt2701-m4u"],
        source: "drivers/iommu/mtk_iommu_v1.c",
        ..PLAIN
    },
    IommuDriver {
        compatible: &["mediatek,mt2712-m4u"],
        grouping: Grouping::Regions(&Soc::MT2712),
        address_bits: 32,
        ..MEDIATEK
    },
    IommuDriver {
        compatible: &[
            "mediatek,mt6779-m4u",
            "mediatek,mt6795-m4u",
            "mediatek,mt8167-m4u",
            "mediatek,mt8173-m4u",
            "mediatek,mt8183-m4u",
            "mediatek,mt8188-iommu-infra",
            "mediatek,mt8365-m4u",
        ],
        grouping: Grouping::Regions(&Soc::SINGLE),
        address_bits: 32,
        ..MEDIATEK
    },
    IommuDriver {
        compatible: &["mediatek,mt8195-iommu-infra"],
        grouping: Grouping::Regions(&Soc::MT8195_INFRA),
        address_bits: 32,
        ..MEDIATEK
    },
    IommuDriver {
        compatible: &["mediatek,mt8186-iommu-mm"],
        grouping: Grouping::Regions(&Soc::MT8186),
        ..MEDIATEK
    },
    IommuDriver {
        compatible: &["mediatek,mt8188-iommu-vdo", "mediatek,mt8188-iommu-vpp"],
        grouping: Grouping::Regions(&Soc::MT8188),
        ..MEDIATEK
    },
    IommuDriver {
        compatible: &["mediatek,mt8192-m4u"],
        grouping: Grouping::Regions(&Soc::MT8192),
        ..MEDIATEK
    },
    IommuDriver {
        compatible: &["mediatek,mt8195-iommu-vdo", "mediatek,mt8195-iommu-vpp"],
        grouping: Grouping::Regions(&Soc::MT8195),
        ..MEDIATEK
    },
    IommuDriver {
        name: "msm_iommu",
        compatible: &["qcom,apq8064-iommu"],
        page_sizes: V7S,
        source: "drivers/iommu/msm_iommu.c",
        ..PLAIN
    },
    IommuDriver {
        name: "qcom-iommu",
        compatible: &["qcom,msm-iommu-v1", "qcom,msm-iommu-v2"],
        page_sizes: V7S,
        coherency: CoherencyRule::Always,
        source: "drivers/iommu/arm/arm-smmu/qcom_iommu.c",
        ..PLAIN
    },
    IommuDriver {
        compatible: &["nvidia,tegra30-mc"],
        grouping: Grouping::SwGroups(&[&[1, 2, 4, 9, 10]]),
        ..TEGRA
    },
    IommuDriver {
        compatible: &["nvidia,tegra114-mc"],
        grouping: Grouping::SwGroups(&[&[1, 2, 4, 6]]),
        ..TEGRA
    },
    IommuDriver {
        compatible: &["nvidia,tegra124-mc", "nvidia,tegra132-mc"],
        grouping: Grouping::SwGroups(&[&[1, 2, 24]]),
        ..TEGRA
    },
    IommuDriver { compatible: &["nvidia,tegra210-mc"], grouping: Grouping::SwGroups(&[&[1, 2]]), ..TEGRA },
    IommuDriver {
        name: "apple-dart",
        compatible: &["apple,t8103-dart", "apple,t8103-usb4-dart", "apple,t8110-dart", "apple,t6000-dart"],
        grouping: Grouping::StreamSets,
        page_sizes: 16 * KIB,
        source: "drivers/iommu/apple-dart.c",
        ..PLAIN
    },
    IommuDriver {
        name: "virtio-iommu",
        compatible: &["virtio,pci-iommu", "pci1af4,1057"],
        page_sizes: !0xfff,
        address_bits: 64,
        coherency: CoherencyRule::Always,
        msi_window: MsiWindow::Software,
        source: "drivers/iommu/virtio-iommu.c",
        ..PLAIN
    },
    IommuDriver {
        name: "riscv-iommu-platform",
        compatible: &["riscv,iommu"],
        page_sizes: LPAE | (512 * GIB),
        address_bits: 48,
        coherency: CoherencyRule::Always,
        source: "drivers/iommu/riscv/iommu.c",
        ..PLAIN
    },
    IommuDriver {
        name: "sprd-iommu",
        compatible: &["sprd,iommu-v1"],
        grouping: Grouping::Instance,
        address_bits: 28,
        source: "drivers/iommu/sprd-iommu.c",
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of(compatible: &[&str]) -> Option<&'static IommuDriver> {
        let words: Vec<String> = compatible.iter().map(|&word| word.to_owned()).collect();
        IommuDriver::of(&words)
    }

    #[test]
    fn every_row_is_complete_and_no_compatible_is_in_two() {
        let mut seen = BTreeSet::new();
        for driver in DRIVERS {
            assert!(!driver.name.is_empty() && driver.source.starts_with("drivers/"));
            assert!(driver.page_sizes != 0 && (1..=64).contains(&driver.address_bits));
            assert!(driver.compatible.iter().all(|word| seen.insert(word)));
        }
    }

    #[test]
    fn the_most_specific_word_that_is_known_decides() {
        let driver = of(&["vendor,smmu", "arm,mmu-401", "arm,smmu-v2"]).unwrap();
        assert_eq!(driver.facts().aperture.last, Iova(0xff_ffff_ffff));
        assert!(of(&["vendor,smmu"]).is_none());
    }

    #[test]
    fn the_recorded_machine_has_these_facts() {
        let facts = of(&["arm,smmu-v3"]).unwrap().facts();
        assert_eq!((facts.page_sizes, facts.aperture.last), (0x4020_1000, Iova(0xffff_ffff_ffff)));
        assert_eq!((facts.reserved[0].first, facts.reserved[0].last), (Iova(0x800_0000), Iova(0x80f_ffff)));
        assert_eq!(of(&["virtio,pci-iommu"]).unwrap().facts().aperture.last, Iova(u64::MAX));
    }
}
