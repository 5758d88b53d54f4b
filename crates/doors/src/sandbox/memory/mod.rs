//! The memory of programs: what a call's pointers mean, and what stands behind a DMA mapping when the call is long over.
//!
//! Linux has `copy_from_user` for the one and pinned pages for the other (`pin_user_pages`, mm/gup.c). Here both are copies from
//! outside the process, but for files that the program maps shared: those the supervisor maps as well.

mod call;
mod gone;
mod space;
mod window;

pub use call::CallMemory;
pub use gone::Gone;
pub use space::{Space, Spaces};
