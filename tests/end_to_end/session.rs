//! Commands inside a session: sets of devices bound in one step, devices plugged in and out.

use std::path::Path;

use crate::bench::boards::{self, Folder};
use crate::bench::command::{Finished, Run, uvfio};
use crate::bench::host;

/// An overlay with one more device behind the stream the demo's pair shares.
const TWIN: &str = "/dts-v1/;
/plugin/;
/ {
	fragment@0 {
		target-path = \"/soc@0\";
		__overlay__ {
			#address-cells = <1>;
			#size-cells = <1>;
			hdlcd@2b020000 {
				compatible = \"arm,hdlcd\";
				reg = <0x2b020000 0x1000>;
			};
		};
	};
};
";

fn session(more: &[&str], script: &str, args: &[&Path]) -> Finished {
    let run = Run::new(["run", "--board"]).args([boards::demo()]).args(more);
    run.args(["--", "sh", "-c", script, "sh"]).args([uvfio()]).args(args).finish()
}

#[test]
fn a_group_is_bound_and_given_back_as_one() {
    if !host::has_sandbox("a_group_is_bound_and_given_back_as_one") {
        return;
    }
    let script = "set -e; $1 bind 2b000000.hdlcd
        readlink /sys/bus/platform/devices/2b010000.hdlcd/driver
        $1 unbind 2b010000.hdlcd
        readlink /sys/bus/platform/devices/2b000000.hdlcd/driver";
    let finished = session(&["--param", "vfio-platform.reset_required=0"], script, &[]).expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with("2b000000.hdlcd: vfio-platform, group "), "{lines:?}");
    assert!(lines[1].starts_with("2b010000.hdlcd: vfio-platform, group "), "{lines:?}");
    assert!(lines[2].ends_with("/vfio-platform"), "{lines:?}");
    assert!(lines[5].ends_with("/arm-hdlcd"), "{lines:?}");
}

#[test]
fn a_refusal_names_the_member_in_the_way_and_changes_nothing() {
    if !host::has_sandbox("a_refusal_names_the_member_in_the_way_and_changes_nothing") {
        return;
    }
    let script = "$1 bind 2b000000.hdlcd; echo $?; readlink /sys/bus/platform/devices/2b000000.hdlcd/driver";
    let finished = session(&[], script, &[]).expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines[0], "2");
    assert!(lines[1].ends_with("/arm-hdlcd"), "{lines:?}");
    assert!(
        finished.stderr.contains("2b010000.hdlcd") && finished.stderr.contains("reset_required=0"),
        "{}",
        finished.stderr
    );
}

#[test]
fn devices_are_plugged_in_and_out() {
    const TEST: &str = "devices_are_plugged_in_and_out";
    if !host::has_sandbox(TEST) {
        return;
    }
    if std::process::Command::new("dtc").arg("--version").output().is_err() {
        host::skip(TEST, "dtc is not installed");
        return;
    }
    let folder = Folder::new();
    let twin = folder.file("twin.dts", TWIN.as_bytes());
    let script = "set -e; d=/sys/bus/platform/devices
        $1 hotplug add $2; test -e $d/2b020000.hdlcd
        if $1 hotplug add $2; then exit 9; fi
        $1 hotplug remove $2; test ! -e $d/2b020000.hdlcd
        $1 hotplug remove 1c090000.serial; test ! -e /sys/bus/amba/devices/1c090000.serial";
    let finished = session(&[], script, &[&twin]).expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(
        lines,
        ["2b020000.hdlcd: arm-hdlcd, no group", "2b020000.hdlcd: gone", "1c090000.serial: gone"]
    );
}

#[test]
fn outside_there_is_no_session() {
    let finished = Run::new(["bind", "7ff00000.dma"]).finish().expect(2);
    assert_eq!(
        finished.stderr,
        "uvfio: this works only inside uvfio shell or a program that uvfio run started\n"
    );
}
