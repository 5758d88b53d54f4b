//! vfio-platform and vfio-amba: the drivers that hand devices to programs.
//!
//! In Linux `drivers/vfio/platform/vfio_platform.c` and `vfio_amba.c` over `vfio_platform_common.c`, and the registration of
//! `drivers/vfio/vfio_main.c`. They match no device by what it is: an administrator names them (`driver_override`). Removing one
//! from a device that a program has open waits until it has not.

use std::sync::{Arc, Weak};

use uvfio_abi::Errno;
use uvfio_kernel::device::{Bus, Deferral, Device, DmaOwner, Driver, ProbeError, Reason};
use uvfio_kernel::module::{Mode, ModuleHold, ModuleName, ModuleSpec, ParamSpec, Value};
use uvfio_kernel::provider::reset::platform::ResetHandler;
use uvfio_kernel::provider::reset::{ResetError, ResetRefusal};
use uvfio_kernel::wait::{Interrupted, Wait};

use crate::attach::{ENTRY_LIMIT, leave_container};
use crate::control::{Bound, Stage};
use crate::device::{ResetNeed, VfioDevice};
use crate::group::GroupKey;
use crate::nodes;
use crate::personality::{self, Personality};
use crate::refusal::BindRefusal;
use crate::vfio::Vfio;

/// A VFIO driver of one bus.
pub(crate) struct VfioDriver {
    vfio: Weak<Vfio>,
    bus: Bus,
    name: &'static str,
    module: &'static str,
}

/// The modules of VFIO, in the order they are loaded.
pub(crate) fn modules(vfio: &Arc<Vfio>) -> Vec<ModuleSpec> {
    let kernel = vfio.personality();
    let driver = |bus, name, module| -> Arc<dyn Driver> {
        Arc::new(VfioDriver { vfio: Arc::downgrade(vfio), bus, name, module })
    };
    let mut modules = vec![
        spec("vfio", VFIO_PARAMS, &[], Vec::new()),
        spec("vfio_iommu_type1", TYPE1_PARAMS, &["vfio"], Vec::new()),
        spec("vfio_platform_base", &[], &["vfio"], Vec::new()),
        spec(
            "vfio_platform",
            PLATFORM_PARAMS,
            &["vfio_platform_base"],
            vec![driver(Bus::Platform, "vfio-platform", "vfio_platform")],
        ),
        spec(
            "vfio_amba",
            &[],
            &["vfio_platform_base"],
            vec![driver(Bus::Amba, amba_name(kernel), "vfio_amba")],
        ),
    ];
    let resets = ResetHandler::all().iter();
    modules.extend(resets.map(|reset| spec(reset.module, &[], &["vfio_platform_base"], Vec::new())));
    modules
}

const VFIO_PARAMS: &[ParamSpec] =
    &[ParamSpec { name: "enable_unsafe_noiommu_mode", default: Value::Bool(false), mode: Mode::ReadWrite }];

const TYPE1_PARAMS: &[ParamSpec] = &[
    ParamSpec { name: "allow_unsafe_interrupts", default: Value::Bool(false), mode: Mode::ReadWrite },
    ParamSpec { name: "disable_hugepages", default: Value::Bool(false), mode: Mode::ReadWrite },
    ParamSpec { name: "dma_entry_limit", default: Value::Uint(ENTRY_LIMIT), mode: Mode::ReadWrite },
];

const PLATFORM_PARAMS: &[ParamSpec] =
    &[ParamSpec { name: "reset_required", default: Value::Bool(true), mode: Mode::ReadOnly }];

fn spec(
    name: &str,
    params: &'static [ParamSpec],
    uses: &[&str],
    drivers: Vec<Arc<dyn Driver>>,
) -> ModuleSpec {
    let uses = uses.iter().map(|name| ModuleName::new(name)).collect();
    ModuleSpec { name: ModuleName::new(name), params, uses, drivers }
}

fn amba_name(kernel: &Personality) -> &'static str {
    if kernel.holds(&personality::ONE_DRIVER) { "vfio-platform" } else { "vfio-amba" }
}

impl Driver for VfioDriver {
    fn name(&self) -> &str {
        self.name
    }

    fn bus(&self) -> Bus {
        self.bus
    }

    fn module(&self) -> &str {
        self.module
    }

    fn matches(&self, _: &Device) -> bool {
        false
    }

    fn probe(&self, device: &Arc<Device>) -> Result<(), ProbeError> {
        match self.vfio.upgrade() {
            Some(vfio) => vfio.register(device).map_err(failed),
            None => Ok(()),
        }
    }

    fn remove(&self, device: &Arc<Device>, wait: &dyn Wait) -> Result<(), Interrupted> {
        match self.vfio.upgrade() {
            Some(vfio) => vfio.unregister(device, wait),
            None => Ok(()),
        }
    }

    fn dma_owner(&self) -> DmaOwner {
        DmaOwner::Driver
    }
}

