//! Which devices the Renesas IPMMU's driver takes.
//!
//! In Linux this is `ipmmu_device_is_allowed` (drivers/iommu/ipmmu-vmsa.c): on newer SoCs the driver takes only the devices that are
//! known to work behind it, and none at all on those where it does not work. The families are those of
//! drivers/soc/renesas/renesas-soc.c. Revisions are in a register: an R-Car H3 is taken for one that is not ES2.

/// SoCs of the families R-Car Gen3, R-Car Gen4 and RZ/G2, by the board's compatible.
const OPT_IN: &[&str] = &[
    "renesas,r8a774a1",
    "renesas,r8a774a3",
    "renesas,r8a774b1",
    "renesas,r8a774c0",
    "renesas,r8a774e1",
    "renesas,r8a7795",
    "renesas,r8a7796",
    "renesas,r8a77961",
    "renesas,r8a77965",
    "renesas,r8a77970",
    "renesas,r8a77980",
    "renesas,r8a77990",
    "renesas,r8a77995",
    "renesas,r8a779a0",
    "renesas,r8a779f0",
    "renesas,r8a779g0",
    "renesas,r8a779h0",
];

/// SoCs on which it does not work.
const DENIED: &[&str] = &["renesas,r8a774a1", "renesas,r8a7796"];

/// Devices known to work.
const ALLOWED: &[&str] = &["ee100000.mmc", "ee120000.mmc", "ee140000.mmc", "ee160000.mmc"];

/// Whether the driver takes a device of this name on a board with these compatibles.
pub(super) fn allows(board: &[String], device: &str) -> bool {
    let is = |list: &[&str]| board.iter().any(|word| list.contains(&word.as_str()));
    !is(OPT_IN) || (!is(DENIED) && ALLOWED.contains(&device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_socs_take_only_what_is_known_to_work() {
        let on = |soc: &str, device: &str| allows(&["vendor,board".to_owned(), soc.to_owned()], device);
        assert!(on("renesas,r8a7790", "ec700000.dma-controller"));
        assert!(!on("renesas,r8a7795", "ec700000.dma-controller"));
        assert!(on("renesas,r8a7795", "ee140000.mmc"));
        assert!(!on("renesas,r8a7796", "ee140000.mmc"));
    }
}
