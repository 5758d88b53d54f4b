//! Devices in use: who holds them, who waits for them, and what comes to their groups meanwhile.

use crate::bench::boards::{self, Folder};
use crate::bench::{host, inside};

const UNSAFE: [&str; 2] = ["--param", "vfio_iommu_type1.allow_unsafe_interrupts=1"];
const NO_RESET: [&str; 2] = ["--param", "vfio-platform.reset_required=0"];

fn says(text: &str) -> Vec<String> {
    let more = [&UNSAFE[..], &["--bind", "7ff00000.dma"]].concat();
    inside::says(&boards::demo(), &more, text)
}

/// Copies of a descriptor, children, programs they become, and strangers: only the last of them closes the device.
#[test]
fn the_last_close_is_the_last() {
    if !host::has_sandbox("the_last_close_is_the_last") {
        return;
    }
    let lines = says("$own share 7ff00000.dma");
    let ways = ["dup", "fork", "close on exec", "kept on exec", "passed", "passed and never taken"];
    assert_eq!(lines, ways.map(|way| format!("{way}: the last close was the last")));
}

/// Whichever way a device is taken away, that waits until the last descriptor and mapping are gone.
#[test]
fn a_removal_waits_for_descriptors_and_mappings() {
    if !host::has_sandbox("a_removal_waits_for_descriptors_and_mappings") {
        return;
    }
    let lines = says(
        "d=7ff00000.dma
        $own removed $d -- bash -c \"echo $d > $a/devices/$d/driver/unbind\"; driver $d; ls /dev/vfio
        $uvfio bind $d; $own removed $d -- $uvfio unbind $d; $uvfio bind $d
        $own removed $d -- $uvfio hotplug remove $d; test ! -e $a/devices/$d",
    );
    assert_eq!(
        lines,
        [
            "none",
            "vfio",
            "7ff00000.dma: vfio-amba, group 2",
            "7ff00000.dma: dma-pl330, group 2",
            "7ff00000.dma: vfio-amba, group 2",
            "7ff00000.dma: gone",
        ]
    );
}

#[test]
fn a_removal_can_be_interrupted() {
    if !host::has_sandbox("a_removal_can_be_interrupted") {
        return;
    }
    let lines = says(
        "d=7ff00000.dma
        $own interrupted $d -- bash -c \"echo $d > $a/devices/$d/driver/unbind; exit 9\"
        $own interrupted $d -- $uvfio unbind $d
        $own interrupted $d -- $uvfio hotplug remove $d
        $own signalled $d
        driver $d; $own share $d | wc -l",
    );
    let before = "7ff00000.dma: interrupted, and as before";
    assert_eq!(lines, [before, before, before, before, "vfio-amba", "6"]);
}

/// An open device keeps its driver's module, a container with an IOMMU that of type1, and every file VFIO itself.
#[test]
fn modules_in_use_stay() {
    const TEST: &str = "modules_in_use_stay";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["rmmod"]) {
        return;
    }
    let script = "$own hold 7ff00000.dma -- bash -c '
            for m in vfio_amba vfio_iommu_type1 vfio; do
                why=$(rmmod -f $m 2>&1) && echo gone || echo \"${why##*: }\"; cat /sys/module/$m/refcnt
            done'
        cat /sys/module/vfio_{amba,iommu_type1}/refcnt; rmmod vfio_amba vfio_iommu_type1; driver 7ff00000.dma";
    let busy = "Resource temporarily unavailable";
    assert_eq!(says(script), [busy, "1", busy, "1", busy, "5", "0", "0", "none"]);
}

/// What is plugged into a group that a program holds is nobody's but the program's.
#[test]
fn a_device_comes_to_a_group_in_use() {
    const TEST: &str = "a_device_comes_to_a_group_in_use";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["dtc"]) {
        return;
    }
    let folder = Folder::new();
    let board = boards::changed(&folder, &[]);
    let twin = boards::overlay(
        &folder,
        "twin.dts",
        "hdlcd@2b020000 { compatible = \"arm,hdlcd\"; reg = <0x2b020000 0x1000>; iommus = <&mmu500 1>; dma-coherent; };",
    );
    let script = format!(
        "export twin={} new=2b020000.hdlcd old=2b000000.hdlcd p; export -f driver refused put
        $uvfio bind $old
        $own hold $old --then $new -- bash -c '
            $uvfio hotplug add $twin; driver $new
            test $(readlink -f $p/devices/$new/iommu_group) = $(readlink -f $p/devices/$old/iommu_group)
            refused put $new $p/drivers/arm-hdlcd/bind; refused put $new $p/drivers_probe; driver $new
            $uvfio bind $new >/dev/null; driver $new'
        $own removed $new -- $uvfio hotplug remove $twin; test ! -e $p/devices/$new; driver $old
        $own hold $old -- true",
        twin.display()
    );
    let lines = inside::says(&board, &[UNSAFE, NO_RESET].concat(), &script);
    assert_eq!(
        lines,
        [
            "2b000000.hdlcd: vfio-platform, group 0",
            "2b010000.hdlcd: vfio-platform, group 0",
            "2b020000.hdlcd: no driver, group 0",
            "none",
            "Device or resource busy",
            "Invalid argument",
            "none",
            "vfio-platform",
            "2b020000.hdlcd: 1 regions, 0 interrupts",
            "2b020000.hdlcd: gone",
            "vfio-platform",
        ]
    );
}
