//! Runs a program in the sandbox: the supervisor's side.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, getpid, kill_process, pidfd_send_signal, waitid,
};
use uvfio_sys::clone::{Namespaces, Side, fork, threads};
use uvfio_sys::fuse::Session;
use uvfio_sys::namespace;
use uvfio_sys::seccomp::Listener;
use uvfio_sys::signals::Blocked;

use super::calls::Desk;
use super::crew::Warden;
use super::error::{SandboxError, Step};
use super::eventfd::EventFds;
use super::files::{Files, Mapped};
use super::inside::{Scene, play};
use super::memory::Spaces;
use super::message::{End, Message, pair};
use super::process::Processes;
use super::registers::Registers;
use super::serve::{self, Mount};
use super::terminal::Terminal;
use super::tree::{Real, Tree};
use super::{Config, Outcome, World};

/// Signals for the program that arrive at the command.
const FORWARDED: [Signal; 7] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2, Signal::ALARM];

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
                overlays: tree.sys().overlays(),
                mask: signals.before(),
                terminal: scene_terminal,
                program: config.program,
                args: config.args,
            })
        }
        Side::Parent { pidfd, .. } => pidfd,
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
        eventfds: EventFds::default(),
        registers,
        device,
        mount: Mount::new(session),
        root: RwLock::new(Some(root)),
    });
    let served = world.clone();
    warden.add("fuse", move |turn| serve::lead(&served, turn))?;
    config.worker.begin();

    let mut watch =
        Watch { world: &world, warden: &warden, end: &end, signals: &signals, terminal, program: None };
    let ended = watch.until_the_end();
    if let Some(terminal) = &watch.terminal {
        terminal.give(getpgrp());
    }
    // Whatever happened, nobody stays inside. Process 1 is gone only when all the others are.
    let _ = pidfd_send_signal(&first, Signal::KILL);
    let _ = waitid(WaitId::PidFd(first.as_fd()), WaitIdOptions::EXITED);
    if !world.files.wait_until_closed(RELEASES) {
        world.files.take_all().iter().for_each(|open| open.file.release());
    }
    // The last reference to the mount: its serving thread ends with it.
    world.root.write().unwrap_or_else(PoisonError::into_inner).take();
    match ended? {
        Ended::Program(outcome) => Ok(outcome),
        Ended::Failed(Step::Execute, error) => Err(SandboxError::Program { program, error }),
        Ended::Failed(step, error) => Err(SandboxError::Inside { step, error }),
        Ended::Silently => Err(SandboxError::Killed),
    }
}

/// How waiting for the program ended.
enum Ended {
    Program(Outcome),
    Failed(Step, io::Error),
    Silently,
}

/// What the supervisor watches while the program runs.
struct Watch<'a> {
    world: &'a Arc<World>,
    warden: &'a Warden,
    end: &'a End,
    signals: &'a Blocked,
    terminal: Option<Terminal>,
    program: Option<OwnedFd>,
}

impl Watch<'_> {
    fn until_the_end(&mut self) -> io::Result<Ended> {
        loop {
            let mut fds = [PollFd::new(self.end, PollFlags::IN), PollFd::new(self.signals, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [end, signals] = fds.map(|fd| !fd.revents().is_empty());
            if signals {
                self.forward();
            }
            if !end {
                continue;
            }
            match self.end.receive()? {
                Some(Message::Started(program)) => self.program = Some(program),
                Some(Message::Listening(listener)) => {
                    let (world, desk) = (self.world.clone(), Desk::new(Listener::new(listener)));
                    self.warden.add("calls", move |turn| desk.lead(&world, turn))?;
                }
                Some(Message::Stopped(_)) => self.stop(),
                Some(Message::Exited(status)) => return Ok(Ended::Program(Outcome::Exited(status))),
                Some(Message::Killed(signal)) => return Ok(Ended::Program(Outcome::Killed(signal))),
                Some(Message::Failed(step, errno)) => {
                    return Ok(Ended::Failed(step, io::Error::from_raw_os_error(errno)));
                }
                None => return Ok(Ended::Silently),
            }
        }
    }

    /// Pass on what arrived. Before the program is there, the first process dies with us.
    fn forward(&self) {
        while let Some(number) = self.signals.next() {
            let signal = FORWARDED.into_iter().find(|signal| signal.as_raw() == number);
            if let (Some(signal), Some(program)) = (signal, &self.program) {
                // A program that has just ended needs no signal.
                let _ = pidfd_send_signal(program, signal);
            }
        }
    }

    /// The program was stopped from its terminal: stop too, so that the shell that waits for us sees it, and go on with it.
    fn stop(&self) {
        let (Some(terminal), Some(program)) = (&self.terminal, &self.program) else { return };
        terminal.give(getpgrp());
        // Returns when somebody lets us go on.
        let _ = kill_process(getpid(), Signal::STOP);
        let Some(pid) = number(program) else { return };
        if terminal.is_ours() {
            terminal.give(pid);
        }
        let _ = rustix::process::kill_process_group(pid, Signal::CONT);
    }
}

/// The number of a pidfd's process, as this process sees it.
fn number(pidfd: &OwnedFd) -> Option<Pid> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    Pid::from_raw(pid.trim().parse().ok()?)
}

fn block() -> io::Result<Blocked> {
    // SIGTTOU is what a process gets that hands the terminal on from the background.
    let signals: Vec<i32> = FORWARDED.into_iter().chain([Signal::TTOU]).map(Signal::as_raw).collect();
    Blocked::new(&signals)
}

fn device(root: &OwnedFd) -> io::Result<(u32, u32)> {
    let stat = statx(root, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, StatxFlags::INO)?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor))
}
