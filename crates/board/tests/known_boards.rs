//! Real boards whose answers were checked by hand against their sources and the drivers'. `cargo xtask corpus` fetches the boards and
//! runs these; without the boards there is nothing to ask.

use std::process::Command;

use uvfio_board::{Blocker, Bond, BondKind, DeviceIndex, Options, Sharing, Verdict, Verdicts, Weakening};
use uvfio_firmware::{Board, Reference};
use uvfio_kernel::iommu::{Grouping, NoGroup};

/// A board and what is said of it.
struct Known {
    board: Board,
    verdicts: Verdicts,
}

/// A board of a package, with so much given up.
fn known(path: &str, allowed: &[Weakening]) -> Known {
    let path = format!("{}/../../target/boards/{path}.dtb", env!("CARGO_MANIFEST_DIR"));
    of(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}; cargo xtask boards")), allowed)
}

fn of(bytes: &[u8], allowed: &[Weakening]) -> Known {
    let (board, _) = Board::from_dtb(bytes).expect("a tree");
    let options = Options { allowed: allowed.iter().copied().collect(), ..Options::default() };
    let verdicts = Verdicts::of(&board, options);
    Known { board, verdicts }
}

impl Known {
    fn index(&self, name: &str) -> DeviceIndex {
        let at = self.board.devices.iter().position(|device| device.name == name);
        DeviceIndex(u32::try_from(at.unwrap_or_else(|| panic!("no {name}"))).expect("few"))
    }

    fn name(&self, device: DeviceIndex) -> &str {
        &self.board.devices[device.at()].name
    }

    fn names(&self, devices: &[DeviceIndex]) -> Vec<&str> {
        devices.iter().map(|device| self.name(*device)).collect()
    }

    fn verdict(&self, name: &str) -> Verdict {
        self.verdicts.devices[self.index(name).at()].verdict
    }

    fn blockers(&self, name: &str) -> &[Blocker] {
        &self.verdicts.devices[self.index(name).at()].blockers
    }

    /// The least to give up for a device.
    fn least(&self, name: &str) -> Option<Vec<&'static str>> {
        let least = self.verdicts.weakenings()[self.index(name).at()]?;
        Some(least.iter().map(Weakening::name).collect())
    }

    /// The members of each group, by number.
    fn groups(&self) -> Vec<Vec<&str>> {
        self.verdicts.groups.iter().map(|group| self.names(&group.members)).collect()
    }

    fn with(&self, verdict: Verdict) -> Vec<&str> {
        let devices = self.board.devices.iter().zip(&self.verdicts.devices);
        devices
            .filter(|(_, judged)| judged.verdict == verdict)
            .map(|(device, _)| device.name.as_str())
            .collect()
    }

    fn bond(&self, name: &str, of: impl Fn(&Bond) -> bool) -> Option<Vec<&str>> {
        let bond = self.verdicts.bonds_of(self.index(name)).find(|bond| of(bond))?;
        Some(self.names(&bond.members))
    }
}

/// arch/arm64/boot/dts/arm/juno-base.dtsi. The DMA-330 and the trace router pass through MMU-401s whose nodes say dma-coherent, and
/// AMBA devices need no reset; the display controllers' MMUs are not coherent; both USB controllers use stream 0 of one MMU.
#[test]
#[ignore = "needs a real board: cargo xtask corpus"]
fn juno_r2_hands_out_its_dma_controller() {
    let juno = known("arm64/arm/juno-r2", &[]);
    assert_eq!(juno.with(Verdict::Yes), ["20070000.etr", "7ff00000.dma-controller"]);
    assert_eq!(juno.with(Verdict::Together), [""; 0]);
    assert_eq!(juno.verdicts.groups.len(), 5);
    assert_eq!(juno.groups().last().expect("there are groups"), &["7ffb0000.usb", "7ffc0000.usb"]);
    assert_eq!(
        juno.least("7ff50000.hdlcd").expect("it can be freed"),
        ["reset_required=0", "non-coherent-dma"]
    );
    let given = known("arm64/arm/juno-r2", &[Weakening::ResetNotRequired]);
    assert_eq!(given.with(Verdict::Together), ["7ffb0000.usb", "7ffc0000.usb"]);
    // The host bridge's IOMMU is enabled on r1 and r2, and PCI functions are behind it.
    assert_eq!(juno.verdicts.bridges.len(), 1);
    assert!(juno.verdicts.bridges[0].ranges.iter().all(|range| range.enabled));
}

