//! What happened, for the end of a run: calls, refusals, DMA, interrupts, and what the program left wrong.
//!
//! The JSON is this module's types as they are; `version` changes when a field changes its meaning or goes. The text is made from the
//! same value.

mod collect;
mod text;

use std::process::ExitCode;

use serde::Serialize;

use crate::problem::Problem;

pub use collect::collect;
pub use text::text;

/// Everything a report says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The version of this form.
    pub version: u32,
    /// The kernel whose answers were given.
    pub personality: String,
    /// How the program ended.
    pub status: Status,
    /// VFIO calls, refused ones included.
    pub calls: u64,
    /// Refused calls by rule, most first.
    pub refusals: Vec<Refusals>,
    /// Devices that did something.
    pub devices: Vec<Device>,
    /// Devices used without an IOMMU, which taints a kernel.
    pub taint: Vec<String>,
    /// Devices that did not come out of their last reset.
    pub not_reset: Vec<String>,
    /// Devices that were meant for a driver by name and have none.
    pub not_bound: Vec<NotBound>,
    /// What the program left wrong.
    pub left: Vec<Left>,
    /// How much more it left wrong than is listed.
    pub more_left: u64,
}

impl Report {
    /// Nothing happened that anybody would want to read about.
    pub fn is_empty(&self) -> bool {
        self.calls == 0
            && self.devices.is_empty()
            && self.taint.is_empty()
            && self.not_reset.is_empty()
            && self.not_bound.is_empty()
            && self.left.is_empty()
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// With this status.
    Exit(u8),
    /// By this signal.
    Signal(u8),
}

impl Default for Status {
    fn default() -> Self {
        Status::Exit(0)
    }
}

impl Status {
    /// The command's own status: the program's, or 128 and the signal's number, as a shell has it.
    pub fn code(self) -> ExitCode {
        match self {
            Status::Exit(status) => ExitCode::from(status),
            Status::Signal(signal) => ExitCode::from(signal.saturating_add(128)),
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Status::Exit(status) => write!(f, "status {status}"),
            Status::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A device whose override names a driver that does not have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotBound {
    /// Its name.
    pub device: String,
    /// The driver its override names.
    pub driver: String,
    /// The rule that refused.
    pub rule: String,
    /// Why, in words.
    pub why: String,
}

/// How often a rule refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusals {
    /// The rule's id.
    pub rule: String,
    /// How often.
    pub count: u64,
}

/// What a device did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its DMA.
    pub dma: Dma,
    /// Its interrupts, all lines together.
    pub interrupts: Interrupts,
    /// What its host drivers saw of it.
    pub host: Host,
}

/// What the host drivers of a device saw of it: whether it was handed back in a sane state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Host {
    /// How often one got it, the first time before the program began.
    pub taken: u64,
    /// How often it was running then.
    pub found_running: u64,
    /// How often it was interrupting then.
    pub found_interrupting: u64,
    /// Bytes of DMA while one had it.
    pub dma: u64,
    /// Interrupts it raised while one had it.
    pub interrupts: u64,
}

/// A device's DMA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Dma {
    /// Bytes read from memory.
    pub read: u64,
    /// Bytes written to memory.
    pub written: u64,
    /// Accesses that did not happen.
    pub faults: u64,
    /// The first few of them.
    pub first_faults: Vec<Fault>,
}

/// An access that did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where, as the device calls it.
    pub iova: u64,
    /// `read`, `write` or `execute`.
    pub access: &'static str,
    /// `not-mapped`, `not-allowed`, `blocked`, `memory-gone` or `wrap`.
    pub reason: &'static str,
}

/// A device's interrupts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interrupts {
    /// Times a line went up.
    pub raised: u64,
    /// Times somebody was told.
    pub delivered: u64,
    /// Edges that nobody was told of.
    pub lost: u64,
}

/// Something that was left wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Left {
    /// The last close of a device found it running.
    DeviceRunning {
        /// The device.
        device: String,
    },
    /// The last close of a device found an eventfd set.
    InterruptArmed {
        /// The device.
        device: String,
        /// The interrupt.
        index: u32,
    },
    /// Mappings went without any device having used them.
    MappingsNeverUsed {
        /// How many.
        count: u64,
        /// Their bytes, all in all.
        bytes: u64,
        /// Where the first was, as devices call it.
        first: u64,
    },
    /// A device used memory that the program had unmapped, or ended with, while it was mapped for DMA.
    MemoryGone {
        /// The device.
        device: String,
        /// Where, as the device calls it.
        iova: u64,
    },
}

/// The report for programs.
///
/// # Errors
/// Never for a report; the signature is that of the writer.
pub fn json(report: &Report) -> Result<String, Problem> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| Problem::Unwritable { path: "report".into(), error: error.into() })?;
    Ok(text + "\n")
}
