//! Telling an observer about calls: decoding arguments before a call and its answer after.
//!
//! Structures are read from the caller once more for this, so that the calls themselves carry nothing for it. Without an observer
//! only a counter changes.

use uvfio_abi::vfio::{self as abi, DirtyBitmap, DmaMap, DmaUnmap, GroupStatus, IrqInfo, IrqSet, RegionInfo};
use uvfio_kernel::addr::{Iova, UserAddr};

use crate::caller::{Caller, Pid};
use crate::file::{File, Mmap, MmapPlan, Node, Reply};
use crate::observe::{Answer, Call, CallRecord, Subject};
use crate::refusal::Refusal;
use crate::user;
use crate::vfio::{Shared, Vfio};

impl Shared {
    /// Do a call, count it, and tell the observer where there is one. The closures are called only then.
    pub(crate) fn observe<T>(
        &self,
        pid: Option<Pid>,
        describe: impl FnOnce() -> (Subject, Call),
        act: impl FnOnce() -> Result<T, Refusal>,
        answer: impl FnOnce(&Call, &T) -> Answer,
    ) -> Result<T, Refusal> {
        let Some(observer) = &self.observer else {
            let result = act();
            self.count(result.as_ref().err());
            return result;
        };
        let (subject, call) = describe();
        let result = act();
        self.count(result.as_ref().err());
        let answered = result.as_ref().map(|value| answer(&call, value));
        let record = CallRecord {
            pid,
            subject: &subject,
            call: &call,
            result: answered.as_ref().map_err(|refusal| *refusal),
        };
        observer.called(&record);
        result
    }
}

impl Vfio {
    pub(crate) fn observe_open(
        &self,
        node: Node,
        caller: &dyn Caller,
        act: impl FnOnce() -> Result<File, Refusal>,
    ) -> Result<File, Refusal> {
        let describe = || (Subject::Node(node), Call::Open);
        self.shared().observe(Some(caller.pid()), describe, act, |_, file| opened(file))
    }
}

fn opened(file: &File) -> Answer {
    match file.subject() {
        Subject::Container(number) => Answer::Container(number),
        Subject::Device(name) => Answer::Device(name),
        Subject::Group(_) | Subject::Node(_) => Answer::Value(0),
    }
}

impl File {
    /// What a trace calls this file.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            File::Container(file) => Subject::Container(file.container.number),
            File::Group(file) => Subject::Group(file.id()),
            File::Device(file) => Subject::Device(file.name().to_owned()),
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        match self {
            File::Container(file) => file.vfio().shared(),
            File::Group(file) => file.vfio().shared(),
            File::Device(file) => file.vfio().shared(),
        }
    }

    pub(crate) fn observe_ioctl(
        &self,
        caller: &dyn Caller,
        request: u32,
        arg: u64,
        act: impl FnOnce() -> Result<Reply, Refusal>,
    ) -> Result<Reply, Refusal> {
        let describe = || (self.subject(), self.decode(caller, request, arg));
        self.shared().observe(Some(caller.pid()), describe, act, |call, reply| match reply {
            Reply::NewFile(file) => opened(file),
            Reply::Value(value) => answer(call, caller, arg).unwrap_or(Answer::Value((*value).into())),
        })
    }

    pub(crate) fn observe_transfer(
        &self,
        caller: &dyn Caller,
        call: Call,
        act: impl FnOnce() -> Result<usize, Refusal>,
    ) -> Result<usize, Refusal> {
        let describe = || (self.subject(), call);
        self.shared().observe(Some(caller.pid()), describe, act, |_, done| Answer::Value(*done as i64))
    }

    pub(crate) fn observe_mmap(
        &self,
        caller: &dyn Caller,
        mmap: Mmap,
        act: impl FnOnce() -> Result<MmapPlan, Refusal>,
    ) -> Result<MmapPlan, Refusal> {
        let describe = || (self.subject(), Call::Mmap(mmap));
        self.shared().observe(Some(caller.pid()), describe, act, |_, _| Answer::Value(0))
    }

    /// Tell the observer that the last reference is gone.
    pub(crate) fn observe_release(&self, act: impl FnOnce()) {
        let Some(observer) = &self.shared().observer else { return act() };
        let subject = self.subject();
        act();
        let answer = Answer::Value(0);
        observer.called(&CallRecord {
            pid: None,
            subject: &subject,
            call: &Call::Release,
            result: Ok(&answer),
        });
    }

    fn decode(&self, caller: &dyn Caller, request: u32, arg: u64) -> Call {
        let decoded = match self {
            File::Container(_) => container(caller, request, arg),
            File::Group(_) => group(caller, request, arg),
            File::Device(_) => device(caller, request, arg),
        };
        match decoded {
            Ok(Some(call)) => call,
            Ok(None) => Call::Unknown { request, arg },
            Err(_) => Call::Unreadable { request, arg },
        }
    }
}

type Decoded = Result<Option<Call>, Refusal>;

