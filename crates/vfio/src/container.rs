//! Containers: groups that share an IOMMU driver, and so their mappings.
//!
//! In Linux `drivers/vfio/container.c`. Adding a group is what gives a container the right to an IOMMU driver; when the last group
//! leaves, the driver and every mapping are gone, whether or not the container's file is still open.

use std::sync::Arc;

use uvfio_abi::vfio::{
    VFIO_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_GET_API_VERSION, VFIO_NOIOMMU_IOMMU, VFIO_SET_IOMMU,
    VFIO_TYPE1_IOMMU, VFIO_TYPE1_NESTING_IOMMU, VFIO_TYPE1V2_IOMMU, VFIO_UNMAP_ALL, VFIO_UPDATE_VADDR,
};
use uvfio_kernel::module::{ModuleHold, ModuleState};

use crate::caller::{Caller, Capability};
use crate::control::Control;
use crate::file::Reply;
use crate::group::GroupKey;
use crate::opening::InUse;
use crate::personality;
use crate::refusal::{ContainerRefusal, Refusal};
use crate::sync::{Mutex, lock};
use crate::type1::{Type1, Version};
use crate::vfio::Vfio;

/// The module of type1.
const TYPE1_MODULE: &str = "vfio_iommu_type1";

/// A container. It lives as long as its file is open or a group is in it.
pub(crate) struct Container {
    /// Tells containers apart in a trace.
    pub(crate) number: u64,
    state: Mutex<State>,
}

/// What groups and IOMMU driver it has. Changed only with the control lock held.
#[derive(Default)]
struct State {
    groups: Vec<GroupKey>,
    iommu: Option<Iommu>,
    /// Keeps the module of the IOMMU driver from being unloaded.
    module: Option<ModuleHold>,
}

/// The IOMMU driver of a container.
#[derive(Clone)]
pub(crate) enum Iommu {
    /// type1.
    Type1(Arc<Type1>),
    /// noiommu, which answers nothing.
    Noiommu,
}

/// What kind of groups a container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Protection {
    /// Groups of an IOMMU.
    Iommu,
    /// Groups without one.
    Noiommu,
}

impl Container {
    /// A container without groups.
    pub(crate) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self { number, state: Mutex::default() })
    }

    /// Its IOMMU driver, where one is set.
    pub(crate) fn iommu(&self) -> Option<Iommu> {
        lock(&self.state).iommu.clone()
    }

    /// The groups in it.
    pub(crate) fn groups(&self) -> Vec<GroupKey> {
        lock(&self.state).groups.clone()
    }

    /// A group is in it now.
    pub(crate) fn add(&self, group: GroupKey) {
        lock(&self.state).groups.push(group);
    }

    /// A group has left. With the last one goes the IOMMU driver.
    pub(crate) fn remove(&self, group: GroupKey) {
        let mut state = lock(&self.state);
        state.groups.retain(|other| *other != group);
        if state.groups.is_empty() {
            state.iommu = None;
            state.module = None;
        }
    }

    fn set_iommu(&self, iommu: Iommu, module: Option<ModuleHold>) {
        let mut state = lock(&self.state);
        state.iommu = Some(iommu);
        state.module = module;
    }
}

/// An open container.
pub struct ContainerFile {
    vfio: Arc<Vfio>,
    pub(crate) container: Arc<Container>,
    in_use: InUse,
}

impl ContainerFile {
    /// The file of a new container.
    pub(crate) fn new(vfio: Arc<Vfio>) -> Arc<Self> {
        let container = Container::new(vfio.next_container());
        let in_use = InUse::begin(&vfio);
        Arc::new(Self { vfio, container, in_use })
    }

    pub(crate) fn vfio(&self) -> &Arc<Vfio> {
        &self.vfio
    }

    /// Its groups keep a container; without any it holds nothing.
    pub(crate) fn release(&self) {
        self.in_use.end();
    }

    pub(crate) fn ioctl(&self, caller: &dyn Caller, request: u32, arg: u64) -> Result<Reply, Refusal> {
        match request {
            VFIO_GET_API_VERSION => Ok(Reply::Value(VFIO_API_VERSION as i32)),
            VFIO_CHECK_EXTENSION => Ok(Reply::Value(i32::from(self.offers(arg)))),
            VFIO_SET_IOMMU => {
                self.set_iommu(caller, arg)?;
                Ok(Reply::Value(0))
            }
            request => match self.container.iommu() {
                None => Err(ContainerRefusal::NoIommu { request }.into()),
                Some(Iommu::Noiommu) => Err(ContainerRefusal::UnknownRequest { request }.into()),
                Some(Iommu::Type1(type1)) => {
                    type1.ioctl(caller, request, arg)?;
                    Ok(Reply::Value(0))
                }
            },
        }
    }

