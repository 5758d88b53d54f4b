//! What `/proc` says of programs that use VFIO, to themselves and to others: links of descriptors, and locked memory.

use crate::bench::boards;
use crate::bench::clients::{Linking, dma330_copy, vfio_reset};
use crate::bench::command::Run;
use crate::bench::host;

#[test]
fn a_devices_descriptor_is_an_anonymous_file() {
    if !host::has_sandbox("a_devices_descriptor_is_an_anonymous_file") {
        return;
    }
    // The program holds the device until a line comes; that it does, it says in one.
    let script = "set -eu; d=$(mktemp -d); trap 'rm -r $d' EXIT; mkfifo $d/in $d/out
        $1 open 2c000000.ethernet pause < $d/in > $d/out & pid=$!
        exec 9> $d/in 8< $d/out; read -r line <&8; echo $line
        cd /proc/$pid/fd
        for fd in *; do readlink $fd; done | grep -v pipe | sort
        fd=$(for fd in *; do case $(readlink $fd) in *vfio-dev*) echo $fd;; esac; done)
        readlink /proc/$pid/fd/$fd; readlink ../task/$pid/fd/$fd /proc/$pid/task/$pid/fd/$fd
        readlink /proc/$pid/fd/none || echo none
        echo >&9; wait $pid";
    let run = Run::new(["run", "--report", "none", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1"]);
    let run = run.args(["--param", "vfio-platform.reset_required=0", "--board"]).args([boards::demo()]);
    let run = run.args(["--bind", "2c000000.ethernet", "--", "sh", "-c", script, "sh"]);
    let finished = run.args([vfio_reset()]).finish().expect(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with("open 2c000000.ethernet: "), "{lines:?}");
    let device = "anon_inode:[vfio-device]";
    let links: Vec<&&str> = lines.iter().filter(|line| line.contains("vfio")).collect();
    assert_eq!(links.iter().filter(|line| **line == &device).count(), 4, "{lines:?}");
    assert!(links.contains(&&"/dev/vfio/vfio"), "{lines:?}");
    assert!(lines.contains(&"none"), "{lines:?}");
}

#[test]
fn memory_mapped_for_a_device_is_locked_until_the_process_ends() {
    if !host::has_sandbox("memory_mapped_for_a_device_is_locked_until_the_process_ends") {
        return;
    }
    let script = "set -u; $1 7ff00000.dma --rounds 0 & pid=$!
        locked() { sed -n 's/^VmLck:[\\t ]*//p' /proc/$1/status; }
        until case $(locked $pid) in 0*) false;; esac; do sleep 0.01; done
        locked $$; grep -c /status /proc/mounts; grep ^Pid: /proc/$pid/status | tr -cd 0-9 | grep -x $pid > /dev/null && echo same
        kill $pid; wait $pid; ls /proc/$pid/status 2>/dev/null; grep -c /status /proc/mounts";
    let run = Run::new(["run", "--report", "none", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1"]);
    let run = run.args(["--board"]).args([boards::demo()]).args(["--bind", "7ff00000.dma", "--"]);
    let finished = run.args(["sh", "-c", script, "sh"]).args([dma330_copy(Linking::Dynamic)]).finish();
    let finished = finished.expect(1);
    let lines: Vec<&str> = finished.stdout.lines().filter(|line| !line.contains("copied")).collect();
    assert_eq!(lines, ["0 kB", "1", "same", "0"]);
}
