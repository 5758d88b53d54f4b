//! Device-specific resets: the reset drivers of VFIO, found by the first `compatible`.
//!
//! In Linux these are the modules of `drivers/vfio/platform/reset`, found by `vfio_platform_lookup_reset`. What each does to its
//! device's registers is the device's own reset here.

/// The `compatible`s with a reset driver.
const DRIVERS: &[&str] = &["calxeda,hb-xgmac", "amd,xgbe-seattle-v1a", "brcm,iproc-flexrm-mbox"];

/// Whether a device with this first `compatible` has a reset.
pub(crate) fn exists_for(compatible: &str) -> bool {
    DRIVERS.contains(&compatible)
}
