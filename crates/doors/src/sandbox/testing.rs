//! The inner parts of the sandbox that take bytes of others, for the fuzz targets.
//!
//! Only there with the feature `testing`. Not an interface: what is here may change with any commit.

pub use super::fuse::{Operation, Request};
