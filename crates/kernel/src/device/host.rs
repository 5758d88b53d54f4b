//! The drivers a board's devices have when nobody gives them to a program.
//!
//! In Linux each is a driver of its own somewhere under drivers/. Here one kind of driver stands for all: it takes the devices of
//! its table, does nothing with them, and looks at each when it gets it, because a device that is handed back must do no DMA and
//! raise no interrupt. Names are Linux's where this knows them, so that what an administrator types is what works on the board.

use std::sync::Arc;

use super::{BindFiles, Bus, Device, Driver, ProbeError};
use crate::wait::{Interrupted, Wait};

/// One known driver: its name, its module, and what it takes.
struct Known {
    bus: Bus,
    driver: &'static str,
    module: &'static str,
    table: &'static [&'static str],
    bind_files: BindFiles,
}

macro_rules! known {
    ($($bus:ident $driver:literal $module:literal $files:ident [$($compatible:literal)*];)*) => {
        &[$(Known {
            bus: Bus::$bus,
            driver: $driver,
            module: $module,
            table: &[$($compatible),*],
            bind_files: BindFiles::$files,
        }),*]
    };
}

/// Drivers whose names in Linux 6.12 are known here.
const KNOWN: &[Known] = known! {
    Amba "dma-pl330" "pl330" Shown ["arm,pl330"];
    Amba "rtc-pl031" "rtc_pl031" Shown ["arm,pl031"];
    Amba "pl061_gpio" "gpio_pl061" Shown ["arm,pl061"];
    Amba "uart-pl011" "amba_pl011" Shown ["arm,pl011" "arm,sbsa-uart"];
    Amba "kmi-pl050" "ambakmi" Shown ["arm,pl050"];
    Amba "mmci-pl18x" "mmci" Shown ["arm,pl180" "arm,pl18x"];
    Amba "sp805-wdt" "sp805_wdt" Shown ["arm,sp805"];
    Amba "ssp-pl022" "spi_pl022" Shown ["arm,pl022"];
    Amba "coresight-etm4x" "coresight_etm4x" Shown ["arm,coresight-etm4x"];
    Amba "coresight-tmc" "coresight_tmc" Shown ["arm,coresight-tmc"];
    Platform "virtio-mmio" "virtio_mmio" Shown ["virtio,mmio"];
    Platform "fw_cfg" "qemu_fw_cfg" Shown ["qemu,fw-cfg-mmio"];
    Platform "gpio-keys" "gpio_keys" Shown ["gpio-keys"];
    Platform "simple-pm-bus" "simple_pm_bus" Shown [
        "simple-pm-bus" "simple-bus" "simple-mfd" "isa" "arm,amba-bus"
    ];
    Platform "armv8-pmu" "arm_pmuv3" Suppressed [
        "arm,armv8-pmuv3" "arm,cortex-a53-pmu" "arm,cortex-a57-pmu" "arm,cortex-a72-pmu"
    ];
    Platform "cfi_flash" "physmap" Shown ["cfi-flash"];
    Platform "pci-host-generic" "pci_host_generic" Shown [
        "pci-host-ecam-generic" "pci-host-cam-generic"
    ];
    Platform "arm-smmu" "arm_smmu" Suppressed [
        "arm,smmu-v1" "arm,smmu-v2" "arm,mmu-400" "arm,mmu-401" "arm,mmu-500" "cavium,smmu-v2"
        "marvell,ap806-smmu-500" "nvidia,smmu-500" "qcom,smmu-v2" "qcom,smmu-500"
    ];
    Platform "arm-smmu-v3" "arm_smmu_v3" Suppressed ["arm,smmu-v3"];
    Pci "virtio_iommu" "virtio_iommu" Suppressed ["virtio,pci-iommu" "pci1af4,1057"];
    Platform "ipmmu-vmsa" "ipmmu_vmsa" Suppressed [
        "renesas,ipmmu-vmsa" "renesas,rcar-gen4-ipmmu-vmsa" "renesas,ipmmu-r8a774a1" "renesas,ipmmu-r8a7795"
        "renesas,ipmmu-r8a7796" "renesas,ipmmu-r8a77961" "renesas,ipmmu-r8a77965" "renesas,ipmmu-r8a77970"
        "renesas,ipmmu-r8a77990" "renesas,ipmmu-r8a77995"
    ];
    Platform "rk_iommu" "rockchip_iommu" Suppressed ["rockchip,iommu" "rockchip,rk3568-iommu"];
    Platform "sun50i-iommu" "sun50i_iommu" Suppressed ["allwinner,sun50i-h6-iommu" "allwinner,sun50i-h616-iommu"];
    Platform "exynos-sysmmu" "exynos_iommu" Suppressed ["samsung,exynos-sysmmu"];
    Platform "omap-iommu" "omap_iommu" Suppressed [
        "ti,omap2-iommu" "ti,omap4-iommu" "ti,dra7-iommu" "ti,dra7-dsp-iommu"
    ];
    Platform "mtk-iommu" "mtk_iommu" Suppressed [
        "mediatek,mt2712-m4u" "mediatek,mt8173-m4u" "mediatek,mt8183-m4u" "mediatek,mt8192-m4u"
    ];
    Platform "reset-simple" "reset_simple" Shown [
        "altr,stratix10-rst-mgr" "st,stm32-rcc" "allwinner,sun6i-a31-clock-reset" "zte,zx296718-reset"
        "aspeed,ast2400-lpc-reset" "aspeed,ast2500-lpc-reset" "aspeed,ast2600-lpc-reset"
        "bitmain,bm1880-reset" "brcm,bcm4908-misc-pcie-reset" "snps,dw-high-reset" "snps,dw-low-reset"
        "sophgo,sg2042-reset"
    ];
    Platform "calxedaxgmac" "xgmac" Shown ["calxeda,hb-xgmac"];
    Platform "amd-xgbe" "amd_xgbe" Shown ["amd,xgbe-seattle-v1a"];
    Platform "brcm-flexrm-mbox" "bcm_flexrm_mailbox" Shown ["brcm,iproc-flexrm-mbox"];
    Platform "xhci-hcd" "xhci_plat_hcd" Shown ["generic-xhci" "xhci-platform"];
    Platform "ehci-platform" "ehci_platform" Shown ["generic-ehci"];
    Platform "ohci-platform" "ohci_platform" Shown ["generic-ohci"];
    Platform "sata-ahci" "ahci_platform" Shown ["generic-ahci"];
    Platform "gpio-clk" "clk_gpio" Shown ["gpio-gate-clock" "gpio-mux-clock"];
    Platform "of_fixed_clk" "clk_fixed_rate" Shown ["fixed-clock"];
    Platform "of_fixed_factor_clk" "clk_fixed_factor" Shown ["fixed-factor-clock"];
    Platform "reg-fixed-voltage" "fixed" Shown ["regulator-fixed"];
    Platform "pwm-rcar" "pwm_rcar" Shown ["renesas,pwm-rcar"];
    Platform "renesas-cpg-mssr" "renesas_cpg_mssr" Suppressed [
        "renesas,r8a7795-cpg-mssr" "renesas,r8a7796-cpg-mssr" "renesas,r8a77965-cpg-mssr"
    ];
};

