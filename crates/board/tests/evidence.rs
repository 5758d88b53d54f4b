//! One small board for each kind of evidence: what of it is named, and what it ties.

#[path = "../../firmware/tests/source/mod.rs"]
mod source;

use uvfio_board::{Blocker, BondKind, Caution, DeviceIndex, Options, PageSize, Verdict, Verdicts, Weakening};
use uvfio_firmware::{Board, Reference};
use uvfio_kernel::iommu::{Grouping, NoGroup};

struct Case {
    board: Board,
    verdicts: Verdicts,
}

/// A board with an interrupt controller and these.
fn case(devices: &str) -> Case {
    let (board, _) = source::board(&format!(
        r#"/ {{
            #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>; compatible = "renesas,r8a7795";
            gic: gic@1000000 {{ compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>; reg = <0x1000000 0x1000>; }};
            {devices}
        }};"#
    ));
    let verdicts = Verdicts::of(&board, Options::default());
    Case { board, verdicts }
}

impl Case {
    fn at(&self, name: &str) -> DeviceIndex {
        let at = self.board.devices.iter().position(|device| device.name == name);
        DeviceIndex(u32::try_from(at.unwrap_or_else(|| panic!("no {name}"))).expect("few"))
    }

    fn blockers(&self, name: &str) -> &[Blocker] {
        &self.verdicts.devices[self.at(name).at()].blockers
    }

    fn cautions(&self, name: &str) -> &[Caution] {
        &self.verdicts.devices[self.at(name).at()].cautions
    }

    /// The bonds by which a device draws others along: what kind, and whom it ties.
    fn bonds(&self, name: &str) -> Vec<(&BondKind, Vec<&str>)> {
        let name_of = |device: &DeviceIndex| self.board.devices[device.at()].name.as_str();
        let bonds = self.verdicts.bonds_of(self.at(name));
        bonds.map(|bond| (&bond.kind, bond.members.iter().map(name_of).collect())).collect()
    }

    fn path(&self, node: uvfio_firmware::NodeId) -> String {
        self.board.tree.node(node).path()
    }
}

#[test]
fn one_stream_in_groups_that_do_not_know_of_it() {
    let case = case(
        r#"smmu: iommu@2000000 { compatible = "arm,smmu-v3"; #iommu-cells = <1>; dma-coherent; reg = <0x2000000 0x20000>; };
           a@4000000 { compatible = "calxeda,hb-xgmac"; reg = <0x4000000 0x1000>; iommus = <&smmu 7>; };
           b@4001000 { compatible = "calxeda,hb-xgmac"; reg = <0x4001000 0x1000>; iommus = <&smmu 7>; };"#,
    );
    assert_eq!(case.verdicts.groups.len(), 2);
    let [(BondKind::Stream { iommu, cells }, members)] = &case.bonds("4000000.a")[..] else { panic!("one") };
    assert_eq!((case.path(*iommu).as_str(), &cells[..]), ("/iommu@2000000", &[7][..]));
    assert_eq!(members, &["4000000.a", "4001000.b"]);
    assert_eq!(case.verdicts.devices[case.at("4001000.b").at()].verdict, Verdict::Together);
}

#[test]
fn one_group_for_an_instance_and_whom_its_driver_does_not_take() {
    let case = case(
        r#"mmu: iommu@2000000 { compatible = "renesas,ipmmu-r8a7795"; #iommu-cells = <1>; reg = <0x2000000 0x1000>; };
           mmc@ee100000 { compatible = "x,a"; reg = <0xee100000 0x1000>; iommus = <&mmu 1>; };
           mmc@ee140000 { compatible = "x,a"; reg = <0xee140000 0x1000>; iommus = <&mmu 2>; };
           dma@ee200000 { compatible = "x,a"; reg = <0xee200000 0x1000>; iommus = <&mmu 3>; };"#,
    );
    let group = &case.verdicts.groups[0];
    assert_eq!((group.rule, group.source), (Grouping::Instance, "drivers/iommu/ipmmu-vmsa.c"));
    let [(BondKind::Group { group: 0 }, members)] = &case.bonds("ee100000.mmc")[..] else { panic!("one") };
    assert_eq!(members, &["ee100000.mmc", "ee140000.mmc"]);
    let [Blocker::NotCoherent { iommu }, Blocker::NoReset] = case.blockers("ee100000.mmc") else {
        panic!("two")
    };
    assert_eq!(case.path(*iommu), "/iommu@2000000");
    let [Blocker::NotGrouped(why), _] = case.blockers("ee200000.dma") else { panic!("two") };
    assert!(matches!(&**why, NoGroup::NotAdmitted { device, .. } if device == "ee200000.dma"));
}

#[test]
fn windows_that_are_not_whole_pages_at_4_16_and_64_kib() {
    let case = case(
        r#"a@4000000 { compatible = "x,a"; reg = <0x4000000 0x800>, <0x4001000 0x1000>, <0x4004000 0x4000>, <0x4010000 0x10000>; };"#,
    );
    let page = |caution: &Caution| match caution {
        Caution::NotMappable { region, page } => Some((*region, *page)),
        _ => None,
    };
    let pages: Vec<_> = case.cautions("4000000.a").iter().filter_map(page).collect();
    assert_eq!(pages, [(0, PageSize::K4), (1, PageSize::K16), (2, PageSize::K64)]);
}