/// arch/arm64/boot/dts/renesas/r8a77951.dtsi: 10 of its reset lines are shared, by 28 nodes. drivers/iommu/ipmmu-vmsa.c takes only the
/// SD controllers, all in one group per IPMMU, and never says that DMA is coherent.
#[test]
#[ignore = "needs a real board: cargo xtask corpus"]
fn r_car_h3_shares_ten_reset_lines_and_hands_out_nothing_by_default() {
    let board = known("arm64-7.2/renesas/r8a77951-salvator-xs", &[]);
    let line = |number: u32| {
        let mut lines = board.verdicts.reset_lines.iter();
        lines.find(|line| line.cells == [number]).unwrap_or_else(|| panic!("no line {number}"))
    };
    let numbers: Vec<u32> = board.verdicts.reset_lines.iter().map(|line| line.cells[0]).collect();
    assert_eq!(numbers, [318, 319, 328, 523, 700, 701, 702, 703, 704, 705]);
    let mut users: Vec<_> =
        board.verdicts.reset_lines.iter().flat_map(|line| &line.users).map(|user| user.node).collect();
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 28);
    // Seven PWM channels; a PCIe controller and its endpoint twin; controllers of USB ports with their phy.
    assert_eq!((line(523).users.len(), line(523).sharing), (7, Sharing::Coupled));
    assert_eq!((line(318).users.len(), line(318).sharing), (2, Sharing::SameBlock));
    assert_eq!((line(319).users.len(), line(319).sharing), (2, Sharing::SameBlock));
    assert_eq!((line(328).users.len(), line(703).users.len(), line(704).users.len()), (3, 4, 4));
    assert_eq!((line(701).users.len(), line(702).users.len()), (3, 3));

    assert_eq!(board.groups(), [["ee100000.mmc", "ee140000.mmc", "ee160000.mmc"]]);
    assert_eq!(board.verdicts.groups[0].rule, Grouping::Instance);
    assert!(matches!(
        &board.blockers("e6800000.ethernet")[0],
        Blocker::NotGrouped(why) if matches!(**why, NoGroup::NotAdmitted { .. })
    ));
    assert_eq!(board.with(Verdict::Yes), [""; 0]);
    // The clock generator resets it by line 312, which is nobody else's; Linux's VFIO would not ask for that.
    assert_eq!(board.least("ee140000.mmc").expect("it can be freed"), ["non-coherent-dma"]);
    let line = board.verdicts.devices[board.index("ee140000.mmc").at()].reset.own_line.expect("a line");
    assert_eq!(
        (board.board.tree.node(line.controller).path().as_str(), line.output),
        ("/soc/clock-controller@e6150000", 3 * 32 + 12)
    );
    assert_eq!(board.least("ee080000.usb"), None);
    // OHCI, EHCI and their phy share an interrupt and a page besides.
    assert!(
        board
            .blockers("ee080000.usb")
            .iter()
            .any(|blocker| matches!(blocker, Blocker::InterruptShared { own_iommu: false, .. }))
    );
    let page = board.bond("ee080000.usb", |bond| matches!(bond.kind, BondKind::Page { .. }));
    assert_eq!(page.expect("a page"), ["ee080000.usb", "ee080100.usb", "ee080200.usb-phy"]);
}

/// arch/arm64/boot/dts/qcom/sdm845.dtsi: the crypto engine and its BAM DMA have the same four streams; so have the audio bus and its.
/// The UFS controller resets its own phy, which is behind no IOMMU.
#[test]
#[ignore = "needs a real board: cargo xtask corpus"]
fn sdm845_ties_engines_to_their_dma_by_streams() {
    let board = known("arm64/qcom/sdm845-db845c", &[]);
    let groups = board.groups();
    assert!(groups.contains(&vec!["1dc4000.dma-controller", "1dfa000.crypto"]));
    assert!(groups.contains(&vec!["171c0000.slim-ngd", "17184000.dma-controller"]));
    let supplies = |bond: &Bond| matches!(&bond.kind, BondKind::Supplies { kinds, .. } if kinds.contains(&Reference::Dma));
    assert_eq!(board.bond("1dc4000.dma-controller", supplies).expect("it serves"), ["1dfa000.crypto"]);
    assert_eq!(board.least("1d84000.ufshc"), None);
    let both = known("arm64/qcom/sdm845-db845c", &[Weakening::ResetNotRequired, Weakening::NonCoherentDma]);
    let crypto = both.index("1dfa000.crypto");
    assert_eq!(both.verdict("1dfa000.crypto"), Verdict::Together);
    assert_eq!(both.names(&both.verdicts.together(crypto)), ["1dc4000.dma-controller", "1dfa000.crypto"]);
    assert_eq!(both.verdict("8804000.mmc"), Verdict::Yes);
}

