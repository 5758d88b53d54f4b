//! Device files: a device in the hands of a program.
//!
//! In Linux `drivers/vfio/vfio_main.c` over `drivers/vfio/platform/vfio_platform_common.c`. The first open of a device requests its
//! interrupts and resets it, the last close, mappings included, resets it again.

mod info;
mod opened;
mod region;
mod set_irqs;

use std::sync::Arc;

use uvfio_abi::vfio::{
    VFIO_DEVICE_FEATURE, VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_IRQ_INFO, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
    VFIO_DEVICE_GET_REGION_INFO, VFIO_DEVICE_PCI_HOT_RESET, VFIO_DEVICE_RESET, VFIO_DEVICE_SET_IRQS,
};
use uvfio_kernel::device::{Bus, Device};
use uvfio_kernel::hw::Width;
use uvfio_kernel::module::ModuleHold;

pub(crate) use opened::Opened;
use region::Regions;

use crate::caller::Caller;
use crate::file::{Mmap, MmapPlan, Reply};
use crate::group::GroupKey;
use crate::opening::InUse;
use crate::refusal::{DeviceRefusal, Refusal};
use crate::sync::{Mutex, lock};
use crate::vfio::Vfio;

/// A device that a VFIO driver has.
pub(crate) struct VfioDevice {
    /// The device.
    pub(crate) device: Arc<Device>,
    /// The group it came to.
    pub(crate) group: GroupKey,
    /// What becomes of an open whose reset fails.
    pub(crate) reset_need: ResetNeed,
    /// Keeps its reset driver from being unloaded.
    _reset_module: Option<ModuleHold>,
    /// Its open files. Taken before the control lock, never after it.
    files: Mutex<Files>,
}

/// The open files of a device.
#[derive(Default)]
struct Files {
    count: usize,
    /// What it has while there is one.
    opened: Option<Arc<Opened>>,
}

/// `reset_required`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ResetNeed {
    /// Without a reset a device is not bound, and not opened.
    Required,
    /// A reset is done where there is one.
    Optional,
}

impl VfioDevice {
    /// A device that nobody has open.
    pub(crate) fn new(
        device: Arc<Device>,
        group: GroupKey,
        reset_need: ResetNeed,
        reset_module: Option<ModuleHold>,
    ) -> Self {
        Self { device, group, reset_need, _reset_module: reset_module, files: Mutex::default() }
    }

    /// One more file of it; the first begins with `begin`, which others who open it wait for.
    pub(crate) fn open(
        &self,
        begin: impl FnOnce() -> Result<Opened, DeviceRefusal>,
    ) -> Result<Arc<Opened>, DeviceRefusal> {
        let mut files = lock(&self.files);
        let opened = match &files.opened {
            Some(opened) => opened.clone(),
            None => files.opened.insert(Arc::new(begin()?)).clone(),
        };
        files.count += 1;
        Ok(opened)
    }

    /// One file less; the last ends with `end`.
    pub(crate) fn close(&self, end: impl FnOnce(&Opened)) {
        let mut files = lock(&self.files);
        files.count = files.count.saturating_sub(1);
        if files.count == 0
            && let Some(opened) = files.opened.take()
        {
            end(&opened);
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.device.name()
    }

    /// Its first `compatible`, which decides about its reset; with ACPI its hardware id.
    pub(crate) fn compatible(&self) -> &str {
        self.device.facts().known_as().unwrap_or_default()
    }

    fn is_amba(&self) -> bool {
        self.device.bus() == Bus::Amba
    }
}

/// An open device.
pub struct DeviceFile {
    vfio: Arc<Vfio>,
    device: Arc<VfioDevice>,
    opened: Arc<Opened>,
    in_use: InUse,
}

impl DeviceFile {
    /// A file of a device that was just opened.
    pub(crate) fn new(vfio: Arc<Vfio>, device: Arc<VfioDevice>, opened: Arc<Opened>) -> Arc<Self> {
        let in_use = InUse::begin(&vfio);
        Arc::new(Self { vfio, device, opened, in_use })
    }

    /// The device's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.device.name()
    }

    pub(crate) fn vfio(&self) -> &Arc<Vfio> {
        &self.vfio
    }

    pub(crate) fn ioctl(&self, caller: &dyn Caller, request: u32, arg: u64) -> Result<Reply, Refusal> {
        match request {
            VFIO_DEVICE_GET_INFO => {
                info::device(caller, arg, &self.device, self.vfio.can_reset(&self.device.device))?
            }
            VFIO_DEVICE_GET_REGION_INFO => info::region(caller, arg, &self.regions())?,
            VFIO_DEVICE_GET_IRQ_INFO => info::irq(caller, arg, &self.opened)?,
            VFIO_DEVICE_SET_IRQS => self.opened.set_irqs(caller, arg)?,
            VFIO_DEVICE_RESET => self.vfio.reset(&self.device)?,
            VFIO_DEVICE_GET_PCI_HOT_RESET_INFO => {
                self.vfio.hot_reset_info(caller, arg, &self.device, request)?;
            }
            VFIO_DEVICE_PCI_HOT_RESET => self.vfio.hot_reset(caller, arg, &self.device, request)?,
            VFIO_DEVICE_FEATURE => info::feature(caller, arg)?,
            request => return Err(DeviceRefusal::UnknownRequest { request }.into()),
        }
        Ok(Reply::Value(0))
    }

    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Refusal> {
        Ok(self.regions().read(offset, into)?)
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Refusal> {
        Ok(self.regions().write(offset, bytes)?)
    }

    pub(crate) fn mmap(&self, mmap: Mmap) -> Result<MmapPlan, Refusal> {
        Ok(self.regions().mmap(mmap, self.vfio.personality())?)
    }

    pub(crate) fn load(&self, offset: u64, width: Width) -> Result<u64, Refusal> {
        let (region, offset) = self.regions().access(offset, width)?;
        Ok(self.device.device.load(region, offset, width))
    }

    pub(crate) fn store(&self, offset: u64, width: Width, value: u64) -> Result<(), Refusal> {
        let (region, offset) = self.regions().access(offset, width)?;
        self.device.device.store(region, offset, width, value);
        Ok(())
    }

    pub(crate) fn release(&self) {
        if self.in_use.end() {
            self.vfio.close_device(&self.device);
        }
    }

    fn regions(&self) -> Regions<'_> {
        Regions::of(&self.device.device, self.vfio.shared().registers)
    }
}
