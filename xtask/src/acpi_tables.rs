//! Real ACPI tables for the tests: QEMU builds them, its firmware puts them into memory, and this takes them out of there.
//!
//! `cargo xtask acpi-tables` needs Debian's qemu-system-x86, qemu-system-arm and qemu-efi-aarch64, takes a minute, and writes
//! `boards/acpi/NAME`. No kernel is booted: the firmware places the tables, and a table is known by its signature, length and sum.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::shell::{Failure, root};

/// A machine and the table it has.
struct Machine {
    file: &'static str,
    signature: &'static [u8; 4],
    program: &'static str,
    arguments: &'static [&'static str],
    /// Where its memory starts, and how much of it to look through.
    memory: (u64, u64),
    /// How long its firmware takes at most, seconds.
    patience: u64,
}

const X86_MEMORY: (u64, u64) = (0, 256 << 20);
const ARM_MEMORY: (u64, u64) = (0x4000_0000, 256 << 20);

const MACHINES: [Machine; 6] = [
    Machine {
        file: "q35-intel-iommu.dmar",
        signature: b"DMAR",
        program: "qemu-system-x86_64",
        arguments: &[
            "-M",
            "q35,kernel-irqchip=split",
            "-device",
            "intel-iommu,intremap=on",
            "-device",
            "edu",
        ],
        memory: X86_MEMORY,
        patience: 20,
    },
    Machine {
        file: "q35-amd-iommu.ivrs",
        signature: b"IVRS",
        program: "qemu-system-x86_64",
        arguments: &["-M", "q35", "-device", "amd-iommu", "-device", "edu"],
        memory: X86_MEMORY,
        patience: 20,
    },
    Machine {
        file: "q35-virtio-iommu.viot",
        signature: b"VIOT",
        program: "qemu-system-x86_64",
        arguments: &["-M", "q35", "-device", "virtio-iommu-pci", "-device", "edu"],
        memory: X86_MEMORY,
        patience: 20,
    },
    Machine {
        file: "virt-smmuv3.iort",
        signature: b"IORT",
        program: "qemu-system-aarch64",
        arguments: &[
            "-M",
            "virt,iommu=smmuv3,gic-version=3",
            "-cpu",
            "cortex-a57",
            "-bios",
            "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
        ],
        memory: ARM_MEMORY,
        patience: 90,
    },
    Machine {
        file: "virt.dsdt",
        signature: b"DSDT",
        program: "qemu-system-aarch64",
        arguments: &["-M", "virt", "-cpu", "cortex-a57", "-bios", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"],
        memory: ARM_MEMORY,
        patience: 90,
    },
    Machine {
        file: "q35.dsdt",
        signature: b"DSDT",
        program: "qemu-system-x86_64",
        arguments: &["-M", "q35"],
        memory: X86_MEMORY,
        patience: 20,
    },
];

/// The lane: all of them, or those whose files are named.
pub fn acpi_tables(args: &[String]) -> Result<(), Failure> {
    let folder = root().join("boards/acpi");
    fs::create_dir_all(&folder).map_err(|error| Failure::File(folder.clone(), error))?;
    let wanted = |machine: &&Machine| args.is_empty() || args.iter().any(|arg| arg == machine.file);
    MACHINES.iter().filter(wanted).try_for_each(|machine| {
        println!("{}", machine.file);
        let table = machine.table()?;
        let path = folder.join(machine.file);
        fs::write(&path, table).map_err(|error| Failure::File(path, error))
    })
}

impl Machine {
    /// Start the machine, and look at its memory every few seconds until the table is there.
    fn table(&self) -> Result<Vec<u8>, Failure> {
        let image = root().join("target/acpi-memory");
        let mut qemu = Command::new(self.program)
            .args(["-accel", "tcg", "-m", "256", "-display", "none", "-nodefaults", "-qmp", "stdio"])
            .args(self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::NotStarted(self.program.to_owned(), error))?;
        let found = self.look(&mut qemu, &image);
        let _ = qemu.kill();
        let _ = qemu.wait();
        let _ = fs::remove_file(&image);
        found?.ok_or_else(|| Failure::Failed(format!("{} never had its table", self.program)))
    }

    fn look(&self, qemu: &mut std::process::Child, image: &Path) -> Result<Option<Vec<u8>>, Failure> {
        let failed = |error| Failure::NotStarted(self.program.to_owned(), error);
        let mut to = qemu.stdin.take().expect("stdin is a pipe");
        let mut from = BufReader::new(qemu.stdout.take().expect("stdout is a pipe"));
        let mut ask = |command: String| -> std::io::Result<()> {
            writeln!(to, "{command}")?;
            // Events come in between; the answer has `return` or `error`.
            loop {
                let mut line = String::new();
                if from.read_line(&mut line)? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                if line.contains("\"return\"") || line.contains("\"error\"") {
                    return Ok(());
                }
            }
        };
        ask("{\"execute\":\"qmp_capabilities\"}".to_owned()).map_err(failed)?;
        let step = 3;
        for _ in 0..self.patience.div_ceil(step) {
            std::thread::sleep(Duration::from_secs(step));
            let (start, size) = self.memory;
            ask(format!(
                "{{\"execute\":\"pmemsave\",\"arguments\":{{\"val\":{start},\"size\":{size},\"filename\":\"{}\"}}}}",
                image.display()
            ))
            .map_err(failed)?;
            let memory = fs::read(image).map_err(|error| Failure::File(image.to_path_buf(), error))?;
            if let Some(table) = find(&memory, self.signature) {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }
}

/// A table with this signature, whose length and sum are right. The largest, as firmware leaves copies of parts.
fn find(memory: &[u8], signature: &[u8; 4]) -> Option<Vec<u8>> {
    let mut found: Option<&[u8]> = None;
    for at in (0..memory.len().saturating_sub(36)).filter(|&at| &memory[at..at + 4] == signature) {
        let length = u32::from_le_bytes(memory[at + 4..at + 8].try_into().expect("four bytes")) as usize;
        let Some(table) = memory.get(at..at.saturating_add(length)).filter(|table| table.len() >= 36) else {
            continue;
        };
        let sum = table.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
        if sum == 0 && found.is_none_or(|found| found.len() < table.len()) {
            found = Some(table);
        }
    }
    found.map(<[u8]>::to_vec)
}
