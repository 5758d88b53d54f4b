//! R-Car H3's shared lines.
//!
//! Its IOMMU does not keep DMA coherent (drivers/iommu/ipmmu-vmsa.c has no `capable`), so these devices bind only as before Linux 6.0.

use super::{script, steps};
use crate::bench::boards;
use crate::bench::clients::vfio_reset;
use crate::bench::command::Run;
use crate::bench::host;

const PWMS: [&str; 7] = [
    "e6e30000.pwm",
    "e6e31000.pwm",
    "e6e32000.pwm",
    "e6e33000.pwm",
    "e6e34000.pwm",
    "e6e35000.pwm",
    "e6e36000.pwm",
];
/// A USB host, and its phy, on one line that is nobody else's.
const HOST: &str = "ee0a0100.usb";
const PHY: &str = "ee0a0200.usb-phy";

/// The board with these options and devices bound.
fn h3(options: &[&str], bind: &[&str]) -> Run {
    super::board(&boards::rcar_h3(), bind).args(["--personality", "rfc-v4"]).args(options)
}

/// Every device in a step of its own.
fn each(step: &str, devices: &[&str], rest: &str) -> String {
    devices.iter().map(|device| format!(" {step} {device} {rest}")).collect()
}

#[test]
fn one_pwm_channel_alone_is_refused_with_the_reason() {
    const TEST: &str = "one_pwm_channel_alone_is_refused_with_the_reason";
    if !host::has_sandbox(TEST) {
        return;
    }
    let apart = h3(&[], &PWMS[..1]).args(["--", "true"]).finish().expect(2);
    assert!(apart.stderr.contains("is also that of e6e31000.pwm"), "{}", apart.stderr);
    let together = steps(h3(&["--reset-set", "together"], &PWMS[..1]), "open e6e30000.pwm").expect(1);
    assert_eq!(together.stdout, "open e6e30000.pwm: EPERM\n");
    assert!(together.stderr.contains("would also reach e6e31000.pwm, which is driver pwm-rcar's"));
    let all = h3(&["--reset-set", "together"], &PWMS);
    let apart = steps(all, "join e6e30000.pwm container open e6e31000.pwm").expect(1);
    assert!(
        apart.stderr.contains("would also reach e6e30000.pwm, which is another user's"),
        "{}",
        apart.stderr
    );
}

#[test]
fn all_seven_pwm_channels_together_are_reset() {
    if !host::has_sandbox("all_seven_pwm_channels_together_are_reset") {
        return;
    }
    let line = each("join", &PWMS, "") + &each("open", &PWMS, "") + &each("write", &PWMS, "4 0x7f");
    let line = line + &each("read", &PWMS, "4") + " reset e6e32000.pwm" + &each("read", &PWMS, "4");
    let finished = steps(h3(&["--reset-set", "together"], &PWMS), &line).expect(0);
    let read = |value| move |line: &&str| line.starts_with("read ") && line.ends_with(value);
    assert_eq!(finished.stdout.lines().filter(read(": 0x7f")).count(), 7, "{}", finished.stdout);
    assert_eq!(finished.stdout.lines().filter(read(": 0x0")).count(), 7, "{}", finished.stdout);
}

/// What one program does is another's loss: while the channels are used nobody else can have one that would take it from them.
#[test]
fn a_set_in_use_is_nobody_elses() {
    if !host::has_sandbox("a_set_in_use_is_nobody_elses") {
        return;
    }
    let text = "mkfifo \"$2/go\" \"$2/on\"
        $r join e6e30000.pwm open e6e31000.pwm open e6e30000.pwm write e6e30000.pwm 4 5 pause read e6e30000.pwm 4 \\
            < \"$2/go\" > \"$2/on\" &
        exec 8> \"$2/go\" 9< \"$2/on\"
        while read line <&9; do case $line in write*) break;; esac; done
        $r open e6e30000.pwm
        $r open e6e32000.pwm
        echo >&8; wait $!; cat <&9";
    let folder = boards::Folder::new();
    let run =
        h3(&["--reset-set", "together"], &PWMS).args(["--", "sh", "-c", &format!("r=$1\n{text}"), "sh"]);
    let finished = run.args([vfio_reset(), folder.path()]).finish().expect(0);
    assert!(
        finished.stdout.contains("open e6e30000.pwm: EBUSY\nopen e6e32000.pwm: EBUSY"),
        "{}",
        finished.stdout
    );
    assert!(finished.stdout.ends_with("pause: ok\nread e6e30000.pwm 0x4: 0x5\n"), "{}", finished.stdout);
}

