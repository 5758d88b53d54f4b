//! The report for people: a few lines, nothing where there is nothing to say.

use std::fmt::Write;
use std::mem::discriminant;

use anstyle::{AnsiColor, Style};

use super::{Device, Fault, Host, Left, Report};

/// How much of one kind is told one by one.
const FEW: usize = 3;

/// How many rules that refused are named.
const RULES: usize = 5;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Yellow.on_default();

/// The report, newlines included. Colours are in it; whoever prints it takes them out where they do not belong.
pub fn text(report: &Report) -> String {
    let mut lines = vec![calls(report)];
    for device in &report.devices {
        lines.push(format!("{}: {}; {}", device.name, dma(device), interrupts(device)));
        let more = device.dma.faults.saturating_sub(device.dma.first_faults.len() as u64);
        lines
            .extend(device.dma.first_faults.iter().map(|one| format!("  {BAD}fault:{BAD:#} {}", fault(one))));
        if more > 0 {
            lines.push(format!("  and {more} more faults"));
        }
        let quiet = Host { taken: device.host.taken, ..Host::default() };
        if device.host != quiet {
            lines.push(format!("  {BAD}handed back:{BAD:#} {}", host(device.host)));
        }
    }
    for device in &report.taint {
        lines.push(format!("{BAD}tainted:{BAD:#} {device} was used without an IOMMU (noiommu)"));
    }
    for device in &report.not_reset {
        lines.push(format!(
            "{BAD}not reset:{BAD:#} {device} did not come out of its last reset; it is kept from memory and interrupts, and reads as 0"
        ));
    }
    for one in &report.not_bound {
        lines.push(format!("{BAD}not bound:{BAD:#} {} to {}: {}", one.device, one.driver, one.why));
    }
    if report.left.is_empty() {
        lines.push(format!("{GOOD}nothing was left behind{GOOD:#}"));
    }
    lines.extend(leftovers(report));
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "uvfio: {line}");
        text
    })
}

/// What was left, at most a few of each kind.
fn leftovers(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let mut more = report.more_left;
    let mut rest: Vec<&Left> = report.left.iter().collect();
    while let Some(first) = rest.first().map(|one| discriminant(*one)) {
        let (alike, others): (Vec<&Left>, Vec<&Left>) =
            rest.iter().partition(|one| discriminant(**one) == first);
        lines.extend(alike.iter().take(FEW).map(|one| format!("{BAD}left behind:{BAD:#} {}", one.words())));
        more += alike.len().saturating_sub(FEW) as u64;
        rest = others;
    }
    if more > 0 {
        lines.push(format!("{BAD}left behind:{BAD:#} {more} more; --report json lists the first of them"));
    }
    lines
}

fn calls(report: &Report) -> String {
    let refused: u64 = report.refusals.iter().map(|one| one.count).sum();
    let mut line = format!("{} calls, {} refused", report.calls, refused);
    let rules = report.refusals.iter().take(RULES).map(|one| match one.count {
        1 => one.rule.clone(),
        more => format!("{} x{more}", one.rule),
    });
    let mut rules: Vec<String> = rules.collect();
    if report.refusals.len() > RULES {
        rules.push(format!("and {} other rules", report.refusals.len() - RULES));
    }
    if !rules.is_empty() {
        line.push_str(&format!(" ({})", rules.join(", ")));
    }
    line
}

fn dma(device: &Device) -> String {
    let faults = match device.dma.faults {
        0 => "no fault".to_owned(),
        1 => "1 fault".to_owned(),
        more => format!("{more} faults"),
    };
    format!("DMA read {} bytes, wrote {}, {faults}", device.dma.read, device.dma.written)
}

fn interrupts(device: &Device) -> String {
    let counts = device.interrupts;
    format!("interrupts {} raised, {} delivered, {} lost", counts.raised, counts.delivered, counts.lost)
}

fn host(host: Host) -> String {
    format!(
        "its host driver found it running {} times and interrupting {} times of {}, and saw {} bytes of DMA and {} interrupts",
        host.found_running, host.found_interrupting, host.taken, host.dma, host.interrupts
    )
}

fn fault(fault: &Fault) -> String {
    let why = match fault.reason {
        "not-mapped" => "nothing is mapped there",
        "not-allowed" => "the mapping does not allow it",
        "blocked" => "the device is blocked: its group has no domain, or it was being reset or handed back",
        "memory-gone" => "the program had unmapped the memory, or ended, while it was mapped for DMA",
        _ => "the access wraps around the end of the address space",
    };
    format!("{} of {:#x}: {why}", fault.access, fault.iova)
}

impl Left {
    /// What was left, in words.
    pub fn words(&self) -> String {
        match self {
            Left::DeviceRunning { device } => format!("{device} was still running at its last close"),
            Left::InterruptArmed { device, index } => {
                format!("interrupt {index} of {device} still had an eventfd at its last close")
            }
            Left::MappingsNeverUsed { count: 1, bytes, first } => {
                format!("the mapping of {bytes:#x} bytes at {first:#x} was never used by a device")
            }
            Left::MappingsNeverUsed { count, bytes, first } => format!(
                "{count} mappings of {bytes:#x} bytes in all, the first at {first:#x}, were never used by a device"
            ),
            Left::MemoryGone { device, iova } => {
                format!(
                    "{device} used {iova:#x}, whose memory the program had unmapped, or ended with, while it was mapped for DMA"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dma, Interrupts, NotBound, Refusals};
    use super::*;

    #[test]
    fn a_report_reads_as_lines() {
        let report = Report {
            calls: 31,
            refusals: vec![Refusals { rule: "type1.map.overlap".into(), count: 2 }],
            devices: vec![Device {
                name: "7ff00000.dma".into(),
                dma: Dma {
                    read: 4096,
                    written: 4096,
                    faults: 2,
                    first_faults: vec![Fault { iova: 0x1000, access: "write", reason: "not-mapped" }],
                },
                interrupts: Interrupts { raised: 8, delivered: 8, lost: 0 },
                host: Host::default(),
            }],
            not_reset: vec!["ee000000.usb".into()],
            not_bound: vec![NotBound {
                device: "fb000000.usb".into(),
                driver: "vfio-platform".into(),
                rule: "probe.deferred".into(),
                why: "fb000000.usb has to wait: its IOMMU fb800000.iommu has no driver yet".into(),
            }],
            left: vec![Left::DeviceRunning { device: "7ff00000.dma".into() }],
            ..Report::default()
        };
        assert_eq!(
            anstream::adapter::strip_str(&text(&report)).to_string(),
            "uvfio: 31 calls, 2 refused (type1.map.overlap x2)\n\
             uvfio: 7ff00000.dma: DMA read 4096 bytes, wrote 4096, 2 faults; interrupts 8 raised, 8 delivered, 0 lost\n\
             uvfio:   fault: write of 0x1000: nothing is mapped there\n\
             uvfio:   and 1 more faults\n\
             uvfio: not reset: ee000000.usb did not come out of its last reset; it is kept from memory and interrupts, and reads as 0\n\
             uvfio: not bound: fb000000.usb to vfio-platform: fb000000.usb has to wait: its IOMMU fb800000.iommu has no driver yet\n\
             uvfio: left behind: 7ff00000.dma was still running at its last close\n"
        );
    }
}