    /// `VFIO_CHECK_EXTENSION`: the driver that is set answers; before that, every driver these groups may use.
    fn offers(&self, extension: u64) -> bool {
        match self.container.iommu() {
            Some(Iommu::Noiommu) => self.vfio.noiommu_offers(extension),
            Some(Iommu::Type1(_)) => {
                self.vfio.type1_offers(extension) || extension == u64::from(VFIO_UPDATE_VADDR)
            }
            None => match self.protection() {
                Some(Protection::Iommu) => self.vfio.type1_offers(extension),
                Some(Protection::Noiommu) => self.vfio.noiommu_offers(extension),
                None => self.vfio.type1_offers(extension) || self.vfio.noiommu_offers(extension),
            },
        }
    }

    fn protection(&self) -> Option<Protection> {
        self.vfio.control().protection_of(&self.container)
    }

    /// `VFIO_SET_IOMMU`.
    fn set_iommu(&self, caller: &dyn Caller, iommu: u64) -> Result<(), ContainerRefusal> {
        let control = self.vfio.control();
        let Some(protection) = control.protection_of(&self.container) else {
            return Err(ContainerRefusal::NoGroup { iommu });
        };
        if let Some(set) = self.container.iommu() {
            let has = match set {
                Iommu::Noiommu => VFIO_NOIOMMU_IOMMU,
                Iommu::Type1(type1) => type1.version().number(),
            };
            return Err(ContainerRefusal::AlreadySet { iommu, has });
        }
        let module = self.vfio.machine().hold_module(TYPE1_MODULE);
        let set = match protection {
            Protection::Noiommu if !self.vfio.noiommu_offers(iommu) => {
                return Err(ContainerRefusal::UnknownType { iommu });
            }
            Protection::Noiommu if !caller.capable(Capability::SysRawio) => {
                return Err(ContainerRefusal::NoRawio);
            }
            Protection::Noiommu => Iommu::Noiommu,
            Protection::Iommu if module.is_none() => return Err(ContainerRefusal::UnknownType { iommu }),
            Protection::Iommu => Iommu::Type1(self.new_type1(&control, iommu)?),
        };
        self.container.set_iommu(set, module);
        Ok(())
    }

    /// A type1 with every group of the container attached.
    fn new_type1(&self, control: &Control, iommu: u64) -> Result<Arc<Type1>, ContainerRefusal> {
        if !self.vfio.type1_offers(iommu) {
            return Err(ContainerRefusal::UnknownType { iommu });
        }
        let version = Version::from_number(iommu).ok_or(ContainerRefusal::NotAType { iommu })?;
        let type1 = Arc::new(Type1::new(version, self.vfio.entry_limit(), self.vfio.shared().clone()));
        let mut attached = Vec::new();
        for (key, group) in control.iommu_groups_of(&self.container) {
            let terms = self.vfio.terms(key, &group);
            if let Err(refusal) = type1.attach(&group, terms) {
                attached.iter().for_each(|(group, owner)| type1.detach(group, *owner));
                return Err(refusal);
            }
            attached.push((group, terms.owner));
        }
        Ok(type1)
    }
}

impl Vfio {
    /// What type1 says to `CHECK_EXTENSION` before it is set (`vfio_iommu_type1_check_extension`).
    fn type1_offers(&self, extension: u64) -> bool {
        let module = self.machine().module(TYPE1_MODULE);
        if module.is_none_or(|module| module.state != ModuleState::Live) {
            return false;
        }
        match u32::try_from(extension) {
            Ok(VFIO_TYPE1_IOMMU | VFIO_TYPE1V2_IOMMU | VFIO_UNMAP_ALL) => true,
            Ok(VFIO_TYPE1_NESTING_IOMMU) => self.personality().holds(&personality::NESTING),
            _ => false,
        }
    }

    /// What noiommu says (`vfio_noiommu_ioctl`).
    fn noiommu_offers(&self, extension: u64) -> bool {
        extension == u64::from(VFIO_NOIOMMU_IOMMU) && self.noiommu_is_enabled()
    }
}