#[test]
fn a_usb_host_is_reset_with_its_own_phy() {
    if !host::has_sandbox("a_usb_host_is_reset_with_its_own_phy") {
        return;
    }
    let held = steps(h3(&[], &[HOST]), &format!("open {HOST}")).expect(1);
    assert!(held.stderr.contains(&format!("would also reach {PHY}, which is driver")), "{}", held.stderr);
    let text = format!(
        "d=/sys/bus/platform/devices/{PHY}; echo {PHY} > $d/driver/unbind
        $r open {HOST} info {HOST} write {HOST} 0x10 0x80001 reset {HOST} read {HOST} 0x10"
    );
    let finished = script(h3(&[], &[HOST]), &text).expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(lines[1], format!("info {HOST}: can be reset"));
    assert_eq!(lines[4], format!("read {HOST} 0x10: 0x80000"), "USBCMD as the EHCI specification has it");
}

/// What PCI has for buses: the program shows the files of all groups that are reset together, whatever containers they are in.
#[test]
fn groups_are_handed_in_as_for_a_hot_reset() {
    if !host::has_sandbox("groups_are_handed_in_as_for_a_hot_reset") {
        return;
    }
    let line = "join e6e30000.pwm container open e6e31000.pwm open e6e30000.pwm
        write e6e30000.pwm 4 7 write e6e36000.pwm 4 7 write e6e31000.pwm 4 7
        reset e6e30000.pwm reset-with e6e30000.pwm e6e30000.pwm
        reset-with e6e30000.pwm e6e30000.pwm,99 reset-with e6e30000.pwm e6e30000.pwm,0
        read e6e30000.pwm 4 read e6e31000.pwm 4
        reset-with e6e30000.pwm e6e30000.pwm,e6e31000.pwm
        read e6e30000.pwm 4 read e6e31000.pwm 4";
    let finished = steps(h3(&["--param", "vfio-platform.reset_required=0"], &PWMS), line).expect(1);
    let answers: Vec<&str> =
        finished.stdout.lines().filter_map(|line| Some(line.split_once(": ")?.1)).collect();
    let expected = [
        "ok", "ok", "ok", "ok", "ok", "EBADF", "ok", "EBUSY", "EINVAL", "EBADF", "EINVAL", "0x7", "0x7",
        "ok", "0x0", "0x0",
    ];
    assert_eq!(answers, expected, "{}\n{}", finished.stdout, finished.stderr);
    for words in ["and whose group was not shown", "descriptor 99 is not open", "descriptor 0 is no group"] {
        assert!(finished.stderr.contains(words), "{words} is missing in {}", finished.stderr);
    }
    // What shares no line has no such call, as in Linux.
    let alone = "open e6700000.dma-controller reset-with e6700000.dma-controller e6700000.dma-controller";
    let finished = steps(h3(&[], &["e6700000.dma-controller"]), alone).expect(1);
    assert!(finished.stdout.ends_with(": ENOTTY\n"), "{}", finished.stdout);
}

#[test]
fn a_set_is_bound_in_one_step() {
    if !host::has_sandbox("a_set_is_bound_in_one_step") {
        return;
    }
    let text = "$u bind e6e30000.pwm | wc -l; $r join e6e31000.pwm open e6e30000.pwm
        $u unbind e6e32000.pwm | grep -c pwm-rcar";
    let finished = script(h3(&["--reset-set", "together"], &[]), text).expect(0);
    assert_eq!(
        finished.stdout, "7\njoin e6e31000.pwm: ok\nopen e6e30000.pwm: ok\n7\n",
        "{}",
        finished.stderr
    );
}
