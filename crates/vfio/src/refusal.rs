//! Why a call was refused: facts, from which the error number and the sentence are made.
//!
//! Linux gives a program one number for a hundred reasons. Here each failing path has a variant of its own that carries the values
//! that decided; [`Refusal::errno`] is the one place where an error number is chosen, and `rule` names the rule for good. The
//! sentences for people are made by whoever prints them.

mod container;
mod device;
mod errno;
mod group;
mod irq;
mod type1;

use uvfio_abi::Errno;
use uvfio_kernel::addr::UserAddr;

pub use container::ContainerRefusal;
pub use device::{BindRefusal, DeviceRefusal};
pub use group::{GroupRefusal, Holder, OpenRefusal};
pub use irq::{IrqRefusal, MaskAction};
pub use type1::{BitmapFact, MapField, Type1Refusal};

use crate::personality::Personality;

/// Declare an enum of refusals: each variant with its stable rule id and its message.
macro_rules! refusals {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $rule:literal, $message:literal =>
                $variant:ident $({ $( $(#[doc = $fdoc:literal])* $field:ident: $ty:ty ),* $(,)? })?
            );* $(;)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum $name {
            $(
                $(#[doc = $doc])*
                #[error($message)]
                $variant $({ $( $(#[doc = $fdoc])* $field: $ty ),* })?,
            )*
        }

        impl $name {
            /// The stable id of the rule that refused.
            #[must_use]
            pub const fn rule(&self) -> &'static str {
                match self { $( Self::$variant $({ $( $field: _ ),* })? => $rule, )* }
            }

            /// Every rule id of this kind, in order.
            pub const RULES: &'static [&'static str] = &[$($rule),*];
        }
    };
}
pub(crate) use refusals;

/// Why a call was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A pointer of the program cannot be used (`copy_from_user`, `copy_to_user`).
    #[error("no usable memory at {at}")]
    Pointer {
        /// The address passed.
        at: UserAddr,
    },
    /// The structure the program passed is shorter than the call needs.
    #[error("argsz {argsz} is less than {least}")]
    TooSmall {
        /// `argsz` as passed.
        argsz: u32,
        /// The least that would do.
        least: u32,
    },
    /// Opening a node of `/dev/vfio`.
    #[error(transparent)]
    Open(#[from] OpenRefusal),
    /// A call on a container that no IOMMU driver answers.
    #[error(transparent)]
    Container(#[from] ContainerRefusal),
    /// A call on a group.
    #[error(transparent)]
    Group(#[from] GroupRefusal),
    /// A call on a container that type1 answers.
    #[error(transparent)]
    Type1(#[from] Type1Refusal),
    /// A call on a device.
    #[error(transparent)]
    Device(#[from] DeviceRefusal),
    /// `VFIO_DEVICE_SET_IRQS`.
    #[error(transparent)]
    Irq(#[from] IrqRefusal),
}

impl Refusal {
    /// The stable id of the rule that refused, such as `type1.map.overlap`.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Refusal::Pointer { .. } => "pointer",
            Refusal::TooSmall { .. } => "argsz",
            Refusal::Open(refusal) => refusal.rule(),
            Refusal::Container(refusal) => refusal.rule(),
            Refusal::Group(refusal) => refusal.rule(),
            Refusal::Type1(refusal) => refusal.rule(),
            Refusal::Device(refusal) => refusal.rule(),
            Refusal::Irq(refusal) => refusal.rule(),
        }
    }

    /// The error number a program gets on this kernel. Total: every refusal has one.
    #[must_use]
    pub fn errno(&self, personality: &Personality) -> Errno {
        errno::of(self, personality)
    }
}

impl From<crate::caller::BadPointer> for Refusal {
    fn from(bad: crate::caller::BadPointer) -> Self {
        Refusal::Pointer { at: bad.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_ids_are_unique() {
        let all = [
            OpenRefusal::RULES,
            ContainerRefusal::RULES,
            GroupRefusal::RULES,
            Type1Refusal::RULES,
            DeviceRefusal::RULES,
            IrqRefusal::RULES,
            BindRefusal::RULES,
        ]
        .concat();
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len());
    }
}
