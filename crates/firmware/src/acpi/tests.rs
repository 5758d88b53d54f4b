//! Tables built byte by byte, read, and damaged.

use super::dmar::ScopeKind;
use super::iort::{Kind, Mapping};
use super::ivrs::{Devices as IvrsDevices, Uid};
use super::viot::{Devices as ViotDevices, Place};
use super::{Table, Trouble, read};

/// A table with a correct length and sum.
fn table(signature: &[u8; 4], fixed: &[u8], structures: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 36];
    bytes[..4].copy_from_slice(signature);
    bytes[8] = 1;
    bytes[10..16].copy_from_slice(b"UVFIO ");
    bytes[16..24].copy_from_slice(b"TEST    ");
    bytes.extend_from_slice(fixed);
    structures.iter().for_each(|structure| bytes.extend_from_slice(structure));
    let length = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    let sum = bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes[9] = sum.wrapping_neg();
    bytes
}

/// A structure of `length` bytes with fields at their offsets.
fn structure(length: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for &(at, field) in fields {
        bytes[at..at + field.len()].copy_from_slice(field);
    }
    bytes
}

fn one(bytes: &[u8]) -> Table {
    let (mut tables, diagnostics) = read(bytes);
    assert_eq!(diagnostics, []);
    assert_eq!(tables.len(), 1);
    tables.remove(0)
}

/// An SMMUv3 behind which stand a named component by a single mapping and a root complex by a range.
fn iort() -> Vec<u8> {
    let smmu = structure(
        68,
        &[
            (0, &[4]),
            (1, &68u16.to_le_bytes()),
            (16, &0x905_0000u64.to_le_bytes()),
            (24, &1u32.to_le_bytes()),
        ],
    );
    let mapping = |input: u32, last: u32, output: u32, single: u32| -> Vec<u8> {
        [input, last, output, 48, single].iter().flat_map(|word| word.to_le_bytes()).collect()
    };
    let component = structure(
        60,
        &[
            (0, &[1]),
            (1, &60u16.to_le_bytes()),
            (8, &1u32.to_le_bytes()),
            (12, &40u32.to_le_bytes()),
            (20, &1u32.to_le_bytes()),
            (28, &[40]),
            (29, b"\\_SB.ETH0\0"),
            (40, &mapping(0, 0, 0x42, 1)),
        ],
    );
    let complex = structure(
        56,
        &[
            (0, &[2]),
            (1, &56u16.to_le_bytes()),
            (8, &1u32.to_le_bytes()),
            (12, &36u32.to_le_bytes()),
            (28, &3u32.to_le_bytes()),
            (36, &mapping(0, 0xffff, 0x1_0000, 0)),
        ],
    );
    let fixed = [3u32, 48, 0].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    table(b"IORT", &fixed, &[smmu, component, complex])
}

#[test]
fn iort_names_the_smmu_and_stream_of_a_component() {
    let Table::Iort(header, iort) = one(&iort()) else { panic!("an IORT") };
    assert_eq!(header.oem_id, "UVFIO");
    let component = &iort.nodes[1];
    assert_eq!(
        component.kind,
        Kind::NamedComponent { path: "\\_SB.ETH0".to_owned(), coherent: true, address_bits: 40 }
    );
    let streams: Vec<_> = iort.streams(component).map(|target| (target.node.offset, target.id)).collect();
    assert_eq!(streams, [(48, 0x42)]);
    let complex = &iort.nodes[2];
    assert_eq!(iort.smmu(complex, 0x100).map(|target| target.id), Some(0x1_0100));
    assert_eq!(iort.smmu(complex, 0x1_0000), None);
}

#[test]
fn an_id_mapping_ends_where_it_says() {
    let mapping = Mapping { input: 8, count: 2, output: 100, to: 0, single: false };
    assert_eq!([7, 8, 9, 10].map(|id| mapping.apply(id)), [None, Some(100), Some(101), None]);
}

