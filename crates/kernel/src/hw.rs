//! What a device model sees of the machine, and the machine of a model: registers, DMA, interrupt lines, time.
//!
//! In hardware these are the bus slave port, the bus master port, the interrupt wires and a clock. A model knows nothing of VFIO,
//! of processes or of IOMMU domains; whoever owns the model decides where its DMA goes. Everything is deterministic: a model has
//! no thread and no clock but the one it is handed.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::addr::{Iova, UserAddr};

/// The width of one register access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Width {
    /// 1 byte.
    Byte,
    /// 2 bytes.
    Half,
    /// 4 bytes.
    Word,
    /// 8 bytes.
    Double,
}

impl Width {
    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
            Width::Double => 8,
        }
    }

    /// The bits of a value of this width.
    #[must_use]
    pub const fn mask(self) -> u64 {
        match self {
            Width::Double => u64::MAX,
            narrower => (1 << (narrower.bytes() * 8)) - 1,
        }
    }
}

/// How a device is reset: the whole block, as its reset line does it, or by its own register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetKind {
    /// Power was applied: everything is as the manual says after power-on.
    Power,
    /// The block's reset input was asserted and released.
    Line,
    /// A driver wrote the device's own reset register (a device-specific reset).
    Device,
}

/// A reset did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device did not complete its reset")]
pub struct ResetFailed;

/// What is left to do after a call of [`Model::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing until the next register access.
    Idle,
    /// There is work: call again soon.
    More,
    /// There is nothing before this time of the machine's clock.
    At(Duration),
}

/// What a device is doing when somebody asks; the report at exit and the hand-back checks read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// A transfer or program is under way and may still use the bus.
    pub running: bool,
    /// At least one interrupt output is asserted.
    pub interrupting: bool,
}

/// A software device: the registers of one block and what happens behind them.
///
/// Every call is made under the device's own lock. Offsets and widths are whatever a program chose: a model answers every one and
/// never panics. A model that a write has started does the work in [`Model::run`], which its owner calls after each access and as
/// long as it answers [`Progress::More`], so that no program of a device can hold a caller for ever.
pub trait Model: Send {
    /// A load of `width` bytes at `offset` of register window `region` (index in the order of `reg`). Values are little-endian and
    /// zero-extended.
    fn read(&mut self, region: usize, offset: u64, width: Width) -> u64;

    /// A store. Bits of `value` above `width` are zero.
    fn write(&mut self, region: usize, offset: u64, width: Width, value: u64);

    /// Do at most about `steps` steps of pending work.
    fn run(&mut self, steps: u32) -> Progress;

    /// Return to the documented reset state, drop pending work and lower every line.
    ///
    /// # Errors
    /// Where the device, or a fault injected into it, never completes the reset.
    fn reset(&mut self, kind: ResetKind) -> Result<(), ResetFailed>;

    /// What the device is doing now.
    fn activity(&self) -> Activity;

    /// Whether it is as its manual says it is after reset: every register, and nothing under way. `None` where that is not known.
    fn is_reset(&self) -> Option<bool> {
        None
    }

    /// The reset lines it drives, for a block that resets others. They follow from its registers; its owner looks after each access.
    fn reset_lines(&self) -> Option<&dyn ResetLines> {
        None
    }
}

/// The reset outputs of a reset controller's block, or of a GPIO block whose pins serve as such.
pub trait ResetLines {
    /// How many there are; they are numbered from 0, as the block's registers number them.
    fn count(&self) -> u32;

    /// Whether a line is asserted; for a GPIO block, whether the pin is driven high. One that is not there is not.
    fn is_asserted(&self, line: u32) -> bool;
}

/// The level of an interrupt wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Not asserted.
    Low,
    /// Asserted.
    High,
}

/// One interrupt output of a device. An edge-triggered input takes the change from low to high.
pub trait Line: Send + Sync {
    /// Drive the wire. Driving it to the level it has is allowed and does nothing.
    fn set(&self, level: Level);
}

