//! Tools of Debian that know nothing of uvfio, inside it: driverctl, udevadm, and kmod's modprobe, rmmod, insmod and lsmod.

use crate::bench::{boards, host, inside};

/// Where the modules' files are.
const FILES: &str = "files=$(echo /dev/vfio/.uvfio/lib/modules/*)\n";

fn says(more: &[&str], text: &str) -> Vec<String> {
    inside::says(&boards::demo(), more, &format!("{FILES}{text}"))
}

#[test]
fn driverctl_sets_overrides_and_takes_them_back() {
    const TEST: &str = "driverctl_sets_overrides_and_takes_them_back";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["driverctl"]) {
        return;
    }
    // Overrides that are kept for the next start go to a folder of the host's, over which something else is laid here.
    let lines = says(
        &[],
        "mount -t tmpfs none /etc/driverctl.d
        ctl='driverctl -b platform'; d=2c000000.ethernet
        $ctl list-devices | grep ethernet
        $ctl set-override $d vfio-platform; driver $d
        cat /sys/bus/platform/devices/$d/driver_override /etc/driverctl.d/*
        $ctl list-overrides; $ctl list-devices | grep ethernet
        $ctl --nosave set-override $d none; test ! -e /sys/bus/platform/devices/$d/driver
        $ctl load-override $d; driver $d
        $ctl unset-override $d; driver $d
        cat /sys/bus/platform/devices/$d/driver_override; ls /etc/driverctl.d
        refused $ctl list-overrides
        driverctl --nosave -b amba set-override 7ff00000.dma vfio-amba; driver 7ff00000.dma",
    );
    assert_eq!(
        lines,
        [
            "2c000000.ethernet calxedaxgmac",
            "vfio-platform",
            "vfio-platform",
            "vfio-platform",
            "2c000000.ethernet vfio-platform",
            "2c000000.ethernet vfio-platform [*]",
            "vfio-platform",
            "calxedaxgmac",
            "(null)",
            // What it says where it finds none, on any machine.
            "No overridable devices found. Kernel too old?",
            "vfio-amba",
        ]
    );
}

#[test]
fn driverctl_is_told_what_cannot_be_bound() {
    const TEST: &str = "driverctl_is_told_what_cannot_be_bound";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["driverctl"]) {
        return;
    }
    let lines = says(
        &[],
        "ctl='driverctl --nosave -b platform'
        refused $ctl set-override 2b000000.hdlcd vfio-platform
        refused $ctl set-override 2b000000.hdlcd nosuch
        refused $ctl set-override nosuch vfio-platform
        $ctl unset-override 2b000000.hdlcd; driver 2b000000.hdlcd",
    );
    assert_eq!(
        lines,
        ["failed to bind device 2b000000.hdlcd to driver vfio-platform", "nosuch", "nosuch", "arm-hdlcd",]
    );
}

/// libudev takes a directory for a device only in a file system that says it is sysfs.
#[test]
fn udevadm_knows_the_devices() {
    const TEST: &str = "udevadm_knows_the_devices";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["udevadm"]) {
        return;
    }
    let lines = says(
        &[],
        "d=/sys/bus/platform/devices/2c000000.ethernet
        udevadm info --query=path --path=$d
        udevadm info --query=property --path=$d | grep -e ^DRIVER -e ^OF_COMPATIBLE_0 -e ^SUBSYSTEM
        udevadm info --attribute-walk --path=$d | grep -m 3 -e driver_override -e SUBSYSTEMS -e DRIVERS
        udevadm trigger --dry-run --verbose --subsystem-match=amba | wc -l",
    );
    assert_eq!(
        lines,
        [
            "/devices/platform/soc@0/2c000000.ethernet",
            "DRIVER=calxedaxgmac",
            "OF_COMPATIBLE_0=calxeda,hb-xgmac",
            "SUBSYSTEM=platform",
            "    ATTR{driver_override}==\"(null)\"",
            "    SUBSYSTEMS==\"platform\"",
            "    DRIVERS==\"simple-pm-bus\"",
            "6",
        ]
    );
}

/// Every module the machine offers goes, users first, and comes again, twice; then each device has its driver again.
#[test]
fn modules_go_and_come_as_often_as_one_likes() {
    const TEST: &str = "modules_go_and_come_as_often_as_one_likes";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["modprobe", "rmmod", "lsmod"]) {
        return;
    }
    let lines = says(
        &[],
        "names=$(sed 's|^kernel/\\(.*\\)[.]ko:.*|\\1|' $files/modules.dep)
        drivers() { for d in /sys/bus/platform/devices/* /sys/bus/amba/devices/*; do echo ${d##*/} $(readlink $d/driver); done; }
        before=$(drivers)
        listed() { if test -e /proc/modules; then lsmod | grep -c \"^$1 \" || true; else test -d /sys/module/$1 && echo 1 || echo 0; fi; }
        for round in 1 2; do
            for pass in 1 2 3 4; do
                for m in $names; do test $(state $m) = absent || rmmod $m 2>/dev/null || true; done
            done
            left=; for m in $names; do test $(state $m) = absent || left=\"$left $m\"; done
            echo \"left:$left\"; listed vfio
            for m in $names; do modprobe $m; test $(state $m) = live || echo $m did not come; done
            test \"$(drivers)\" = \"$before\" || drivers
            listed vfio
        done
        echo $names",
    );
    assert_eq!(lines[..4], ["left:", "0", "1", "left:"]);
    assert_eq!(lines[4..6], ["0", "1"]);
    let names: Vec<&str> = lines[6].split(' ').collect();
    for wanted in
        ["vfio", "vfio_iommu_type1", "vfio_platform", "vfio_amba", "arm_smmu", "arm_smmu_v3", "pl330"]
    {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
    assert_eq!(lines.len(), 7);
}

