//! What runs inside: the first process, which sets the scene and reaps, and the program's process until it executes the program.
//!
//! Both are forks of the command and say all they have to say through the socket. The first process is number 1 of the pid
//! namespace: orphans come to it, and with its end the kernel ends everything else (pid_namespaces(7)).

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getpid, set_parent_process_death_signal, setpgid, wait};
use uvfio_sys::clone::{Namespaces, Side, exit_now, fork};
use uvfio_sys::seccomp::install;
use uvfio_sys::signals::Mask;

use super::calls::filter::filter;
use super::error::Step;
use super::layout::{MODPROBE_OPTIONS, lay_out};
use super::message::{End, Message};
use super::terminal::Terminal;
use super::tree::{MODULES, Overlay};

/// What the first process inside works with.
pub struct Scene {
    /// To the supervisor.
    pub end: End,
    /// The root of the FUSE mount.
    pub mount: OwnedFd,
    /// What of it is laid over something of the host's.
    pub overlays: Vec<Overlay>,
    /// The signal mask the program shall have.
    pub mask: Mask,
    /// The terminal whose foreground the program shall have.
    pub terminal: Option<Terminal>,
    /// The program and its arguments.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// Be the first process inside.
pub fn play(scene: Scene) -> ! {
    let Scene { end, mount, overlays, mask, terminal, program, args } = scene;
    // With the supervisor's end goes ours, and with ours everybody's. It may have ended already.
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() || is_deserted(&end) {
        exit_now(1);
    }
    let has_place_for_modules = overlays.iter().any(|overlay| overlay.target == MODULES);
    let failed = match lay_out(mount, &overlays) {
        Err(failed) => failed,
        Ok(()) => match fork(Namespaces::Shared) {
            Err(error) => (Step::Fork, error),
            Ok(Side::Child) => {
                let mut command = Command::new(program);
                command.args(args);
                if !has_place_for_modules {
                    command.env("MODPROBE_OPTIONS", MODPROBE_OPTIONS);
                }
                let Err(failed) = become_program(&end, mask, terminal, command);
                failed
            }
            Ok(Side::Parent { child, pidfd }) => reap(&end, child, pidfd),
        },
    };
    // Whoever would read it is gone where it cannot be sent.
    let errno = failed.1.raw_os_error().unwrap_or(uvfio_abi::Errno::EIO.0);
    let _ = end.send(&Message::Failed(failed.0, errno));
    exit_now(1);
}

fn is_deserted(end: &End) -> bool {
    let mut fds = [PollFd::new(end, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok_and(|_| fds[0].revents().contains(PollFlags::HUP))
}

/// Wait for every process that comes to us, until the program itself has ended.
fn reap(end: &End, child: Pid, pidfd: OwnedFd) -> ! {
    let _ = end.send(&Message::Started(pidfd));
    loop {
        let message = match wait(WaitOptions::UNTRACED) {
            Ok(Some((pid, status))) if pid == child => {
                let killed = status.terminating_signal().map(Message::Killed);
                let stopped = status.stopping_signal().map(Message::Stopped);
                killed.or(stopped).or(status.exit_status().map(Message::Exited))
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => None,
            Err(_) => exit_now(1),
        };
        if let Some(message) = message {
            let _ = end.send(&message);
            if !matches!(message, Message::Stopped(_)) {
                exit_now(0);
            }
        }
    }
}

fn become_program(
    end: &End,
    mask: Mask,
    terminal: Option<Terminal>,
    mut command: Command,
) -> Result<Infallible, (Step, io::Error)> {
    setpgid(None, None).map_err(|error| (Step::Fork, error.into()))?;
    if let Some(terminal) = terminal {
        terminal.give(getpid());
    }
    mask.restore();
    let listener = install(&filter()).map_err(|error| (Step::Filter, error))?;
    end.send(&Message::Listening(listener)).map_err(|error| (Step::Filter, error))?;
    Err((Step::Execute, command.exec()))
}