/// The machine's time.
pub trait Clock: Send + Sync {
    /// Time since the machine was brought up; never goes back.
    fn now(&self) -> Duration;
    /// Seconds since 1970-01-01, what a real-time clock starts from.
    fn wall_seconds(&self) -> u64;
}

/// What a DMA access wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// The device reads memory.
    Read,
    /// The device writes memory.
    Write,
    /// The device fetches its own program.
    Execute,
}

/// Why a DMA access did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultReason {
    /// No mapping covers the address.
    NotMapped,
    /// The mapping does not allow this access.
    NotAllowed,
    /// The device is blocked: its group is owned and it has no domain, or it is being reset or handed back.
    Blocked,
    /// The mapping is there, but the process has taken the memory away.
    MemoryGone,
    /// The access wraps around the end of the address space.
    Wrap,
}

/// A DMA access that did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{access:?} of {iova} did not happen: {reason:?}")]
pub struct DmaFault {
    /// The first address that failed.
    pub iova: Iova,
    /// What the device wanted.
    pub access: Access,
    /// Why not.
    pub reason: FaultReason,
}

/// A device's port to memory. What was transferred before a fault stays transferred, as on a bus.
pub trait Dma: Send + Sync {
    /// Read memory at `from`.
    ///
    /// # Errors
    /// At the first address that is not readable for this device.
    fn read(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault>;

    /// Write memory at `to`.
    ///
    /// # Errors
    /// At the first address that is not writable for this device.
    fn write(&self, to: Iova, bytes: &[u8]) -> Result<(), DmaFault>;

    /// Fetch instructions of the device's own program.
    ///
    /// # Errors
    /// At the first address that the device may not execute.
    fn fetch(&self, from: Iova, into: &mut [u8]) -> Result<(), DmaFault>;

    /// Copy `len` bytes without passing them through the model: exactly what reading `step` bytes and writing them, again and again
    /// from low to high addresses, would do, in as few passes as the mappings allow. So a range that overlaps its own copy repeats
    /// itself every `step` bytes or more, and at a read fault only whole steps before it have been written (but for
    /// [`FaultReason::MemoryGone`], which no kernel lets happen: there, part of the step may be). A `step` of 0 is taken as `len`; the
    /// last step may be shorter.
    ///
    /// # Errors
    /// How many bytes were written, and the fault of the step that failed: its read is tried before its write.
    fn copy(&self, from: Iova, to: Iova, len: u64, step: u64) -> Result<(), (u64, DmaFault)>;
}

/// The process has no memory at this address any more, or does not let it be used this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process has no such memory at {at}")]
pub struct MemoryGone {
    /// The first address that failed.
    pub at: UserAddr,
}

/// Memory that stands behind an IOMMU mapping: an address space of a process.
pub trait Backing: Send + Sync + Any {
    /// Read memory of the process.
    ///
    /// # Errors
    /// At the first address that is gone; what came before was read.
    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), MemoryGone>;

    /// Write memory of the process.
    ///
    /// # Errors
    /// At the first address that is gone; what came before was written.
    fn write(&self, to: UserAddr, bytes: &[u8]) -> Result<(), MemoryGone>;

    /// Copy to another address space in as few passes as the two allow. Returns the bytes copied before a failure.
    ///
    /// # Errors
    /// How many bytes were copied before memory was gone, and whether it was the source's.
    fn copy(
        &self,
        from: UserAddr,
        other: &dyn Backing,
        to: UserAddr,
        len: u64,
    ) -> Result<(), (u64, MemoryGone, Access)>;

    /// For a door that knows how to copy between two of its own.
    fn as_any(&self) -> &dyn Any;
}

/// What a model is wired to when the machine is brought up.
#[derive(Clone)]
pub struct Wires {
    /// The device's port to memory.
    pub dma: Arc<dyn Dma>,
    /// Its interrupt outputs, in the order of the description.
    pub lines: Vec<Arc<dyn Line>>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
}
