//! The terminal's foreground: the program gets it while it runs, and the command has it back afterwards.
//!
//! The program is in a process group of its own, which it can see: the command's is outside its pid namespace, where a shell could
//! not even name it (tcgetpgrp(3)). So the terminal must be handed over, and back when the program stops or ends.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, getpgrp};
use rustix::termios::{tcgetpgrp, tcsetpgrp};

/// A controlling terminal.
#[derive(Debug)]
pub struct Terminal {
    tty: OwnedFd,
}

impl Terminal {
    /// The controlling terminal, where this process's group has its foreground.
    #[must_use]
    pub fn ours() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = Self { tty: open("/dev/tty", flags, Mode::empty()).ok()? };
        terminal.is_ours().then_some(terminal)
    }

    /// Whether this process's group has the foreground.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.tty).is_ok_and(|group| group == getpgrp())
    }

    /// Give the foreground to a group of this session. `SIGTTOU` must be blocked.
    pub fn give(&self, group: Pid) {
        // A terminal that was hung up has no foreground any more; a group that is gone needs none.
        let _ = tcsetpgrp(&self.tty, group);
    }
}
