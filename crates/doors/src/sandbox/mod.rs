//! The sandbox: runs an unmodified program in a world that has VFIO.
//!
//! The program sees `/dev/vfio` and the machine's part of `/sys` as a FUSE mount of ours; its VFIO ioctls are caught by a seccomp
//! filter and served here; everything else it does is between it and the kernel. Three processes are involved: the command, which
//! serves; process 1 of a new pid namespace, with whose death the kernel ends everything in it; and the program.
//!
//! Not for confining programs: it shows them something, it keeps them from nothing.

mod caller;
mod calls;
mod crew;
pub mod emulate;
mod error;
pub mod eventfd;
mod files;
mod fuse;
mod inside;
mod layout;
pub mod memory;
mod message;
mod onlooker;
mod proc;
pub mod process;
pub mod registers;
mod run;
mod serve;
mod statuses;
mod terminal;
#[cfg(feature = "testing")]
pub mod testing;
mod tree;
mod watch;
pub mod work;

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::Statx;
use uvfio_abi::Errno;
use uvfio_kernel::machine::Machine;
use uvfio_kernel::wait::Wait;
use uvfio_sys::opener::Opener;
use uvfio_vfio::Vfio;
use uvfio_vfio::refusal::Refusal;

use self::work::Worker;
pub use error::{SandboxError, Step};
pub use onlooker::{NotPerformed, Onlooker, Trouble, Write};
pub use run::run;

/// What to run, and in which world.
pub struct Config {
    /// VFIO over it.
    pub vfio: Arc<Vfio>,
    /// The machine.
    pub machine: Arc<Machine>,
    /// Who goes on with what its devices have begun.
    pub worker: Arc<Worker>,
    /// Who wants to see what is written to its part of `/sys`.
    pub onlooker: Option<Arc<dyn Onlooker>>,
    /// Who answers the requests of tools inside.
    pub control: Option<Arc<dyn Control>>,
    /// The program, found as a shell would.
    pub program: OsString,
    /// Its arguments, without its own name.
    pub args: Vec<OsString>,
}

/// Answers requests of tools inside the sandbox: `uvfio bind` there talks to the `uvfio run` that started it. What is said is their
/// business; this door only carries it.
pub trait Control: Send + Sync {
    /// Answer a request. It may block; `wait` ends when the tool is interrupted.
    fn request(&self, request: &[u8], wait: &dyn Wait) -> Vec<u8>;
}

/// Where a tool inside writes its request and then reads the answer, through one open file. It is there only inside.
pub const CONTROL: &str = "/dev/vfio/.uvfio/control";

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It exited with this status.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

/// Everything the serving threads share.
struct World {
    machine: Arc<Machine>,
    vfio: Arc<Vfio>,
    onlooker: Option<Arc<dyn Onlooker>>,
    control: Option<Arc<dyn Control>>,
    tree: tree::Tree,
    files: Arc<files::Files>,
    processes: process::Processes,
    spaces: memory::Spaces,
    proc: proc::Proc,
    statuses: statuses::Statuses,
    eventfds: eventfd::EventFds,
    registers: registers::Registers,
    mount: serve::Mount,
    /// Uses the mount for us, from when the program makes calls until the end.
    opener: Mutex<Option<Arc<Opener>>>,
    /// The mount's device number, major and minor, which no other file system has.
    device: (u32, u32),
}

impl World {
    /// What a program gets for a refusal.
    fn errno(&self, refusal: &Refusal) -> Errno {
        refusal.errno(self.vfio.personality())
    }

    /// The node of our mount that was looked at.
    fn node_of(&self, stat: &Statx) -> Option<u64> {
        ((stat.stx_dev_major, stat.stx_dev_minor) == self.device).then_some(stat.stx_ino)
    }

    fn opener(&self) -> Option<Arc<Opener>> {
        self.opener.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wait until every release is done that the kernel announced before this call: `close` returns before its RELEASE is served.
    fn settle(&self) {
        let closes = self.files.closes();
        if let Some(opener) = self.opener() {
            // Requests are received in their order, and nothing is there, so that the kernel must ask. What it asks comes behind.
            opener.look("open/nothing".to_owned());
        }
        self.files.wait_for_releases();
        self.files.settled(closes);
    }
}
