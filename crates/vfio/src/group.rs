//! Groups (`drivers/vfio/group.c`).

use crate::caller::Caller;
use crate::file::Reply;
use crate::refusal::Refusal;

/// An open group.
pub enum GroupFile {}

impl GroupFile {
    pub(crate) fn ioctl(&self, _: &dyn Caller, _: u32, _: u64) -> Result<Reply, Refusal> {
        match *self {}
    }

    pub(crate) fn release(&self) {
        match *self {}
    }
}
