//! Host bridges: windows, interrupts, and who serves which requester id.

mod source;

use uvfio_firmware::dt::{PciSpace, PciWindow};
use uvfio_firmware::{DmaRange, Problem, Range, Trigger};

const HOST: &str = r#"/ {
    #address-cells = <2>; #size-cells = <2>;
    gic: gic { compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>; #address-cells = <2>; };
    smmu: smmu { compatible = "arm,smmu-v3"; #iommu-cells = <1>; };
    its: its { compatible = "arm,gic-v3-its"; msi-controller; #msi-cells = <1>; };
    soc {
        compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
        ranges = <0 0x8 0x0 0x80000000>;
        pcie@1000 {
            compatible = "pci-host-ecam-generic"; device_type = "pci"; reg = <0x1000 0x1000>;
            #address-cells = <3>; #size-cells = <2>; #interrupt-cells = <1>;
            bus-range = <1 7>; linux,pci-domain = <2>;
            ranges = <0x1000000 0 0 0x100000 0 0x10000>, <0x42000000 0 0x40000000 0x40000000 0 0x1000000>;
            dma-ranges = <0x43000000 0x80 0x0 0x0 0 0x10000>;
            iommu-map = <0x100 &smmu 0x1000 0x100>, <0x200 &smmu 0x9000 0x10>;
            iommu-map-mask = <0xfff8>;
            msi-map = <0 &its 0x4000 0x10000>;
            interrupt-map-mask = <0x1800 0 0 7>;
            interrupt-map = <0 0 0 1 &gic 0 0 0 7 4>, <0x800 0 0 2 &gic 0 0 0 8 1>;
        };
    };
    mc { compatible = "fsl,qoriq-mc"; iommu-map = <0 &smmu 0 0>, <23 &smmu 100 41>; };
};"#;

#[test]
fn a_host_bridge_says_where_its_windows_and_interrupts_go() {
    let (board, diagnostics) = source::board(HOST);
    assert_eq!(diagnostics, []);
    let device = board.devices.iter().find(|device| device.name == "800001000.pcie").expect("a bridge");
    let host = device.pci.as_deref().expect("it is one");
    assert_eq!((host.buses, host.domain), ((1, 7), Some(2)));
    let window = |space, prefetchable, bus, base, size| PciWindow {
        space,
        prefetchable,
        bus,
        cpu: Range { base, size },
    };
    assert_eq!(
        host.windows,
        [
            window(PciSpace::Io, false, 0, 0x8_0010_0000, 0x1_0000),
            window(PciSpace::Memory32, true, 0x4000_0000, 0x8_4000_0000, 0x100_0000),
        ]
    );
    assert_eq!(host.dma_ranges, [DmaRange { bus: 0x80_0000_0000, cpu: 0, size: 0x1_0000 }]);
    let lines: Vec<_> =
        host.interrupt_map.iter().map(|line| (line.unit[0], line.pin[0], &line.interrupt)).collect();
    assert_eq!(
        (lines[0].0, lines[0].1, lines[0].2.number, lines[0].2.trigger),
        (0, 1, 39, Trigger::LevelHigh)
    );
    assert_eq!(
        (lines[1].0, lines[1].1, lines[1].2.number, lines[1].2.trigger),
        (0x800, 2, 40, Trigger::EdgeRising)
    );
}

#[test]
fn requester_ids_are_masked_and_shifted() {
    let (board, _) = source::board(HOST);
    let device = board.devices.iter().find(|device| device.pci.is_some()).expect("a bridge");
    let stream = |id| device.iommu_map.look_up(id).map(|(row, stream)| (row.path.clone(), stream));
    assert_eq!(stream(0x108), Some(("/smmu".into(), 0x1008)));
    assert_eq!(stream(0x10f), Some(("/smmu".into(), 0x1008)));
    assert_eq!(stream(0x208), Some(("/smmu".into(), 0x9008)));
    assert_eq!(stream(0x210), None);
    assert_eq!(
        device.msi_map.look_up(0x108).map(|(row, id)| (row.path.as_ref(), id)),
        Some(("/its", 0x4108))
    );
    let complex = board.devices.iter().find(|device| device.name == "mc").expect("a management complex");
    assert_eq!(complex.iommu_map.look_up(24).map(|(_, stream)| stream), Some(101));
}

#[test]
fn maps_to_providers_of_two_cells_are_read_in_both_their_forms() {
    let (board, diagnostics) = source::board(
        r#"/ {
            smmu: smmu { compatible = "arm,mmu-500"; #iommu-cells = <2>; };
            old { compatible = "a"; iommu-map = <0 &smmu 0x1c00 1>, <0x100 &smmu 0x1c01 1>; };
            new { compatible = "a"; iommu-map = <0 &smmu 0x1400 0x7f 1>, <0x100 &smmu 0x1401 0 1>; };
            cut { compatible = "a"; iommu-map = <0 &smmu 0x1400 0x7f 1>, <0x100 &smmu 0x1401>; };
        };"#,
    );
    let rows = |at: usize| -> Vec<(u32, u32, Vec<u32>)> {
        let map = &board.devices[at].iommu_map;
        map.rows.iter().map(|row| (row.first, row.output, row.rest.to_vec())).collect()
    };
    assert_eq!(rows(1), [(0, 0x1c00, vec![]), (0x100, 0x1c01, vec![])]);
    assert_eq!(rows(2), [(0, 0x1400, vec![0x7f]), (0x100, 0x1401, vec![0])]);
    assert_eq!(rows(3), [(0, 0x1400, vec![0x7f])]);
    let problems: Vec<_> = diagnostics.iter().map(|diagnostic| &diagnostic.problem).collect();
    assert!(matches!(problems[..], [Problem::FewCells { index: 1, want: 3, have: 1, .. }]), "{problems:?}");
}

#[test]
fn a_bridge_may_take_the_interrupts_of_its_bus_itself() {
    let (board, diagnostics) = source::board(
        r#"/ {
            self: pcie { compatible = "a"; device_type = "pci"; interrupt-controller; #interrupt-cells = <1>;
                #address-cells = <3>; #size-cells = <2>;
                interrupt-map-mask = <0 0 0 7>; interrupt-map = <0 0 0 1 &self 0 0 0 5>; };
        };"#,
    );
    assert_eq!(diagnostics, []);
    let lines = &board.devices[0].pci.as_deref().expect("a bridge").interrupt_map;
    assert_eq!((lines[0].pin[0], lines[0].interrupt.number, &*lines[0].interrupt.path), (1, 5, "/pcie"));
}
