//! Overlays: what fits is put in, what does not changes nothing and says why.

mod source;

use uvfio_firmware::dt::{Merge, Misfit, apply};
use uvfio_firmware::{Board, Tree};

const BASE: &str = r#"/ {
    #address-cells = <1>; #size-cells = <1>;
    smmu: smmu { compatible = "arm,smmu-v3"; #iommu-cells = <1>; };
    soc: soc { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges;
        user@100 { compatible = "u"; reg = <0x100 0x10>; iommus = <&smmu 1>; };
    };
    self { x = <&soc>; };
    __symbols__ { smmu = "/smmu"; soc = "/soc"; nobody = "/nowhere"; };
};"#;

const OVERLAY: &str = r#"/ {
    fragment@0 {
        target = <0xffffffff>;
        __overlay__ {
            added: twin@200 { compatible = "u"; reg = <0x200 0x10>; iommus = <0xffffffff 2>; };
            friend@300 { compatible = "f"; reg = <0x300 0x10>; clocks = <&added>; };
            user@100 { status = "disabled"; };
        };
    };
    fragment@1 { target-path = "/"; __overlay__ { model = "with more"; }; };
    __symbols__ { added = "/fragment@0/__overlay__/twin@200"; };
    __fixups__ { soc = "/fragment@0:target:0"; smmu = "/fragment@0/__overlay__/twin@200:iommus:0"; };
    __local_fixups__ { fragment@0 { __overlay__ { friend@300 { clocks = <0>; }; }; }; };
};"#;

fn applied(overlay: &str) -> Result<Tree, Misfit> {
    apply(&source::tree(BASE), &source::tree(overlay), Merge::Live).map(|(tree, _)| tree)
}

#[test]
fn an_overlay_adds_devices_that_refer_to_the_board() {
    let tree = applied(OVERLAY).expect("it fits");
    assert_eq!(
        tree.by_path("/__symbols__").and_then(|symbols| symbols.property("added")?.string()).as_deref(),
        Some("/soc/twin@200")
    );
    let (friend, twin) = (tree.by_path("/soc/friend@300"), tree.by_path("/soc/twin@200"));
    let clock = friend.and_then(|friend| friend.property("clocks")?.u32()).expect("a reference");
    assert_eq!(tree.by_phandle(clock).map(|node| node.id()), twin.map(|node| node.id()));
    let (board, _) = Board::from_tree(tree);
    assert_eq!(board.model, "with more");
    let names: Vec<&str> = board.devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["smmu", "soc", "200.twin", "300.friend"]);
    assert_eq!(
        (board.devices[2].iommus[0].path.as_ref(), &board.devices[2].iommus[0].cells[..]),
        ("/smmu", &[2][..])
    );
}

#[test]
fn an_overlay_applied_twice_keeps_its_phandles_apart() {
    let once = applied(OVERLAY).expect("it fits");
    let second = OVERLAY.replace("twin@200", "twin@400").replace("friend@300", "friend@500");
    let (twice, diagnostics) = apply(&once, &source::tree(&second), Merge::Live).expect("it fits again");
    assert_eq!(diagnostics, []);
    assert!(twice.by_path("/soc/twin@400").is_some() && twice.by_path("/soc/twin@200").is_some());
}

#[test]
fn what_does_not_fit_says_why() {
    let refused = |overlay: &str| applied(overlay).expect_err("it does not fit");
    assert_eq!(refused("/ { };"), Misfit::Empty);
    assert_eq!(
        refused("/ { f { target-path = \"/none\"; __overlay__ { }; }; };"),
        Misfit::NoTarget { fragment: "f".to_owned(), path: Some("/none".to_owned()), phandle: None }
    );
    assert_eq!(
        refused(
            "/ { f { target = <0xffffffff>; __overlay__ { }; }; __fixups__ { ghost = \"/f:target:0\"; }; };"
        ),
        Misfit::NoSymbol { label: "ghost".to_owned() }
    );
    assert_eq!(
        refused("/ { f { target = <1>; __overlay__ { }; }; __fixups__ { soc = \"/f:target:9\"; }; };"),
        Misfit::Fixup { entry: "/f:target:9".to_owned() }
    );
    assert_eq!(
        refused("/ { f { target-path = \"/soc\"; __overlay__ { #address-cells = <2>; }; }; };"),
        Misfit::CellsChange { path: "/soc".to_owned(), property: "#address-cells".to_owned() }
    );
    assert_eq!(
        refused("/ { f { target-path = \"/smmu\"; __overlay__ { phandle = <9>; }; }; };"),
        Misfit::PhandleChange { path: "/smmu".to_owned() }
    );
}

#[test]
fn a_bootloader_takes_what_linux_does_not() {
    let overlay = r#"/ {
        fragment@0 {
            target-path = "/";
            __overlay__ {
                mine: smmu { later; };
                soc { user { iommus = <&mine 9>; }; };
            };
        };
        __local_fixups__ { fragment@0 { __overlay__ { soc { user { iommus = <0>; }; }; }; }; };
    };"#;
    assert_eq!(applied(overlay).err(), Some(Misfit::PhandleChange { path: "/smmu".to_owned() }));
    let (tree, _) = apply(&source::tree(BASE), &source::tree(overlay), Merge::Boot).expect("it fits");
    let (board, diagnostics) = Board::from_tree(tree);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    // The node keeps its phandle, the overlay's reference follows, and `user` is the one with an address.
    let user = board.devices.iter().find(|device| device.name == "100.user").expect("the user");
    assert_eq!((user.iommus[0].path.as_ref(), &user.iommus[0].cells[..]), ("/smmu", &[9][..]));
    assert_eq!(board.devices.iter().filter(|device| device.path.contains("user")).count(), 1);
}
