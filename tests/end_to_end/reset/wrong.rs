//! Descriptions that are wrong, and controllers that are not there.

use super::{board, script};
use crate::bench::boards;
use crate::bench::host;

const USB: &str = "7c600000.usb";
const CONTROLLER: &str = "9060000.reset-controller";

#[test]
fn a_description_that_is_wrong_is_refused_with_the_reason() {
    let refused = |device: &str, words: &str| {
        let finished = board(&boards::resets(), &[device]).args(["--", "true"]).finish().expect(2);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    };
    refused("7c800000.usb", "takes 1 cells for a reset line, and 2 are given");
    refused("7c900000.usb", "has no reset line 99");
    refused("7ca00000.usb", "refers to a node that is not there");
    refused("7cb00000.usb", "refers to a node that is not there");
}

#[test]
fn a_controller_that_goes_takes_the_reset_with_it() {
    if !host::has_sandbox("a_controller_that_goes_takes_the_reset_with_it") {
        return;
    }
    let text = format!(
        "d=/sys/bus/platform/devices
        mkfifo \"$3/go\" \"$3/on\"
        $r open {USB} reset {USB} pause reset {USB} read {USB} 0x10 < \"$3/go\" > \"$3/on\" &
        exec 8> \"$3/go\" 9< \"$3/on\"
        read line <&9; echo \"$line\"; read line <&9; echo \"$line\"
        echo {CONTROLLER} > $d/{CONTROLLER}/driver/unbind
        echo >&8; wait $!; cat <&9
        $r open {USB}
        echo {USB} > $d/{USB}/driver/unbind; echo {USB} > /sys/bus/platform/drivers/vfio-platform/bind
        echo {CONTROLLER} > /sys/bus/platform/drivers_probe; echo {USB} > /sys/bus/platform/drivers/vfio-platform/bind
        basename $(readlink $d/{USB}/driver); $r open {USB} reset {USB}"
    );
    let folder = boards::Folder::new();
    let text = format!("r=$1 u=$2\n{text}");
    let run = board(&boards::resets(), &[USB]).args(["--fw-devlink", "off", "--", "sh", "-c", &text, "sh"]);
    let run = run.args([crate::bench::clients::vfio_reset(), crate::bench::command::uvfio(), folder.path()]);
    let finished = run.finish().expect(0);
    let expected = format!(
        "open {USB}: ok\nreset {USB}: ok\npause: ok\nreset {USB}: ENODEV\nread {USB} 0x10: 0x80000\n\
        open {USB}: ENODEV\nvfio-platform\nopen {USB}: ok\nreset {USB}: ok\n"
    );
    assert_eq!(finished.stdout, expected, "{}", finished.stderr);
    assert!(finished.stderr.contains("has no driver, so its lines cannot be moved"), "{}", finished.stderr);
}

/// Where links order things, a controller takes those who need it along.
#[test]
fn a_controller_does_not_go_from_under_its_users() {
    if !host::has_sandbox("a_controller_does_not_go_from_under_its_users") {
        return;
    }
    let text = format!(
        "d=/sys/bus/platform/devices
        echo {CONTROLLER} > $d/{CONTROLLER}/driver/unbind
        test -e $d/{USB}/driver; echo $?
        echo {USB} > /sys/bus/platform/drivers/vfio-platform/bind; echo $?"
    );
    let finished = script(board(&boards::resets(), &[USB]), &text).expect(0);
    assert_eq!(finished.stdout, "1\n1\n", "{}", finished.stderr);
    assert!(finished.stderr.contains(" = -1 EAGAIN"), "{}", finished.stderr);
}

#[test]
fn a_controllers_module_and_the_controller_itself_can_go() {
    const TEST: &str = "a_controllers_module_and_the_controller_itself_can_go";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["modprobe", "rmmod"]) {
        return;
    }
    let text = format!(
        "rmmod reset_simple && $r open {USB}
        modprobe reset_simple && $r open {USB}
        $u hotplug remove {CONTROLLER} && $r open {USB}"
    );
    let finished = script(board(&boards::resets(), &[USB]).args(["--fw-devlink", "off"]), &text).expect(1);
    let expected = format!("open {USB}: ENODEV\nopen {USB}: ok\n{CONTROLLER}: gone\nopen {USB}: ENODEV\n");
    assert_eq!(finished.stdout, expected, "{}", finished.stderr);
}
