//! Damaged and made-up blobs: no panic, in bounded time, and what is whole is kept.

mod source;

use proptest::prelude::*;
use uvfio_firmware::dt::{self, Draft};
use uvfio_firmware::{Board, NotADeviceTree, Problem, Tree};

const SMALL: &str = r#"/ {
    #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
    gic: gic { compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>; reg = <0x1000 0x100>; };
    smmu: smmu { compatible = "arm,smmu-v3"; #iommu-cells = <1>; };
    soc {
        compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
        ranges = <0 0x80000000 0x1000000>; dma-ranges = <0 0 0x1000000>;
        dma@10 { compatible = "arm,pl330", "arm,primecell"; reg = <0x10 0x10>; interrupts = <0 5 4>; iommus = <&smmu 1>; };
        pcie@20 {
            compatible = "pci-host-ecam-generic"; device_type = "pci"; reg = <0x20 0x10>;
            #address-cells = <3>; #size-cells = <2>; #interrupt-cells = <1>;
            ranges = <0x2000000 0 0x100 0x100 0 0x100>;
            iommu-map = <0 &smmu 0 0x10000>;
            interrupt-map-mask = <0x1800 0 0 7>; interrupt-map = <0 0 0 1 &gic 0 7 4>;
        };
    };
};"#;

/// Read it all, and write what came of it.
fn read(bytes: &[u8]) {
    if let Ok((board, _)) = Board::from_dtb(bytes) {
        let again = Draft::from(&board.tree).flatten().expect("it is small");
        let (copy, _) = Tree::parse(&again).expect("it was written by us");
        assert_eq!(copy.nodes().len(), board.tree.nodes().len());
        let _ = dt::apply(&board.tree, &board.tree, dt::Merge::Boot);
    }
}

proptest! {
    #[test]
    fn changed_bytes_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = source::blob(SMALL);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read(&bytes);
    }

    #[test]
    fn changed_cells_do_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![0u32..40, any::<u32>()]), 1..8)) {
        let mut bytes = source::blob(SMALL);
        for (at, cell) in changes {
            let at = at.index(bytes.len() / 4) * 4;
            bytes[at..at + 4].copy_from_slice(&cell.to_be_bytes());
        }
        read(&bytes);
    }

    #[test]
    fn cut_blobs_keep_what_is_there(at in any::<prop::sample::Index>()) {
        let bytes = source::blob(SMALL);
        read(&bytes[..at.index(bytes.len())]);
    }

    #[test]
    fn any_bytes_behind_a_header_do_no_harm(rest in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut bytes = source::blob("/ { };")[..40].to_vec();
        bytes[4..8].copy_from_slice(&1000u32.to_be_bytes());
        bytes[36..40].copy_from_slice(&1000u32.to_be_bytes());
        bytes.extend(rest);
        read(&bytes);
    }
}

#[test]
fn what_is_no_tree_is_refused_with_the_reason() {
    assert_eq!(Tree::parse(&[]).err(), Some(NotADeviceTree::TooShort { have: 0 }));
    assert_eq!(Tree::parse(b"\x7fELFxxxx").err(), Some(NotADeviceTree::Magic { magic: 0x7f45_4c46 }));
    let mut old = source::blob("/ { };");
    old[20..24].copy_from_slice(&3u32.to_be_bytes());
    assert_eq!(Tree::parse(&old).err(), Some(NotADeviceTree::Version { version: 3, compatible: 16 }));
    let mut outside = source::blob("/ { };");
    outside[8..12].copy_from_slice(&5000u32.to_be_bytes());
    let have = outside.len();
    assert_eq!(Tree::parse(&outside).err(), Some(NotADeviceTree::Structure { offset: 5000, have }));
}

#[test]
fn a_blob_cut_in_its_tokens_keeps_the_nodes_before() {
    let mut bytes = source::blob("/ { a { compatible = \"x\"; }; b { compatible = \"y\"; }; };");
    // The structure block is said to be shorter, so that it ends within the second node.
    let length = u32::from_be_bytes(bytes[36..40].try_into().expect("four bytes"));
    bytes[36..40].copy_from_slice(&(length - 24).to_be_bytes());
    let (board, diagnostics) = Board::from_dtb(&bytes).expect("a tree");
    assert_eq!(board.devices[0].name, "a");
    assert!(board.tree.by_path("/b").is_some());
    let problems: Vec<_> = diagnostics.iter().map(|diagnostic| &diagnostic.problem).collect();
    assert!(
        matches!(problems[..], [Problem::StructureEnds { .. }, Problem::Unbalanced { open: 2 }]),
        "{problems:?}"
    );
}

#[test]
fn version_16_is_read_to_its_end_token() {
    let mut bytes = source::blob("/ { a { compatible = \"x\"; }; };");
    bytes[20..24].copy_from_slice(&16u32.to_be_bytes());
    // That version has no length of the structure block; what stands there means nothing.
    bytes[36..40].copy_from_slice(&0u32.to_be_bytes());
    let (board, diagnostics) = Board::from_dtb(&bytes).expect("a tree");
    assert_eq!((board.devices.len(), diagnostics.len()), (1, 0));
}

