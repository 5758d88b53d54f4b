//! Which model stands behind which device: what the board says of it, handed to the models' own table.

use uvfio_firmware::{Board, Device};
use uvfio_kernel::hw::{Model, Wires};
use uvfio_kernel::machine::ModelMaker;
use uvfio_models::maker::{Facts, make};
use uvfio_models::stuck::OwnReset;

use crate::args::Injection;

/// Makes the models of one board.
pub struct Models {
    board: Vec<String>,
    inject: Vec<Injection>,
}

impl Models {
    /// For this board, with what is to go wrong.
    pub fn of(board: &Board, inject: &[Injection]) -> Self {
        Models { board: board.compatible.clone(), inject: inject.to_vec() }
    }

    /// What becomes of a device's resets; the last word on it counts.
    fn own_reset(&self, name: &str) -> OwnReset {
        let about = self.inject.iter().rev().find(|injection| injection.device == name);
        about.map_or(OwnReset::Completes, |injection| injection.reset)
    }
}

impl ModelMaker for Models {
    fn make(&self, device: &Device, wires: Wires) -> Box<dyn Model> {
        let facts = Facts {
            compatible: device.identities().iter().map(String::as_str).collect(),
            regions: device.regions.iter().map(|region| region.size).collect(),
            interrupt_names: Vec::new(),
            board: self.board.iter().map(String::as_str).collect(),
            own_reset: self.own_reset(&device.name),
        };
        make(&facts, wires)
    }
}