#[test]
fn iort_mappings_in_a_circle_end() {
    let mapping: Vec<u8> = [0u32, 9, 0, 48, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    let complex = structure(
        56,
        &[
            (0, &[2]),
            (1, &56u16.to_le_bytes()),
            (8, &1u32.to_le_bytes()),
            (12, &36u32.to_le_bytes()),
            (36, &mapping),
        ],
    );
    let fixed = [1u32, 48, 0].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let Table::Iort(_, iort) = one(&table(b"IORT", &fixed, &[complex])) else { panic!("an IORT") };
    assert_eq!(iort.smmu(&iort.nodes[0], 0), None);
}

#[test]
fn dmar_names_devices_of_the_namespace() {
    let scope = [5, 8, 0, 0, 1, 0, 0x15, 0];
    let unit = structure(
        24,
        &[(2, &24u16.to_le_bytes()), (4, &[1]), (8, &0xfed9_0000u64.to_le_bytes()), (16, &scope)],
    );
    let named = structure(
        20,
        &[(0, &4u16.to_le_bytes()), (2, &20u16.to_le_bytes()), (7, &[1]), (8, b"\\_SB.I2C0\0")],
    );
    let mut fixed = vec![0; 12];
    fixed[0] = 38;
    fixed[1] = 1;
    let Table::Dmar(_, dmar) = one(&table(b"DMAR", &fixed, &[unit, named])) else { panic!("a DMAR") };
    assert_eq!((dmar.address_bits, dmar.interrupt_remapping), (39, true));
    assert!(dmar.units[0].all_others);
    assert_eq!(dmar.named(&dmar.units[0].devices[0]).map(|named| named.path.as_str()), Some("\\_SB.I2C0"));
    assert_eq!(dmar.units[0].devices[0].path, [(0x15, 0)]);
}

#[test]
fn ivrs_names_devices_by_hardware_id() {
    let mut entries = vec![3, 0x08, 0, 0, 4, 0xff, 0, 0];
    entries.extend_from_slice(&[66, 0x10, 0, 0, 0, 0x11, 0, 0]);
    let mut named = vec![240, 0xa5, 0x40, 0];
    named.extend_from_slice(b"AMDI0020\0\0\0\0\0\0\0\0\x02\x09\\_SB.FUR0");
    entries.extend_from_slice(&named);
    let mut iommu =
        structure(40, &[(0, &[0x40]), (4, &2u16.to_le_bytes()), (8, &0xfd00_0000u64.to_le_bytes())]);
    iommu.extend_from_slice(&entries);
    let length = iommu.len() as u16;
    iommu[2..4].copy_from_slice(&length.to_le_bytes());
    let Table::Ivrs(_, ivrs) = one(&table(b"IVRS", &[0; 12], &[iommu])) else { panic!("an IVRS") };
    let [range, alias, named] = &ivrs.iommus[0].devices[..] else { panic!("three entries") };
    assert_eq!(range.devices, IvrsDevices::Range(8, 0xff));
    assert_eq!((&alias.devices, alias.alias), (&IvrsDevices::One(0x10), Some(0x11)));
    let uid = Some(Uid::Text("\\_SB.FUR0".to_owned()));
    assert_eq!(named.devices, IvrsDevices::Named { hid: "AMDI0020".to_owned(), cid: None, uid, id: 0x40a5 });
}

#[test]
fn viot_names_the_iommu_of_a_range_and_of_a_device() {
    let range =
        structure(24, &[(0, &[1]), (2, &24u16.to_le_bytes()), (14, &[0xff, 0]), (16, &96u16.to_le_bytes())]);
    let device = structure(
        24,
        &[(0, &[2]), (2, &24u16.to_le_bytes()), (8, &0xa00_0000u64.to_le_bytes()), (16, &7u16.to_le_bytes())],
    );
    let iommu = structure(16, &[(0, &[3]), (2, &16u16.to_le_bytes()), (6, &8u16.to_le_bytes())]);
    let mut fixed = vec![0; 12];
    fixed[..4].copy_from_slice(&[3, 0, 48, 0]);
    let (tables, diagnostics) = read(&table(b"VIOT", &fixed, &[range, device, iommu]));
    let Some(Table::Viot(_, viot)) = tables.first() else { panic!("a VIOT") };
    assert_eq!(viot.iommus[0].place, Place::Pci { segment: 0, bdf: 8 });
    assert_eq!(viot.endpoints[0].iommu, Some(0));
    assert_eq!(viot.endpoints[1].devices, ViotDevices::Mmio { base: 0xa00_0000 });
    assert_eq!(viot.endpoints[1].iommu, None);
    assert_eq!(
        diagnostics.iter().map(|diagnostic| diagnostic.trouble).collect::<Vec<_>>(),
        [Trouble::Reference { to: 7 }]
    );
}

#[test]
fn several_tables_behind_one_another_are_all_read() {
    let (tables, diagnostics) = read(&[iort(), iort()].concat());
    assert_eq!((tables.len(), diagnostics.len()), (2, 0));
}

#[test]
fn a_length_that_lies_is_said_and_the_rest_is_read() {
    let mut bytes = iort();
    bytes[4..8].copy_from_slice(&0xffff_u32.to_le_bytes());
    let (tables, diagnostics) = read(&bytes);
    assert!(matches!(&tables[0], Table::Iort(_, iort) if iort.nodes.len() == 3));
    assert!(matches!(diagnostics[0].trouble, Trouble::Length { claimed: 0xffff, .. }));
    assert!(matches!(diagnostics[1].trouble, Trouble::Checksum { .. }));
}

/// Every byte changed to several values, and every length: nothing panics, and what is claimed is never more than there is.
#[test]
fn damaged_tables_never_panic() {
    let tables = [iort(), table(b"DMAR", &[0; 12], &[vec![0, 0, 4, 0], vec![4, 0, 9, 0, 0, 0, 0, 1, b'x']])];
    for bytes in tables {
        for at in 0..bytes.len() {
            for value in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = read(&damaged);
            }
            let _ = read(&bytes[..at]);
        }
    }
}