/// What the driver core is told: to come again where the reset controller's driver may still come.
fn failed(refusal: BindRefusal) -> ProbeError {
    match &refusal {
        BindRefusal::ResetUnfit { why, .. } => match &**why {
            ResetRefusal::Line(ResetError::Deferred { provider }) => {
                let (supplier, path) = (provider.clone(), provider.clone());
                ProbeError::Defer(Deferral::Supplier { supplier, path })
            }
            _ => ProbeError::refused(refusal),
        },
        _ => ProbeError::refused(refusal),
    }
}

impl Reason for BindRefusal {
    fn errno(&self) -> uvfio_kernel::errno::Errno {
        let Errno(number) = BindRefusal::errno(self);
        number
    }

    fn rule(&self) -> &'static str {
        BindRefusal::rule(self)
    }
}

impl Vfio {
    /// A device comes to a VFIO driver (`vfio_platform_init_common`, then `__vfio_register_dev`).
    fn register(&self, device: &Arc<Device>) -> Result<(), BindRefusal> {
        let reset_module = self.reset_module(device);
        let reset_need = self.check_reset(device)?;
        let (key, mut control) = self.group_of(device)?;
        let device = Arc::new(VfioDevice::new(device.clone(), key, reset_need, reset_module));
        if let Some(group) = control.group_mut(key) {
            if !group.is_there() {
                nodes::add(self.machine(), nodes::of_group(group.id, group.protection()));
            }
            group.devices.push(Bound { device, opens: 0, stage: Stage::Registered, driver: None });
        }
        Ok(())
    }

    /// The module of the device's reset driver, where there is one; it stays as long as the device does (`vfio_platform_get_reset`).
    fn reset_module(&self, device: &Device) -> Option<ModuleHold> {
        let handler = ResetHandler::of(device.facts().compatible.first()?)?;
        self.machine().request_module(handler.module)
    }

    /// Whether the device may be bound as far as its reset goes.
    fn check_reset(&self, device: &Arc<Device>) -> Result<ResetNeed, BindRefusal> {
        let Some(compatible) = device.facts().known_as().map(str::to_owned) else {
            return Err(BindRefusal::NoCompatible { device: device.name().to_owned() });
        };
        let (need, fatal_rule) = match device.bus() {
            Bus::Amba => (ResetNeed::Optional, personality::AMBA_NO_PROBE),
            _ if self.machine().params().bool("vfio_platform", "reset_required") => {
                (ResetNeed::Required, personality::RESET_ALWAYS_REQUIRED)
            }
            _ => (ResetNeed::Optional, personality::RESET_ALWAYS_REQUIRED),
        };
        let name = device.name().to_owned();
        match (self.can_reset(device), need) {
            (Ok(()), need) => Ok(need),
            (Err(ResetRefusal::NoMethod { .. }), ResetNeed::Required) if device.facts().acpi.is_some() => {
                Err(BindRefusal::NoRst { device: name })
            }
            (Err(ResetRefusal::NoMethod { .. }), ResetNeed::Required) => {
                Err(BindRefusal::NoReset { device: name, compatible })
            }
            (Err(why), ResetNeed::Required) => {
                Err(BindRefusal::ResetUnfit { device: name, why: Box::new(why) })
            }
            (Err(_), ResetNeed::Optional) if self.personality().holds(&fatal_rule) => {
                Err(BindRefusal::NoResetAnyway { device: name, compatible })
            }
            (Err(_), need) => Ok(need),
        }
    }

    /// A device leaves its VFIO driver: nobody can open it any more, and whoever has it open is waited for
    /// (`vfio_unregister_group_dev`).
    fn unregister(&self, device: &Arc<Device>, wait: &dyn Wait) -> Result<(), Interrupted> {
        let Some(key) = self.set_stage(device, Stage::Leaving) else { return Ok(()) };
        let unused = || {
            let control = self.control();
            let group = control.group(key)?;
            let mut bound = group.devices.iter().filter(|bound| bound.device.device.id() == device.id());
            bound.all(|bound| bound.opens == 0).then_some(())
        };
        if let Err(interrupted) = self.gate().wait(wait, unused) {
            self.set_stage(device, Stage::Registered);
            return Err(interrupted);
        }
        let mut control = self.control();
        if let Some(group) = control.group_mut(key) {
            let alone = group.iommu.is_none();
            group.devices.retain(|bound| bound.device.device.id() != device.id());
            if !group.is_there() {
                nodes::remove(self.machine(), nodes::of_group(group.id, group.protection()));
                leave_container(&mut control, key);
            }
            if alone {
                self.machine().unmake_group(device);
            }
        }
        control.forget_if_gone(key);
        Ok(())
    }

    /// Let a bound device be opened, or not. Returns its group.
    fn set_stage(&self, device: &Device, stage: Stage) -> Option<GroupKey> {
        let mut control = self.control();
        let bound = control.bound_mut(device.id())?;
        bound.stage = stage;
        Some(bound.device.group)
    }
}
