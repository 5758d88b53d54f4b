//! The main job: a program copies memory with a modelled DMA-330 and checks every byte.

use std::path::Path;

use crate::bench::boards;
use crate::bench::clients::{Linking, dma330_copy};
use crate::bench::command::{Finished, Run};
use crate::bench::host;

/// A run on the demo's board with a device bound, before the program.
fn on(device: &str) -> Run {
    Run::new(["run", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--board"])
        .args([boards::demo()])
        .args(["--bind", device])
}

fn copied(finished: Finished, device: &str) {
    let finished = finished.expect(0);
    let line = format!("{device}: copied 1048576 bytes, 8 interrupts, every byte compared\n");
    assert_eq!(finished.stdout, line, "stderr:\n{}", finished.stderr);
    assert!(finished.stderr.contains("nothing was left behind"), "{}", finished.stderr);
}

fn copy(test: &str, linking: Linking, more: &[&str]) {
    if host::has_sandbox(test) {
        let client = dma330_copy(linking);
        let run = on("7ff00000.dma").args(["--"]).args([client]).args(["7ff00000.dma"]).args(more);
        copied(run.finish(), "7ff00000.dma");
    }
}

#[test]
fn mapped_registers_anonymous_memory() {
    copy(
        "mapped_registers_anonymous_memory",
        Linking::Dynamic,
        &["--access", "mapped", "--memory", "anonymous"],
    );
}

#[test]
fn mapped_registers_memfd() {
    copy("mapped_registers_memfd", Linking::Dynamic, &["--access", "mapped", "--memory", "memfd"]);
}

#[test]
fn pread_anonymous_memory() {
    copy("pread_anonymous_memory", Linking::Dynamic, &["--access", "pread", "--memory", "anonymous"]);
}

#[test]
fn static_mapped_registers_anonymous_memory() {
    copy(
        "static_mapped_registers_anonymous_memory",
        Linking::Static,
        &["--access", "mapped", "--memory", "anonymous"],
    );
}

#[test]
fn static_pread_memfd() {
    copy("static_pread_memfd", Linking::Static, &["--access", "pread", "--memory", "memfd"]);
}

#[test]
fn registers_that_cannot_be_mapped() {
    if !host::has_sandbox("registers_that_cannot_be_mapped") {
        return;
    }
    let client = dma330_copy(Linking::Dynamic);
    let start =
        || on("7ff00000.dma").args(["--mmio", "rw", "--"]).args([client]).args(["7ff00000.dma", "--access"]);
    copied(start().args(["pread"]).finish(), "7ff00000.dma");
    let refused = start().args(["mapped"]).finish().expect(1);
    assert!(refused.stderr.contains("mmap of the registers"), "{}", refused.stderr);
}

/// Four programs at once, each with a controller of its own, in one sandbox.
#[test]
fn four_at_once() {
    if !host::has_sandbox("four_at_once") {
        return;
    }
    let devices = ["7ff00000.dma", "7ff10000.dma", "7ff20000.dma", "7ff30000.dma"];
    let script = "client=$1; shift; for device; do \"$client\" \"$device\" --channel 3 & pids=\"$pids $!\"; done; \
                  for pid in $pids; do wait \"$pid\" || exit 1; done";
    let run = on(devices[0]).args(devices[1..].iter().flat_map(|device| ["--bind", device]));
    let run = run.args(["--", "sh", "-c", script, "sh"]).args([dma330_copy(Linking::Dynamic)]).args(devices);
    let finished = run.finish().expect(0);
    let mut lines: Vec<&str> = finished.stdout.lines().collect();
    lines.sort_unstable();
    let wanted =
        devices.map(|device| format!("{device}: copied 1048576 bytes, 8 interrupts, every byte compared"));
    assert_eq!(lines, wanted);
}

/// Bound by hand, from inside, as an administrator would; then the program.
#[test]
fn bound_through_sysfs() {
    if !host::has_sandbox("bound_through_sysfs") {
        return;
    }
    let script = "set -e; d=7ff00000.dma; s=/sys/bus/amba
        readlink $s/devices/$d/driver
        echo vfio-amba > $s/devices/$d/driver_override
        echo $d > $s/devices/$d/driver/unbind
        echo $d > $s/drivers_probe
        readlink $s/devices/$d/driver
        echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
        exec \"$1\" $d";
    let run = Run::new([Path::new("run"), Path::new("--board"), &boards::demo()]);
    let finished =
        run.args(["--", "sh", "-c", script, "sh"]).args([dma330_copy(Linking::Dynamic)]).finish().expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines[0].ends_with("/dma-pl330") && lines[1].ends_with("/vfio-amba"), "{lines:?}");
    assert_eq!(lines[2], "7ff00000.dma: copied 1048576 bytes, 8 interrupts, every byte compared");
}

/// In the 2014 series' interface memory is executable for a device only where it was mapped so; the client maps its DMA-330 program
/// to be read.
#[test]
fn rfc_v4_keeps_a_device_from_executing_what_it_may_read() {
    if !host::has_sandbox("rfc_v4_keeps_a_device_from_executing_what_it_may_read") {
        return;
    }
    let finished = on("7ff00000.dma")
        // The interrupt never comes, and the client would wait for it for a minute.
        .args(["--personality", "rfc-v4", "--", "timeout", "3"])
        .args([dma330_copy(Linking::Dynamic)])
        .args(["7ff00000.dma", "--access", "pread"])
        .finish();
    assert_ne!(finished.code(), 0, "{}", finished.stdout);
    assert!(finished.stderr.contains("fault: execute of 0x100000"), "{}", finished.stderr);
}