fn container(caller: &dyn Caller, request: u32, arg: u64) -> Decoded {
    Ok(Some(match request {
        abi::VFIO_GET_API_VERSION => Call::GetApiVersion,
        abi::VFIO_CHECK_EXTENSION => Call::CheckExtension { extension: arg },
        abi::VFIO_SET_IOMMU => Call::SetIommu { iommu: arg },
        abi::VFIO_IOMMU_GET_INFO => Call::IommuGetInfo,
        abi::VFIO_IOMMU_MAP_DMA => {
            let map: DmaMap = user::read(caller, arg)?;
            let (vaddr, iova) = (UserAddr(map.vaddr), Iova(map.iova));
            Call::MapDma { flags: map.flags, vaddr, iova, size: map.size }
        }
        abi::VFIO_IOMMU_UNMAP_DMA => {
            let unmap: DmaUnmap = user::read(caller, arg)?;
            Call::UnmapDma { flags: unmap.flags, iova: Iova(unmap.iova), size: unmap.size }
        }
        abi::VFIO_IOMMU_DIRTY_PAGES => {
            let dirty: DirtyBitmap = user::read(caller, arg)?;
            Call::DirtyPages { flags: dirty.flags }
        }
        _ => return Ok(None),
    }))
}

fn group(caller: &dyn Caller, request: u32, arg: u64) -> Decoded {
    Ok(Some(match request {
        abi::VFIO_GROUP_GET_STATUS => Call::GroupGetStatus,
        abi::VFIO_GROUP_SET_CONTAINER => Call::GroupSetContainer { fd: user::read(caller, arg)? },
        abi::VFIO_GROUP_UNSET_CONTAINER => Call::GroupUnsetContainer,
        abi::VFIO_GROUP_GET_DEVICE_FD => {
            Call::GroupGetDeviceFd { name: user::read_name(caller, arg)?.unwrap_or_default() }
        }
        _ => return Ok(None),
    }))
}

fn device(caller: &dyn Caller, request: u32, arg: u64) -> Decoded {
    Ok(Some(match request {
        abi::VFIO_DEVICE_GET_INFO => Call::DeviceGetInfo,
        abi::VFIO_DEVICE_GET_REGION_INFO => {
            Call::DeviceGetRegionInfo { index: user::read::<RegionInfo>(caller, arg)?.index }
        }
        abi::VFIO_DEVICE_GET_IRQ_INFO => {
            Call::DeviceGetIrqInfo { index: user::read::<IrqInfo>(caller, arg)?.index }
        }
        abi::VFIO_DEVICE_SET_IRQS => {
            let IrqSet { flags, index, start, count, .. } = user::read(caller, arg)?;
            let data = user::after(arg, size_of::<IrqSet>());
            let datum = match flags & abi::VFIO_IRQ_SET_DATA_TYPE_MASK {
                abi::VFIO_IRQ_SET_DATA_EVENTFD if count > 0 => user::read(caller, data).ok(),
                abi::VFIO_IRQ_SET_DATA_BOOL if count > 0 => {
                    user::read::<u8>(caller, data).ok().map(i32::from)
                }
                _ => None,
            };
            Call::DeviceSetIrqs { flags, index, start, count, datum }
        }
        abi::VFIO_DEVICE_RESET => Call::DeviceReset,
        abi::VFIO_DEVICE_GET_PCI_HOT_RESET_INFO => Call::DeviceGetHotResetInfo,
        abi::VFIO_DEVICE_PCI_HOT_RESET => {
            Call::DeviceHotReset { count: user::read::<abi::PciHotReset>(caller, arg)?.count }
        }
        abi::VFIO_DEVICE_FEATURE => {
            Call::DeviceFeature { flags: user::read::<abi::DeviceFeature>(caller, arg)?.flags }
        }
        _ => return Ok(None),
    }))
}

/// What a call that was not refused has written back.
fn answer(call: &Call, caller: &dyn Caller, arg: u64) -> Option<Answer> {
    Some(match call {
        Call::GroupGetStatus => {
            Answer::GroupStatus { flags: user::read::<GroupStatus>(caller, arg).ok()?.flags }
        }
        Call::DeviceGetInfo => {
            let info: abi::DeviceInfo = user::read_prefix(caller, arg, 16).ok()?;
            Answer::DeviceInfo { flags: info.flags, regions: info.num_regions, irqs: info.num_irqs }
        }
        Call::DeviceGetRegionInfo { .. } => {
            let info: RegionInfo = user::read(caller, arg).ok()?;
            Answer::RegionInfo { flags: info.flags, size: info.size, offset: info.offset }
        }
        Call::DeviceGetIrqInfo { .. } => {
            let info: IrqInfo = user::read(caller, arg).ok()?;
            Answer::IrqInfo { flags: info.flags, count: info.count }
        }
        Call::IommuGetInfo => {
            let info: abi::Type1Info = user::read_prefix(caller, arg, 16).ok()?;
            Answer::IommuInfo { flags: info.flags, pgsizes: info.iova_pgsizes, argsz: info.argsz }
        }
        Call::UnmapDma { .. } => Answer::Unmapped { size: user::read::<DmaUnmap>(caller, arg).ok()?.size },
        _ => return None,
    })
}
