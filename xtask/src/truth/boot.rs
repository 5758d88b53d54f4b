//! The machine: QEMU's q35 with VT-d and the edu device, under TCG.

use std::path::Path;
use std::process::Command;

use crate::shell::{Failure, output};

/// Boot to power-off and return what was printed. `timeout` ends a kernel that hangs.
pub fn run(image: &Path, initramfs: &Path) -> Result<String, Failure> {
    output(
        Command::new("timeout")
            .args([
                "600",
                "qemu-system-x86_64",
                "-M",
                "q35,kernel-irqchip=split",
                "-accel",
                "tcg",
                "-cpu",
                "max",
            ])
            .args([
                "-m",
                "1024",
                "-smp",
                "1",
                "-display",
                "none",
                "-no-reboot",
                "-nodefaults",
                "-serial",
                "stdio",
            ])
            .args(["-device", "intel-iommu,intremap=on", "-device", "edu,addr=05.0"])
            .args(["-append", "console=ttyS0 quiet panic=-1 intel_iommu=on rdinit=/init"])
            .arg("-kernel")
            .arg(image)
            .arg("-initrd")
            .arg(initramfs),
    )
}