#[test]
fn memory_set_aside_and_interrupts_that_reach_others() {
    let case = case(
        r#"reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges; fw: fw@80000000 { reg = <0x80000000 0x100000>; }; };
           smmu: iommu@2000000 { compatible = "arm,mmu-500"; #iommu-cells = <1>; dma-coherent; reg = <0x2000000 0x10000>; };
           its: msi@3000000 { compatible = "arm,gic-v3-its"; msi-controller; #msi-cells = <1>; reg = <0x3000000 0x10000>; };
           a@4000000 { compatible = "arm,pl330", "arm,primecell"; reg = <0x4000000 0x1000>; iommus = <&smmu 1>; memory-region = <&fw>; };
           b@4010000 { compatible = "arm,pl330", "arm,primecell"; reg = <0x4010000 0x10000>; iommus = <&smmu 2>; msi-parent = <&its 2>; };"#,
    );
    let cautions = case.cautions("4000000.a");
    let memory = cautions.iter().find_map(|caution| match caution {
        Caution::ReservedMemory { node } => Some(case.path(*node)),
        _ => None,
    });
    assert_eq!(memory.as_deref(), Some("/reserved-memory/fw@80000000"));
    assert!(cautions.contains(&Caution::InterruptsNotIsolated) && cautions.contains(&Caution::NeverReset));
    assert_eq!(case.cautions("4010000.b"), [Caution::NeverReset]);
}

#[test]
fn what_vfio_platform_has_no_use_for() {
    let case = case(
        r#"pcie@4000000 { compatible = "pci-host-ecam-generic"; device_type = "pci"; reg = <0x4000000 0x1000000>;
               #address-cells = <3>; #size-cells = <2>; ranges = <0x2000000 0 0x10000000 0x10000000 0 0x1000000>; };
           a@5000000 { compatible = "x,a"; reg = <0x5000000 0x1000>; };"#,
    );
    assert!(case.blockers("4000000.pcie").contains(&Blocker::PciHost));
    assert_eq!(case.blockers("5000000.a"), [Blocker::NoIommu, Blocker::NoReset]);
}

#[test]
fn a_line_that_is_nobody_elses_is_a_reset_and_says_that_linux_has_none() {
    let devices = |others: &str| {
        format!(
            r#"smmu: iommu@2000000 {{ compatible = "arm,mmu-500"; #iommu-cells = <1>; dma-coherent; reg = <0x2000000 0x10000>; }};
               rst: reset@3000000 {{ compatible = "snps,dw-high-reset"; #reset-cells = <1>; reg = <0x3000000 0x8>; }};
               usb@4000000 {{ compatible = "x,usb"; reg = <0x4000000 0x1000>; iommus = <&smmu 1>; resets = <&rst 5>; phys = <&phy>; }};
               phy: phy@4001000 {{ compatible = "x,phy"; #phy-cells = <0>; reg = <0x4001000 0x1000>; resets = <&rst 5>; }};
               {others}"#
        )
    };
    let usb = "4000000.usb";
    let alone = case(&devices(""));
    let [Caution::ResetByLine(line), ..] = alone.cautions(usb) else { panic!("{:?}", alone.cautions(usb)) };
    assert_eq!((alone.path(line.controller).as_str(), line.output), ("/reset@3000000", 5));
    assert!(alone.blockers(usb).is_empty());
    // Somebody else's too, one the controller does not have, and another one besides: none of these is a reset.
    let shared =
        case(&devices("x@4002000 { compatible = \"x,x\"; reg = <0x4002000 0x1000>; resets = <&rst 5>; };"));
    assert_eq!(shared.blockers(usb), [Blocker::NoReset]);
    for resets in ["<&rst 64>", "<&rst 5>, <&rst 6>", "<&rst 5>, <0xdead 1>"] {
        let other = case(&devices("").replacen("resets = <&rst 5>", &format!("resets = {resets}"), 1));
        assert_eq!(other.blockers(usb), [Blocker::NoReset], "{resets}");
    }
}

#[test]
fn closure_and_what_frees_all_of_it() {
    let case = case(
        r#"smmu: iommu@2000000 { compatible = "arm,mmu-500"; #iommu-cells = <1>; dma-coherent; reg = <0x2000000 0x10000>; };
           dma: dma@4000000 { compatible = "arm,pl330", "arm,primecell"; #dma-cells = <1>; reg = <0x4000000 0x1000>; iommus = <&smmu 1>; };
           a@4001000 { compatible = "x,a"; reg = <0x4001000 0x800>; iommus = <&smmu 2>; dmas = <&dma 0>; };
           b@4001800 { compatible = "calxeda,hb-xgmac"; reg = <0x4001800 0x800>; iommus = <&smmu 3>; };"#,
    );
    let dma = case.at("4000000.dma");
    let names: Vec<_> =
        case.verdicts.together(dma).iter().map(|one| case.board.devices[one.at()].name.as_str()).collect();
    // The controller serves a, and a has a page with b.
    assert_eq!(names, ["4000000.dma", "4001000.a", "4001800.b"]);
    let [(BondKind::Supplies { kinds, .. }, served)] = &case.bonds("4000000.dma")[..] else { panic!("one") };
    assert_eq!((&kinds[..], &served[..]), (&[Reference::Dma][..], &["4001000.a"][..]));
    let least = case.verdicts.weakenings();
    let of = |name: &str| -> Vec<&str> {
        least[case.at(name).at()].expect("it can be freed").iter().map(Weakening::name).collect()
    };
    assert_eq!((of("4000000.dma"), of("4001800.b")), (vec!["reset_required=0"], vec!["reset_required=0"]));
}
