//! Devices handed back: by programs that were killed at any moment, and by programs that left them running. Their host drivers do nothing
//! with them, so that whatever they see a device do it was left doing; the report has it.

use serde_json::Value;

use crate::bench::boards::{self, Folder};
use crate::bench::{host, inside};

/// Half a minute of a slow machine.
const TIMES: u64 = 150;

/// Run a script on a board, and return its report.
fn report(board: &std::path::Path, folder: &Folder, bind: &[&str], text: &str) -> Value {
    let report = folder.path().join("report.json");
    let path = report.to_str().expect("a plain path");
    let more = ["--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--report", "json", path];
    inside::script(board, &[&more[..], bind].concat(), text).expect(0);
    let text = std::fs::read_to_string(&report).expect("the report was written");
    serde_json::from_str(&text).expect("the report is JSON")
}

fn device<'a>(report: &'a Value, name: &str) -> &'a Value {
    let devices = report["devices"].as_array().expect("a list");
    devices.iter().find(|device| device["name"] == name).expect("the device did something")
}

/// Two programs at a time copy, each with a controller that has a reset, and are killed; then the host drivers get the controllers.
#[test]
fn by_programs_that_are_killed() {
    const TEST: &str = "by_programs_that_are_killed";
    if !host::has_sandbox(TEST) || !host::has_tools(TEST, &["dtc"]) {
        return;
    }
    let folder = Folder::new();
    let controller = "rst: reset-controller@1c300000 {
            compatible = \"snps,dw-high-reset\";
            reg = <0x0 0x1c300000 0x0 0x1000>;
            #reset-cells = <1>;
        };
        soc@0 {";
    let board = boards::changed(
        &folder,
        &[
            ("soc@0 {", controller),
            ("iommus = <&smmu 0x10>;", "iommus = <&smmu 0x10>; resets = <&rst 5>;"),
            ("iommus = <&smmu 0x11>;", "iommus = <&smmu 0x11>; resets = <&rst 6>;"),
        ],
    );
    let names = ["7ff00000.dma", "7ff10000.dma"];
    let script = format!("$own killed {TIMES} $copy {}", names.join(" "));
    let report = report(&board, &folder, &["--bind", names[0], "--bind", names[1]], &script);
    for name in names {
        let device = device(&report, name);
        let host = &device["host"];
        assert_eq!(host["taken"], TIMES + 1, "{device}");
        for what in ["found_running", "found_interrupting", "dma", "interrupts"] {
            assert_eq!(host[what], 0, "{what}: {device}");
        }
        assert!(device["dma"]["written"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "no load: {device}");
    }
}

/// Nothing resets a DMA-330 of the demo's board: it goes on copying when its program is gone, and gets faults.
#[test]
fn by_a_program_that_left_it_running_without_a_reset() {
    const TEST: &str = "by_a_program_that_left_it_running_without_a_reset";
    if !host::has_sandbox(TEST) {
        return;
    }
    let folder = Folder::new();
    let script = "d=7ff00000.dma; $copy $d --leave copying; $uvfio unbind $d; driver $d
        $uvfio bind $d; $own faulted $d";
    let report = report(&boards::demo(), &folder, &["--bind", "7ff00000.dma"], script);
    let device = device(&report, "7ff00000.dma");
    assert_eq!((&device["host"]["taken"], &device["host"]["dma"]), (&2.into(), &0.into()), "{device}");
    assert!(device["dma"]["faults"].as_u64().is_some_and(|faults| faults > 0), "{device}");
    let first = device["dma"]["first_faults"][0]["reason"].as_str().expect("a word");
    assert!(["blocked", "not-mapped", "memory-gone"].contains(&first), "{device}");
}
