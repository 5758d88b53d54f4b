//! The exit status is the program's own, and its input and output are untouched.

use std::path::Path;

use crate::bench::boards;
use crate::bench::command::Run;
use crate::bench::host;

fn shell(script: &str) -> Run {
    Run::new([Path::new("run"), Path::new("--board"), &boards::demo()])
        .args(["--report", "none", "--", "sh", "-c", script])
}

#[test]
fn a_program_keeps_its_status_and_its_output() {
    if !host::has_sandbox("a_program_keeps_its_status_and_its_output") {
        return;
    }
    let finished = shell("echo out; echo err >&2; exit 37").finish().expect(37);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    shell("exit 0").finish().expect(0);
}

#[test]
fn a_signal_is_128_and_its_number() {
    if host::has_sandbox("a_signal_is_128_and_its_number") {
        shell("kill -TERM $$").finish().expect(128 + 15);
        shell("kill -KILL $$").finish().expect(128 + 9);
    }
}

#[test]
fn a_program_finds_its_files_its_folder_and_its_user() {
    if !host::has_sandbox("a_program_finds_its_files_its_folder_and_its_user") {
        return;
    }
    let finished = shell("pwd; id -u; test -c /dev/null && ls /sys/bus/amba/devices").finish().expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(Path::new(lines[0]), std::env::current_dir().expect("there is one"));
    assert_eq!(lines[2], "1c090000.serial");
}

/// Children that a program leaves behind end with the sandbox.
#[test]
fn children_do_not_outlive_it() {
    if host::has_sandbox("children_do_not_outlive_it") {
        shell("(trap '' HUP TERM; sleep 1000 > /dev/null 2>&1) & exit 5").finish().expect(5);
    }
}
