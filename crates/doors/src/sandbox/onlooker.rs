//! Who wants to see what is written to the machine's part of `/sys`, which no call of VFIO shows.

use uvfio_kernel::machine::Refusal;
use uvfio_vfio::caller::Pid;

/// A write to a file of the machine's part of `/sys`, and its answer.
pub struct Write<'a> {
    /// Who wrote, where that is still known.
    pub pid: Option<Pid>,
    /// The file, from `/sys` on, without a leading slash.
    pub path: &'a str,
    /// What was written.
    pub bytes: &'a [u8],
    /// The answer.
    pub result: Result<(), &'a Refusal>,
}

/// Is told of every such write.
pub trait Onlooker: Send + Sync {
    /// A write was answered.
    fn wrote(&self, write: &Write<'_>);
}
