//! Runs a program in the sandbox: the supervisor's side.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use uvfio_sys::clone::{Namespaces, Side, fork, threads};
use uvfio_sys::fuse::Session;
use uvfio_sys::namespace;
use uvfio_sys::signals::Blocked;

use super::crew::Warden;
use super::error::{SandboxError, Step};
use super::eventfd::EventFds;
use super::files::{Files, Mapped};
use super::inside::{Scene, play};
use super::memory::Spaces;
use super::message::pair;
use super::proc::Proc;
use super::process::Processes;
use super::registers::Registers;
use super::serve::{self, Mount};
use super::statuses::Statuses;
use super::terminal::Terminal;
use super::tree::{Real, Tree};
use super::watch::{self, Ended, Watch};
use super::{Config, Outcome, World};

/// How long files may take to be released once every process is gone. Only a descriptor on its way through a socket takes time.
const RELEASES: Duration = Duration::from_secs(1);

/// Run the program to its end.
///
/// The calling process must have one thread. Where it may not mount, it enters a user namespace of its own, in which its user is 0,
/// and stays there.
///
/// # Errors
/// Why there is no sandbox, or no program in it. Nothing is left behind then.
pub fn run(config: Config) -> Result<Outcome, SandboxError> {
    if let Some(threads) = threads().filter(|threads| *threads != 1) {
        return Err(SandboxError::Threads { threads });
    }
    let terminal = Terminal::ours();
    let signals = block()?;
    let tree = Tree::new(config.machine.clone(), Real::sys());
    if !namespace::may_mount() {
        namespace::enter_as_root().map_err(|(step, error)| match step {
            namespace::Step::Unshare => SandboxError::UserNamespace(error),
            namespace::Step::Map => SandboxError::UserMap(error),
        })?;
    }
    let session = Session::open().map_err(SandboxError::FuseDevice)?;
    let root = session.mount().map_err(SandboxError::FuseMount)?;
    let (end, theirs) = pair()?;

    let scene_terminal = if terminal.is_some() { Terminal::ours() } else { None };
    let program = config.program.clone();
    let first = match fork(Namespaces::PidAndMounts).map_err(SandboxError::PidNamespace)? {
        Side::Child => {
            // Our side of things must not stay open in there: the kernel would take it for ours when we are gone.
            drop((session, end));
            play(Scene {
                end: theirs,
                mount: root,
                overlays: tree.overlays().to_vec(),
                mask: signals.before(),
                terminal: scene_terminal,
                program: config.program,
                args: config.args,
            })
        }
        Side::Parent { child, pidfd } => First { pid: child, pidfd },
    };
    drop((theirs, scene_terminal));

    let warden = Warden::new()?;
    let device = device(&root)?;
    let files = Arc::new(Files::default());
    let registers =
        Registers::new(Arc::new(Mapped { device, files: files.clone() }), config.onlooker.clone());
    let world = Arc::new(World {
        machine: config.machine,
        vfio: config.vfio,
        onlooker: config.onlooker,
        control: config.control,
        tree,
        files,
        processes: Processes::default(),
        spaces: Spaces::new(Some(rustix::fs::makedev(device.0, device.1))),
        proc: Proc::new(first.pid),
        statuses: Statuses::default(),
        eventfds: EventFds::default(),
        registers,
        device,
        mount: Mount::new(session),
        opener: Mutex::default(),
    });
    let served = world.clone();
    warden.add("fuse", move |turn| serve::lead(&served, turn))?;
    config.worker.begin();

    let ended = Watch::new(&world, &warden, &end, &signals, terminal, root).until_the_end();
    drop(first);
    if !world.files.wait_until_closed(RELEASES) {
        world.files.take_all().iter().for_each(|open| open.release());
    }
    // The last reference to the mount: its serving thread ends with it.
    world.opener.lock().unwrap_or_else(PoisonError::into_inner).take();
    match ended? {
        Ended::Program(outcome) => Ok(outcome),
        Ended::Failed(Step::Execute, error) => Err(SandboxError::Program { program, error }),
        Ended::Failed(step, error) => Err(SandboxError::Inside { step, error }),
        Ended::Silently => Err(SandboxError::Killed),
    }
}

/// The first process inside. When this is dropped, however that comes, nobody is left there.
struct First {
    pid: Pid,
    pidfd: OwnedFd,
}

impl Drop for First {
    fn drop(&mut self) {
        // It may have ended by itself. It is gone only when all the others are: their namespace is its own.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
    }
}

fn block() -> io::Result<Blocked> {
    // SIGTTOU is what a process gets that hands the terminal on from the background.
    let signals: Vec<i32> = watch::FORWARDED.into_iter().chain([Signal::TTOU]).map(Signal::as_raw).collect();
    Blocked::new(&signals)
}

fn device(root: &OwnedFd) -> io::Result<(u32, u32)> {
    let stat = statx(root, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::INO)?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor))
}
