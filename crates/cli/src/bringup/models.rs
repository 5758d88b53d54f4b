//! Which model stands behind which device: what the board says of it, handed to the models' own table.

use uvfio_firmware::{Board, Device};
use uvfio_kernel::hw::{Model, Wires};
use uvfio_kernel::machine::ModelMaker;
use uvfio_models::maker::{Facts, make};
use uvfio_models::stuck::OwnReset;

/// Makes the models of one board.
pub struct Models {
    board: Vec<String>,
}

impl Models {
    /// For this board.
    pub fn of(board: &Board) -> Self {
        Models { board: board.compatible.clone() }
    }
}

impl ModelMaker for Models {
    fn make(&self, device: &Device, wires: Wires) -> Box<dyn Model> {
        let facts = Facts {
            compatible: device.identities().iter().map(String::as_str).collect(),
            regions: device.regions.iter().map(|region| region.size).collect(),
            interrupt_names: Vec::new(),
            board: self.board.iter().map(String::as_str).collect(),
            own_reset: OwnReset::default(),
        };
        make(&facts, wires)
    }
}
