//! The questions about boards, asked of the built command: what it prints, its JSON, its exit statuses, and what it says of bad input.

#[path = "../../firmware/tests/source/mod.rs"]
mod source;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use serde_json::Value;

fn uvfio(args: &[&str]) -> Output {
    let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
    uvfio.args(args).stdin(Stdio::null()).current_dir(root());
    uvfio.output().expect("the command was built")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn check(args: &[&str], status: i32, expected: Expect) {
    let output = uvfio(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(status), ""), "{args:?}");
    expected.assert_eq(&String::from_utf8_lossy(&output.stdout));
}

fn json(args: &[&str]) -> Value {
    let output = uvfio(&[args, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

#[test]
fn a_board_in_one_page() {
    check(
        &["board", "boards/demo.dtb"],
        0,
        expect![[r#"
        uvfio demo board  uvfio,demo
        15 devices: 6 can be handed out alone, 0 with others, 9 not (3 of them could, if something is given up)
        8 IOMMU groups, 0 shared reset lines, 0 shared interrupts, 0 remarks on the description

        DEVICE             VERDICT  GROUP  IN THE WAY, OR TIED TO                GIVE UP
        7ff00000.dma       yes      0
        7ff10000.dma       yes      1
        7ff20000.dma       yes      2
        7ff30000.dma       yes      3
        1c170000.rtc       yes      4
        2b000000.hdlcd     no       5      no reset; same group: 2b010000.hdlcd  reset_required=0
        2b010000.hdlcd     no       5      no reset; same group: 2b000000.hdlcd  reset_required=0
        2c000000.ethernet  yes      6
        2d000000.gpu       no       7      DMA not coherent; no reset            reset_required=0 non-coherent-dma

        6 devices name no IOMMU and cannot be handed out (--all lists them).
        uvfio explain boards/demo.dtb 7ff00000.dma says why.
    "#]],
    );
}

#[test]
fn one_device_and_why() {
    check(
        &["explain", "boards/demo.dtb", "2b000000"],
        1,
        expect![[r#"
        2b000000.hdlcd  arm,hdlcd  /soc@0/hdlcd@2b000000
        can it be handed out? no

        in its way
          VFIO has no driver to reset it, and vfio-platform requires one  [reset_required=0]

        draws along
          IOMMU group 5 has 2b010000.hdlcd too (devices that one stream mapping entry matches share a group)  drivers/iommu/arm/arm-smmu/arm-smmu.c

        worth knowing
          no MSI controller isolates its interrupts: vfio_iommu_type1.allow_unsafe_interrupts=1 is needed
          region 0 (0x2b000000, 0x1000 bytes) is not whole pages on hosts with pages of 16 KiB or more: there it is read and written, not mapped

        reset
          none that VFIO or the description knows

        next
          the least to give up: reset_required=0
          uvfio explain boards/demo.dtb 2b000000.hdlcd --allow reset_required=0
    "#]],
    );
    check(
        &["explain", "boards/demo.dtb", "2b000000", "--allow", "reset_required=0"],
        0,
        expect![[r#"
        2b000000.hdlcd  arm,hdlcd  /soc@0/hdlcd@2b000000
        can it be handed out? together with 2b010000.hdlcd

        draws along
          IOMMU group 5 has 2b010000.hdlcd too (devices that one stream mapping entry matches share a group)  drivers/iommu/arm/arm-smmu/arm-smmu.c

        given up
          VFIO has no driver to reset it, and vfio-platform requires one

        worth knowing
          no MSI controller isolates its interrupts: vfio_iommu_type1.allow_unsafe_interrupts=1 is needed
          region 0 (0x2b000000, 0x1000 bytes) is not whole pages on hosts with pages of 16 KiB or more: there it is read and written, not mapped

        reset
          none that VFIO or the description knows

        next
          try it: uvfio run --board boards/demo.dtb --param vfio-platform.reset_required=0 --bind 2b000000.hdlcd --bind 2b010000.hdlcd -- PROGRAM
    "#]],
    );
    check(
        &["together", "boards/demo.dtb", "2b000000.hdlcd"],
        1,
        expect![[r#"
        2b000000.hdlcd would take 2 along, and cannot go

        DEVICE          BY ITSELF  WHY
        2b000000.hdlcd  blocked    no reset; same group: 2b010000.hdlcd
        2b010000.hdlcd  blocked    no reset; same group: 2b000000.hdlcd
    "#]],
    );
}

#[test]
fn groups_lines_and_dependencies() {
    check(
        &["groups", "boards/demo.dtb"],
        0,
        expect![[r#"
        GROUP  IOMMU           DRIVER       DEVICES
        0      2b400000.iommu  arm-smmu-v3  7ff00000.dma
        1      2b400000.iommu  arm-smmu-v3  7ff10000.dma
        2      2b400000.iommu  arm-smmu-v3  7ff20000.dma
        3      2b400000.iommu  arm-smmu-v3  7ff30000.dma
        4      2b400000.iommu  arm-smmu-v3  1c170000.rtc
        5      2b500000.iommu  arm-smmu     2b000000.hdlcd
                                            2b010000.hdlcd
        6      2b400000.iommu  arm-smmu-v3  2c000000.ethernet
        7      2b500000.iommu  arm-smmu     2d000000.gpu

        arm-smmu: devices that one stream mapping entry matches share a group (drivers/iommu/arm/arm-smmu/arm-smmu.c)
        arm-smmu-v3: one group for each device (drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c)
    "#]],
    );
    check(
        &["depends", "boards/demo.dtb", "1c170000.rtc"],
        0,
        expect![[r#"
        1c170000.rtc needs
        WHAT                  FROM                           WHICH        NAME
        IOMMU                 2b400000.iommu                 0x20
        clock                 clock-apb                                   apb_pclk
        interrupt controller  2f000000.interrupt-controller  0x0 0x2 0x4

        1c170000.rtc is needed by
        nobody
    "#]],
    );
    let lines = json(&["irq", "boards/demo.dtb", "--all"]);
    assert!(lines["lines"].as_array().expect("lines").iter().all(|line| line["shared"] == false));
    let dma = json(&["dma", "boards/demo.dtb"]);
    assert_eq!(dma["iommus"].as_array().expect("iommus").len(), 2);
}

#[test]
fn what_changed_and_what_is_wrong() {
    assert_eq!(uvfio(&["diff", "boards/demo.dtb", "boards/demo.dtb"]).status.code(), Some(0));
    assert_eq!(uvfio(&["diff", "boards/demo.dtb", "boards/parity.dtb"]).status.code(), Some(1));
    check(
        &["lint", "boards/demo.dtb"],
        0,
        expect![[r#"
        nothing to remark
    "#]],
    );
    let ranked = json(&["rank", "boards", "--top", "1"]);
    let boards = ranked["boards"].as_array().expect("boards");
    assert_eq!((&boards[0]["board"], boards.len()), (&"resets.dtb".into(), 1));
}

#[test]
fn json_has_the_fields_it_is_known_for() {
    let board = json(&["board", "boards/demo.dtb"]);
    for field in ["model", "compatible", "page", "allowed", "counts", "groups", "devices", "bridges"] {
        assert!(!board[field].is_null(), "{field}");
    }
    let device = json(&["explain", "boards/demo.dtb", "2b000000.hdlcd"]);
    assert_eq!(
        (&device["verdict"], &device["give_up"]),
        (&"no".into(), &serde_json::json!(["reset_required=0"]))
    );
    assert_eq!(device["blockers"][0]["kind"], "no-reset");
    assert_eq!(device["bonds"][0]["kind"], "group");
    assert_eq!(device["bonds"][0]["devices"], serde_json::json!(["2b010000.hdlcd"]));
}

#[test]
fn tables_of_acpi_in_a_file_or_a_folder() {
    check(
        &["board", "boards/acpi/q35-virtio-iommu.viot"],
        0,
        expect![[r#"
            VIOT of BOCHS BXPC
            1 devices or ranges of them: 0 can be handed out alone, 1 possibly, 0 with others, 0 not
            1 IOMMUs, 0 remarks on the tables

            DEVICE                   VERDICT   IOMMU                         IDS          IN THE WAY, OR TIED TO  GIVE UP
            0000:00:00.0 to 00:1f.7  possible  virtio-iommu at 0000:00:01.0  0x0 to 0xff

            These tables do not say
              which PCI functions share a group: that follows from the path to them, which is found on the bus (/sys/kernel/iommu_groups)
            uvfio explain boards/acpi/q35-virtio-iommu.viot '0000:00:00.0 to 00:1f.7' says why.
        "#]],
    );
    assert_eq!(json(&["board", "boards/acpi"])["iommus"].as_array().expect("iommus").len(), 4);
    assert_eq!(uvfio(&["explain", "boards/acpi/q35-intel-iommu.dmar", "1f.3"]).status.code(), Some(3));
}

#[test]
fn a_picture_is_xml_with_every_device_behind_an_iommu() {
    let output = uvfio(&["picture", "boards/demo.dtb"]);
    let svg = String::from_utf8(output.stdout).expect("text");
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for device in json(&["board", "boards/demo.dtb"])["devices"].as_array().expect("devices") {
        assert!(svg.contains(device["name"].as_str().expect("a name")), "{device}");
    }
}

#[test]
fn bad_input_is_one_line_and_status_2() {
    for args in [
        &["board", "no-such-file.dtb"][..],
        &["board", "Cargo.toml"],
        &["board", "docs"],
        &["explain", "boards/demo.dtb", "nobody"],
        &["explain", "boards/demo.dtb", ""],
        &["rank", "docs"],
        &["explain", "boards/acpi", "0000:40:00.0"],
        &["explain", "boards/acpi", "00:1f"],
        &["board", "boards/acpi", "--overlay", "boards/parity.dtb"],
        &["board", "boards/demo.dtb", "--overlay", "boards/parity.dtb"],
        &["board", "boards/demo.dtb", "--allow", "everything"],
        &["rank", "no-such-folder"],
        &["picture", "boards/demo.dtb", "-o", "no-such-folder/x.svg"],
    ] {
        let output = uvfio(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn what_a_description_says_does_not_reach_the_terminal_as_commands() {
    let folder = tempfile::tempdir().expect("a place");
    let path = folder.path().join("hostile.dtb");
    let mut blob = std::fs::read(root().join("boards/demo.dtb")).expect("the board is there");
    let at = blob.windows(5).position(|word| word == b"uvfio").expect("the model");
    blob[at..at + 5].copy_from_slice(b"\x1b[2J\x07");
    std::fs::write(&path, blob).expect("it is written");
    let path = path.to_str().expect("a name");
    for question in ["board", "picture", "rank"] {
        let path = if question == "rank" { folder.path().to_str().expect("a name") } else { path };
        let output = uvfio(&[question, path]);
        assert!(output.status.success() && output.stdout.len() > 40, "{question}");
        assert!(!output.stdout.contains(&0x1b) && !output.stdout.contains(&7), "{question}");
    }
}

/// As a shell's `| head -1` does it: the reader is gone before the writer is done, for every question.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    for args in [
        &["board", "boards/demo.dtb", "--all"][..],
        &["board", "boards/demo.dtb", "--json"],
        &["picture", "boards/demo.dtb"],
        &["rank", "boards"],
        &["completions", "bash"],
        &["rules"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
        uvfio.args(args).stdin(Stdio::null()).stdout(writer).current_dir(root());
        let output = uvfio.output().expect("the command was built");
        assert_eq!(
            (output.status.code(), &*String::from_utf8_lossy(&output.stderr)),
            (Some(0), ""),
            "{args:?}"
        );
    }
    // Nor is a complaint that nobody reads.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
    uvfio.args(["board", "no-such-file"]).stdin(Stdio::null()).stderr(writer);
    assert_eq!(uvfio.status().expect("the command was built").code(), Some(2));
}

#[test]
fn names_of_any_bytes_and_files_of_any_size() {
    use std::os::unix::ffi::OsStringExt;
    let folder = tempfile::tempdir().expect("a place");
    let name = std::ffi::OsString::from_vec(b"b\xfe.dtb".to_vec());
    let path = folder.path().join(name);
    std::fs::copy(root().join("boards/demo.dtb"), &path).expect("it is written");
    let ask = |args: &[&std::ffi::OsStr]| {
        let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
        uvfio.args(args).stdin(Stdio::null()).output().expect("the command was built")
    };
    assert_eq!(ask(&["board".as_ref(), path.as_os_str()]).status.code(), Some(0));
    assert_eq!(ask(&["rank".as_ref(), folder.path().as_os_str()]).status.code(), Some(0));
    // A hole, which takes no room.
    let large = folder.path().join("large.dtb");
    let file = std::fs::File::create(&large).expect("it is made");
    file.set_len((64 << 20) + 1).expect("it is long");
    let output = ask(&["board".as_ref(), large.as_os_str()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("larger than 64 MiB"));
    file.set_len(64 << 20).expect("it is long");
    let output = ask(&["board".as_ref(), large.as_os_str()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a usable device tree"));
}

#[test]
fn colours_are_for_terminals_and_those_who_want_them() {
    let ask = |name: &str, value: &str| {
        let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
        uvfio.args(["board", "boards/demo.dtb"]).stdin(Stdio::null()).current_dir(root());
        for other in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            uvfio.env_remove(other);
        }
        uvfio.env(name, value).output().expect("the command was built").stdout.contains(&0x1b)
    };
    assert!(!ask("TERM", "xterm") && !ask("NO_COLOR", "1") && ask("CLICOLOR_FORCE", "1"));
}

/// An overlay without labels, for a board that has none: it disables one of two controllers of a group, and adds a timer.
#[test]
fn an_overlay_changes_what_can_be_handed_out() {
    let overlay = r#"/ {
        fragment@0 {
            target-path = "/soc@0/hdlcd@2b010000";
            __overlay__ { status = "disabled"; };
        };
        fragment@1 {
            target-path = "/soc@0";
            __overlay__ { timer@2f800000 { compatible = "arm,sp804"; reg = <0x2f800000 0x1000>; }; };
        };
    };"#;
    let folder = tempfile::tempdir().expect("a place");
    let path = folder.path().join("x.dtbo");
    std::fs::write(&path, source::blob(overlay)).expect("it is written");
    let path = path.to_str().expect("a name");
    check(
        &["diff", "boards/demo.dtb", "boards/demo.dtb", "--overlay", path],
        1,
        expect![[r#"
        DEVICE          BEFORE  AFTER   WHY
        2b000000.hdlcd  no      no      no reset; same group: 2b010000.hdlcd -> no reset
        2b010000.hdlcd  no      absent  no reset; same group: 2b000000.hdlcd
        2f800000.timer  absent  no      no IOMMU

        13 other entries are the same (compared: devices and their verdicts)
    "#]],
    );
    let board = json(&["board", "boards/demo.dtb", "--all", "--overlay", path]);
    assert_eq!(board["counts"]["devices"], 15);
    assert_eq!(uvfio(&["lint", "boards/demo.dtb", "--overlay", path]).status.code(), Some(0));
    // The same again is no mistake: the nodes are there already.
    let twice = ["board", "boards/demo.dtb", "--overlay", path, "--overlay", path];
    assert_eq!(uvfio(&twice).status.code(), Some(0));
}
