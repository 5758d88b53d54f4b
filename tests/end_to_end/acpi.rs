//! A board that ACPI describes (boards/acpi-demo): its devices as Linux makes them, programs on them, and resets by its firmware.

use std::path::Path;

use crate::bench::boards::{self, Folder};
use crate::bench::clients::{Linking, dma330_copy, vfio_reset};
use crate::bench::command::{Finished, Run};
use crate::bench::host;

/// On the AMBA bus, with a reset and without; on the platform bus, with a reset and without.
const AMBA: &str = "ARMH0330:00";
const AMBA_WITHOUT: &str = "ARMH0330:01";
const PLATFORM: &str = "PRP0001:00";
const PLATFORM_WITHOUT: &str = "PRP0001:01";
/// Devices whose `_RST` goes on for ever, reaches for the registers of `AMBA`, and is wrong.
const ENDLESS: &str = "UVFI0001:00";
const REACHING: &str = "UVFI0002:00";
const WRONG: &str = "UVFI0003:00";

fn board(bind: &[&str]) -> Run {
    let run = Run::new([Path::new("run"), Path::new("--board"), &boards::acpi_demo()]);
    run.args(bind.iter().flat_map(|device| ["--bind", device]))
}

fn shell(bind: &[&str], script: &str) -> Finished {
    board(bind).args(["--report", "none", "--", "sh", "-c", script]).finish()
}

/// The reset client's steps; what is refused is explained on stderr.
fn steps(bind: &[&str], steps: &str) -> Finished {
    let run = board(bind).args(["--report", "none", "--trace", "--"]).args([vfio_reset()]);
    run.args(steps.split_whitespace()).finish()
}

fn copies(test: &str, device: &str, more: &[&str]) {
    if !host::has_sandbox(test) {
        return;
    }
    let run = board(&[device]).args(["--"]).args([dma330_copy(Linking::Dynamic)]).args([device]).args(more);
    let finished = run.finish().expect(0);
    let line = format!("{device}: copied 1048576 bytes, 8 interrupts, every byte compared\n");
    assert_eq!(finished.stdout, line, "{}", finished.stderr);
    assert!(finished.stderr.contains("nothing was left behind"), "{}", finished.stderr);
}

#[test]
fn an_amba_device_copies_by_mapped_registers() {
    copies("an_amba_device_copies_by_mapped_registers", AMBA, &["--access", "mapped"]);
}

#[test]
fn an_amba_device_copies_by_pread() {
    copies("an_amba_device_copies_by_pread", AMBA_WITHOUT, &["--access", "pread", "--memory", "memfd"]);
}

#[test]
fn a_platform_device_copies_by_mapped_registers() {
    copies("a_platform_device_copies_by_mapped_registers", PLATFORM, &["--access", "mapped"]);
}

#[test]
fn a_platform_device_copies_by_pread() {
    copies("a_platform_device_copies_by_pread", PLATFORM, &["--access", "pread"]);
}

#[test]
fn sysfs_shows_devices_as_linux_makes_them_of_acpi() {
    if !host::has_sandbox("sysfs_shows_devices_as_linux_makes_them_of_acpi") {
        return;
    }
    let script = "set -e; cd /sys/bus
        ls amba/devices
        for d in UVFI0004:00 ARMH0011:00 PRP0001:00 PRP0001:01 UVFI0001:00 arm-smmu-v3.0.auto; do
            cat platform/devices/$d/modalias
        done
        cat amba/devices/ARMH0330:00/firmware_node/path amba/devices/ARMH0330:00/firmware_node/uid
        cat amba/devices/ARMH0330:00/uevent
        readlink -f platform/devices/ARMH0011:00 platform/devices/ARMH0011:00/firmware_node/physical_node
        test ! -e amba/devices/ARMH0330:00/of_node
        test ! -e platform/devices/arm-smmu-v3.0.auto/firmware_node
        test ! -e platform/devices/ARMH0011:00/iommu_group
        ls /sys/kernel/iommu_groups | wc -l
        cat amba/devices/ARMH0330:00/waiting_for_supplier";
    let finished = shell(&[], script).expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    let console = "/sys/devices/platform/UVFI0004:00/ARMH0011:00";
    assert_eq!(
        lines,
        [
            "ARMH0330:00",
            "ARMH0330:01",
            "acpi:UVFI0004:",
            "acpi:ARMH0011:",
            "of:Ndma2TCarm,pl330",
            "of:Ndma3TCarm,pl330",
            "acpi:UVFI0001:UVFI0000:",
            "platform:arm-smmu-v3",
            "\\_SB_.DMA0",
            "0",
            "DRIVER=dma-pl330",
            "AMBA_ID=00041330",
            "MODALIAS=amba:d00041330",
            console,
            console,
            "7",
            "0"
        ]
    );
}

