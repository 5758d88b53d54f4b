//! Namespaces made by hand, and the devices Linux would make of them.

use super::*;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A device with a window of registers and a level interrupt.
fn entry(path: &str, hid: &str, base: u32, more: &[(&str, Value)]) -> Entry {
    let mut resources = vec![0x86, 9, 0, 1];
    resources.extend(base.to_le_bytes());
    resources.extend([0, 0x10, 0, 0, 0x89, 6, 0, 1, 1, 0x58, 0, 0, 0, 0x79, 0]);
    let mut objects = vec![("_HID".to_owned(), text(hid)), ("_CRS".to_owned(), Value::Buffer(resources))];
    objects.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Entry { path: path.to_owned(), objects, failed: Vec::new() }
}

fn scope(path: &str, more: &[(&str, Value)]) -> Entry {
    let objects = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Entry { path: path.to_owned(), objects, failed: Vec::new() }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An interrupt translation service, an SMMUv3 before it, and named components behind that, each with a stream id.
fn iort(components: &[(&str, u32)]) -> Vec<Table> {
    let mut its = vec![0, 24, 0, 0];
    its.extend(words(&[0, 0, 0, 1, 0]));
    let mut smmu = vec![4, 88, 0, 4];
    smmu.extend(words(&[0, 1, 68]));
    smmu.extend(0x2b40_0000_u64.to_le_bytes());
    smmu.extend(words(&[1, 0, 0, 0, 0, 106, 107, 109, 108, 0, 0]));
    smmu.extend(words(&[0, 0xffff, 0, 48, 0]));
    let mut nodes = vec![its, smmu];
    for (path, stream) in components {
        let length = 29 + path.len() + 1;
        let mappings = length.next_multiple_of(4);
        let mut node = vec![1];
        node.extend(u16::try_from(mappings + 20).unwrap().to_le_bytes());
        node.push(4);
        node.extend(words(&[0, 1, u32::try_from(mappings).unwrap(), 0, 1, 0]));
        node.push(40);
        node.extend(path.bytes());
        node.resize(mappings, 0);
        node.extend(words(&[0, 0, *stream, 72, 1]));
        nodes.push(node);
    }
    let mut table = vec![0; 36];
    table[..4].copy_from_slice(b"IORT");
    table.extend(words(&[u32::try_from(nodes.len()).unwrap(), 48, 0]));
    nodes.into_iter().for_each(|node| table.extend(node));
    let length = u32::try_from(table.len()).unwrap();
    table[4..8].copy_from_slice(&length.to_le_bytes());
    let sum = table.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    table[9] = sum.wrapping_neg();
    let (tables, diagnostics) = super::super::read(&table);
    assert_eq!(diagnostics, []);
    tables
}

fn board(tables: &[Table], devices: Vec<Entry>) -> (Board, Vec<(String, Problem)>) {
    let (board, diagnostics) = Board::from_acpi(tables, &Namespace { devices });
    (board, diagnostics.into_iter().map(|it| (it.path, it.problem)).collect())
}

fn names(board: &Board) -> Vec<&str> {
    board.devices.iter().map(|device| device.name.as_str()).collect()
}

#[test]
fn a_device_behind_an_smmu_has_its_stream_and_its_service() {
    let tables = iort(&[("\\_SB.DMA0", 0x10)]);
    let coherent = [("_CCA", Value::Integer(1))];
    let (board, diagnostics) = board(&tables, vec![entry("\\_SB_.DMA0", "ARMH0330", 0x7ff0_0000, &coherent)]);
    assert_eq!((names(&board), diagnostics), (vec!["arm-smmu-v3.0.auto", "ARMH0330:00"], vec![]));
    let [smmu, dma] = &board.devices[..] else { panic!("two devices") };
    assert_eq!(
        (smmu.bus, smmu.identities(), smmu.dma_coherent),
        (Bus::Platform, &["arm,smmu-v3".to_owned()][..], true)
    );
    assert_eq!(smmu.interrupts.iter().map(|it| it.number).collect::<Vec<_>>(), [106, 107, 109, 108]);
    assert_eq!((dma.bus, dma.path.as_ref(), dma.dma_coherent), (Bus::Amba, "\\_SB_.DMA0", true));
    assert_eq!(dma.identities(), ["arm,pl330", "ARMH0330"]);
    assert_eq!((dma.interrupts[0].number, dma.interrupts[0].trigger), (0x58, Trigger::LevelHigh));
    assert_eq!((dma.iommus[0].provider, dma.iommus[0].cells.as_slice()), (smmu.node, &[0x10][..]));
    let service = board.provider(Reference::Msi, dma.suppliers[0].specifier.provider).expect("it is there");
    assert_eq!(service.compatible, ["arm,gic-v3-its"]);
    assert_eq!(board.described_by, DescribedBy::Acpi);
}

#[test]
fn who_is_not_there_is_counted_and_left_out_with_all_below() {
    let absent = [("_STA", Value::Integer(0))];
    let broken = Entry { failed: vec!["_STA".to_owned()], ..entry("\\_SB_.DEV3", "ACME0001", 0x4000, &[]) };
    let devices = vec![
        entry("\\_SB_.DEV0", "ACME0001", 0x1000, &absent),
        entry("\\_SB_.DEV0.SUB0", "ACME0002", 0x2000, &[]),
        entry("\\_SB_.DEV1", "ACME0001", 0x3000, &[("_STA", Value::Integer(8))]),
        scope("\\_SB_.DEV2", &[("_CID", text("ACME0001"))]),
        broken,
        entry("\\_SB_.PIC_", "PNP0000", 0x5000, &[]),
        entry("\\_SB_.COM1", "PNP0501", 0x6000, &[]),
        entry("\\_SB_.PCI0", "PNP0A08", 0x7000, &[("_CID", text("PNP0A03"))]),
    ];
    let (board, diagnostics) = board(&[], devices);
    assert_eq!(names(&board), ["ACME0001:01"]);
    assert_eq!(diagnostics, [("\\_SB_.DEV3".to_owned(), Problem::NotEvaluated { name: "_STA".to_owned() })]);
    assert!(board.devices[0].dma_coherent);
}

#[test]
fn coherency_comes_from_above_and_without_it_there_is_no_dma_on_arm() {
    let tables = iort(&[("\\_SB.SOC.DMA0", 1), ("\\_SB.DMA1", 2), ("\\_SB.NONE", 3)]);
    let devices = vec![
        scope("\\_SB_.SOC_", &[("_CCA", Value::Integer(0))]),
        entry("\\_SB_.SOC_.DMA0", "ARMH0330", 0x1000, &[("_CCA", Value::Integer(1))]),
        entry("\\_SB_.DMA1", "ARMH0330", 0x2000, &[]),
    ];
    let (board, diagnostics) = board(&tables, devices);
    let behind =
        |name: &str| board.devices.iter().find(|device| device.name == name).map(|it| it.iommus.len());
    assert_eq!((behind("ARMH0330:00"), behind("ARMH0330:01")), (Some(1), Some(0)));
    assert!(!board.devices[1].dma_coherent);
    let no = |path: &str, problem| (path.to_owned(), problem);
    assert_eq!(
        diagnostics,
        [no("\\_SB_.DMA1", Problem::NoCoherency), no("\\_SB_.NONE", Problem::NoSuchComponent)]
    );
}

#[test]
fn a_virtio_iommu_with_registers_translates_for_whom_viot_says() {
    let viot = Viot {
        iommus: vec![super::super::viot::Iommu { offset: 48, place: Place::Mmio { base: 0xa00_0000 } }],
        endpoints: vec![super::super::viot::Endpoint {
            devices: Devices::Mmio { base: 0x1000 },
            first_id: 7,
            iommu: Some(0),
        }],
    };
    let header = super::super::Header {
        signature: super::super::Signature(*b"VIOT"),
        length: 48,
        revision: 0,
        oem_id: String::new(),
        oem_table_id: String::new(),
    };
    let devices = vec![
        entry("\\_SB_.VIO0", "LNRO0005", 0xa00_0000, &[]),
        entry("\\_SB_.DEV0", "ACME0001", 0x1000, &[]),
    ];
    let (board, _) = board(&[Table::Viot(header, viot)], devices);
    assert_eq!(board.devices[0].identities(), ["virtio,pci-iommu", "virtio,mmio", "LNRO0005"]);
    assert_eq!(&*board.devices[1].iommus[0].path, "\\_SB_.VIO0");
    assert_eq!(&board.devices[1].iommus[0].cells[..], [7]);
}

#[test]
fn an_amba_device_without_registers_is_none() {
    let (board, diagnostics) = board(&[], vec![scope("\\_SB_.GPO0", &[("_HID", text("ARMH0061"))])]);
    assert_eq!((board.devices.len(), diagnostics[0].1.clone()), (0, Problem::AmbaWithoutRegisters));
}
