//! Bad input through sysfs and the session's commands: the kernel's errno, as `echo` tells it, or one line, and nothing half done.

use crate::bench::boards::{self, Folder};
use crate::bench::{host, inside};

/// Each write, and what bash says of it.
const WRITES: [(&str, &str); 28] = [
    // Devices and drivers that are not there, or are of another bus or driver.
    ("nosuch $h/bind", "No such device"),
    ("nosuch $h/unbind", "No such device"),
    ("nosuch $p/drivers_probe", "No such device"),
    ("'' $p/drivers_probe", "No such device"),
    ("7ff00000.dma $h/bind", "No such device"),
    ("7ff00000.dma $a/drivers/vfio-amba/unbind", "No such device"),
    ("$d $p/drivers/nosuch/bind", "No such file or directory"),
    // Names that could be none.
    ("$'2c000000.\\nethernet' $h/unbind", "No such device"),
    ("$long $h/bind", "No such device"),
    ("$long $p/drivers_probe", "No such device"),
    ("$long $o", "Invalid argument"),
    ("$'\\xff\\xfe' $h/bind", "No such device"),
    // What is bound, what does not match, what is unbound twice.
    ("$d $h/bind", "Device or resource busy"),
    ("$d $p/drivers/arm-hdlcd/unbind", "No such device"),
    ("$d $h/unbind", "done"),
    ("$d $h/unbind", "No such device"),
    ("$d $p/devices/$d/driver/unbind", "No such file or directory"),
    ("$d $p/drivers/arm-hdlcd/bind", "No such device"),
    ("$d $p/drivers/vfio-platform/bind", "No such device"),
    // An override by a name that no driver has: nothing takes the device, and nothing says so but the link.
    ("nosuch $o", "done"),
    ("$d $p/drivers_probe", "done"),
    ("$d $h/bind", "No such device"),
    ("'' $o", "done"),
    ("$d $h/bind", "done"),
    // Files that are not to be written, or not there; and a driver that lets nobody bind.
    ("x $p/devices/$d/modalias", "Permission denied"),
    ("x $p/devices/$d/nosuch", "Permission denied"),
    ("2b400000.iommu $p/drivers/arm-smmu-v3/unbind", "Permission denied"),
    ("x /sys/kernel/iommu_groups/0/type", "Permission denied"),
];

#[test]
fn writes_to_sysfs_fail_as_in_linux() {
    if !host::has_sandbox("writes_to_sysfs_fail_as_in_linux") {
        return;
    }
    let mut script = "d=2c000000.ethernet; h=$p/drivers/calxedaxgmac; o=$p/devices/$d/driver_override
        long=$(printf 'x%.0s' {1..5000})\n"
        .to_owned();
    for (write, _) in WRITES {
        script += &format!("echo \"$(refused put {write})\"\n");
    }
    script += "driver $d; cat $o; refused cat $p/drivers_probe; refused mkdir $p/devices/new; refused rm $o; refused mv $o $o.new";
    let lines = inside::says(&boards::demo(), &[], &script);
    for ((write, wanted), line) in WRITES.iter().zip(&lines) {
        // A write that succeeds is told with its command.
        let line = if line.starts_with("done: ") { "done" } else { line };
        assert_eq!(line, *wanted, "put {write}");
    }
    let rest = ["calxedaxgmac", "(null)", "Permission denied"];
    assert_eq!(lines[WRITES.len()..WRITES.len() + 3], rest);
    assert_eq!(lines[WRITES.len() + 3..], ["Operation not permitted"; 3]);
}

/// A device whose reset is required and missing: `bind` has the reason's errno, `drivers_probe` succeeds and changes nothing.
#[test]
fn a_failing_probe_is_told_by_bind_alone() {
    if !host::has_sandbox("a_failing_probe_is_told_by_bind_alone") {
        return;
    }
    let script = "d=2b000000.hdlcd; put vfio-platform $p/devices/$d/driver_override; put $d $p/drivers/arm-hdlcd/unbind
        refused put $d $p/drivers/vfio-platform/bind; put $d $p/drivers_probe; driver $d
        put '' $p/devices/$d/driver_override; put $d $p/drivers_probe; driver $d";
    let lines = inside::says(&boards::demo(), &[], script);
    assert_eq!(lines, ["No such file or directory", "none", "arm-hdlcd"]);
}

