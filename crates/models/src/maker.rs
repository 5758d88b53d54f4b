//! Which model a device of a board gets.
//!
//! In Linux this question does not arise: the hardware is there. Here the command asks for each device, by the strings of its
//! `compatible` property in their order, as `of_match_device` looks for a driver. A device that none of them names gets a stand-in.

use uvfio_kernel::hw::{Model, Wires};

use crate::dma330::{Config, Dma330, Wiring};
use crate::fw_cfg::FwCfg;
use crate::pl031::Pl031;
use crate::standin::StandIn;
use crate::virtio_mmio::EmptyVirtioMmio;
use crate::xgmac::Xgmac;

/// What a board says of a device, as far as its model depends on it.
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
}

type Make = fn(&Facts, Wires) -> Box<dyn Model>;

/// The models there are, by `compatible`.
const MODELS: &[(&str, &str, Make)] = &[
    ("arm,pl330", "ARM CoreLink DMA-330", |facts, wires| Box::new(Dma330::new(dma330(facts, &wires), wires))),
    ("arm,pl031", "ARM PrimeCell PL031", |_, wires| Box::new(Pl031::new(wires))),
    ("calxeda,hb-xgmac", "Calxeda XGMAC", |facts, _| Box::new(Xgmac::new(facts.regions.clone()))),
    ("qemu,fw-cfg-mmio", "QEMU fw-cfg", |_, _| Box::new(FwCfg::default())),
    ("virtio,mmio", "empty virtio-mmio transport", |_, _| Box::new(EmptyVirtioMmio)),
];

/// A model for a device: of the first of its `compatible` strings that there is one for, else a stand-in.
#[must_use]
pub fn make(facts: &Facts, wires: Wires) -> Box<dyn Model> {
    match find(facts) {
        Some((_, _, make)) => make(facts, wires),
        None => Box::new(StandIn::new(facts.regions.clone())),
    }
}

/// What the model of such a device is called, or `None` for a stand-in.
#[must_use]
pub fn name(facts: &Facts) -> Option<&'static str> {
    find(facts).map(|(_, name, _)| *name)
}

/// The `compatible` strings there is a model for, and what it is called.
pub fn compatibles() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODELS.iter().map(|(compatible, name, _)| (*compatible, *name))
}

fn find(facts: &Facts) -> Option<&'static (&'static str, &'static str, Make)> {
    facts.compatible.iter().find_map(|wanted| MODELS.iter().find(|(compatible, ..)| compatible == wanted))
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
    use uvfio_kernel::hw::Width;

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
        for (compatible, _) in compatibles() {
            let facts = Facts { compatible: vec![compatible], regions: vec![0x1000], ..Facts::default() };
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
        }
    }
}
