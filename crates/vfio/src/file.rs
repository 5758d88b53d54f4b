//! The files that programs hold: container, group, device.

/// One open VFIO file.
#[derive(Clone)]
pub enum File {}
