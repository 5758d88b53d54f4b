//! Devices that are at work when they are reset, and devices whose reset does not work.

use serde_json::Value;

use super::{board, script, steps};
use crate::bench::boards::{self, Folder};
use crate::bench::clients::{Linking, dma330_copy};
use crate::bench::command::Run;
use crate::bench::host;

const XGMAC: &str = "7c200000.ethernet";
const XGBE: &str = "7c300000.ethernet";
const FLEXRM: &str = "7c400000.mailbox";
const DMA: &str = "7c500000.dma";
const USB: &str = "7c600000.usb";

fn injected(what: &str, device: &str) -> Run {
    board(&boards::resets(), &[device]).args([format!("--inject={what}={device}")])
}

#[test]
fn a_transfer_under_way_ends_with_the_reset() {
    if !host::has_sandbox("a_transfer_under_way_ends_with_the_reset") {
        return;
    }
    let run = board(&boards::resets(), &[DMA]).args(["--"]).args([dma330_copy(Linking::Dynamic)]);
    let finished = run.args([DMA, "--bytes", "4096", "--pieces", "1", "--leave", "reset"]).finish().expect(0);
    assert!(finished.stderr.contains("VFIO_DEVICE_RESET() = 0"), "{}", finished.stderr);
}

#[test]
fn a_reset_that_does_not_end_fails_the_open_within_its_bound() {
    if !host::has_sandbox("a_reset_that_does_not_end_fails_the_open_within_its_bound") {
        return;
    }
    for (device, errno, words) in [
        (XGBE, "ETIMEDOUT", "its MAC hangs"),
        (FLEXRM, "ETIMEDOUT", "ring 0 hangs"),
        (USB, "EIO", "not in the state its manual describes"),
    ] {
        // The second open tries again.
        let line = format!("open {device} open {device}");
        let finished = steps(injected("reset-hang", device), &line).expect(1);
        let expected = format!("open {device}: {errno}\n").repeat(2);
        assert_eq!(finished.stdout, expected, "{}", finished.stderr);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn where_no_reset_is_required_it_is_opened_and_kept_from_everything() {
    if !host::has_sandbox("where_no_reset_is_required_it_is_opened_and_kept_from_everything") {
        return;
    }
    let run = injected("reset-hang", USB).args(["--param", "vfio-platform.reset_required=0"]);
    let line = format!("open {USB} write {USB} 0x10 1 read {USB} 0 reset {USB}");
    let finished = steps(run, &line).expect(1);
    let expected =
        format!("open {USB}: ok\nwrite {USB} 0x10 0x1: ok\nread {USB} 0x0: 0x0\nreset {USB}: EIO\n");
    assert_eq!(finished.stdout, expected, "the capability registers of a device out of reset are not 0");
}

#[test]
fn a_reset_without_effect_is_noticed_and_the_device_blocked() {
    if !host::has_sandbox("a_reset_without_effect_is_noticed_and_the_device_blocked") {
        return;
    }
    // The first has its transmitter started, the second a ring, the third its schedule.
    for (device, offset, value) in
        [(XGMAC, "0xf18", "0x2000"), (FLEXRM, "0x34", "0x10"), (USB, "0x10", "0x80001")]
    {
        let line = format!(
            "open {device} write {device} {offset} {value} reset {device} read {device} {offset} \
             close {device} open {device}"
        );
        let finished = steps(injected("reset-fail", device), &line).expect(1);
        for words in [
            format!("reset {device}: EIO\n"),
            format!("read {device} {offset}: 0x0\n"),
            format!("close {device}: ok\nopen {device}: EIO\n"),
        ] {
            assert!(finished.stdout.contains(&words), "{words} is missing in {}", finished.stdout);
        }
    }
}

#[test]
fn the_report_names_what_was_not_reset() {
    if !host::has_sandbox("the_report_names_what_was_not_reset") {
        return;
    }
    let folder = Folder::new();
    let report = folder.path().join("report.json");
    let run = Run::new(["run", "--board"]).args([boards::resets()]);
    let run = run.args(["--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--bind", DMA]);
    let run = run.args([&format!("--inject=reset-fail={DMA}"), "--report", "json"]).args([&report]);
    let run = run.args(["--"]).args([dma330_copy(Linking::Dynamic)]);
    let finished = run.args([DMA, "--bytes", "4096", "--pieces", "1", "--leave", "reset"]).finish().expect(1);
    assert!(finished.stderr.contains("VFIO_DEVICE_RESET: Input/output error"), "{}", finished.stderr);
    let text = std::fs::read_to_string(&report).expect("the report was written");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    assert_eq!(report["not_reset"], serde_json::json!([DMA]), "{report}");
    let faults = report["devices"][0]["dma"]["first_faults"].as_array().expect("a list");
    assert!(faults.iter().all(|fault| fault["reason"] == "blocked") && !faults.is_empty(), "{report}");
}

#[test]
fn what_is_injected_must_be_there() {
    let run = board(&boards::resets(), &[]).args(["--inject=reset-hang=7c60000.usb", "--", "true"]);
    let finished = run.finish().expect(2);
    assert!(finished.stderr.contains("did you mean one of 7c600000.usb"), "{}", finished.stderr);
    let finished = board(&boards::resets(), &[]).args(["--inject=hang", "--", "true"]).finish().expect(2);
    assert!(finished.stderr.contains("reset-hang=DEVICE"), "{}", finished.stderr);
    if host::has_sandbox("what_is_injected_must_be_there") {
        // The device of another name is as it was.
        let run = board(&boards::resets(), &[USB]).args([format!("--inject=reset-hang={XGBE}")]);
        script(run, &format!("$r open {USB} reset {USB}")).expect(0);
    }
}
