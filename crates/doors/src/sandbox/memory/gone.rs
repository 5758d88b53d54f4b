//! The memory of a process that ended while it made a call: nothing.

use std::any::Any;
use std::sync::Arc;

use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::hw::{Access, Backing, MemoryGone};
use uvfio_vfio::caller::{AddressSpace, Mapped};

/// No memory at all.
#[derive(Clone, Copy, Debug)]
pub struct Gone;

impl AddressSpace for Gone {
    fn mapped(&self, _: UserAddr, _: u64) -> Option<Mapped> {
        None
    }

    fn id(&self) -> u64 {
        0
    }

    fn backing(self: Arc<Self>) -> Arc<dyn Backing> {
        self
    }
}

impl Backing for Gone {
    fn read(&self, at: UserAddr, _: &mut [u8]) -> Result<(), MemoryGone> {
        Err(MemoryGone { at })
    }

    fn write(&self, at: UserAddr, _: &[u8]) -> Result<(), MemoryGone> {
        Err(MemoryGone { at })
    }

    fn copy(
        &self,
        at: UserAddr,
        _: &dyn Backing,
        _: UserAddr,
        _: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        Err((0, MemoryGone { at }, Access::Read))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
