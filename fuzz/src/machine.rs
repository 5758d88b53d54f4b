//! A machine whose devices are bound to VFIO, with the models behind them.

use std::sync::Arc;
use std::time::Duration;

use uvfio_firmware::{Board, Device};
use uvfio_kernel::device::{self as kernel, Bus, NoScheduler};
use uvfio_kernel::hw::{Clock, Model, Width, Wires};
use uvfio_kernel::machine::{Machine, ModelMaker, Options, Setup};
use uvfio_kernel::module::{Params, Setting};
use uvfio_kernel::wait::NoWait;
use uvfio_models::maker::{Facts, make};
use uvfio_models::stuck::OwnReset;

/// Every width of an access.
pub const WIDTHS: [Width; 4] = [Width::Byte, Width::Half, Width::Word, Width::Double];

/// A clock that stands still: a finding comes again.
pub struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_seconds(&self) -> u64 {
        0
    }
}

struct Models;

impl ModelMaker for Models {
    fn make(&self, device: &Device, wires: Wires) -> Box<dyn Model> {
        let facts = Facts {
            compatible: device.compatible.iter().map(String::as_str).collect(),
            regions: device.regions.iter().map(|region| region.size).collect(),
            interrupt_names: Vec::new(),
            board: Vec::new(),
            own_reset: OwnReset::default(),
        };
        make(&facts, wires)
    }
}

/// A machine of this board on which everything may be handed out.
pub fn machine(board: Board) -> Arc<Machine> {
    let params = ["vfio-platform.reset_required=0", "vfio_iommu_type1.allow_unsafe_interrupts=1"];
    let setting = |text: &str| text.parse::<Setting>().expect("a well-formed setting");
    let setup = Setup {
        models: Arc::new(Models),
        clock: Arc::new(Stopped),
        scheduler: Arc::new(NoScheduler),
        params: Params::new(params.map(setting).to_vec()),
        options: Options::default(),
    };
    Machine::new(board, setup).0
}

/// Give every device that lets itself be given to VFIO.
pub fn hand_over(machine: &Arc<Machine>) {
    for bus in [Bus::Platform, Bus::Amba] {
        machine.devices(bus).iter().for_each(|device| hand_over_one(machine, device));
    }
}

/// Give a device to VFIO, if it lets itself be.
pub fn hand_over_one(machine: &Machine, device: &kernel::Device) {
    let (bus, name) = (device.bus(), device.name());
    let driver = match bus {
        Bus::Amba => "vfio-amba",
        _ => "vfio-platform",
    };
    if device.group().is_none() && !machine.params().bool("vfio", "enable_unsafe_noiommu_mode") {
        return;
    }
    if let Some(driver) = device.driver() {
        let _stays = machine.unbind(bus, driver.name(), name, &NoWait);
    }
    let _not_there = machine.set_driver_override(bus, name, driver);
    let _refused = machine.bind(bus, driver, name, &NoWait);
}