/// Requests that are refused say why in one line, with status 2.
const REQUESTS: [(&str, &[&str]); 12] = [
    ("bind nosuch", &["no device \"nosuch\""]),
    ("bind ''", &["no device \"\""]),
    ("bind $'a\\nb'", &["no device \"a\\nb\""]),
    ("bind $long", &["no device \"xxx"]),
    ("bind 7ff00000.dma nosuch", &["no device \"nosuch\""]),
    ("unbind nosuch", &["no device \"nosuch\""]),
    ("hotplug add $folder/none.dts", &["none.dts", "No such file"]),
    ("hotplug add $folder/noise.dtb", &["noise.dtb", "not a usable device tree"]),
    ("hotplug add $folder/label.dts", &["label.dts", "no node of the tree has the label nosuch"]),
    ("hotplug add $folder/target.dts", &["target.dts", "the target of fragment@0 is not in the tree"]),
    ("hotplug add $folder/text.dts", &["dtc", "text.dts"]),
    ("hotplug remove nosuch", &["no device \"nosuch\""]),
];

#[test]
fn requests_that_make_no_sense_are_refused_in_one_line() {
    const TEST: &str = "requests_that_make_no_sense_are_refused_in_one_line";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["dtc"]) {
        return;
    }
    let folder = Folder::new();
    let fragment = |target: &str| {
        format!("/dts-v1/; /plugin/; / {{ fragment@0 {{ {target} __overlay__ {{ x; }}; }}; }};")
    };
    folder.file("noise.dtb", &[0xa5; 4096]);
    folder.file("label.dts", fragment("target = <&nosuch>;").as_bytes());
    folder.file("target.dts", fragment("target-path = \"/nosuch\";").as_bytes());
    folder.file("text.dts", b"no source");
    let mut script = format!("folder={}; long=$(printf 'x%.0s' {{1..5000}})\n", folder.path().display());
    script += "list() { ls -d /sys/bus/*/devices/* /sys/bus/*/drivers/*/*; }; before=$(list)\n";
    for (request, _) in REQUESTS {
        script += &format!("status=0; why=$($uvfio {request} 2>&1) || status=$?; echo \"$status $why\"\n");
    }
    script += "test \"$(list)\" = \"$before\"";
    let board = boards::changed(&folder, &[]);
    let lines = inside::says(&board, &[], &script);
    assert_eq!(lines.len(), REQUESTS.len(), "one line each: {lines:?}");
    for ((request, words), line) in REQUESTS.iter().zip(&lines) {
        assert!(line.starts_with("2 uvfio: "), "{request}: {line}");
        assert!(words.iter().all(|word| line.contains(word)), "{request}: {line}");
    }
}

/// A description with mistakes is taken as far as it can be understood, as Linux does, and what is wrong is said in one line.
#[test]
fn overlays_with_mistakes_are_plugged_in_with_a_line() {
    const TEST: &str = "overlays_with_mistakes_are_plugged_in_with_a_line";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["dtc"]) {
        return;
    }
    let folder = Folder::new();
    let few = "x@2b030000 { compatible = \"acme,few\"; reg = <0x2b030000 0x1000>; iommus = <&mmu500>; };";
    let nobody =
        "x@2b030000 { compatible = \"acme,nobody\"; reg = <0x2b030000 0x1000>; iommus = <0xdead 1>; };";
    let cycle = "a: x@2b030000 { compatible = \"acme,a\"; reg = <0x2b030000 0x1000>; clocks = <&b>; #clock-cells = <0>; };
        b: x@2b040000 { compatible = \"acme,b\"; reg = <0x2b040000 0x1000>; clocks = <&a>; #clock-cells = <0>; };";
    for (name, nodes) in [("few.dts", few), ("nobody.dts", nobody), ("cycle.dts", cycle)] {
        boards::overlay(&folder, name, nodes);
    }
    let board = boards::changed(&folder, &[]);
    let script = format!(
        "cd {}; for f in few nobody cycle; do
            $uvfio hotplug add $f.dts 2>&1; cat /sys/kernel/debug/devices_deferred; $uvfio hotplug remove $f.dts
        done",
        folder.path().display()
    );
    assert_eq!(
        inside::says(&board, &[], &script),
        [
            "2b030000.x: acme-few, no group",
            "uvfio: /soc@0/x@2b030000: entry 0 of `iommus` has 0 cells, iommu@2b500000 takes 1",
            "2b030000.x: gone",
            "2b030000.x: acme-nobody, no group",
            "uvfio: /soc@0/x@2b030000: entry 0 of `iommus` refers to phandle 0xdead, which no node has",
            "2b030000.x: gone",
            "2b030000.x: acme-a, no group",
            "2b040000.x: acme-b, no group",
            "uvfio: 2b030000.x, 2b040000.x supply each other; none of them waits for another",
            "2b030000.x: gone",
            "2b040000.x: gone",
        ]
    );
}
