//! Who wants to see what no call of VFIO shows: writes to the machine's part of `/sys`, and accesses to mapped registers that failed.

use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::machine::Refusal;
use uvfio_vfio::caller::Pid;

use super::emulate::{Fault, Unsupported};

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

/// An access to mapped registers that was not performed. The program got a signal for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPerformed {
    /// Whose it was, where that is still known.
    pub pid: Option<Pid>,
    /// The address accessed.
    pub address: UserAddr,
    /// Where the instruction is.
    pub rip: UserAddr,
    /// Why it was not performed.
    pub trouble: Trouble,
}

/// Why an access to mapped registers was not performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The instruction is not known.
    Unsupported(Unsupported),
    /// It is not 64-bit code.
    NotLong,
    /// The access lies partly on registers and partly on something else.
    Straddles(Fault),
    /// The process could not be traced, because a debugger does already or the host forbids it.
    NotTraced,
}

/// Is told of all that.
pub trait Onlooker: Send + Sync {
    /// A write was answered.
    fn wrote(&self, write: &Write<'_>);

    /// An access was not performed. Called on the thread that performs them.
    fn not_performed(&self, access: &NotPerformed) {
        let _ = access;
    }
}