#[test]
fn a_device_is_bound_through_sysfs_and_used() {
    if !host::has_sandbox("a_device_is_bound_through_sysfs_and_used") {
        return;
    }
    let script = "set -e; d=ARMH0330:00; s=/sys/bus/amba
        echo vfio-amba > $s/devices/$d/driver_override
        echo $d > $s/devices/$d/driver/unbind
        echo $d > $s/drivers_probe
        basename $(readlink $s/devices/$d/driver)
        exec \"$1\" $d";
    let run = board(&[]).args(["--", "sh", "-c", script, "sh"]).args([dma330_copy(Linking::Dynamic)]);
    let finished = run.finish().expect(0);
    assert_eq!(
        finished.stdout,
        "vfio-amba\nARMH0330:00: copied 1048576 bytes, 8 interrupts, every byte compared\n"
    );
}

#[test]
fn a_reset_is_the_firmwares_method_at_the_devices_registers() {
    if !host::has_sandbox("a_reset_is_the_firmwares_method_at_the_devices_registers") {
        return;
    }
    for device in [AMBA, PLATFORM] {
        let line = format!(
            "open {device} info {device} write {device} 0x20 3 read {device} 0x20 reset {device} read {device} 0x20"
        );
        let finished = steps(&[device], &line).expect(0);
        let answers: Vec<&str> =
            finished.stdout.lines().filter_map(|line| line.rsplit(": ").next()).collect();
        assert_eq!(answers, ["ok", "can be reset", "ok", "0x3", "ok", "0x0"], "{}", finished.stderr);
    }
}

/// A transfer is under way; after the reset nothing of it arrives any more.
#[test]
fn a_transfer_under_way_ends_with_the_firmwares_reset() {
    if !host::has_sandbox("a_transfer_under_way_ends_with_the_firmwares_reset") {
        return;
    }
    let run = board(&[AMBA]).args(["--"]).args([dma330_copy(Linking::Dynamic)]);
    let finished =
        run.args([AMBA, "--bytes", "4096", "--pieces", "1", "--leave", "reset"]).finish().expect(0);
    assert!(finished.stderr.contains("nothing was left behind"), "{}", finished.stderr);
}

#[test]
fn without_a_method_there_is_no_reset() {
    if !host::has_sandbox("without_a_method_there_is_no_reset") {
        return;
    }
    let line = format!("open {AMBA_WITHOUT} info {AMBA_WITHOUT} reset {AMBA_WITHOUT}");
    let finished = steps(&[AMBA_WITHOUT], &line).expect(1);
    assert_eq!(
        finished.stdout,
        "open ARMH0330:01: ok\ninfo ARMH0330:01: cannot be reset\nreset ARMH0330:01: EINVAL\n"
    );
    assert!(finished.stderr.contains("[device.reset.acpi]"), "{}", finished.stderr);
    // The platform bus wants one, unless it is told otherwise.
    let refused = board(&[PLATFORM_WITHOUT]).args(["--", "true"]).finish().expect(2);
    assert!(refused.stderr.contains("the firmware has no _RST for it"), "{}", refused.stderr);
    let script = "d=PRP0001:01; s=/sys/bus/platform
        echo vfio-platform > $s/devices/$d/driver_override
        echo $d > $s/devices/$d/driver/unbind
        echo $d | dd of=$s/drivers/vfio-platform/bind";
    let refused = shell(&[], script).expect(1);
    assert!(refused.stderr.contains("No such file or directory"), "{}", refused.stderr);
    let without = board(&[]).args(["--param", "vfio-platform.reset_required=0", "--bind", PLATFORM_WITHOUT]);
    without.args(["--", "true"]).finish().expect(0);
}

#[test]
fn a_method_that_does_not_end_or_is_wrong_fails_the_open() {
    if !host::has_sandbox("a_method_that_does_not_end_or_is_wrong_fails_the_open") {
        return;
    }
    for (device, words) in
        [(ENDLESS, "did not end within 250000 operations"), (WRONG, "failed: a division by 0")]
    {
        // The second open tries again, and the device stays blocked.
        let finished = steps(&[device], &format!("open {device} open {device}")).expect(1);
        assert_eq!(finished.stdout, format!("open {device}: EINVAL\n").repeat(2));
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
        let script = format!("\"$1\" open {device}; readlink /sys/bus/platform/devices/{device}/driver");
        let run = board(&[device]).args(["--", "sh", "-c", &script, "sh"]).args([vfio_reset()]);
        let finished = run.finish().expect(0);
        let stays = "it is kept from memory and interrupts";
        assert!(finished.stderr.contains(stays), "{}", finished.stderr);
    }
}

