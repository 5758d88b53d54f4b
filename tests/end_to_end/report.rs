//! The trace and the report: calls decoded, refusals explained, and what a program left wrong.

use serde_json::Value;

use crate::bench::boards::{self, Folder};
use crate::bench::clients::{Linking, dma330_copy};
use crate::bench::command::Run;
use crate::bench::host;

fn run() -> Run {
    Run::new(["run", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--board"])
        .args([boards::demo()])
        .args(["--bind", "7ff00000.dma"])
}

/// The report of a copy that leaves something undone.
fn after_leaving(what: &str) -> Value {
    let folder = Folder::new();
    let report = folder.path().join("report.json");
    let run =
        run().args(["--report", "json"]).args([&report]).args(["--"]).args([dma330_copy(Linking::Dynamic)]);
    run.args(["7ff00000.dma", "--leave", what]).finish().expect(0);
    let text = std::fs::read_to_string(&report).expect("the report was written");
    serde_json::from_str(&text).expect("the report is JSON")
}

fn kinds(report: &Value) -> Vec<&str> {
    let left = report["left"].as_array().expect("a list");
    left.iter().map(|one| one["kind"].as_str().expect("a word")).collect()
}

#[test]
fn a_clean_copy_leaves_nothing() {
    if !host::has_sandbox("a_clean_copy_leaves_nothing") {
        return;
    }
    let report = after_leaving("nothing");
    assert_eq!(report["version"], 1);
    assert_eq!(report["status"]["exit"], 0);
    assert!(kinds(&report).is_empty(), "{report}");
    let device = &report["devices"][0];
    assert_eq!(device["name"], "7ff00000.dma");
    assert_eq!(device["dma"]["written"], 1 << 20);
    assert!(
        device["dma"]["read"].as_u64().is_some_and(|read| read > 1 << 20),
        "the program of the device is read too"
    );
    assert_eq!(device["dma"]["faults"], 0);
    assert_eq!(device["interrupts"]["raised"], 8);
    assert_eq!(device["interrupts"]["delivered"], 8);
}

#[test]
fn what_is_left_is_named() {
    if !host::has_sandbox("what_is_left_is_named") {
        return;
    }
    assert_eq!(kinds(&after_leaving("armed")), ["interrupt-armed"]);
    assert_eq!(kinds(&after_leaving("running")), ["device-running"]);
}

#[test]
fn the_trace_names_calls_and_explains_refusals() {
    if !host::has_sandbox("the_trace_names_calls_and_explains_refusals") {
        return;
    }
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let run = run().args(["--trace"]).args([&trace]).args(["--report", "none", "--", "sh", "-c"]);
    let script = "set -e; \"$1\" 7ff00000.dma
        group=$(basename $(readlink /sys/bus/amba/devices/7ff00000.dma/iommu_group))
        exec 3<>/dev/vfio/$group; if exec 4<>/dev/vfio/$group; then exit 1; else exit 0; fi";
    run.args([script, "sh"]).args([dma330_copy(Linking::Dynamic)]).finish();
    let text = std::fs::read_to_string(&trace).expect("the trace was written");
    for words in [
        "VFIO_GET_API_VERSION() = 0",
        "VFIO_CHECK_EXTENSION(VFIO_TYPE1v2_IOMMU) = 1",
        "VFIO_SET_IOMMU(VFIO_TYPE1v2_IOMMU) = 0",
        "VFIO_IOMMU_MAP_DMA(READ, vaddr 0x",
        "VFIO_GROUP_GET_DEVICE_FD(\"7ff00000.dma\")",
        "VFIO_DEVICE_SET_IRQS(DATA_EVENTFD|ACTION_TRIGGER, index 0, start 0, count 1, eventfd ",
        "= -1 EBUSY",
        "only one file of a group may be",
        "[open.busy]",
    ] {
        assert!(text.contains(words), "`{words}` is missing in:\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours in a file");
}
