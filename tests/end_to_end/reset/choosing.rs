//! Which way a device is reset: `reset_method`, and what an administrator chooses there.

use super::{board, script};
use crate::bench::boards;
use crate::bench::command::Run;
use crate::bench::host;

/// It has a reset driver and a reset line.
const BOTH: &str = "7c700000.ethernet";

#[test]
fn reset_method_is_read_and_written_as_for_a_pci_function() {
    if !host::has_sandbox("reset_method_is_read_and_written_as_for_a_pci_function") {
        return;
    }
    let text = format!(
        "m=/sys/bus/platform/devices/{BOTH}/reset_method
        cat $m
        echo controller > $m; cat $m
        echo 'controller  device_specific' > $m; cat $m
        echo flr > $m; echo $?; echo hammer > $m; echo $?; echo 'controller hammer' > $m; echo $?
        cat $m; echo default > $m; cat $m
        echo > $m; echo \"empty: $(wc -c < $m)\"
        test -e /sys/bus/platform/devices/8000000.interrupt-controller/reset_method; echo $?"
    );
    let finished = script(board(&boards::resets(), &[]), &text).expect(0);
    let expected = "device_specific controller\ncontroller\ncontroller device_specific\n1\n1\n1\n\
        controller device_specific\ndevice_specific controller\nempty: 0\n1\n";
    assert_eq!(finished.stdout, expected, "{}", finished.stderr);
    assert_eq!(finished.stderr.matches(" = -1 EINVAL").count(), 3, "{}", finished.stderr);
}

/// Calxeda's reset driver stops the engines and touches nothing else; the line returns every register.
#[test]
fn the_way_chosen_is_the_way_taken() {
    if !host::has_sandbox("the_way_chosen_is_the_way_taken") {
        return;
    }
    let text = format!(
        "m=/sys/bus/platform/devices/{BOTH}/reset_method
        reset() {{ $r open {BOTH} info {BOTH} write {BOTH} 0x40 7 reset {BOTH} read {BOTH} 0x40 | sed -n '2p;4,$p'; }}
        reset; echo controller > $m; reset
        echo > $m; reset; $r open {BOTH}"
    );
    let finished = script(board(&boards::resets(), &[BOTH]), &text).expect(1);
    let driver = format!("info {BOTH}: can be reset\nreset {BOTH}: ok\nread {BOTH} 0x40: 0x7\n");
    let line = format!("info {BOTH}: can be reset\nreset {BOTH}: ok\nread {BOTH} 0x40: 0x0\n");
    let none =
        format!("info {BOTH}: EBADF\nreset {BOTH}: EBADF\nread {BOTH} 0x40: EBADF\nopen {BOTH}: EINVAL\n");
    assert_eq!(finished.stdout, driver + &line + &none, "{}", finished.stderr);
}

/// Told before anything happens, and then done.
#[test]
fn what_a_reset_would_reach_is_told_first() {
    if !host::has_sandbox("what_a_reset_would_reach_is_told_first") {
        return;
    }
    let text = "d=/sys/bus/platform/devices
        $u reset ee0a0100.usb --dry-run && $u reset ee0a0100.usb
        for n in ee0a0100.usb ee0a0200.usb-phy; do echo $n > $d/$n/driver/unbind; done
        $u reset ee0a0100.usb --dry-run --by function && $u reset ee0a0100.usb
        $u reset ee0a0100.usb --by flr; $u reset ee0a0100.usb --by link; $u reset ee0a0100.usb --by force";
    let finished = script(board(&boards::rcar_h3(), &[]), text).expect(2);
    let expected = "controller: line 702 of /soc/clock-controller@e6150000
reaches ee0a0100.usb: driver ehci-platform's
reaches ee0a0200.usb-phy (its phy, or it is that one's): driver renesas-usb2-phy-r8a7795's
it may not: it is driver ehci-platform's
controller: line 702 of /soc/clock-controller@e6150000
reaches ee0a0100.usb: the asker's
reaches ee0a0200.usb-phy (its phy, or it is that one's): nobody's
it may
ee0a0100.usb: reset
ee0a0200.usb-phy: reset
";
    assert_eq!(finished.stdout, expected, "{}", finished.stderr);
    for words in [
        "cannot reset ee0a0100.usb: it is driver ehci-platform's",
        "flr is a reset of PCI functions, and there is no PCI",
        "cannot reset ee0a0100.usb: ee0a0100.usb has no reset of that kind",
        "there are any, function, link, acpi, device_specific, controller, flr, pm, slot, bus",
    ] {
        assert!(finished.stderr.contains(words), "{words} is missing in {}", finished.stderr);
    }
}

#[test]
fn explain_names_the_reset_set() {
    let explain =
        |device: &str| Run::new(["explain"]).args([boards::rcar_h3()]).args([device]).finish().expect(1);
    let pwm = explain("e6e30000.pwm").stdout;
    let set = "e6e31000.pwm, e6e32000.pwm, e6e33000.pwm, e6e34000.pwm, e6e35000.pwm, e6e36000.pwm";
    assert!(
        pwm.contains(&format!("line 523 of /soc/clock-controller@e6150000, which also resets {set}")),
        "{pwm}"
    );
    assert!(pwm.contains("only with --reset-set together"), "{pwm}");
    let host = explain("ee0a0100.usb").stdout;
    assert!(
        host.contains("also resets ee0a0200.usb-phy") && host.contains("once its phy has no driver"),
        "{host}"
    );
}
