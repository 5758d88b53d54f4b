//! What the command does while the program runs: it passes signals on, stops and goes on with the program, and hears how it ended.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, getpgrp, getpid, kill_process, kill_process_group, pidfd_send_signal};
use uvfio_sys::opener::Opener;
use uvfio_sys::seccomp::Listener;
use uvfio_sys::signals::Blocked;

use super::calls::Desk;
use super::crew::Warden;
use super::error::Step;
use super::message::{End, Message};
use super::terminal::Terminal;
use super::{Outcome, World};

/// Signals for the program that arrive at the command.
pub const FORWARDED: [Signal; 7] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2, Signal::ALARM];

/// How soon to look again whether the machine's timers have run.
const BUSY: Duration = Duration::from_millis(100);

/// How waiting for the program ended.
pub enum Ended {
    /// With the program.
    Program(Outcome),
    /// With a failure inside.
    Failed(Step, io::Error),
    /// With the end of the first process, which said nothing.
    Silently,
}

/// What is watched. The terminal's foreground is the command's again when this is dropped.
pub struct Watch<'a> {
    world: &'a Arc<World>,
    warden: &'a Warden,
    end: &'a End,
    signals: &'a Blocked,
    terminal: Option<Terminal>,
    program: Option<OwnedFd>,
    /// The root of the mount, until somebody uses it.
    mount: Option<OwnedFd>,
    /// Whether a thread runs the machine's timers.
    timers: Arc<AtomicBool>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(terminal) = &self.terminal {
            terminal.give(getpgrp());
        }
    }
}

impl<'a> Watch<'a> {
    /// Watch the processes at the other end.
    #[must_use]
    pub fn new(
        world: &'a Arc<World>,
        warden: &'a Warden,
        end: &'a End,
        signals: &'a Blocked,
        terminal: Option<Terminal>,
        mount: OwnedFd,
    ) -> Self {
        let (program, mount, timers) = (None, Some(mount), Arc::default());
        Self { world, warden, end, signals, terminal, program, mount, timers }
    }

    /// Watch until there is nothing more to watch.
    ///
    /// # Errors
    /// Where the system does not let us.
    pub fn until_the_end(mut self) -> io::Result<Ended> {
        loop {
            // A signal that comes before the program is there waits for it.
            let signals = if self.program.is_some() { PollFlags::IN } else { PollFlags::empty() };
            let mut fds = [PollFd::new(self.end, PollFlags::IN), PollFd::new(self.signals, signals)];
            let left = self.time_left().map(|left| Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(left.subsec_nanos()),
            });
            match poll(&mut fds, left.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [end, signals] = fds.map(|fd| !fd.revents().is_empty());
            self.run_timers();
            if signals {
                self.forward();
            }
            if end && let Some(ended) = self.hear()? {
                return Ok(ended);
            }
        }
    }

    /// Hear a message from inside; whether it was the last.
    fn hear(&mut self) -> io::Result<Option<Ended>> {
        match self.end.receive()? {
            Some(Message::Started(program)) => self.program = Some(program),
            Some(Message::Listening(listener)) => {
                if let Some(mount) = self.mount.take() {
                    let opener = Opener::new(mount, listener.try_clone()?)?;
                    let mut place = self.world.opener.lock().unwrap_or_else(PoisonError::into_inner);
                    *place = Some(Arc::new(opener));
                }
                let (world, desk) = (self.world.clone(), Desk::new(Listener::new(listener)));
                self.warden.add("calls", move |turn| desk.lead(&world, turn))?;
            }
            Some(Message::Stopped(_)) => self.stop(),
            Some(Message::Exited(status)) => return Ok(Some(Ended::Program(Outcome::Exited(status)))),
            Some(Message::Killed(signal)) => return Ok(Some(Ended::Program(Outcome::Killed(signal)))),
            Some(Message::Failed(step, errno)) => {
                return Ok(Some(Ended::Failed(step, io::Error::from_raw_os_error(errno))));
            }
            None => return Ok(Some(Ended::Silently)),
        }
        Ok(None)
    }

    /// Pass on what arrived.
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
        let _ = kill_process_group(pid, Signal::CONT);
    }

    /// How long until the machine has something to do by itself; `None` is never.
    fn time_left(&self) -> Option<Duration> {
        if self.timers.load(Ordering::SeqCst) {
            return Some(BUSY);
        }
        let machine = &self.world.machine;
        machine.next_timer().map(|time| time.saturating_sub(machine.clock().now()))
    }

    /// Let the machine do what has become due. It may take its time, and signals must not wait for it.
    fn run_timers(&self) {
        let is_due = self.time_left().is_some_and(|left| left.is_zero());
        if !is_due || self.timers.swap(true, Ordering::SeqCst) {
            return;
        }
        let (machine, timers) = (self.world.machine.clone(), self.timers.clone());
        let run = move || {
            machine.run_timers();
            timers.store(false, Ordering::SeqCst);
        };
        if thread::Builder::new().name("timers".to_owned()).spawn(run).is_err() {
            self.world.machine.run_timers();
            self.timers.store(false, Ordering::SeqCst);
        }
    }
}

/// The number of a pidfd's process, as this process sees it.
fn number(pidfd: &OwnedFd) -> Option<Pid> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    Pid::from_raw(pid.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use rustix::process::{PidfdFlags, pidfd_open};

    use super::*;

    #[test]
    fn a_pidfd_tells_its_process() {
        let pidfd = pidfd_open(getpid(), PidfdFlags::empty()).expect("a pidfd of this process");
        assert_eq!(number(&pidfd), Some(getpid()));
    }
}
