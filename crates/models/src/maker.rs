//! Which model a device of a board gets.
//!
//! In Linux this question does not arise: the hardware is there. Here the command asks for each device, by the strings of its
//! `compatible` property in their order, as `of_match_device` looks for a driver. A device that none of them names gets a stand-in.

use uvfio_kernel::hw::{Model, Wires};

use crate::block::{Block, EHCI, OHCI, PWM_RCAR};
use crate::dma330::{Config, Dma330, Wiring};
use crate::flexrm::FlexRm;
use crate::fw_cfg::FwCfg;
use crate::pl031::Pl031;
use crate::pl061::Pl061;
use crate::reset::aspeed_scu::AspeedScu;
use crate::reset::cpg_mssr::CpgMssr;
use crate::reset::simple::{Polarity, SimpleReset};
use crate::standin::StandIn;
use crate::stuck::{OwnReset, Stuck};
use crate::virtio_mmio::EmptyVirtioMmio;
use crate::xgbe::Xgbe;
use crate::xgmac::Xgmac;

/// What a board says of a device, as far as its model depends on it, and what is to be wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// Its `compatible` strings.
    pub compatible: Vec<&'a str>,
    /// Sizes of its register windows in bytes, in the order of `reg`.
    pub regions: Vec<u64>,
    /// Its `interrupt-names`, if it has any.
    pub interrupt_names: Vec<&'a str>,
    /// The `compatible` strings of the board itself.
    pub board: Vec<&'a str>,
    /// What becomes of its resets.
    pub own_reset: OwnReset,
}

/// A model: its `compatible`, what it is called, how it is made.
struct Entry {
    compatible: &'static str,
    name: &'static str,
    make: fn(&Facts, Wires) -> Box<dyn Model>,
}

const fn entry(
    compatible: &'static str,
    name: &'static str,
    make: fn(&Facts, Wires) -> Box<dyn Model>,
) -> Entry {
    Entry { compatible, name, make }
}

fn cpg(facts: &Facts, _: Wires) -> Box<dyn Model> {
    Box::new(CpgMssr::new(facts.regions.clone()))
}

fn scu(facts: &Facts, _: Wires) -> Box<dyn Model> {
    Box::new(AspeedScu::new(facts.regions.clone()))
}

fn active_high(facts: &Facts, _: Wires) -> Box<dyn Model> {
    Box::new(SimpleReset::new(facts.regions.first().copied().unwrap_or(0), Polarity::ActiveHigh))
}

fn active_low(facts: &Facts, _: Wires) -> Box<dyn Model> {
    Box::new(SimpleReset::new(facts.regions.first().copied().unwrap_or(0), Polarity::ActiveLow))
}

const CPG: &str = "Renesas CPG/MSSR";
const SCU: &str = "Aspeed SCU";
const SIMPLE: &str = "simple reset bank";

/// The models there are. Which compatibles `reset-simple` and the CPG driver take, and with which polarity, is in their match tables.
const MODELS: &[Entry] = &[
    entry("arm,pl330", "ARM CoreLink DMA-330", |facts, wires| {
        Box::new(Dma330::new(dma330(facts, &wires), wires))
    }),
    entry("arm,pl031", "ARM PrimeCell PL031", |_, wires| Box::new(Pl031::new(wires))),
    entry("arm,pl061", "ARM PrimeCell PL061", |_, wires| Box::new(Pl061::new(wires))),
    entry("calxeda,hb-xgmac", "Calxeda XGMAC", |facts, _| {
        Box::new(Xgmac::new(facts.regions.clone(), facts.own_reset))
    }),
    entry("amd,xgbe-seattle-v1a", "AMD XGBE", |facts, _| {
        Box::new(Xgbe::new(facts.regions.clone(), facts.own_reset))
    }),
    entry("brcm,iproc-flexrm-mbox", "Broadcom FlexRM", |facts, _| {
        Box::new(FlexRm::new(facts.regions.clone(), facts.own_reset))
    }),
    entry("renesas,pwm-rcar", "R-Car PWM channel", |_, _| Box::new(Block::new(&PWM_RCAR))),
    entry("generic-ehci", "EHCI host", |_, _| Box::new(Block::new(&EHCI))),
    entry("generic-ohci", "OHCI host", |_, _| Box::new(Block::new(&OHCI))),
    entry("renesas,r8a7795-cpg-mssr", CPG, cpg),
    entry("renesas,r8a7796-cpg-mssr", CPG, cpg),
    entry("renesas,r8a77961-cpg-mssr", CPG, cpg),
    entry("renesas,r8a77965-cpg-mssr", CPG, cpg),
    entry("renesas,r8a77970-cpg-mssr", CPG, cpg),
    entry("renesas,r8a77980-cpg-mssr", CPG, cpg),
    entry("renesas,r8a77990-cpg-mssr", CPG, cpg),
    entry("renesas,r8a77995-cpg-mssr", CPG, cpg),
    entry("renesas,r8a774a1-cpg-mssr", CPG, cpg),
    entry("renesas,r8a774b1-cpg-mssr", CPG, cpg),
    entry("renesas,r8a774c0-cpg-mssr", CPG, cpg),
    entry("renesas,r8a774e1-cpg-mssr", CPG, cpg),
    entry("aspeed,ast2400-scu", SCU, scu),
    entry("aspeed,ast2500-scu", SCU, scu),
    entry("snps,dw-high-reset", SIMPLE, active_high),
    entry("st,stm32-rcc", SIMPLE, active_high),
    entry("snps,dw-low-reset", SIMPLE, active_low),
    entry("allwinner,sun6i-a31-clock-reset", SIMPLE, active_low),
    entry("zte,zx296718-reset", SIMPLE, active_low),
    entry("bitmain,bm1880-reset", SIMPLE, active_low),
    entry("brcm,bcm4908-misc-pcie-reset", SIMPLE, active_low),
    entry("qemu,fw-cfg-mmio", "QEMU fw-cfg", |_, _| Box::new(FwCfg::default())),
    entry("virtio,mmio", "empty virtio-mmio transport", |_, _| Box::new(EmptyVirtioMmio)),
];

