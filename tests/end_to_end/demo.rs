//! The two commands a newcomer tries first.

use crate::bench::command::Run;
use crate::bench::host;

#[test]
fn demo_ends_with_a_verdict() {
    if !host::has_sandbox("demo_ends_with_a_verdict") {
        return;
    }
    let finished = Run::new(["demo"]).finish().expect(0);
    for words in [
        "echo vfio-amba > /sys/bus/amba/devices/7ff00000.dma/driver_override",
        "VFIO_IOMMU_MAP_DMA(",
        "VFIO_DEVICE_SET_IRQS(",
        "1048576 bytes copied",
        "8 interrupts delivered",
        "nothing was left behind",
    ] {
        assert!(finished.stdout.contains(words), "`{words}` is missing in:\n{}", finished.stdout);
    }
    assert!(!finished.stdout.contains('\x1b'), "no colours into a pipe");
    assert_eq!(finished.stderr, "");
}

#[test]
fn doctor_knows_this_host() {
    let text = Run::new(["doctor"]).finish();
    assert!([0, 1].contains(&text.code()), "{}", text.stderr);
    for words in ["kernel", "user namespaces", "/dev/fuse", "seccomp", "ptrace"] {
        assert!(text.stdout.contains(words), "`{words}` is missing in:\n{}", text.stdout);
    }
    let json = Run::new(["doctor", "--json"]).finish();
    assert_eq!(json.code(), text.code());
    serde_json::from_str::<serde_json::Value>(&json.stdout).expect("JSON");
}
