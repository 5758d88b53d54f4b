//! Commands inside a session: `uvfio bind`, `unbind`, `reset` and `hotplug` in a shell or program that `uvfio shell` or `uvfio run` started.
//!
//! What an administrator does in several writes is one step here, done whole or not at all, and what a machine's hardware does by itself
//! (a device being plugged in) has somebody who does it. The command inside writes a request to a file that is only there inside, and
//! reads the answer; the command outside, which has the machine, serves it. Nothing of this is Linux's.

mod host;
mod overlays;
mod resets;
mod tool;

use serde::{Deserialize, Serialize};

pub use host::Session;
pub use tool::ask;

/// What is asked for: one line of JSON, and after it the bytes of an overlay where one is put in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Give devices, and the others of their groups, to VFIO.
    Bind {
        /// Their names.
        devices: Vec<String>,
    },
    /// Take them from VFIO and give them back to their host drivers.
    Unbind {
        /// Their names.
        devices: Vec<String>,
    },
    /// Reset a device that nobody has.
    Reset {
        /// Its name.
        device: String,
        /// The way, or an alias of some.
        by: String,
    },
    /// Say what that would do.
    PlanReset {
        /// The device's name.
        device: String,
        /// The way, or an alias of some.
        by: String,
    },
    /// Put an overlay into the board's description.
    Plug {
        /// What it is called when it is taken out again.
        overlay: String,
    },
    /// Take an overlay out, or a device.
    Unplug {
        /// Its name.
        name: String,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Done(Done),
    /// Nothing was done, and this is why.
    Refused(String),
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Each line is a device and what it is now.
    pub lines: Vec<String>,
    /// What is wrong with it all the same, and would be in a kernel's log.
    pub notes: Vec<String>,
}

impl From<Vec<String>> for Done {
    fn from(lines: Vec<String>) -> Self {
        Done { lines, notes: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