/// Tables that QEMU built (`cargo xtask acpi-tables`); the numbers were compared with what `iasl -d` says of them.
fn real(file: &str) -> Table {
    let path = format!("{}/../../boards/acpi/{file}", env!("CARGO_MANIFEST_DIR"));
    one(&std::fs::read(path).expect("the table is there"))
}

#[test]
fn qemu_iort_maps_the_root_complex_to_its_smmu() {
    let Table::Iort(header, iort) = real("virt-smmuv3.iort") else { panic!("an IORT") };
    assert_eq!((header.oem_id.as_str(), header.revision), ("BOCHS", 3));
    let [its, smmu, complex] = &iort.nodes[..] else { panic!("three nodes") };
    assert_eq!(its.kind, Kind::ItsGroup { ids: vec![0] });
    let interrupts = [0x6a, 0x6b, 0x6d, 0x6c];
    assert_eq!(smmu.kind, Kind::SmmuV3 { base: 0x905_0000, coherent_walk: true, interrupts });
    assert_eq!(complex.kind, Kind::RootComplex { segment: 0, coherent: true, ats: false });
    assert_eq!(iort.smmu(complex, 0x10).map(|target| (target.node.offset, target.id)), Some((0x48, 0x10)));
    // Bus 1 and above are mapped to the interrupt translation service alone.
    assert_eq!(iort.smmu(complex, 0x101), None);
}

#[test]
fn qemu_dmar_names_its_functions_one_by_one() {
    let Table::Dmar(_, dmar) = real("q35-intel-iommu.dmar") else { panic!("a DMAR") };
    assert_eq!((dmar.address_bits, dmar.interrupt_remapping, dmar.units.len()), (39, true, 1));
    let unit = &dmar.units[0];
    assert_eq!((unit.base, unit.segment, unit.all_others), (0xfed9_0000, 0, false));
    let paths: Vec<_> = unit.devices.iter().map(|scope| (scope.kind, scope.path.as_slice())).collect();
    let pci = |path: &'static [(u8, u8)]| (ScopeKind::PciEndpoint, path);
    assert_eq!(
        paths,
        [
            (ScopeKind::IoApic, &[(0, 0)][..]),
            pci(&[(0, 0)]),
            pci(&[(1, 0)]),
            pci(&[(0x1f, 0)]),
            pci(&[(0x1f, 2)]),
            pci(&[(0x1f, 3)]),
        ]
    );
}

#[test]
fn qemu_ivrs_has_functions_and_an_io_apic() {
    let Table::Ivrs(_, ivrs) = real("q35-amd-iommu.ivrs") else { panic!("an IVRS") };
    let [iommu] = &ivrs.iommus[..] else { panic!("one IOMMU") };
    assert_eq!((iommu.kind, iommu.base, iommu.bdf), (0x10, 0xfed8_0000, 8));
    let devices: Vec<_> = iommu.devices.iter().map(|entry| entry.devices.clone()).collect();
    let special = IvrsDevices::Special { handle: 0, variety: 1, bdf: 0xa0 };
    let functions = [0, 8, 0x10, 0xf8, 0xfa, 0xfb].map(IvrsDevices::One);
    assert_eq!(devices, [functions.to_vec(), vec![special]].concat());
}

#[test]
fn qemu_viot_has_a_virtio_iommu_for_the_bus() {
    let Table::Viot(_, viot) = real("q35-virtio-iommu.viot") else { panic!("a VIOT") };
    assert_eq!(viot.iommus.len(), 1);
    assert!(matches!(viot.iommus[0].place, Place::Pci { segment: 0, .. }));
    assert!(viot.endpoints.iter().all(|endpoint| endpoint.iommu == Some(0)));
    assert_eq!(viot.endpoints[0].devices, ViotDevices::PciRange { segments: (0, 0), bdfs: (0, 0xff) });
}

/// Hostile tables name millions of devices, in one table or in many.
#[test]
fn no_more_is_read_than_tables_can_be() {
    const BLOCK: usize = 32 << 10;
    let block = structure(BLOCK, &[(0, &[0x11]), (2, &(BLOCK as u16).to_le_bytes()), (40, &[2; BLOCK - 40])]);
    let bytes = table(b"IVRS", &[0; 12], &vec![block; 48]);
    let (tables, diagnostics) = read(&[bytes.clone(), bytes.clone()].concat());
    let iommus = tables.iter().map(|table| match table {
        Table::Ivrs(_, ivrs) => ivrs.iommus.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(iommus.collect::<Vec<_>>(), [31, 0]);
    let have = bytes.len();
    let too_long = |offset| (offset, Trouble::TooLong { have, most: 1 << 20 });
    let long = diagnostics.iter().filter(|one| matches!(one.trouble, Trouble::TooLong { .. }));
    assert_eq!(
        long.map(|one| (one.offset, one.trouble)).collect::<Vec<_>>(),
        [too_long(1 << 20), too_long(0)]
    );
}
