//! Why a device did not go to a VFIO driver, in words, with the parameter that would allow it where there is one.

use uvfio_vfio::refusal::BindRefusal as R;

/// Why a VFIO driver refused a device.
pub fn bind(refusal: &R) -> String {
    match refusal {
        R::NoCompatible { device } => {
            format!(
                "{device} has no compatible in the board's description, which vfio-platform needs to find a reset driver"
            )
        }
        R::NoReset { device, compatible } => format!(
            "{device} has no reset (no reset driver knows {compatible:?}) and one is required; --param \
             vfio-platform.reset_required=0 allows it without"
        ),
        R::NoResetAnyway { device, compatible } => format!(
            "{device} has no reset (no reset driver knows {compatible:?}), which Linux before 6.3 refuses even where none is required"
        ),
        R::NoGroup { device } => {
            format!(
                "{device} is behind no IOMMU, so nothing would keep its DMA within a program's memory, and it is in no group"
            )
        }
        R::NotCoherent { device } => format!(
            "the DMA of {device} is not coherent with the processor's caches (neither it nor its IOMMU is dma-coherent), which VFIO \
             refuses since Linux 6.0"
        ),
    }
}
