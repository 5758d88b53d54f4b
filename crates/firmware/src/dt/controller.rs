//! What the cells of an interrupt mean at its controller: a number, and level or edge.
//!
//! In Linux each controller's driver says it (`translate` of its `irq_domain_ops`, for a GIC `gic_irq_domain_translate` in
//! drivers/irqchip/irq-gic.c and irq-gic-v3.c). Most do as `irq_domain_xlate_onetwocell` does, with a few families of their own.

use super::node::Property;
use crate::Trigger;

/// How a controller reads its cells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Family {
    layout: Layout,
    /// Its own `interrupt-map` is meant for its driver alone (`of_irq_imap_abusers`, drivers/of/irq.c).
    pub(super) map_is_its_own: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Layout {
    /// Number and flags; of three cells the first is a kind.
    #[default]
    Plain,
    /// Kind, number in that kind, flags.
    Gic,
    /// Number, flags, priority.
    Priority,
    /// Bank and number in it, and how many numbers a bank has. Flags are elsewhere or not at all.
    Banks(u32),
}

const GICS: &[&str] = &[
    "arm,gic-v3",
    "arm,gic-400",
    "arm,arm11mp-gic",
    "arm,arm1176jzf-devchip-gic",
    "arm,cortex-a15-gic",
    "arm,cortex-a9-gic",
    "arm,cortex-a7-gic",
    "arm,tc11mp-gic",
    "arm,eb11mp-gic",
    "arm,pl390",
    "brcm,brahma-b15-gic",
    "nvidia,tegra210-agic",
    "qcom,msm-8660-qgic",
    "qcom,msm-qgic2",
    "qcom,msm8996-gic-v3",
    "hisilicon,hip04-intc",
];

/// drivers/irqchip/irq-atmel-aic.c and irq-atmel-aic5.c.
const PRIORITY: &[&str] = &[
    "atmel,at91rm9200-aic",
    "atmel,sama5d2-aic",
    "atmel,sama5d3-aic",
    "atmel,sama5d4-aic",
    "microchip,sam9x60-aic",
    "microchip,sam9x7-aic",
];

/// drivers/irqchip/irq-bcm2835.c and exynos-combiner.c.
const BANKS: &[(&str, u32)] =
    &[("brcm,bcm2835-armctrl-ic", 32), ("brcm,bcm2836-armctrl-ic", 32), ("samsung,exynos4210-combiner", 8)];

/// Controllers whose own `interrupt-map` is meant for their driver alone (`of_irq_imap_abusers`).
const MAP_IS_THEIRS: &[&str] = &[
    "CBEA,platform-spider-pic",
    "sti,platform-spider-pic",
    "realtek,rtl-intc",
    "fsl,ls1021a-extirq",
    "fsl,ls1043a-extirq",
    "fsl,ls1088a-extirq",
    "renesas,rza1-irqc",
];

impl Family {
    /// The family of a controller that is compatible with these.
    pub(super) fn of(compatible: Property<'_>) -> Self {
        let is = |names: &[&str]| names.iter().any(|name| compatible.has_string(name));
        let layout = if is(GICS) {
            Layout::Gic
        } else if is(PRIORITY) {
            Layout::Priority
        } else {
            let banks = BANKS.iter().find(|(name, _)| compatible.has_string(name));
            banks.map_or(Layout::Plain, |&(_, width)| Layout::Banks(width))
        };
        Family { layout, map_is_its_own: is(MAP_IS_THEIRS) }
    }

    /// Number and flags; no flags where the cells have none.
    pub(super) fn meaning(self, cells: &[u32]) -> (u32, Option<u32>) {
        match (self.layout, cells) {
            (_, []) => (0, None),
            (_, &[number]) => (number, None),
            (Layout::Gic, &[kind, number, flags, ..]) => (gic_number(kind, number), Some(flags)),
            (Layout::Banks(width), &[bank, number, ..]) => {
                (bank.wrapping_mul(width).wrapping_add(number), None)
            }
            (Layout::Plain, &[_, number, flags]) => (number, Some(flags)),
            (_, &[number, flags, ..]) => (number, Some(flags)),
        }
    }
}

/// The interrupt id of a kind and a number: shared, private, and the extended ranges of both.
fn gic_number(kind: u32, number: u32) -> u32 {
    let first = match kind {
        0 => 32,
        1 => 16,
        2 => 4096,
        3 => 1056,
        _ => 0,
    };
    number.wrapping_add(first)
}

/// The trigger that flags say (`IRQ_TYPE_SENSE_MASK`).
pub(super) fn trigger(flags: u32) -> Trigger {
    match flags & 0xf {
        1 => Trigger::EdgeRising,
        2 => Trigger::EdgeFalling,
        3 => Trigger::EdgeBoth,
        4 => Trigger::LevelHigh,
        8 => Trigger::LevelLow,
        _ => Trigger::Unsaid,
    }
}
