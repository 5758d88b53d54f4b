//! Ways to bind devices: by override, by `new_id`, by nobody's wish.

use crate::bench::boards::{self, Folder};
use crate::bench::{host, inside};

const NO_RESET: [&str; 2] = ["--param", "vfio-platform.reset_required=0"];

/// One more display controller, behind a stream of its own.
const TWIN: &str = "hdlcd@2b020000 { compatible = \"arm,hdlcd\"; reg = <0x2b020000 0x1000>; iommus = <&mmu500 9>; dma-coherent; };";

/// A script that finds `$twin`, on the demo's board.
fn says(test: &str, more: &[&str], script: &str) -> Option<Vec<String>> {
    if !host::has_sandbox(test) || !host::has_tools(test, &["dtc", "rmmod", "modprobe"]) {
        return None;
    }
    let folder = Folder::new();
    let board = boards::changed(&folder, &[]);
    let twin = boards::overlay(&folder, "twin.dts", TWIN);
    let script = format!("twin={} t=2b020000.hdlcd v=$p/drivers/vfio-platform\n{script}", twin.display());
    Some(inside::says(&board, &[&NO_RESET, more].concat(), &script))
}

/// The race that speaks against `new_id`: a twin that is plugged in while it is in force goes to VFIO, although nobody meant it. An
/// override means one device.
#[test]
fn new_id_takes_a_twin_and_an_override_does_not() {
    // The host's driver comes after VFIO here, as a module does that nobody needed so far.
    let script = "rmmod arm_hdlcd; put arm,hdlcd $v/new_id; modprobe arm_hdlcd
        driver 2b000000.hdlcd; driver 2b010000.hdlcd
        $uvfio hotplug add $twin; driver $t; $uvfio hotplug remove $twin
        put arm,hdlcd $v/remove_id; refused put arm,hdlcd $v/remove_id; refused put '' $v/new_id
        for d in 2b000000.hdlcd 2b010000.hdlcd; do put vfio-platform $p/devices/$d/driver_override; done
        $uvfio hotplug add $twin; driver $t; driver 2b000000.hdlcd";
    let Some(lines) = says("new_id_takes_a_twin_and_an_override_does_not", &["--new-id"], script) else {
        return;
    };
    assert_eq!(
        lines,
        [
            "vfio-platform",
            "vfio-platform",
            "2b020000.hdlcd: vfio-platform, group 8",
            "vfio-platform",
            "2b020000.hdlcd: gone",
            "No such device",
            "Invalid argument",
            "2b020000.hdlcd: arm-hdlcd, group 8",
            "arm-hdlcd",
            "vfio-platform",
        ]
    );
}

#[test]
fn new_id_is_not_there_unless_asked_for() {
    let script = "refused put arm,hdlcd $v/new_id; ls $v";
    let Some(lines) = says("new_id_is_not_there_unless_asked_for", &[], script) else { return };
    assert_eq!(lines, ["Permission denied", "bind", "module", "uevent", "unbind"]);
}

/// VFIO's drivers take no device on their own, whatever is plugged in, loaded or probed.
#[test]
fn vfio_takes_nothing_on_its_own() {
    let script = "rmmod arm_hdlcd; rmmod vfio_platform; modprobe vfio_platform reset_required=0
        $uvfio hotplug add $twin; put $t $p/drivers_probe; refused put $t $v/bind
        driver $t; driver 2b000000.hdlcd
        put vfio-platform $p/devices/$t/driver_override; driver $t; put $t $v/bind; driver $t
        rmmod vfio_platform; driver $t; modprobe vfio_platform reset_required=0; driver $t";
    let Some(lines) = says("vfio_takes_nothing_on_its_own", &[], script) else { return };
    let taken = ["none", "none", "none", "vfio-platform", "none", "vfio-platform"];
    assert_eq!(lines, [&["2b020000.hdlcd: no driver, no group", "No such device"][..], &taken].concat());
}

/// `drivers_autoprobe`: with 0 what comes stays without a driver until somebody asks.
#[test]
fn drivers_autoprobe_decides_about_what_comes() {
    let script = "f=$p/drivers_autoprobe; cat $f; put 0 $f; cat $f
        $uvfio hotplug add $twin; driver $t; put $t $p/drivers_probe; driver $t; $uvfio hotplug remove $twin
        rmmod arm_hdlcd; modprobe arm_hdlcd; driver 2b000000.hdlcd; put 2b000000.hdlcd $p/drivers_probe; driver 2b000000.hdlcd
        put 1 $f; $uvfio hotplug add $twin; driver $t";
    let Some(lines) = says("drivers_autoprobe_decides_about_what_comes", &[], script) else { return };
    assert_eq!(
        lines,
        [
            "1",
            "0",
            "2b020000.hdlcd: no driver, no group",
            "none",
            "arm-hdlcd",
            "2b020000.hdlcd: gone",
            "none",
            "arm-hdlcd",
            "2b020000.hdlcd: arm-hdlcd, group 8",
            "arm-hdlcd",
        ]
    );
}

/// A set is bound whole or not at all: where one of several groups cannot go, the others stay where they were.
#[test]
fn a_set_is_undone_when_one_of_it_fails() {
    let script = "set=\"7ff00000.dma 2c000000.ethernet 2d000000.gpu\"
        before=$(for d in $set; do driver $d; cat /sys/bus/*/devices/$d/driver_override; done)
        if why=$($uvfio bind $set 2>&1); then exit 9; fi; echo \"$why\"
        test \"$(for d in $set; do driver $d; cat /sys/bus/*/devices/$d/driver_override; done)\" = \"$before\"
        ls /dev/vfio
        $uvfio bind 7ff00000.dma 2c000000.ethernet; $uvfio bind 7ff00000.dma
        $own hold 2c000000.ethernet -- true 2>&1 || true
        $uvfio unbind 7ff00000.dma 2c000000.ethernet; $uvfio unbind 7ff00000.dma; ls /dev/vfio";
    let Some(lines) = says("a_set_is_undone_when_one_of_it_fails", &[], script) else { return };
    assert!(
        lines[0].starts_with("uvfio: 2d000000.gpu is in the way: ") && lines[0].contains("coherent"),
        "{lines:?}"
    );
    assert_eq!(
        lines[1..],
        [
            "vfio",
            "7ff00000.dma: vfio-amba, group 2",
            "2c000000.ethernet: vfio-platform, group 7",
            "7ff00000.dma: vfio-amba, group 2",
            "vfio-ownership: VFIO_SET_IOMMU: Operation not permitted (os error 1)",
            "7ff00000.dma: dma-pl330, group 2",
            "2c000000.ethernet: calxedaxgmac, group 7",
            "vfio",
        ]
    );
}
