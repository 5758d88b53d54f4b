//! The FUSE protocol: requests of the kernel as checked views, and answers to them.
//!
//! include/uapi/linux/fuse.h, protocol 7.31 to 7.45. The kernel is trusted to send whole messages, yet none of them can make this
//! panic: what does not parse is answered with an error. What the file system holds is `tree`'s business.

mod reply;
mod request;
pub(super) mod wire;

pub(super) use reply::{Directory, Entry, Reply};
pub use request::{Detail, Operation, Request};
