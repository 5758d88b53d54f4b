//! The one place where a refusal becomes an error number.

use uvfio_abi::Errno;
use uvfio_kernel::provider::reset::{ResetError, ResetRefusal};

use super::{
    BindRefusal, ContainerRefusal, DeviceRefusal, GroupRefusal, IrqRefusal, OpenRefusal, Refusal,
    Type1Refusal,
};
use crate::personality::{self, Personality};

/// The error number of a refusal on a kernel.
pub(super) fn of(refusal: &Refusal, kernel: &Personality) -> Errno {
    match refusal {
        Refusal::Pointer { .. } => Errno::EFAULT,
        Refusal::TooSmall { .. } => Errno::EINVAL,
        Refusal::Open(refusal) => open(refusal),
        Refusal::Container(refusal) => container(refusal),
        Refusal::Group(refusal) => group(refusal, kernel),
        Refusal::Type1(refusal) => type1(refusal, kernel),
        Refusal::Device(refusal) => device(refusal, kernel),
        Refusal::Irq(refusal) => irq(refusal),
    }
}

const fn open(refusal: &OpenRefusal) -> Errno {
    match refusal {
        OpenRefusal::NoGroup { .. } => Errno::ENODEV,
        OpenRefusal::Busy { .. } => Errno::EBUSY,
        OpenRefusal::NoRawio { .. } => Errno::EPERM,
    }
}

const fn container(refusal: &ContainerRefusal) -> Errno {
    use ContainerRefusal as R;
    match refusal {
        R::NoGroup { .. }
        | R::AlreadySet { .. }
        | R::NotAType { .. }
        | R::ApertureConflict { .. }
        | R::ReservedConflict { .. }
        | R::AttachedTwice { .. }
        | R::NoIommu { .. }
        | R::Transfer => Errno::EINVAL,
        R::UnknownType { .. } | R::Mmap => Errno::ENODEV,
        R::NoRawio | R::InterruptsNotIsolated { .. } => Errno::EPERM,
        R::NoNesting { errno, .. } | R::Attach { errno, .. } => *errno,
        R::VaddrInvalid { .. } => Errno::EBUSY,
        R::UnknownRequest { .. } => Errno::ENOTTY,
    }
}

fn group(refusal: &GroupRefusal, kernel: &Personality) -> Errno {
    use GroupRefusal as R;
    match refusal {
        R::NotViable { .. } | R::Mixed { .. } | R::NoRawio { .. } => Errno::EPERM,
        R::Gone { .. } | R::NoSuchDevice { .. } | R::Mmap => Errno::ENODEV,
        R::BadFd { .. } => Errno::EBADF,
        R::NotAContainer { .. } if kernel.holds(&personality::WRONG_FD_EBADFD) => Errno::EBADFD,
        R::NotAContainer { .. }
        | R::AlreadySet { .. }
        | R::NoContainer { .. }
        | R::NoIommu { .. }
        | R::NameTooLong
        | R::Transfer => Errno::EINVAL,
        R::DevicesOpen { .. } => Errno::EBUSY,
        R::UnknownRequest { .. } => Errno::ENOTTY,
    }
}

fn type1(refusal: &Type1Refusal, kernel: &Personality) -> Errno {
    use Type1Refusal as R;
    match refusal {
        R::MapWraps { .. } | R::UnmapWraps { .. } if kernel.holds(&personality::WRAP_EOVERFLOW) => {
            Errno::EOVERFLOW
        }
        R::MapFlags { .. }
        | R::NoAccess
        | R::VaddrWithAccess { .. }
        | R::MapEmpty
        | R::MapUnaligned { .. }
        | R::MapWraps { .. }
        | R::OutsideRanges { .. }
        | R::VaddrStillValid { .. }
        | R::VaddrRange { .. }
        | R::UnmapFlags { .. }
        | R::DirtyWithAll { .. }
        | R::UnmapUnaligned { .. }
        | R::AllWithRange { .. }
        | R::UnmapEmpty
        | R::UnmapWraps { .. }
        | R::Cuts { .. }
        | R::VaddrTwice { .. }
        | R::DirtyFlags { .. }
        | R::DirtyOff
        | R::DirtyBitmap { .. }
        | R::DirtyPage { .. }
        | R::DirtyRange { .. }
        | R::DirtyCuts { .. } => Errno::EINVAL,
        R::Overlap { .. } => Errno::EEXIST,
        R::TooManyMappings { .. } => Errno::ENOSPC,
        R::MemoryLock { .. } | R::Iommu { .. } => Errno::ENOMEM,
        R::NoMemory { .. } | R::NotReadable { .. } | R::NotWritable { .. } => Errno::EFAULT,
        R::VaddrNoMapping { .. } => Errno::ENOENT,
        R::DirtyV1 => Errno::EACCES,
    }
}

fn device(refusal: &DeviceRefusal, kernel: &Personality) -> Errno {
    use DeviceRefusal as R;
    match refusal {
        R::NoFeature { .. } if !kernel.holds(&personality::FEATURE_ENOTTY) => Errno::EINVAL,
        R::UnknownRequest { .. } | R::NoFeature { .. } => Errno::ENOTTY,
        R::NoRegion { .. }
        | R::NoIrq { .. }
        | R::PastEnd { .. }
        | R::BadAccess { .. }
        | R::NoReset { .. }
        | R::NoRst
        | R::HotResetFlags { .. }
        | R::HotResetCount { .. }
        | R::HotResetNoGroup { .. }
        | R::FeatureFlags { .. }
        | R::MapPrivate
        | R::MapRegion { .. }
        | R::MapWithheld { .. }
        | R::MapPastEnd { .. }
        | R::MapUnaligned { .. } => Errno::EINVAL,
        // What the kernel says inside while a provider may still come is never told a program.
        R::Reset { why } if matches!(**why, ResetRefusal::Line(ResetError::Deferred { .. })) => Errno::ENODEV,
        R::Reset { why } => Errno(why.errno()),
        R::HotReset { why } if matches!(**why, ResetRefusal::NotYours(_)) => Errno::EINVAL,
        R::HotReset { why } => Errno(why.errno()),
        R::HotResetInfo { .. } => Errno::ENOSPC,
        R::HotResetBadFd { .. } => Errno::EBADF,
        R::OpenReset { why } => device(why, kernel),
        R::MapExec => Errno::EPERM,
    }
}

const fn irq(refusal: &IrqRefusal) -> Errno {
    use IrqRefusal as R;
    match refusal {
        R::NoIrq { .. }
        | R::Flags { .. }
        | R::Wraps { .. }
        | R::Count { .. }
        | R::Data { .. }
        | R::ShortData { .. }
        | R::NotSingle { .. }
        | R::NotMaskable { .. }
        | R::NotAnEventFd { .. } => Errno::EINVAL,
        R::Action { .. } => Errno::ENOTTY,
        R::BadFd { .. } => Errno::EBADF,
        R::EventFdBusy { .. } => Errno::EBUSY,
        R::NotRequested { errno, .. } => *errno,
    }
}

impl BindRefusal {
    /// The error number with which the driver's probe fails, and so the write to `bind`.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            Self::NoCompatible { .. } | Self::NoGroup { .. } | Self::NotCoherent { .. } => Errno::EINVAL,
            Self::ResetUnfit { why, .. } => Errno(why.errno()),
            Self::NoReset { .. } | Self::NoRst { .. } | Self::NoResetAnyway { .. } => Errno::ENOENT,
        }
    }
}
