//! What the reset core refuses, with the facts and Linux's error number.

use std::fmt;

use crate::errno::{self, Errno};

/// What can be done with a line (`struct reset_control_ops`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A pulse.
    Reset,
    /// Hold in reset.
    Assert,
    /// Let go.
    Deassert,
    /// Ask.
    Status,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Reset => "reset",
            Operation::Assert => "assert",
            Operation::Deassert => "deassert",
            Operation::Status => "status",
        })
    }
}

/// Why a reset line could not be had or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResetError {
    /// The consumer has no line of this name or place.
    #[error("no reset line {wanted}")]
    NoLine {
        /// Its name in `reset-names`, or its place in `resets`.
        wanted: String,
    },
    /// An entry of the consumer's `resets` refers to nobody: which lines it has is not known.
    #[error("an entry of the resets of {consumer} refers to nobody")]
    Unreadable {
        /// The consumer.
        consumer: String,
    },
    /// No controller is registered for the provider, now.
    #[error("reset controller {provider} is not there yet")]
    Deferred {
        /// The provider's node.
        provider: String,
    },
    /// The specifier has another number of cells than the controller takes.
    #[error("reset controller {provider} takes {takes} cells, not {has}")]
    Cells {
        /// The provider's node.
        provider: String,
        /// How many it takes.
        takes: usize,
        /// How many there are.
        has: usize,
    },
    /// The controller has no such line.
    #[error("reset controller {provider} has no line {cells:?}")]
    NoSuchLine {
        /// The provider's node.
        provider: String,
        /// What was asked for.
        cells: Vec<u32>,
    },
    /// The line is taken, exclusively or shared, and the other way was asked for; or it is acquired by another handle.
    #[error("line {line} of {provider} is taken")]
    Busy {
        /// The provider's node.
        provider: String,
        /// The line.
        line: u32,
    },
    /// An exclusive handle that has released its line cannot use it.
    #[error("line {line} of {provider} is not acquired")]
    NotAcquired {
        /// The provider's node.
        provider: String,
        /// The line.
        line: u32,
    },
    /// The controller cannot do this.
    #[error("reset controller {provider} cannot {operation}")]
    NotSupported {
        /// The provider's node.
        provider: String,
        /// What was asked for.
        operation: Operation,
    },
    /// A shared line is pulsed by some and held by others, or let go more often than held.
    #[error("{operation} of shared line {line} of {provider} does not balance")]
    Unbalanced {
        /// The provider's node.
        provider: String,
        /// The line.
        line: u32,
        /// What was asked for.
        operation: Operation,
    },
    /// The controller has gone while the handle was held.
    #[error("reset controller {provider} is gone")]
    Gone {
        /// The provider's node.
        provider: String,
    },
    /// The controller tried and failed.
    #[error("{operation} of line {line} of {provider} failed")]
    Failed {
        /// The provider's node.
        provider: String,
        /// The line.
        line: u32,
        /// What was asked for.
        operation: Operation,
        /// Its error number.
        errno: Errno,
    },
    /// Several lines have no one status.
    #[error("an array of reset lines has no status")]
    StatusOfArray,
}

impl ResetError {
    /// Whether the line was not even had, so that nothing can have moved.
    #[must_use]
    pub const fn before_anything(&self) -> bool {
        matches!(
            self,
            ResetError::NoLine { .. }
                | ResetError::Unreadable { .. }
                | ResetError::Deferred { .. }
                | ResetError::Cells { .. }
                | ResetError::NoSuchLine { .. }
                | ResetError::Busy { .. }
        )
    }

    /// What the kernel answers inside.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match self {
            ResetError::NoLine { .. } => errno::ENOENT,
            ResetError::Deferred { .. } => errno::EPROBE_DEFER,
            ResetError::Cells { .. }
            | ResetError::Unreadable { .. }
            | ResetError::NoSuchLine { .. }
            | ResetError::Unbalanced { .. }
            | ResetError::StatusOfArray => errno::EINVAL,
            ResetError::Busy { .. } => errno::EBUSY,
            ResetError::NotAcquired { .. } => errno::EPERM,
            ResetError::NotSupported { .. } => errno::ENOTSUPP,
            ResetError::Gone { .. } => errno::ENODEV,
            ResetError::Failed { errno, .. } => *errno,
        }
    }
}
