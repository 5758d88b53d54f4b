//! Tables that QEMU built in, what they let one say out; and rules on tables put together by hand.

use std::fmt::Write;

use expect_test::{Expect, expect};
use uvfio_board::acpi::AcpiView;
use uvfio_board::{PageSize, Weakenings};
use uvfio_firmware::acpi::iort::{Iort, Kind, Mapping, Node};
use uvfio_firmware::acpi::ivrs::{self, Ivrs};
use uvfio_firmware::acpi::{self, Header, Signature, Table};

fn check(view: &AcpiView, expected: Expect) {
    let mut text = String::new();
    for iommu in &view.iommus {
        writeln!(text, "{} {}", iommu.kind, iommu.place).expect("a string");
    }
    for (device, verdict) in view.devices.iter().zip(view.verdicts(Weakenings::NONE).devices) {
        writeln!(
            text,
            "  {} {verdict:?} {:?} {:x?} {:x?}",
            device.who, device.iommu, device.ids, device.blockers
        )
        .expect("a string");
    }
    expected.assert_eq(&text);
}

fn of_qemu(bytes: &[u8]) -> AcpiView {
    AcpiView::of(&acpi::read(bytes).0)
}

#[test]
fn qemu_machines_say_who_is_behind_what() {
    check(
        &of_qemu(include_bytes!("../../../boards/acpi/virt-smmuv3.iort")),
        expect![[r#"
        SMMUv3 0x9050000
          0000:00:00.0 to 01:00.0 Possible Some(0) [(0, 101)] []
    "#]],
    );
    check(
        &of_qemu(include_bytes!("../../../boards/acpi/q35-intel-iommu.dmar")),
        expect![[r#"
            VT-d 0xfed90000
              0000:00:00.0 Possible Some(0) [(0, 1)] []
              0000:00:01.0 Possible Some(0) [(8, 1)] []
              0000:00:1f.0 Possible Some(0) [(f8, 1)] []
              0000:00:1f.2 Possible Some(0) [(fa, 1)] []
              0000:00:1f.3 Possible Some(0) [(fb, 1)] []
        "#]],
    );
    check(
        &of_qemu(include_bytes!("../../../boards/acpi/q35-amd-iommu.ivrs")),
        expect![[r#"
        AMD-Vi 0xfed80000
          0000:00:00.0 Possible Some(0) [(0, 1)] []
          0000:00:01.0 Possible Some(0) [(8, 1)] []
          0000:00:02.0 Possible Some(0) [(10, 1)] []
          0000:00:1f.0 Possible Some(0) [(f8, 1)] []
          0000:00:1f.2 Possible Some(0) [(fa, 1)] []
          0000:00:1f.3 Possible Some(0) [(fb, 1)] []
    "#]],
    );
    check(
        &of_qemu(include_bytes!("../../../boards/acpi/q35-virtio-iommu.viot")),
        expect![[r#"
        virtio-iommu 0000:00:01.0
          0000:00:00.0 to 00:1f.7 Possible Some(0) [(0, 100)] []
    "#]],
    );
}

fn header(signature: &[u8; 4]) -> Header {
    Header {
        signature: Signature(*signature),
        length: 0,
        revision: 0,
        oem_id: String::new(),
        oem_table_id: String::new(),
    }
}

fn to(output: u32, to: u32) -> Vec<Mapping> {
    vec![Mapping { input: 0, count: 1, output, to, single: true }]
}

fn component(offset: u32, path: &str, coherent: bool, mappings: Vec<Mapping>) -> Node {
    let kind = Kind::NamedComponent { path: path.to_owned(), coherent, address_bits: 40 };
    Node { offset, kind, mappings }
}

#[test]
fn named_components_share_streams_and_lack_coherence() {
    let smmu = Kind::Smmu {
        base: 0x1000,
        span: 0x1000,
        model: 1,
        coherent_walk: false,
        fault_interrupts: Vec::new(),
    };
    let reserved = Kind::Reserved { ranges: vec![(0x8000_0000, 0x1000)] };
    let iort = Iort {
        nodes: vec![
            Node { offset: 1, kind: smmu, mappings: Vec::new() },
            component(2, "\\_SB.ETH0", true, to(5, 1)),
            component(3, "\\_SB.ETH1", true, to(5, 1)),
            component(4, "\\_SB.USB0", false, to(6, 1)),
            component(5, "\\_SB.UART", true, Vec::new()),
            component(6, "\\_SB.DISP", true, to(9, 1)),
            Node { offset: 7, kind: reserved, mappings: to(9, 1) },
        ],
    };
    check(
        &AcpiView::of(&[Table::Iort(header(b"IORT"), iort)]),
        expect![[r#"
        SMMUv2 0x1000
          \_SB.ETH0 Together Some(0) [(5, 1)] []
          \_SB.ETH1 Together Some(0) [(5, 1)] []
          \_SB.USB0 No Some(0) [(6, 1)] [NotCoherent]
          \_SB.UART No None [] [NoIommu]
          \_SB.DISP No Some(0) [(9, 1)] [FirmwareMemory { start: 80000000, last: 80000fff, relaxable: false }]
    "#]],
    );
}

#[test]
fn memory_that_firmware_uses_is_in_the_way() {
    let entry = |devices| ivrs::Entry { devices, alias: None };
    let iommu = ivrs::Iommu {
        kind: 0x11,
        base: 0xfd00_0000,
        segment: 0,
        bdf: 2,
        devices: vec![
            entry(ivrs::Devices::One(0x10)),
            entry(ivrs::Devices::Range(0x20, 0x2f)),
            entry(ivrs::Devices::Named { hid: "AMDI0040".into(), cid: None, uid: None, id: 0x98 }),
        ],
    };
    let older = ivrs::Iommu { kind: 0x10, ..iommu.clone() };
    let rule = |devices, excluded| ivrs::Memory { devices, start: 0x1000, length: 0x1000, excluded };
    let memory = vec![
        rule(ivrs::Devices::Range(0x2f, 0x30), false),
        rule(ivrs::Devices::One(0x98), false),
        rule(ivrs::Devices::One(0x10), true),
    ];
    let ivrs = Ivrs { iommus: vec![older, iommu], memory };
    check(
        &AcpiView::of(&[Table::Ivrs(header(b"IVRS"), ivrs)]),
        expect![[r#"
        AMD-Vi 0xfd000000
          0000:00:02.0 Possible Some(0) [(10, 1)] []
          0000:00:04.0 to 00:05.7 No Some(0) [] [FirmwareMemory { start: 1000, last: 1fff, relaxable: false }]
          AMDI0040 No Some(0) [(98, 1)] [FirmwareMemory { start: 1000, last: 1fff, relaxable: false }]
    "#]],
    );
}

/// Bytes of tables changed at random, the namespace's too: whatever they say then, every question has an answer.
#[test]
fn damaged_tables_do_no_harm() {
    let machines: [&[&[u8]]; 5] = [
        &[include_bytes!("../../../boards/acpi/virt-smmuv3.iort")],
        &[include_bytes!("../../../boards/acpi/q35-intel-iommu.dmar")],
        &[include_bytes!("../../../boards/acpi/q35-amd-iommu.ivrs")],
        &[include_bytes!("../../../boards/acpi/q35-virtio-iommu.viot")],
        &[
            include_bytes!("../../../boards/acpi-demo/iort.aml"),
            include_bytes!("../../../boards/acpi-demo/dsdt.aml"),
        ],
    ];
    // Numbers that look like chance, and are the same each time.
    let mut state = 1_u64;
    let mut number = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..400 {
        let mut bytes = machines[round % machines.len()].concat();
        for _ in 0..=number(4) {
            let at = number(bytes.len());
            bytes[at] = [0, 0xff, 1, number(256) as u8][number(4)];
        }
        let (tables, _) = acpi::read(&bytes);
        let mut view = AcpiView::of(&tables);
        if let Ok(described) = acpi::Described::read(&bytes) {
            view.learn(&described.board, PageSize::K64);
        }
        let verdicts = view.verdicts(Weakenings::NONE);
        assert_eq!(verdicts.devices.len(), view.devices.len());
        assert_eq!(view.weakenings(Weakenings::NONE).len(), view.devices.len());
        assert!(view.groups().iter().all(|group| !group.devices.is_empty()));
        for at in 0..view.devices.len() {
            assert!(view.together(at, 9).contains(&at) && !view.devices[at].who.to_string().is_empty());
        }
        let found = view.function(0, number(1 << 16) as u16);
        assert!(found.is_none_or(|found| found.device < view.devices.len()));
    }
}
