//! A user-space driver for Arm's DMA-330: it copies memory to memory through VFIO, with interrupts, and checks every byte.
//!
//! It is an ordinary VFIO program: all it knows is /dev/vfio, /sys and the structures of linux/vfio.h, and it would run on a board with
//! the device as it is. As a library it is the same program for those who have only one executable to start it from.

pub mod dma330;
pub mod memory;
pub mod options;
pub mod registers;
pub mod vfio;

mod copy;

use std::process::ExitCode;

pub use copy::{Outcome, copy};

/// Parse, copy, say what happened. Status 0 when every byte arrived, 1 when not, 2 for a wrong command line.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let options = match options::Options::parse(args) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("dma330-copy: {wrong}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match copy(&options) {
        Ok(outcome) => {
            println!("{}: {outcome}", options.device);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("dma330-copy: {}: {failure}", options.device);
            ExitCode::FAILURE
        }
    }
}

/// What did not work, and what the system said.
#[derive(Debug)]
pub struct Failure {
    /// What was tried.
    pub step: String,
    /// What went wrong.
    pub why: String,
}

impl Failure {
    /// A failure of the program's own finding.
    pub fn new(step: impl Into<String>, why: impl Into<String>) -> Self {
        Failure { step: step.into(), why: why.into() }
    }

    /// The system refused `step`; reads `errno`.
    pub fn system(step: impl Into<String>) -> Self {
        Failure { step: step.into(), why: std::io::Error::last_os_error().to_string() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.step, self.why)
    }
}
