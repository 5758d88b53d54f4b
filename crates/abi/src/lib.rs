//! Linux's numbers and structures for VFIO, as programs see them.
//!
//! Everything here is a fact of the kernel's interface (`include/uapi/linux/vfio.h`, `include/uapi/asm-generic/errno*.h`)
//! and has no behaviour beyond constructors, names and size assertions. What a call *does* belongs to `uvfio-vfio`.

#![forbid(unsafe_code)]

pub mod errno;
pub mod vfio;

pub use errno::Errno;
