//! SIGKILL at any moment: of the program, and of uvfio itself. Nothing may be left; `finish` looks.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::boards;
use crate::bench::clients::{Linking, dma330_copy};
use crate::bench::command::{Run, Running};
use crate::bench::host;

/// Moments after the start, from before anything is set up to the middle of the work.
const MOMENTS: [u64; 8] = [0, 1, 2, 5, 10, 30, 100, 400];

/// Both ways to registers: calls that are caught, and accesses that trap.
const ACCESS: [&str; 2] = ["pread", "mapped"];

/// A program that copies for ever.
fn endless(access: &str) -> Running {
    let run = Run::new(["run", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--board"]);
    let run = run.args([boards::demo()]).args(["--bind", "7ff00000.dma", "--"]);
    run.args([dma330_copy(Linking::Dynamic)])
        .args(["7ff00000.dma", "--rounds", "0", "--access", access])
        .start()
}

#[test]
fn of_uvfio() {
    if !host::has_sandbox("of_uvfio") {
        return;
    }
    dma330_copy(Linking::Dynamic);
    for (moment, access) in MOMENTS.into_iter().flat_map(|moment| ACCESS.map(|access| (moment, access))) {
        let mut running = endless(access);
        std::thread::sleep(Duration::from_millis(moment));
        running.kill();
        running.finish().expect(128 + 9);
    }
}

#[test]
fn of_the_program() {
    if !host::has_sandbox("of_the_program") {
        return;
    }
    dma330_copy(Linking::Dynamic);
    for (moment, access) in MOMENTS.into_iter().flat_map(|moment| ACCESS.map(|access| (moment, access))) {
        let running = endless(access);
        let program = wait_for_program(&running);
        std::thread::sleep(Duration::from_millis(moment));
        let pid = Pid::from_raw(program).expect("a process has a number");
        kill_process(pid, Signal::KILL).expect("the program is still there");
        running.finish().expect(128 + 9);
    }
}

fn wait_for_program(running: &Running) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(pid) = running.process("dma330-copy") {
            return pid;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the program does not start");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_terminating_signal_is_passed_on() {
    if !host::has_sandbox("a_terminating_signal_is_passed_on") {
        return;
    }
    let running = endless("pread");
    wait_for_program(&running);
    let pid = Pid::from_raw(running.id() as i32).expect("a process has a number");
    kill_process(pid, Signal::TERM).expect("uvfio is still there");
    running.finish().expect(128 + 15);
}
