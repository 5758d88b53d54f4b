//! QEMU's machine `virt`, described twice: boards/virt.dts, and the IORT its firmware makes. The answers were checked by hand against
//! hw/arm/virt.c (memory map, interrupt map) and hw/arm/virt-acpi-build.c (build_iort) of QEMU.

use std::path::Path;
use std::process::{Command, Stdio};

use expect_test::{Expect, expect};

fn check(args: &[&str], status: i32, expected: Expect) {
    let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
    uvfio.args(args).stdin(Stdio::null());
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards");
    let output = uvfio.current_dir(boards).output().expect("the command was built");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(status), ""), "{args:?}");
    expected.assert_eq(&String::from_utf8_lossy(&output.stdout));
}

/// The SMMUv3 serves the PCI host bridge alone, so nothing that is described can be handed out: a function on the bus can.
#[test]
fn only_what_is_on_the_bus_is_behind_the_iommu() {
    check(
        &["board", "virt.dtb", "--all"],
        0,
        expect![[r#"
        linux,dummy-virt  linux,dummy-virt
        15 devices: 0 can be handed out alone, 0 with others, 15 not
        0 IOMMU groups, 0 shared reset lines, 0 shared interrupts, 0 remarks on the description

        DEVICE                VERDICT  GROUP  IN THE WAY, OR TIED TO     GIVE UP
        psci                  no       -      no IOMMU                   nothing helps
        timer                 no       -      no IOMMU                   nothing helps
        apb-pclk              no       -      no IOMMU                   nothing helps
        0.flash               no       -      no IOMMU                   nothing helps
        8000000.intc          no       -      no IOMMU                   nothing helps
        9000000.pl011         no       -      no IOMMU                   nothing helps
        9010000.pl031         no       -      no IOMMU                   nothing helps
        9020000.fw-cfg        no       -      no IOMMU                   nothing helps
        9030000.pl061         no       -      no IOMMU                   nothing helps
        gpio-keys             no       -      no IOMMU                   nothing helps
        9050000.smmuv3        no       -      no IOMMU                   nothing helps
        a000000.virtio_mmio   no       -      no IOMMU                   nothing helps
        a000200.virtio_mmio   no       -      no IOMMU                   nothing helps
        platform-bus@c000000  no       -      no IOMMU                   nothing helps
        4010000000.pcie       no       -      no IOMMU; PCI host bridge  nothing helps

        4010000000.pcie: its PCI functions are behind 9050000.smmuv3; their groups follow from the path to them
    "#]],
    );
    check(
        &["groups", "virt.dtb"],
        0,
        expect![[r#"
        no device of this board is in an IOMMU group
    "#]],
    );
}

/// All requester ids go to the SMMUv3 as they are, and messages to the ITS; the pins of all slots are inputs of the GIC.
#[test]
fn the_bridge_leads_to_the_iommu_the_its_and_the_gic() {
    check(
        &["dma", "virt.dtb"],
        0,
        expect![[r#"
        IOMMU           STATE    WALKS     DEVICES  COMPATIBLE
        9050000.smmuv3  enabled  coherent  1        arm,smmu-v3

        DEVICE           GROUP  DMA       STREAMS                                                    RANGES AND RESERVED MEMORY
        4010000000.pcie  -      coherent  9050000.smmuv3: requesters 0x0 to 0xffff as 0x0 to 0xffff
    "#]],
    );
    check(
        &["depends", "virt.dtb", "pcie"],
        0,
        expect![[r#"
        4010000000.pcie needs
        WHAT                             FROM            WHICH  NAME
        IOMMU of its bus                 9050000.smmuv3  0x0
        MSI controller of its bus        its@8080000     0x0
        interrupt controller of its bus  8000000.intc

        4010000000.pcie is needed by
        nobody
    "#]],
    );
}

/// The SMMUv3's four interrupts are 74 to 77 of the shared ones, which begin at 32: 106 to 109, which are ACPI's numbers for them.
#[test]
fn both_descriptions_name_the_same_interrupts() {
    check(
        &["irq", "virt.dtb", "--all"],
        0,
        expect![[r#"
        LINE  CONTROLLER    TRIGGER        DEVICES
        26    8000000.intc  level high     timer
        27    8000000.intc  level high     timer
        29    8000000.intc  level high     timer
        30    8000000.intc  level high     timer
        33    8000000.intc  level high     9000000.pl011
        34    8000000.intc  level high     9010000.pl031
        39    8000000.intc  level high     9030000.pl061
        48    8000000.intc  edge rising    a000000.virtio_mmio
        49    8000000.intc  edge rising    a000200.virtio_mmio
        106   8000000.intc  edge rising    9050000.smmuv3
        107   8000000.intc  edge rising    9050000.smmuv3
        108   8000000.intc  edge rising    9050000.smmuv3
        109   8000000.intc  edge rising    9050000.smmuv3
    "#]],
    );
    check(
        &["irq", "acpi/virt-smmuv3.iort"],
        3,
        expect![[r#"
        LINE  CONTROLLER  TRIGGER     DEVICES
        106   GSI         not said    SMMUv3 at 0x9050000
        107   GSI         not said    SMMUv3 at 0x9050000
        108   GSI         not said    SMMUv3 at 0x9050000
        109   GSI         not said    SMMUv3 at 0x9050000

        These tables do not say
          which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
    "#]],
    );
}

/// The tree maps every id of the bus. The IORT is made of the buses there are, here one; its count is one too high, as QEMU wrote the
/// number of ids where that number less one belongs.
#[test]
fn both_descriptions_lead_functions_the_same_way() {
    check(
        &["diff", "virt.dtb", "acpi/virt-smmuv3.iort"],
        1,
        expect![[r#"
            DEVICE                   BEFORE      AFTER   WHY
            0000:01:00.1 to ff:1f.7  translated  absent  at 0x9050000, ids from 0x101

            2 other entries are the same (compared: IOMMUs, the ways of PCI functions to them, and with a DSDT where devices are and their interrupts: what both kinds say)
        "#]],
    );
    check(
        &["explain", "acpi/virt-smmuv3.iort", "0000:00:03.0"],
        3,
        expect![[r#"
        0000:00:03.0
        can it be handed out? possibly: nothing that the tables know of is in the way

        named as one of
          0000:00:00.0 to 01:00.0

        behind
          SMMUv3 at 0x9050000, where it is 0x18

        These tables do not say
          which PCI functions share a group: that follows from the path to them, which is found on the bus (/sys/kernel/iommu_groups)
    "#]],
    );
}

/// With the DSDT there is more to compare: registers and interrupts. The flash, the GIC and the window of the bus are elsewhere in ACPI;
/// the clock belongs to the firmware (QEMU's build_dsdt leaves it out), and a button is an event there, so that the GPIO controller is
/// not needed. boards/virt.dts has two of the 32 virtio transports.
#[test]
fn a_dsdt_has_most_devices_where_the_tree_has_them() {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards");
    let tables = tempfile::tempdir().expect("a place");
    for table in ["virt-smmuv3.iort", "virt.dsdt"] {
        std::fs::copy(boards.join("acpi").join(table), tables.path().join(table)).expect("it is copied");
    }
    let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
    uvfio.args(["diff", "--json", "virt.dtb"]).arg(tables.path()).stdin(Stdio::null());
    let output = uvfio.current_dir(&boards).output().expect("the command was built");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let changes = answer["changes"].as_array().expect("changes");
    let (mut gone, mut come) = (Vec::new(), 0);
    for change in changes {
        match change["after"].is_null() {
            true => gone.push(change["device"].as_str().expect("a name")),
            false => come += 1,
        }
    }
    let expected = [
        "0000:01:00.1 to ff:1f.7",
        "registers at 0x0",
        "registers at 0x4010000000",
        "registers at 0x8000000",
        "registers at 0x9010000",
        "registers at 0x9030000",
    ];
    assert_eq!((&gone[..], come), (&expected[..], 30));
    // The SMMUv3, the way to it, PL011, fw-cfg, the SMMUv3's registers and two virtio transports are the same in both.
    assert_eq!(answer["same"], 7);
}
