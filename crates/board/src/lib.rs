#![forbid(unsafe_code)]
//! Verdicts over a board: which of its devices can be handed to a program or a guest, which only together with others, and what is
//! in the way of the rest.
//!
//! Linux answers this question one refusal at a time, when somebody tries (drivers/vfio/vfio_main.c, drivers/iommu/iommu.c,
//! drivers/reset/core.c). Planning needs the whole answer before any program runs, with its evidence, and this crate derives it from
//! the firmware's description alone. It brings nothing up and touches no host.
