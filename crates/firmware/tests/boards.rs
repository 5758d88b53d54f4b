//! The project's own boards, read from their blobs.

use uvfio_firmware::{Board, Bus, Trigger};

fn board(name: &str) -> Board {
    let path = format!("{}/../../boards/{name}", env!("CARGO_MANIFEST_DIR"));
    let (board, diagnostics) =
        Board::from_dtb(&std::fs::read(path).expect("the board is there")).expect("it is a tree");
    assert_eq!(diagnostics, []);
    board
}

#[test]
fn the_parity_board_has_the_devices_linux_makes_of_it() {
    let board = board("parity.dtb");
    let names: Vec<&str> = board.devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "8000000.interrupt-controller",
            "clock-apb",
            "9050000.iommu",
            "7c000000.block",
            "7c100000.silent",
            "7c200000.ethernet",
            "bare",
            "a000000.virtio",
            "9020000.fw-cfg",
            "9010000.rtc",
            "9030000.gpio",
        ]
    );
    let block = &board.devices[3];
    assert_eq!(
        block.regions.iter().map(|region| (region.base, region.size)).collect::<Vec<_>>(),
        [(0x7c00_0000, 0x1000), (0x7c00_1000, 0x800), (0x7c01_0000, 0x10000), (0x7c02_0800, 0x1000),]
    );
    assert_eq!(
        block.interrupts.iter().map(|irq| (irq.number, irq.trigger)).collect::<Vec<_>>(),
        [(132, Trigger::LevelHigh), (133, Trigger::EdgeRising), (134, Trigger::LevelHigh),]
    );
    assert_eq!((block.iommus[0].path.as_ref(), &block.iommus[0].cells[..]), ("/iommu@9050000", &[0x100][..]));
    assert!(block.dma_coherent);
    assert_eq!(board.devices[9].bus, Bus::Amba);
    assert_eq!(&*board.devices[9].clocks[0].path, "/clock-apb");
}

#[test]
fn addresses_pass_through_the_ranges_of_their_buses() {
    let board = board("demo.dtb");
    let dma = board
        .devices
        .iter()
        .find(|device| device.compatible.iter().any(|c| c == "arm,pl330"))
        .expect("a DMA-330");
    assert_eq!(dma.name, "7ff00000.dma");
    assert_eq!(dma.regions[0].base, 0x7ff0_0000);
    assert_eq!(dma.bus, Bus::Amba);
}
