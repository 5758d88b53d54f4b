//! Address spaces as types: a physical address, an address a device uses, and an address in a process are never mixed up.
//!
//! Linux has `phys_addr_t`, `dma_addr_t` and `unsigned long` for them, all integers; here each is a type of its own.

use std::fmt;

macro_rules! address {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
            pub struct $name(pub u64);

            impl $name {
                /// The address `bytes` further on, or `None` where that would wrap.
                #[must_use]
                pub const fn checked_add(self, bytes: u64) -> Option<Self> {
                    match self.0.checked_add(bytes) {
                        Some(sum) => Some(Self(sum)),
                        None => None,
                    }
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{:#x}", self.0)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, concat!(stringify!($name), "({:#x})"), self.0)
                }
            }
        )*
    };
}

address! {
    /// An address on the board's physical bus.
    PhysAddr;
    /// An address as a device uses it for DMA (I/O virtual address).
    Iova;
    /// An address in a process.
    UserAddr;
}