/// A driver that stands for a device's own driver in Linux.
pub struct HostDriver {
    name: String,
    module: String,
    bus: Bus,
    table: Vec<String>,
    bind_files: BindFiles,
}

/// The word of a device's `compatible` by which a driver takes it: devices of one bus with the same word have the same driver, though
/// a driver may take several words.
#[must_use]
pub(crate) fn taken_by(bus: Bus, compatible: &[String]) -> Option<&str> {
    let says_nothing = |word: &str| matches!(word, "" | "arm,primecell" | "syscon");
    let known = telling(compatible).find(|word| known(bus, word).is_some());
    known.or_else(|| telling(compatible).find(|word| !says_nothing(word))).map(String::as_str)
}

fn known(bus: Bus, compatible: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.bus == bus && known.table.contains(&compatible))
}

impl HostDriver {
    /// The driver Linux would have for a device, or one named after what it is where that is not known; `None` for a device that
    /// does not say what it is. The most specific `compatible` that is known decides.
    #[must_use]
    pub fn of(bus: Bus, compatible: &[String]) -> Option<Self> {
        let word = taken_by(bus, compatible)?;
        if let Some(known) = known(bus, word) {
            return Some(Self {
                name: known.driver.to_owned(),
                module: known.module.to_owned(),
                bus,
                table: known.table.iter().map(|&compatible| compatible.to_owned()).collect(),
                bind_files: known.bind_files,
            });
        }
        let letter = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
        let name: String = word.chars().map(letter).collect();
        Some(Self {
            module: name.replace('-', "_"),
            name,
            bus,
            table: vec![word.to_owned()],
            bind_files: BindFiles::Shown,
        })
    }
}

/// The words that say what a device is. That it is also a plain bus counts only where that is the first thing it is
/// (`simple_pm_bus_probe`, drivers/bus/simple-pm-bus.c).
fn telling(compatible: &[String]) -> impl Iterator<Item = &String> {
    let plain = |word: &str| matches!(word, "simple-bus" | "simple-mfd" | "isa" | "arm,amba-bus");
    compatible.iter().enumerate().filter(move |(at, word)| *at == 0 || !plain(word)).map(|(_, word)| word)
}

impl Driver for HostDriver {
    fn name(&self) -> &str {
        &self.name
    }

    fn bus(&self) -> Bus {
        self.bus
    }

    fn module(&self) -> &str {
        &self.module
    }

    fn table(&self) -> &[String] {
        &self.table
    }

    fn matches(&self, device: &Device) -> bool {
        telling(device.facts().identities()).any(|word| self.table.contains(word))
    }

    fn probe(&self, device: &Arc<Device>) -> Result<(), ProbeError> {
        device.look();
        Ok(())
    }

    fn remove(&self, device: &Arc<Device>, _: &dyn Wait) -> Result<(), Interrupted> {
        device.look_away();
        Ok(())
    }

    fn bind_files(&self) -> BindFiles {
        self.bind_files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver(bus: Bus, compatible: &[&str]) -> Option<String> {
        let compatible: Vec<String> = compatible.iter().map(|&word| word.to_owned()).collect();
        HostDriver::of(bus, &compatible).map(|driver| format!("{} of {}", driver.name, driver.module))
    }

    #[test]
    fn drivers_have_linux_names_where_they_are_known() {
        assert_eq!(driver(Bus::Amba, &["arm,pl330", "arm,primecell"]).as_deref(), Some("dma-pl330 of pl330"));
        assert_eq!(
            driver(Bus::Platform, &["vendor,new-smmu", "arm,mmu-500"]).as_deref(),
            Some("arm-smmu of arm_smmu")
        );
        assert_eq!(
            driver(Bus::Platform, &["vendor,some_block.v2"]).as_deref(),
            Some("vendor-some-block-v2 of vendor_some_block_v2")
        );
        assert_eq!(driver(Bus::Platform, &["simple-bus"]).as_deref(), Some("simple-pm-bus of simple_pm_bus"));
        assert_eq!(driver(Bus::Platform, &["syscon", "simple-mfd"]), None);
        assert_eq!(driver(Bus::Platform, &[]), None);
    }
}