/// drivers/iommu/mtk_iommu.c: both M4Us of an MT8195 act as one and make a group for each region of device addresses; the ports of
/// arch/arm64/boot/dts/mediatek/mt8195.dtsi fall into three.
#[test]
#[ignore = "needs a real board: cargo xtask corpus"]
fn mt8195_groups_by_regions_of_device_addresses() {
    let board = known("arm64/mediatek/mt8195-demo", &[]);
    let sizes: Vec<usize> = board.verdicts.groups.iter().map(|group| group.members.len()).collect();
    assert_eq!(sizes, [10, 4, 11]);
    assert!(board.verdicts.groups.iter().all(|group| matches!(group.rule, Grouping::Regions(_))));
    assert_eq!(board.groups()[1][..2], ["18000000.video-codec", "1a020000.video-codec"]);
    // A device of the one M4U and one of the other are in one group.
    let iommus = |name: &str| board.board.devices[board.index(name).at()].iommus[0].path.clone();
    assert_ne!(iommus("1c000000.ovl"), iommus("1c105000.dma-controller"));
}

/// arch/arm64/boot/dts/rockchip/rk3588-base.dtsi: each video codec has an IOMMU of its own, whose registers follow the codec's within
/// the same 4 KiB.
#[test]
#[ignore = "needs a real board: cargo xtask corpus"]
fn rk3588_keeps_a_codec_and_its_iommu_in_one_page() {
    let board = known("arm64/rockchip/rk3588-rock-5b", &[]);
    assert_eq!(board.verdicts.groups.len(), 5);
    assert!(
        board
            .verdicts
            .groups
            .iter()
            .all(|group| group.members.len() == 1 && group.rule == Grouping::LastInstance)
    );
    let page =
        board.bond("fdb50000.video-codec", |bond| matches!(bond.kind, BondKind::Page { page: 0xfdb5_0000 }));
    assert_eq!(page.expect("a page"), ["fdb50000.video-codec", "fdb50800.iommu"]);
    let least = ["reset_required=0", "trap-shared-page", "non-coherent-dma"];
    assert_eq!(board.least("fdb50000.video-codec").expect("it can be freed"), least);
}

/// arch/arm64/boot/dts/freescale/imx8qm-ss-conn.dtsi: the SD controllers have one stream, the Ethernet controllers another.
#[test]
#[ignore = "needs a real board: cargo xtask corpus"]
fn imx8qm_pairs_its_connectivity() {
    let board = known("arm64/freescale/imx8qm-mek", &[]);
    assert_eq!(
        board.groups(),
        [["5b010000.mmc", "5b020000.mmc"], ["5b040000.ethernet", "5b050000.ethernet"]]
    );
    let both = known("arm64/freescale/imx8qm-mek", &[Weakening::ResetNotRequired, Weakening::NonCoherentDma]);
    assert_eq!(both.with(Verdict::Together).len(), 4);
}

/// arch/arm64/boot/dts/freescale/fsl-lx2160a.dtsi: nothing in the tree has `iommus`; the objects of the management complex are behind
/// the MMU-500 by its `iommu-map`.
#[test]
#[ignore = "needs a real board: cargo xtask corpus"]
fn lx2160a_has_only_a_bus_behind_its_iommu() {
    let board = known("arm64/freescale/fsl-lx2160a-rdb", &[]);
    assert_eq!((board.verdicts.groups.len(), board.with(Verdict::No).len()), (0, board.board.devices.len()));
    let bridge = board.verdicts.bridges.first().expect("a bridge");
    assert_eq!((board.name(bridge.host), bridge.pci), ("80c000000.fsl-mc", None));
    assert!(bridge.ranges.iter().all(|range| range.enabled));
}

/// What QEMU says of its own machine (hw/arm/virt.c): the SMMUv3 serves the PCI host bridge alone.
#[test]
#[ignore = "needs QEMU: cargo xtask corpus"]
fn qemu_virt_has_only_pci_behind_its_iommu() {
    let path = std::env::temp_dir().join(format!("virt-{}.dtb", std::process::id()));
    let machine = format!("virt,iommu=smmuv3,dumpdtb={}", path.display());
    let done = Command::new("qemu-system-aarch64")
        .args(["-M", &machine, "-cpu", "cortex-a57", "-nodefaults", "-nographic"])
        .status()
        .expect("qemu-system-aarch64 is installed (qemu-system-arm)");
    assert!(done.success());
    let board = of(&std::fs::read(&path).expect("it was dumped"), &[]);
    std::fs::remove_file(&path).expect("it is ours");
    assert_eq!(board.with(Verdict::No).len(), board.board.devices.len());
    let bridge = &board.verdicts.bridges[0];
    assert_eq!(board.name(bridge.host), "4010000000.pcie");
    assert_eq!((bridge.pci, bridge.ranges[0].first, bridge.ranges[0].count), (Some((0, 255)), 0, 0x10000));
}