/// A model for a device: of the first of its `compatible` strings that there is one for, else a stand-in.
#[must_use]
pub fn make(facts: &Facts, wires: Wires) -> Box<dyn Model> {
    let model = match find(facts) {
        Some(entry) => (entry.make)(facts, wires),
        None => Box::new(StandIn::new(facts.regions.clone())),
    };
    match facts.own_reset {
        OwnReset::Completes => model,
        wrong => Box::new(Stuck::new(model, wrong)),
    }
}

/// What the model of such a device is called, or `None` for a stand-in.
#[must_use]
pub fn name(facts: &Facts) -> Option<&'static str> {
    find(facts).map(|entry| entry.name)
}

/// The `compatible` strings there is a model for, and what it is called.
pub fn compatibles() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODELS.iter().map(|entry| (entry.compatible, entry.name))
}

fn find(facts: &Facts) -> Option<&'static Entry> {
    facts.compatible.iter().find_map(|wanted| MODELS.iter().find(|entry| entry.compatible == *wanted))
}

/// Juno's interrupts have no names; where `irq_abort` is among them only its manual says.
fn dma330(facts: &Facts, wires: &Wires) -> Config {
    let juno = facts.board.iter().any(|board| board.starts_with("arm,juno"));
    let wiring = if juno && facts.interrupt_names.is_empty() && wires.lines.len() == 9 {
        Wiring::juno()
    } else {
        Wiring::described(&facts.interrupt_names, wires.lines.len())
    };
    Config { wiring, ..Config::juno() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uvfio_kernel::hw::{Activity, ResetKind, Width};

    use super::*;
    use crate::bench::wires;

    #[test]
    fn the_first_compatible_with_a_model_decides() {
        let known = Facts { compatible: vec!["acme,rtc", "arm,pl031", "arm,pl330"], ..Facts::default() };
        assert_eq!(name(&known), Some("ARM PrimeCell PL031"));
        assert_eq!(make(&known, wires().0).read(0, 0xfe0, Width::Word), 0x31);
        let unknown = Facts { compatible: vec!["acme,thing"], regions: vec![16], ..Facts::default() };
        assert_eq!(name(&unknown), None);
        let mut standin = make(&unknown, wires().0);
        standin.write(0, 8, Width::Word, 3);
        assert_eq!(standin.read(0, 8, Width::Word), 3);
    }

    #[test]
    fn every_model_answers_wild_accesses() {
        for (compatible, own_reset) in compatibles().flat_map(|(compatible, _)| {
            [OwnReset::Completes, OwnReset::Hangs, OwnReset::Fails].map(|how| (compatible, how))
        }) {
            let facts =
                Facts { compatible: vec![compatible], regions: vec![0x1000], own_reset, ..Facts::default() };
            let mut model = make(&facts, wires().0);
            for region in [0, 1, usize::MAX] {
                for offset in [0, 1, 7, 0xfff, 0x1000, u64::MAX - 3, u64::MAX] {
                    for width in [Width::Byte, Width::Half, Width::Word, Width::Double] {
                        model.write(region, offset, width, width.mask());
                        assert_eq!(model.read(region, offset, width) & !width.mask(), 0, "{compatible}");
                        model.run(10);
                    }
                }
            }
            let ended = model.reset(ResetKind::Line).is_ok();
            assert_eq!(ended, own_reset != OwnReset::Hangs, "{compatible}");
            let done = own_reset == OwnReset::Completes;
            assert!(!done || model.is_reset() != Some(false), "{compatible}");
            assert!(!done || model.activity() == Activity::default(), "{compatible}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_sequence_of_stores_upsets_a_model(
            entry in 0..MODELS.len(),
            stores in prop::collection::vec((0_usize..2, prop_oneof![0_u64..64, 0_u64..0x1000], any::<u64>(), 0_usize..4), 0..80),
        ) {
            let facts = Facts { regions: vec![0x1_0000, 0x1000], ..Facts::default() };
            let mut model = (MODELS[entry].make)(&facts, wires().0);
            for (region, offset, value, width) in stores {
                let width = [Width::Byte, Width::Half, Width::Word, Width::Double][width];
                model.write(region, offset, width, value & width.mask());
                model.run(100);
                prop_assert_eq!(model.read(region, offset, width) & !width.mask(), 0);
                if let Some(lines) = model.reset_lines() {
                    prop_assert!(!lines.is_asserted(lines.count()) && !lines.is_asserted(u32::MAX));
                }
            }
            prop_assert!(model.reset(ResetKind::Power).is_ok() && model.is_reset() != Some(false));
            prop_assert_eq!(model.activity(), Activity::default());
        }
    }
}