/// A method that stores to another device's registers: only if that device is the same user's, or nobody's.
#[test]
fn a_method_reaches_no_device_that_is_somebody_elses() {
    if !host::has_sandbox("a_method_reaches_no_device_that_is_somebody_elses") {
        return;
    }
    // The host driver's.
    let refused = steps(&[REACHING], &format!("open {REACHING}")).expect(1);
    assert_eq!(refused.stdout, format!("open {REACHING}: EPERM\n"));
    let why = "the reset would also reach ARMH0330:00, which is driver dma-pl330's";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    // Another container's.
    let line = format!(
        "container open {AMBA} write {AMBA} 0x20 3 container open {REACHING} read {AMBA} 0x20 reset {AMBA}"
    );
    let refused = steps(&[REACHING, AMBA], &line).expect(1);
    let answers: Vec<&str> = refused.stdout.lines().filter_map(|line| line.rsplit(": ").next()).collect();
    assert_eq!(answers, ["ok", "ok", "ok", "ok", "EPERM", "0x3", "ok"], "{}", refused.stderr);
    assert!(refused.stderr.contains("which is another user's"), "{}", refused.stderr);
    // The same container's: it is reached.
    let line = format!(
        "join {AMBA} open {AMBA} write {AMBA} 0x20 3 open {REACHING} read {AMBA} 0x20 \
         write {AMBA} 0x20 3 reset {REACHING} read {AMBA} 0x20"
    );
    let reached = steps(&[REACHING, AMBA], &line).expect(0);
    let answers: Vec<&str> = reached.stdout.lines().filter_map(|line| line.rsplit(": ").next()).collect();
    assert_eq!(answers, ["ok", "ok", "ok", "ok", "0x0", "ok", "ok", "0x0"], "{}", reached.stderr);
    // Nobody's.
    let script = format!("echo {AMBA} > /sys/bus/amba/drivers/dma-pl330/unbind; \"$1\" open {REACHING}");
    let run = board(&[REACHING]).args(["--", "sh", "-c", &script, "sh"]).args([vfio_reset()]);
    assert_eq!(run.finish().expect(0).stdout, format!("open {REACHING}: ok\n"));
}

#[test]
fn hostile_tables_are_said_and_bring_nothing_down() {
    if !host::has_sandbox("hostile_tables_are_said_and_bring_nothing_down") {
        return;
    }
    let table = |name: &str| std::fs::read(boards::acpi_demo().join(name)).expect("the table is there");
    let (dsdt, iort) = (table("dsdt.aml"), table("iort.aml"));
    let start = |folder: &Folder| {
        let run = Run::new([Path::new("run"), Path::new("--board"), folder.path()]);
        run.args(["--report", "none", "--", "ls", "/sys/bus/amba/devices"]).finish()
    };
    // Without a DSDT nothing says what devices there are.
    let folder = Folder::new();
    folder.file("iort.aml", &iort);
    let refused = start(&folder).expect(2);
    assert!(refused.stderr.contains("no DSDT among them"), "{}", refused.stderr);
    // One that ends in the middle: the devices before that are there.
    let folder = Folder::new();
    folder.file("dsdt.aml", &dsdt[..700]);
    folder.file("iort.aml", &iort);
    let finished = start(&folder).expect(0);
    assert!(finished.stderr.contains("reading it was given up"), "{}", finished.stderr);
    // One that loops while it is loaded: DSDT { While (One) {} }.
    let folder = Folder::new();
    let mut endless = dsdt[..36].to_vec();
    endless.extend([0xa2, 0x02, 0x01]);
    endless[4] = 39;
    endless[5] = 0;
    folder.file("dsdt.aml", &endless);
    let finished = start(&folder).expect(0);
    assert!(finished.stderr.contains("it takes more than 4000000 operations"), "{}", finished.stderr);
    // One that is noise.
    let folder = Folder::new();
    let noise: Vec<u8> = (0..4000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    folder.file("dsdt.aml", &[&dsdt[..36], &noise].concat());
    assert!(start(&folder).expect(0).stderr.contains("reading it was given up"));
}

#[test]
fn an_overlay_is_for_device_trees() {
    if !host::has_sandbox("an_overlay_is_for_device_trees") {
        return;
    }
    let script = format!("\"$1\" hotplug add {}", boards::demo().display());
    let run = board(&[]).args(["--report", "none", "--", "sh", "-c", &script, "sh"]);
    let refused = run.args([crate::bench::command::uvfio()]).finish();
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr.contains("described by ACPI"), "{}", refused.stderr);
}

#[test]
fn devices_wait_for_the_smmus_driver() {
    let test = "devices_wait_for_the_smmus_driver";
    if !host::has_sandbox(test) || !host::has_tools(test, &["modprobe"]) {
        return;
    }
    let script = "grep -c 'supplier arm-smmu-v3.0.auto not ready' /sys/kernel/debug/devices_deferred
        test ! -e /sys/bus/amba/devices/ARMH0330:00/iommu_group || exit 1
        PATH=$PATH:/usr/sbin:/sbin; modprobe arm_smmu_v3 || exit 1
        basename $(readlink /sys/bus/amba/devices/ARMH0330:00/driver)
        test -e /sys/bus/amba/devices/ARMH0330:00/iommu_group && cat /sys/kernel/debug/devices_deferred";
    let run = board(&[]).args(["--report", "none", "--absent", "arm_smmu_v3", "--", "sh", "-c", script]);
    assert_eq!(run.finish().expect(0).stdout, "7\ndma-pl330\n");
}