#[test]
fn names_of_any_length_up_to_a_files_are_kept() {
    let name = "linux,a-property-name-of-more-than-thirty-one-bytes";
    let mut draft = Draft::default();
    draft.set(Draft::ROOT, name.as_bytes(), b"v");
    draft.set(Draft::ROOT, &[b'n'; 300], b"w");
    let (tree, diagnostics) = Tree::parse(&draft.flatten().expect("small")).expect("a tree");
    assert_eq!(tree.root().property(name).expect("it is there").value(), b"v");
    assert_eq!(diagnostics.len(), 1);
    assert!(matches!(diagnostics[0].problem, Problem::LongName { .. }));
}

/// A blob made to be slow is given up, after a number of steps that its size allows.
fn check_given_up(draft: &Draft) {
    let (_, diagnostics) = Board::from_dtb(&draft.flatten().expect("it fits")).expect("a tree");
    let given_up = diagnostics.iter().filter(|diagnostic| diagnostic.problem == Problem::Exhausted).count();
    assert_eq!(given_up, 1);
}

#[test]
fn nesting_ends_where_linux_ends_it() {
    let mut draft = Draft::default();
    let mut node = Draft::ROOT;
    for _ in 0..100_000 {
        node = draft.add(node, b"n");
        draft.set(node, b"compatible", b"simple-bus\0");
    }
    let (board, diagnostics) = Board::from_dtb(&draft.flatten().expect("small")).expect("a tree");
    assert_eq!(board.devices.len(), 62);
    assert_eq!(diagnostics[0].problem, Problem::TooDeep { deepest: 62, nodes: 100_000 - 62 });
}

#[test]
fn long_ranges_for_many_devices_end() {
    let mut draft = Draft::default();
    let bus = draft.add(Draft::ROOT, b"bus");
    draft.set(bus, b"compatible", b"simple-bus\0");
    let rows: Vec<u8> =
        (0..60_000u32).flat_map(|row| [row * 2, row * 2, 1]).flat_map(u32::to_be_bytes).collect();
    draft.set(bus, b"ranges", &rows);
    for number in 0..20_000u32 {
        let device = draft.add(bus, format!("d@{number:x}").as_bytes());
        draft.set(device, b"compatible", b"x\0");
        draft.set(device, b"reg", &[1, 1].map(u32::to_be_bytes).concat());
    }
    check_given_up(&draft);
}

#[test]
fn many_properties_of_one_provider_end() {
    let mut draft = Draft::default();
    let provider = draft.add(Draft::ROOT, b"p");
    draft.set(provider, b"phandle", &1u32.to_be_bytes());
    for number in 0..30_000 {
        draft.set(provider, format!("x{number}").as_bytes(), b"");
    }
    draft.set(provider, b"#clock-cells", &0u32.to_be_bytes());
    let device = draft.add(Draft::ROOT, b"d");
    draft.set(device, b"compatible", b"x\0");
    draft.set(device, b"clocks", &1u32.to_be_bytes().repeat(200_000));
    check_given_up(&draft);
}

#[test]
fn many_properties_of_one_name_end() {
    let property: Vec<u8> =
        [3, 4, 0, 7].into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>().repeat(100_000);
    // A draft keeps names apart, so these are put into its tokens: behind the node's start, named `clocks`.
    let mut draft = Draft::default();
    draft.set(Draft::ROOT, b"clocks", b"");
    let device = draft.add(Draft::ROOT, b"d");
    draft.set(device, b"compatible", b"x\0");
    let blob = draft.flatten().expect("small");
    let start = blob.windows(8).position(|bytes| bytes == b"\0\0\0\x01d\0\0\0").expect("the node") + 8;
    let mut bytes = [&blob[..start], &property, &blob[start..]].concat();
    for field in [4, 12, 36] {
        let old = u32::from_be_bytes(bytes[field..field + 4].try_into().expect("four bytes"));
        let new = old + u32::try_from(property.len()).expect("a few megabytes");
        bytes[field..field + 4].copy_from_slice(&new.to_be_bytes());
    }
    let (_, diagnostics) = Board::from_dtb(&bytes).expect("a tree");
    assert!(diagnostics.iter().any(|diagnostic| diagnostic.problem == Problem::Exhausted));
}

#[test]
fn parents_in_a_circle_end() {
    let (board, _) = source::board(
        r#"/ {
            a: a { compatible = "a"; interrupt-parent = <&b>; interrupts = <1>; };
            b: b { compatible = "b"; interrupt-parent = <&a>; interrupts = <1>; };
            x: x { compatible = "x"; #interrupt-cells = <1>; interrupt-map = <1 &y 1>; #address-cells = <0>; };
            y: y { compatible = "y"; #interrupt-cells = <1>; interrupt-map = <1 &x 1>; #address-cells = <0>; };
            c { compatible = "c"; interrupts-extended = <&x 1>; };
            m: m { compatible = "m"; #interconnect-cells = <0>; interconnects = <&n>; interconnect-names = "dma-mem"; };
            n: n { compatible = "n"; #interconnect-cells = <0>; interconnects = <&m>; interconnect-names = "dma-mem"; };
        };"#,
    );
    assert_eq!(board.devices.len(), 7);
    assert!(board.devices.iter().all(|device| device.interrupts.is_empty()));
}