#[test]
fn modules_are_refused_as_linux_refuses_them() {
    const TEST: &str = "modules_are_refused_as_linux_refuses_them";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["modprobe", "rmmod", "insmod"]) {
        return;
    }
    // With -f rmmod does not look by itself whether the module is used; kernels refuse just the same.
    let lines = says(
        &[],
        "refused rmmod vfio; refused rmmod -f vfio; refused rmmod -f arm_smmu
        refused rmmod nosuch; refused rmmod -f nosuch
        refused modprobe nosuch; refused modprobe -r vfio
        refused insmod $files/kernel/vfio.ko
        rmmod vfio_platform; refused modprobe vfio_platform reset_required=maybe; state vfio_platform
        modprobe vfio_platform reset_required=0; cat /sys/module/vfio_platform/parameters/reset_required
        rmmod vfio_platform vfio_amba
        for m in $(ls /sys/module/vfio_platform_base/holders); do rmmod $m; done
        rmmod vfio_platform_base; refused insmod $files/kernel/vfio_platform.ko; state vfio_platform",
    );
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    assert_eq!(lines[0], "vfio_iommu_type1 vfio_platform_base");
    assert_eq!(
        lines[1..5].to_vec(),
        [
            "Resource temporarily unavailable",
            "Resource temporarily unavailable",
            "Module nosuch is not currently loaded",
            "No such file or directory",
        ]
    );
    assert!(
        lines[5].starts_with("Module nosuch not found in directory") && lines[5].ends_with(&*release),
        "{lines:?}"
    );
    assert_eq!(
        lines[6..].to_vec(),
        [
            "Module vfio is in use.",
            "File exists",
            "Invalid argument",
            "absent",
            "N",
            "Unknown symbol in module",
            "absent",
        ]
    );
}

/// A device's reset driver is a module of its own, which comes when the device is bound and stays as long as it is.
#[test]
fn reset_drivers_are_held_by_the_devices_they_reset() {
    const TEST: &str = "reset_drivers_are_held_by_the_devices_they_reset";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["modprobe", "rmmod", "driverctl"]) {
        return;
    }
    let steps = "ctl='driverctl --nosave -b platform'; d=2c000000.ethernet; m=vfio_platform_calxedaxgmac
        refused $ctl set-override $d vfio-platform; state $m; modprobe $m
        $ctl set-override $d vfio-platform; driver $d
        refused rmmod -f $m; cat /sys/module/$m/refcnt
        $ctl unset-override $d; driver $d; cat /sys/module/$m/refcnt; rmmod $m; state $m";
    let held = ["vfio-platform", "Resource temporarily unavailable", "1", "calxedaxgmac", "0", "absent"];
    let asked = "done: driverctl --nosave -b platform set-override 2c000000.ethernet vfio-platform";
    assert_eq!(says(&[], steps), [&[asked, "live"][..], &held].concat());
    let without = "failed to bind device 2c000000.ethernet to driver vfio-platform";
    let absent = ["--absent", "vfio-platform-calxedaxgmac"];
    assert_eq!(says(&absent, steps), [&[without, "absent"][..], &held].concat());
}
