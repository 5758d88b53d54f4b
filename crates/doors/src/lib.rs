//! How programs reach VFIO: the sandbox, which runs unmodified ones.
//!
//! A door brings calls in and answers and descriptors out; what they mean is decided in `uvfio-vfio` and `uvfio-kernel`. The
//! system itself is only touched through `uvfio-sys` and `rustix`.

#![forbid(unsafe_code)]

pub mod host;
pub mod sandbox;
