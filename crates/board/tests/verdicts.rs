//! Boards as source in, verdicts with their evidence out: one small board for each thing that can be in the way.

#[path = "../../firmware/tests/source/mod.rs"]
mod source;

use std::fmt::Write;

use expect_test::{Expect, expect};
use uvfio_board::{Bond, BondKind, DeviceIndex, Options, PageSize, Verdict, Verdicts, Weakening, Weakenings};
use uvfio_firmware::Board;

/// What every board here has: an interrupt controller, a coherent SMMU and a provider of resets and clocks.
fn board(devices: &str) -> Board {
    let around = r#"/ {
        #address-cells = <1>; #size-cells = <1>;
        interrupt-parent = <&gic>;
        gic: interrupt-controller@1000000 {
            compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>; reg = <0x1000000 0x1000>;
        };
        smmu: iommu@2000000 {
            compatible = "arm,mmu-500"; #iommu-cells = <2>; dma-coherent; reg = <0x2000000 0x10000>;
            interrupts = <0 200 4>;
        };
        rst: reset@3000000 {
            compatible = "x,rst"; #reset-cells = <1>; #clock-cells = <1>; reg = <0x3000000 0x1000>;
        };
    "#;
    source::board(&format!("{around} {devices} }};")).0
}

/// A line for each device that names an IOMMU, and its bonds.
fn summary(board: &Board, verdicts: &Verdicts) -> String {
    let least = verdicts.weakenings();
    let name = |device: &DeviceIndex| board.devices[device.at()].name.as_str();
    let names = |devices: &[DeviceIndex]| devices.iter().map(name).collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    for (at, device) in board.devices.iter().enumerate().filter(|(_, device)| !device.iommus.is_empty()) {
        let (judged, index) = (&verdicts.devices[at], DeviceIndex(u32::try_from(at).expect("few")));
        write!(text, "{} {:?}", device.name, judged.verdict).expect("a string");
        if judged.verdict == Verdict::Together {
            write!(text, " {{{}}}", names(&verdicts.together(index))).expect("a string");
        }
        if let Some((bond, from)) = judged.cause {
            write!(text, " because of {} by {}", name(&from), word(&verdicts.bonds[bond])).expect("a string");
        }
        writeln!(text, " {:?} least {:?}", judged.blockers, least[at]).expect("a string");
        for bond in verdicts.bonds_of(index) {
            writeln!(text, "  {} {{{}}}", word(bond), names(&bond.members)).expect("a string");
        }
    }
    text
}

fn word(bond: &Bond) -> String {
    match &bond.kind {
        BondKind::Group { group } => format!("group {group}"),
        BondKind::Stream { cells, .. } => format!("stream {cells:x?}"),
        BondKind::Reset { sharing, .. } => format!("reset {sharing:?}"),
        BondKind::Page { page } => format!("page {page:#x}"),
        BondKind::Supplies { kinds, .. } => format!("supplies {kinds:?}"),
    }
}

fn check(devices: &str, expected: Expect) {
    let board = board(devices);
    expected.assert_eq(&summary(&board, &Verdicts::of(&board, Options::default())));
}

fn check_with(allowed: &[Weakening], devices: &str, expected: Expect) {
    let board = board(devices);
    let options = Options { allowed: allowed.iter().copied().collect(), ..Options::default() };
    expected.assert_eq(&summary(&board, &Verdicts::of(&board, options)));
}

