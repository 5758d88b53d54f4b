//! Device files (`drivers/vfio/vfio_main.c`).

use crate::caller::Caller;
use crate::file::Reply;
use crate::file::{Mmap, MmapPlan};
use crate::refusal::Refusal;
use uvfio_kernel::hw::Width;

/// An open device.
pub enum DeviceFile {}

impl DeviceFile {
    pub(crate) fn ioctl(&self, _: &dyn Caller, _: u32, _: u64) -> Result<Reply, Refusal> {
        match *self {}
    }

    pub(crate) fn release(&self) {
        match *self {}
    }

    pub(crate) fn read(&self, _: &dyn Caller, _: u64, _: &mut [u8]) -> Result<usize, Refusal> {
        match *self {}
    }

    pub(crate) fn write(&self, _: &dyn Caller, _: u64, _: &[u8]) -> Result<usize, Refusal> {
        match *self {}
    }

    pub(crate) fn mmap(&self, _: &dyn Caller, _: Mmap) -> Result<MmapPlan, Refusal> {
        match *self {}
    }

    pub(crate) fn load(&self, _: u64, _: Width) -> Result<u64, Refusal> {
        match *self {}
    }

    pub(crate) fn store(&self, _: u64, _: Width, _: u64) -> Result<(), Refusal> {
        match *self {}
    }
}
