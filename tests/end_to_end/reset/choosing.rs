//! Which way a device is reset: `reset_method`, and what an administrator chooses there.

use super::{board, script};
use crate::bench::boards;
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
