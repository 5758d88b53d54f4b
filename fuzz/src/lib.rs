//! What the fuzz targets stand on: a process, a machine and a bus, none of which touches the system.

#![forbid(unsafe_code)]

pub mod bus;
pub mod machine;
pub mod process;
