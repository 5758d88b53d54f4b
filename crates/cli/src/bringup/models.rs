//! Which model stands behind which device, by `compatible`.

use uvfio_firmware::{Board, Device};
use uvfio_kernel::hw::{Model, Wires};
use uvfio_kernel::machine::ModelMaker;
use uvfio_models::dma330::{Config, Dma330, Wiring};
use uvfio_models::pl031::Pl031;
use uvfio_models::standin::StandIn;

/// Makes the models of one board.
pub struct Models {
    soc: Soc,
}

/// Where a block's configuration is known better than its `compatible` says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Soc {
    Juno,
    Other,
}

impl Models {
    /// For this board.
    pub fn of(board: &Board) -> Self {
        let juno = board.compatible.iter().any(|compatible| compatible.starts_with("arm,juno"));
        Models { soc: if juno { Soc::Juno } else { Soc::Other } }
    }

    fn dma330(&self, device: &Device, wires: Wires) -> Dma330 {
        let wiring = match self.soc {
            Soc::Juno => Wiring::juno(),
            Soc::Other => Wiring::described(&[], device.interrupts.len()),
        };
        Dma330::new(Config { wiring, ..Config::juno() }, wires)
    }
}

impl ModelMaker for Models {
    fn make(&self, device: &Device, wires: Wires) -> Box<dyn Model> {
        let is = |name: &str| device.compatible.iter().any(|compatible| compatible == name);
        if is("arm,pl330") {
            Box::new(self.dma330(device, wires))
        } else if is("arm,pl031") {
            Box::new(Pl031::new(wires))
        } else {
            Box::new(StandIn::new(device.regions.iter().map(|region| region.size).collect()))
        }
    }
}
