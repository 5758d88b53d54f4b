//! What the fuzz targets stand on: a process, a machine and a bus, none of which touches the system.

#![forbid(unsafe_code)]

pub mod acts;
pub mod bus;
pub mod machine;
pub mod process;
pub mod program;
pub mod tally;
