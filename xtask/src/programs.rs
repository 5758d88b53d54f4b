//! Programs on real boards: the whole path from a board's own device tree to bytes that a modelled device copied.
//!
//! Juno r2's device tree comes from Debian's kernel package (`cargo xtask boards arm64`), so this lane needs the network once.

use std::process::Command;

use crate::boards;
use crate::shell::{Failure, cargo, root, run};

/// Juno's DMA-330, which sits behind an mmu-401.
const DEVICE: &str = "7ff00000.dma-controller";

/// The lane `programs`.
pub fn programs(_: &[String]) -> Result<(), Failure> {
    boards::fetch(&["arm64".to_owned()])?;
    run(cargo().args(["build", "--quiet", "--package", "uvfio", "--package", "dma330-copy"]))?;
    let board = boards::folder("arm64").join("arm/juno-r2.dtb");
    for access in ["mapped", "pread"] {
        for memory in ["anonymous", "memfd"] {
            let mut uvfio = Command::new(root().join("target/debug/uvfio"));
            uvfio
                .args(["run", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--board"])
                .arg(&board);
            uvfio.args(["--bind", DEVICE, "--"]).arg(root().join("target/debug/dma330-copy"));
            run(uvfio.args([DEVICE, "--access", access, "--memory", memory]))?;
        }
    }
    Ok(())
}
