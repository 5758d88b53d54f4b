//! What tables of ACPI leave open, in a sentence that says where it can be read instead.

use serde::Serialize;

use crate::board::FAINT;

/// Something the tables do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Whether devices of the namespace can be reset.
    Reset,
    /// Which interrupts devices have.
    Interrupts,
    /// Where devices have their registers.
    Registers,
    /// The groups of PCI functions.
    FunctionGroups,
    /// The numbers of groups.
    GroupNumbers,
    /// Which functions are behind bridges.
    BehindBridges,
    /// What devices need besides an IOMMU.
    Suppliers,
    /// Whether a device's own DMA is coherent, where IORT does not say.
    Coherence,
}

/// A gap in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct NotSaid {
    /// What, by a stable name.
    pub what: &'static str,
    /// It in a sentence.
    pub says: &'static str,
}

impl Gap {
    /// It by name and in a sentence.
    pub fn not_said(self) -> NotSaid {
        let (what, says) = match self {
            Gap::Reset => {
                ("reset", "whether a device of the namespace can be reset: _RST is a method in the DSDT")
            }
            Gap::Interrupts => (
                "interrupts",
                "which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus",
            ),
            Gap::Registers => (
                "registers",
                "where devices of the namespace have their registers, and so who shares a page: that is _CRS in the DSDT",
            ),
            Gap::FunctionGroups => (
                "groups-of-functions",
                "which PCI functions share a group: that follows from the path to them, which is found on the bus (/sys/kernel/iommu_groups)",
            ),
            Gap::GroupNumbers => {
                ("group-numbers", "the numbers of groups: Linux counts them as it finds devices")
            }
            Gap::BehindBridges => (
                "behind-bridges",
                "which functions are behind a bridge: bus numbers are given out when the bus is searched",
            ),
            Gap::Suppliers => (
                "suppliers",
                "what else a device needs: firmware sees to clocks and power (_PR0, _DEP in the DSDT)",
            ),
            Gap::Coherence => {
                ("coherence", "whether a device's own DMA is coherent: that is _CCA in the DSDT")
            }
        };
        NotSaid { what, says }
    }
}

/// Gaps for JSON.
pub fn views(gaps: &[Gap]) -> Vec<NotSaid> {
    gaps.iter().map(|gap| gap.not_said()).collect()
}

/// Gaps below an answer for people.
pub fn text(gaps: &[Gap]) -> String {
    let mut text = String::new();
    if !gaps.is_empty() {
        text.push_str(&format!("\n{FAINT}These tables do not say{FAINT:#}\n"));
    }
    for gap in gaps {
        text.push_str(&format!("  {FAINT}{}{FAINT:#}\n", gap.not_said().says));
    }
    text
}
