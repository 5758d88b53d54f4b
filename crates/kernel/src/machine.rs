//! The machine: a board brought up, with its buses, devices, drivers and modules.
//!
//! In Linux this is what drivers/base keeps. Everything that changes who has which device goes through one lock here, the control
//! plane; register accesses, DMA and interrupts never take it.

use std::sync::Arc;

use uvfio_firmware as firmware;

use crate::device::Scheduler;
use crate::hw::{Clock, Model, Wires};
use crate::module::Params;

/// Makes the model of a device. The command wires models to boards by `compatible`; a device without one gets a stand-in.
pub trait ModelMaker: Send + Sync {
    /// The model of this device, wired up.
    fn make(&self, device: &firmware::Device, wires: Wires) -> Box<dyn Model>;
}

/// What a machine is brought up with.
pub struct Setup {
    /// Makes the models.
    pub models: Arc<dyn ModelMaker>,
    /// The machine's time.
    pub clock: Arc<dyn Clock>,
    /// Continues the work of devices.
    pub scheduler: Arc<dyn Scheduler>,
    /// Settings of module parameters.
    pub params: Params,
}
