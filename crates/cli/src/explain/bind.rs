//! Why a device did not go to a VFIO driver, in words, with the parameter that would allow it where there is one.

use uvfio_vfio::refusal::BindRefusal as R;

use super::reset::reset;

/// Why a VFIO driver refused a device.
pub(super) fn bind(refusal: &R) -> String {
    match refusal {
        R::NoCompatible { .. } => {
            "it has no compatible in the board's description, which vfio-platform needs to find a reset driver".to_owned()
        }
        R::NoReset { compatible, .. } => format!(
            "it has no reset (no reset driver knows {compatible:?}) and one is required; --param \
             vfio-platform.reset_required=0 allows it without"
        ),
        R::NoRst { .. } => "it has no reset (the firmware has no _RST for it) and one is required; --param \
                            vfio-platform.reset_required=0 allows it without"
            .to_owned(),
        R::ResetUnfit { why, .. } => format!(
            "its reset cannot be used ({}) and one is required; --param vfio-platform.reset_required=0 allows it without",
            reset(why)
        ),
        R::NoResetAnyway { compatible, .. } => format!(
            "it has no reset (no reset driver knows {compatible:?}), which Linux before 6.3 refuses even where none is required"
        ),
        R::NoGroup { .. } => {
            "it is behind no IOMMU, so it is in no group, and nothing would keep its DMA within a program's memory".to_owned()
        }
        R::NotCoherent { .. } => "its DMA is not coherent with the processor's caches as far as its IOMMU's driver knows (an SMMUv3 has to \
                                  be dma-coherent itself, an older SMMU or the device behind it), which \
                                  VFIO refuses since Linux 6.0"
            .to_owned(),
    }
}
