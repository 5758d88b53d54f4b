//! A board of any number of devices, for measuring what reading and judging cost when a board grows.

use uvfio_firmware::dt::{Draft, DraftNode};

/// Devices behind one SMMU: a stream id has sixteen bits.
const BEHIND_ONE: u32 = 1000;

/// The blob of a board of so many pairs of a device and its phy. A tenth of the devices share a page, a stream, a reset line and an
/// interrupt with the next; all have one clock provider, and each has a phy of its own.
pub fn blob(pairs: u32) -> Vec<u8> {
    let mut board = Draft::default();
    set(&mut board, Draft::ROOT, "#address-cells", &[1]);
    set(&mut board, Draft::ROOT, "#size-cells", &[1]);
    set(&mut board, Draft::ROOT, "interrupt-parent", &[1]);
    let gic = add(&mut board, "interrupt-controller@1000", "arm,gic-400", 0x1000, 0x1000);
    set(&mut board, gic, "phandle", &[1]);
    set(&mut board, gic, "#interrupt-cells", &[3]);
    board.set(gic, b"interrupt-controller", &[]);
    let resets = add(&mut board, "reset-controller@2000", "x,resets", 0x2000, 0x1000);
    set(&mut board, resets, "phandle", &[2]);
    set(&mut board, resets, "#reset-cells", &[1]);
    set(&mut board, resets, "#clock-cells", &[1]);
    for pair in 0..pairs {
        let (smmu, phy) = (3 + pair / BEHIND_ONE, 0x1_0000 + pair);
        if pair % BEHIND_ONE == 0 {
            let base = 0x1_0000 + pair / BEHIND_ONE * 0x1000;
            let node = add(&mut board, &format!("iommu@{base:x}"), "arm,mmu-500", base, 0x1000);
            set(&mut board, node, "phandle", &[smmu]);
            set(&mut board, node, "#iommu-cells", &[1]);
            board.set(node, b"dma-coherent", &[]);
        }
        let base = 0x8000_0000 + pair * 0x1000;
        let node = add(&mut board, &format!("phy@{base:x}"), "x,phy", base, 0x1000);
        set(&mut board, node, "phandle", &[phy]);
        set(&mut board, node, "#phy-cells", &[0]);
        set(&mut board, node, "clocks", &[2, pair]);
        // Of ten, the second goes with the first.
        let own = pair - u32::from(pair % 10 == 1);
        let base = 0x100_0000 + own * 0x1000 + (pair - own) * 0x100;
        let node = add(&mut board, &format!("ethernet@{base:x}"), "x,ethernet", base, 0x100);
        set(&mut board, node, "resets", &[2, own]);
        set(&mut board, node, "interrupts", &[0, own, 4]);
        set(&mut board, node, "iommus", &[smmu, own]);
        set(&mut board, node, "phys", &[phy]);
    }
    board.flatten().expect("less than 4 GiB")
}

fn add(board: &mut Draft, name: &str, compatible: &str, base: u32, size: u32) -> DraftNode {
    let node = board.add(Draft::ROOT, name.as_bytes());
    board.set(node, b"compatible", format!("{compatible}\0").as_bytes());
    set(board, node, "reg", &[base, size]);
    node
}

fn set(board: &mut Draft, node: DraftNode, property: &str, cells: &[u32]) {
    let value: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
    board.set(node, property.as_bytes(), &value);
}
