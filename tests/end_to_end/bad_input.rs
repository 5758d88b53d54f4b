//! Bad input: one clear line on stderr, exit status 2, nothing on stdout and nothing left behind.

use std::path::Path;

use crate::bench::boards::{self, Folder};
use crate::bench::command::{Finished, Run};
use crate::bench::host;

/// One line on stderr that names uvfio and says all of `words`.
fn refused(finished: Finished, words: &[&str]) {
    assert_eq!(finished.code(), 2, "stdout:\n{}\nstderr:\n{}", finished.stdout, finished.stderr);
    assert_eq!(finished.stdout, "");
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "one line expected:\n{}", finished.stderr);
    assert!(lines[0].starts_with("uvfio: "), "{}", lines[0]);
    for word in words {
        assert!(lines[0].contains(word), "`{word}` is missing in: {}", lines[0]);
    }
}

fn run(board: &Path, more: &[&str], program: &[&str]) -> Finished {
    Run::new(["run", "--board"]).args([board]).args(more).args(["--"]).args(program).finish()
}

#[test]
fn a_board_that_is_no_device_tree() {
    let folder = Folder::new();
    let demo = std::fs::read(boards::demo()).expect("the demo's board is committed");
    refused(run(&folder.path().join("none.dtb"), &[], &["true"]), &["none.dtb", "No such file"]);
    refused(run(folder.path(), &[], &["true"]), &["is a folder without tables of ACPI"]);
    refused(run(&folder.file("empty.dtb", b""), &[], &["true"]), &["empty.dtb", "not a usable device tree"]);
    refused(
        run(&folder.file("short.dtb", &demo[..20]), &[], &["true"]),
        &["short.dtb", "not a usable device tree"],
    );
    refused(
        run(&folder.file("noise.dtb", &[0xa5; 4096]), &[], &["true"]),
        &["noise.dtb", "not a usable device tree"],
    );
    refused(run(Path::new("/dev/zero"), &[], &["true"]), &["/dev/zero", "larger than"]);
}

#[test]
fn a_source_that_dtc_does_not_accept() {
    if std::process::Command::new("dtc").arg("--version").output().is_err() {
        host::skip("a_source_that_dtc_does_not_accept", "dtc is not installed");
        return;
    }
    let folder = Folder::new();
    refused(run(&folder.file("bad.dts", b"/dts-v1/; / { nonsense"), &[], &["true"]), &["bad.dts", "dtc"]);
}

#[test]
fn options_that_make_no_sense() {
    let demo = boards::demo();
    refused(run(&demo, &["--param", "reset_required=0"], &["true"]), &["--param", "MODULE.NAME=VALUE"]);
    refused(run(&demo, &["--mmio", "maybe"], &["true"]), &["--mmio", "trap", "rw"]);
    refused(run(&demo, &["--report", "xml"], &["true"]), &["xml", "text", "json"]);
    refused(run(&demo, &["--personality", "linux-1.0"], &["true"]), &["linux-1.0", "linux-6.12"]);
    refused(run(&demo, &["--trace", "/nonexistent/folder/trace"], &["true"]), &["/nonexistent/folder/trace"]);
    refused(Run::new(["run", "--board"]).args([&demo]).finish(), &["PROGRAM"]);
    refused(Run::new(["run", "--", "true"]).finish(), &["--board"]);
    refused(Run::new(["frobnicate"]).finish(), &["frobnicate"]);
}

#[test]
fn a_device_that_cannot_be_bound() {
    let demo = boards::demo();
    let bind = |device: &str| run(&demo, &["--bind", device], &["true"]);
    refused(bind("7ff00000.dm"), &["7ff00000.dm", "7ff00000.dma"]);
    refused(bind("1c090000.serial"), &["1c090000.serial", "IOMMU"]);
    refused(bind("2b400000.iommu"), &["2b400000.iommu", "IOMMU"]);
    refused(bind("2b000000.hdlcd"), &["2b000000.hdlcd", "vfio-platform.reset_required=0"]);
    let gpu = run(&demo, &["--param", "vfio-platform.reset_required=0", "--bind", "2d000000.gpu"], &["true"]);
    refused(gpu, &["2d000000.gpu", "coherent"]);
}

#[test]
fn a_parameter_that_is_not_there() {
    let demo = boards::demo();
    refused(
        run(&demo, &["--param", "vfio-platform.reset=0"], &["true"]),
        &["vfio_platform.reset", "vfio_platform.reset_required"],
    );
    refused(
        run(&demo, &["--param", "vfio-platform.reset_required=maybe"], &["true"]),
        &["reset_required", "maybe"],
    );
}

#[test]
fn a_program_that_cannot_be_started() {
    if !host::has_sandbox("a_program_that_cannot_be_started") {
        return;
    }
    let demo = boards::demo();
    let folder = Folder::new();
    let text = folder.file("text", b"not a program");
    refused(run(&demo, &[], &["/nonexistent/program"]), &["/nonexistent/program", "No such file"]);
    refused(run(&demo, &[], &["no-such-program-in-path"]), &["no-such-program-in-path"]);
    refused(run(&demo, &[], &[text.to_str().expect("a plain path")]), &["text", "Permission denied"]);
    refused(run(&demo, &[], &["/"]), &["Permission denied"]);
}

#[test]
fn a_host_that_allows_no_user_namespace() {
    const TEST: &str = "a_host_that_allows_no_user_namespace";
    if !host::has_sandbox(TEST) {
        return;
    }
    let inner = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -all {} run --board {} -- true",
        crate::bench::command::uvfio().display(),
        boards::demo().display()
    );
    let finished = Run::of(Path::new("unshare"), ["--user", "--map-root-user", "sh", "-c", &inner]).finish();
    if finished.stderr.contains("unshare") {
        host::skip(TEST, finished.stderr.trim());
        return;
    }
    refused(finished, &["user namespace", "uvfio doctor"]);
}
