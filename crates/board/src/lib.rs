//! Verdicts over a board: which of its devices can be handed to a program or a guest, which only together with others, and what is
//! in the way of the rest.
//!
//! Linux answers this question one refusal at a time, when somebody tries (drivers/vfio/vfio_main.c, drivers/iommu/iommu.c,
//! drivers/reset/core.c). Planning needs the whole answer before any program runs, with its evidence, and this crate derives it from
//! the firmware's description alone. It brings nothing up and touches no host. [`Verdicts::of`] is the way in.

#![forbid(unsafe_code)]

pub mod acpi;
mod bond;
mod bridge;
mod finding;
mod grouping;
mod index;
mod interrupt;
mod options;
mod own_line;
mod page;
mod propagate;
mod reset;
mod supply;
mod verdict;

pub use bond::{Bond, BondKind, Strength};
pub use bridge::{Bridge, RequesterRange};
pub use finding::{Blocker, Blockers, Caution, Cautions};
pub use grouping::Group;
pub use index::DeviceIndex;
pub use interrupt::Line;
pub use options::{Options, PageSize, Weakening, Weakenings};
pub use own_line::OwnLine;
pub use reset::{LineUser, ResetFacts, ResetLine, Sharing};
pub use verdict::{Counts, Judged, Verdict, Verdicts};