#[test]
fn alone_with_a_reset_driver_is_yes_and_without_needs_reset_required_0() {
    check(
        r#"a@4000000 { compatible = "calxeda,hb-xgmac"; reg = <0x4000000 0x1000>; iommus = <&smmu 1 0>; };
           b@4001000 { compatible = "x,b"; reg = <0x4001000 0x1000>; iommus = <&smmu 2 0>; };
           c@4002000 { compatible = "arm,pl330", "arm,primecell"; reg = <0x4002000 0x1000>; iommus = <&smmu 3 0>; };"#,
        expect![[r#"
            4000000.a Yes [] least Some({})
            4001000.b No [NoReset] least Some({"reset_required=0"})
            4002000.c Yes [] least Some({})
        "#]],
    );
}

#[test]
fn devices_of_one_group_go_together() {
    check_with(
        &[Weakening::ResetNotRequired],
        r#"a@4000000 { compatible = "x,a"; reg = <0x4000000 0x1000>; iommus = <&smmu 0x10 0xf>; };
           b@4001000 { compatible = "x,b"; reg = <0x4001000 0x1000>; iommus = <&smmu 0x12 0>; };
           c@4002000 { compatible = "x,c"; reg = <0x4002000 0x1000>; iommus = <&smmu 0x20 0>; };"#,
        expect![[r#"
            4000000.a Together {4000000.a 4001000.b} [NoReset] least Some({})
              group 0 {4000000.a 4001000.b}
            4001000.b Together {4000000.a 4001000.b} [NoReset] least Some({})
              group 0 {4000000.a 4001000.b}
            4002000.c Yes [NoReset] least Some({})
        "#]],
    );
}

#[test]
fn an_iommu_that_is_disabled_or_unknown_or_absent_is_none() {
    check(
        r#"off: iommu@5000000 { compatible = "arm,mmu-401"; #iommu-cells = <1>; status = "disabled"; };
           odd: iommu@5100000 { compatible = "x,iommu"; #iommu-cells = <1>; };
           a@4000000 { compatible = "x,a"; iommus = <&off 1>; };
           b@4001000 { compatible = "x,b"; iommus = <&odd 1>; };"#,
        expect![[r#"
            a@4000000 No [IommuDisabled { iommu: NodeId(4) }, NoReset] least None
            b@4001000 No [IommuWithoutDriver { iommu: NodeId(5) }, NoReset] least None
        "#]],
    );
    let board = board(r#"a@4000000 { compatible = "x,a"; };"#);
    let verdicts = Verdicts::of(&board, Options::default());
    assert!(verdicts.devices.iter().all(|judged| judged.verdict == Verdict::No && !judged.can_be_freed));
}

#[test]
fn a_page_that_is_shared_ties_until_it_is_trapped() {
    let devices = r#"a@4000000 { compatible = "calxeda,hb-xgmac"; reg = <0x4000000 0x800>; iommus = <&smmu 1 0>; };
           b@4000800 { compatible = "calxeda,hb-xgmac"; reg = <0x4000800 0x800>; iommus = <&smmu 2 0>; };
           c@4001000 { compatible = "calxeda,hb-xgmac"; reg = <0x4001000 0x800>; iommus = <&smmu 3 0>; };
           d@4001800 { compatible = "x,d"; reg = <0x4001800 0x800>; };"#;
    check(
        devices,
        expect![[r#"
        4000000.a Together {4000000.a 4000800.b} [] least Some({})
          page 0x4000000 {4000000.a 4000800.b}
        4000800.b Together {4000000.a 4000800.b} [] least Some({})
          page 0x4000000 {4000000.a 4000800.b}
        4001000.c No because of 4001800.d by page 0x4001000 [] least Some({"trap-shared-page"})
          page 0x4001000 {4001000.c 4001800.d}
    "#]],
    );
    check_with(
        &[Weakening::TrapSharedPage],
        devices,
        expect![[r#"
        4000000.a Yes [] least Some({})
          page 0x4000000 {4000000.a 4000800.b}
        4000800.b Yes [] least Some({})
          page 0x4000000 {4000000.a 4000800.b}
        4001000.c Yes [] least Some({})
          page 0x4001000 {4001000.c 4001800.d}
    "#]],
    );
    let board = board(devices);
    let large = Verdicts::of(&board, Options { page: PageSize::K64, ..Options::default() });
    assert_eq!(large.bonds_of(DeviceIndex(3)).map(|bond| bond.members.len()).collect::<Vec<_>>(), [4]);
}

#[test]
fn an_interrupt_that_is_shared_is_in_the_way_even_together() {
    check(
        r#"a@4000000 { compatible = "calxeda,hb-xgmac"; interrupts = <0 1 4>; iommus = <&smmu 1 0>; };
           b@4001000 { compatible = "calxeda,hb-xgmac"; interrupts = <0 1 4>, <0 2 4>; iommus = <&smmu 2 0>; };
           c@4002000 { compatible = "calxeda,hb-xgmac"; interrupts = <0 200 4>; iommus = <&smmu 3 0>; };"#,
        expect![[r#"
            a@4000000 No [InterruptShared { line: 0, own_iommu: false }] least Some({"without-shared-interrupt"})
            b@4001000 No [InterruptShared { line: 0, own_iommu: false }] least Some({"without-shared-interrupt"})
            c@4002000 No [InterruptShared { line: 1, own_iommu: true }] least Some({"without-shared-interrupt"})
        "#]],
    );
}

#[test]
fn sharing_of_reset_lines_is_of_three_sorts() {
    let devices = r#"
        phy: phy@4000000 { compatible = "x,phy"; #phy-cells = <0>; reg = <0x4000000 0x1000>; resets = <&rst 1>; iommus = <&smmu 1 0>; };
        usb@4001000 { compatible = "x,usb"; reg = <0x4001000 0x1000>; resets = <&rst 1>; phys = <&phy>; iommus = <&smmu 2 0>; };
        pwm@4002000 { compatible = "x,pwm"; reg = <0x4002000 0x1000>; resets = <&rst 2>; iommus = <&smmu 3 0>; };
        pwm@4003000 { compatible = "x,pwm"; reg = <0x4003000 0x1000>; resets = <&rst 2>; iommus = <&smmu 4 0>; };
        pcie@4004000 { compatible = "x,pcie"; reg = <0x4004000 0x1000>; resets = <&rst 3>; iommus = <&smmu 5 0>; };
        pcie-ep@4004000 { compatible = "x,ep"; reg = <0x4004000 0x1000>; resets = <&rst 3>; status = "disabled"; };"#;
    check_with(
        &[Weakening::ResetNotRequired],
        devices,
        expect![[r#"
        4000000.phy Together {4000000.phy 4001000.usb} [NoReset] least Some({})
          reset OwnPhy {4000000.phy 4001000.usb}
          supplies [Phy] {4001000.usb}
        4001000.usb Together {4000000.phy 4001000.usb} [NoReset] least Some({})
          reset OwnPhy {4000000.phy 4001000.usb}
        4002000.pwm Together {4002000.pwm 4003000.pwm} [NoReset] least Some({})
          reset Coupled {4002000.pwm 4003000.pwm}
        4003000.pwm Together {4002000.pwm 4003000.pwm} [NoReset] least Some({})
          reset Coupled {4002000.pwm 4003000.pwm}
        4004000.pcie Yes [NoReset] least Some({})
    "#]],
    );
    let board = board(devices);
    let verdicts = Verdicts::of(&board, Options::default());
    let sorts: Vec<_> =
        verdicts.reset_lines.iter().map(|line| (line.cells[0], line.users.len(), line.sharing)).collect();
    expect!["[(1, 2, OwnPhy), (2, 2, Coupled), (3, 2, SameBlock)]"].assert_eq(&format!("{sorts:?}"));
    let facts: Vec<_> =
        verdicts.devices.iter().map(|judged| (judged.reset.lines, judged.reset.dedicated)).collect();
    expect!["[(0, 0), (0, 0), (0, 0), (1, 0), (1, 0), (1, 0), (1, 0), (1, 1)]"]
        .assert_eq(&format!("{facts:?}"));
}

#[test]
fn who_serves_others_goes_with_them_or_not_at_all() {
    check(
        r#"dma: dma@4000000 { compatible = "arm,pl330", "arm,primecell"; reg = <0x4000000 0x1000>; #dma-cells = <1>; iommus = <&smmu 1 0>; };
           i2c@4001000 {
               compatible = "calxeda,hb-xgmac"; reg = <0x4001000 0x1000>; dmas = <&dma 1>; iommus = <&smmu 2 0>;
               pmic { compatible = "x,pmic"; vdd: regulator { }; };
           };
           cpus { cpu@0 { compatible = "arm,cpu"; cpu-supply = <&vdd>; }; };
           own: dma@4002000 { compatible = "arm,pl330", "arm,primecell"; reg = <0x4002000 0x1000>; #dma-cells = <1>; iommus = <&smmu 3 0>; };
           crypto@4003000 { compatible = "calxeda,hb-xgmac"; reg = <0x4003000 0x1000>; dmas = <&own 1>; iommus = <&smmu 4 0>; };"#,
        expect![[r#"
            4000000.dma No because of 4001000.i2c by supplies [Dma] [] least None
              supplies [Dma] {4001000.i2c}
            4001000.i2c No [NeededBeyond { node: NodeId(9) }] least None
              supplies [Supply] {}
            4002000.dma Together {4002000.dma 4003000.crypto} [] least Some({})
              supplies [Dma] {4003000.crypto}
            4003000.crypto Yes [] least Some({})
        "#]],
    );
}

#[test]
fn what_one_weakening_does_not_free_a_set_may() {
    let board = board(
        r#"a@4000000 { compatible = "x,a"; reg = <0x4000000 0x800>; iommus = <&smmu 1 0>; };
           b@4000800 { compatible = "x,b"; reg = <0x4000800 0x800>; };"#,
    );
    let verdicts = Verdicts::of(&board, Options::default());
    let least = verdicts.weakenings()[3].expect("it can be freed");
    let both: Weakenings = [Weakening::ResetNotRequired, Weakening::TrapSharedPage].into_iter().collect();
    assert_eq!(least, both);
    let after = Verdicts::of(&board, Options { allowed: both, ..Options::default() });
    assert_eq!(after.devices[3].verdict, Verdict::Yes);
    assert_eq!(after.weakenings()[3], Some(Weakenings::NONE));
}
