//! Drivers of IOMMUs as modules: devices wait for them, they cannot go while devices need them, and they come again.

use std::path::PathBuf;

use crate::bench::boards::{self, Folder};
use crate::bench::{host, inside};

/// Modules of IOMMU drivers, what a device says that they take, and how many cells it wants.
const IOMMUS: [(&str, &str, usize); 8] = [
    ("arm_smmu", "arm,mmu-500", 1),
    ("arm_smmu_v3", "arm,smmu-v3", 1),
    ("ipmmu_vmsa", "renesas,ipmmu-r8a7795", 1),
    ("rockchip_iommu", "rockchip,iommu", 0),
    ("sun50i_iommu", "allwinner,sun50i-h6-iommu", 1),
    ("exynos_iommu", "samsung,exynos-sysmmu", 0),
    ("omap_iommu", "ti,omap4-iommu", 0),
    ("mtk_iommu", "mediatek,mt8173-m4u", 1),
];

/// The device behind an IOMMU.
fn client(number: usize) -> String {
    format!("{}8000000.client", number + 1)
}

/// A board with one of each, and a device behind it.
fn board(folder: &Folder) -> PathBuf {
    let mut text =
        "/dts-v1/; / { compatible = \"acme,many\"; #address-cells = <1>; #size-cells = <1>;\n".to_owned();
    for (number, (_, compatible, cells)) in IOMMUS.into_iter().enumerate() {
        let (at, stream) = (number + 1, " 1".repeat(cells));
        text += &format!(
            "i{at}: iommu@{at}0000000 {{ compatible = \"{compatible}\"; reg = <0x{at}0000000 0x1000>; #iommu-cells = <{cells}>; }};
            client@{at}8000000 {{ compatible = \"acme,c{at}\"; reg = <0x{at}8000000 0x1000>; iommus = <&i{at}{stream}>; dma-coherent; }};\n"
        );
    }
    boards::compile(folder, "many", &(text + "};\n"))
}

/// The script on that board, with none of the drivers there at first.
fn says(test: &str, more: &[&str], text: &str) -> Option<Vec<String>> {
    if !host::has_sandbox(test) || !host::has_tools(test, &["dtc", "modprobe", "rmmod"]) {
        return None;
    }
    let folder = Folder::new();
    let absent = IOMMUS.iter().flat_map(|(module, ..)| ["--absent", module]);
    let more: Vec<&str> =
        absent.chain(["--param", "vfio-platform.reset_required=0"]).chain(more.iter().copied()).collect();
    let behind = "behind() { basename \"$(readlink $p/devices/$1/iommu_group || echo none)\"; }\n";
    Some(inside::says(&board(&folder), &more, &format!("{behind}{text}")))
}

#[test]
fn devices_wait_for_their_iommus_driver() {
    let mut script = "cat /sys/kernel/debug/devices_deferred\n".to_owned();
    for (number, (module, ..)) in IOMMUS.iter().enumerate() {
        script += &format!(
            "m={module} d={}; driver $d; behind $d; modprobe $m; driver $d; behind $d
            refused rmmod -f $m; rmmod acme_c{n}; refused rmmod -f $m; modprobe acme_c{n}; driver $d
            $uvfio hotplug remove $d >/dev/null; rmmod $m; state $m; modprobe $m; rmmod $m\n",
            client(number),
            n = number + 1
        );
    }
    // By default they wait for ten seconds, which a busy machine may need for this.
    let more = ["--deferred-probe-timeout", "never"];
    let Some(lines) = says("devices_wait_for_their_iommus_driver", &more, &script) else { return };
    for (number, line) in lines[..IOMMUS.len()].iter().enumerate() {
        let wanted = format!("{}\tplatform: supplier {}0000000.iommu not ready", client(number), number + 1);
        assert_eq!(line, &wanted);
    }
    let busy = "Resource temporarily unavailable";
    for (number, lines) in lines[IOMMUS.len()..].chunks(8).enumerate() {
        let driver = format!("acme-c{}", number + 1);
        // Each client is the first and only member of a group when it comes.
        assert_eq!(
            lines,
            ["none", "none", &driver, "0", busy, busy, &driver, "absent"],
            "{:?}",
            IOMMUS[number]
        );
    }
}

/// After the time in which drivers may come, a device goes on without its IOMMU, and VFIO does not take it. When the driver comes after
/// all, the device gets its group when it is probed again.
#[test]
fn after_a_time_devices_go_on_without_an_iommu() {
    let script = "d=18000000.client; cat /sys/kernel/debug/devices_deferred; driver $d; behind $d
        why=$($uvfio bind $d 2>&1) || echo \"$why\"; driver $d
        modprobe arm_smmu; driver $d; $uvfio bind $d; driver $d; behind $d";
    let more = ["--deferred-probe-timeout", "0"];
    let Some(lines) = says("after_a_time_devices_go_on_without_an_iommu", &more, script) else { return };
    assert!(lines[2].starts_with("uvfio: 18000000.client is in the way: it is behind no IOMMU"), "{lines:?}");
    assert_eq!(lines[..2], ["acme-c1", "none"]);
    assert_eq!(
        lines[3..],
        ["acme-c1", "acme-c1", "18000000.client: vfio-platform, group 0", "vfio-platform", "0"]
    );
}
