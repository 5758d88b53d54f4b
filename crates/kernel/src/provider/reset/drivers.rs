//! The reset controllers this knows, by what their nodes are compatible with.
//!
//! In Linux each is a driver of its own that registers with the reset core when it probes its block. What a specifier means is
//! known without the driver being there, so that one can say which devices a line reaches before anything is bound.

mod aspeed;
mod gpio;
mod mssr;
mod simple;

use std::sync::Arc;

use super::controller::{Registers, ResetController};
pub use aspeed::AspeedReset;
pub use gpio::{GpioReset, Pl061Pins};
pub use mssr::MssrReset;
pub use simple::SimpleReset;

/// Which value of a bit, or which level of an output, asserts a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Active {
    /// A one, or high; of an output that is a reset line and nothing else, being asserted.
    High,
    /// A zero, or low.
    Low,
}

/// A driver of reset controllers.
pub struct ResetDriver {
    /// Its name in Linux.
    pub name: &'static str,
    compatible: &'static [&'static str],
    translate: fn(&[u32]) -> Option<u32>,
    /// Which output of the block a line is, and what of it asserts.
    output: fn(u32) -> (u32, Active),
    make: fn(Arc<dyn Registers>, u64) -> Arc<dyn ResetController>,
}

static DRIVERS: &[ResetDriver] = &[
    ResetDriver {
        name: "renesas-cpg-mssr",
        compatible: &[
            "renesas,r8a7742-cpg-mssr",
            "renesas,r8a7743-cpg-mssr",
            "renesas,r8a7744-cpg-mssr",
            "renesas,r8a7745-cpg-mssr",
            "renesas,r8a77470-cpg-mssr",
            "renesas,r8a774a1-cpg-mssr",
            "renesas,r8a774b1-cpg-mssr",
            "renesas,r8a774c0-cpg-mssr",
            "renesas,r8a774e1-cpg-mssr",
            "renesas,r8a7790-cpg-mssr",
            "renesas,r8a7791-cpg-mssr",
            "renesas,r8a7792-cpg-mssr",
            "renesas,r8a7793-cpg-mssr",
            "renesas,r8a7794-cpg-mssr",
            "renesas,r8a7795-cpg-mssr",
            "renesas,r8a7796-cpg-mssr",
            "renesas,r8a77961-cpg-mssr",
            "renesas,r8a77965-cpg-mssr",
            "renesas,r8a77970-cpg-mssr",
            "renesas,r8a77980-cpg-mssr",
            "renesas,r8a77990-cpg-mssr",
            "renesas,r8a77995-cpg-mssr",
        ],
        translate: mssr::translate,
        output: |line| (line, Active::High),
        make: |registers, _| Arc::new(MssrReset::new(registers)),
    },
    ResetDriver {
        name: "reset-simple",
        compatible: &["st,stm32-rcc", "snps,dw-high-reset"],
        translate: simple::translate,
        output: |line| (line, Active::High),
        make: |registers, size| Arc::new(SimpleReset::new(registers, size, Active::High)),
    },
    ResetDriver {
        name: "reset-simple",
        compatible: &[
            "allwinner,sun6i-a31-clock-reset",
            "bitmain,bm1880-reset",
            "brcm,bcm4908-misc-pcie-reset",
            "snps,dw-low-reset",
            "sophgo,sg2042-reset",
            "zte,zx296718-reset",
        ],
        translate: simple::translate,
        output: |line| (line, Active::High),
        make: |registers, size| Arc::new(SimpleReset::new(registers, size, Active::Low)),
    },
    ResetDriver {
        name: "clk-aspeed",
        compatible: &["aspeed,ast2400-scu", "aspeed,ast2500-scu"],
        translate: aspeed::translate,
        output: |line| (line, Active::High),
        make: |registers, _| Arc::new(AspeedReset::new(registers)),
    },
    ResetDriver {
        name: "reset-gpio",
        compatible: &["arm,pl061"],
        translate: gpio::translate,
        output: gpio::output,
        make: |registers, _| Arc::new(GpioReset::new(Arc::new(Pl061Pins::new(registers)))),
    },
];

impl ResetDriver {
    /// The driver for a node with these compatibles, most specific first.
    #[must_use]
    pub fn of(compatible: &[String]) -> Option<&'static Self> {
        compatible
            .iter()
            .find_map(|word| DRIVERS.iter().find(|driver| driver.compatible.contains(&word.as_str())))
    }

    /// The output of the block that a specifier means, as the block's registers number it, and which of its levels asserts. An
    /// output the block may not have is not told from one it has.
    #[must_use]
    pub fn output(&self, cells: &[u32]) -> Option<(u32, Active)> {
        (self.translate)(cells).map(self.output)
    }

    /// Whether a block whose first window has `size` bytes has the line that a specifier means.
    #[must_use]
    pub fn has(&self, cells: &[u32], size: u64) -> bool {
        let controller = self.make(Arc::new(Untouched), size);
        cells.len() == controller.cells() && controller.translate(cells).is_some()
    }

    /// The controller of a block whose first window has `size` bytes.
    #[must_use]
    pub fn make(&self, registers: Arc<dyn Registers>, size: u64) -> Arc<dyn ResetController> {
        (self.make)(registers, size)
    }
}

/// The registers of a block that is only asked about.
struct Untouched;

impl Registers for Untouched {
    fn load(&self, _: usize, _: u64) -> u32 {
        0
    }

    fn store(&self, _: usize, _: u64, _: u32) {}
}

#[cfg(test)]
mod tests;
