//! The questions asked of machines that tables of ACPI describe: devices of the namespace behind each kind of IOMMU, what the tables
//! leave open, and tables that are damaged.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use serde_json::Value;
use tempfile::TempDir;

fn uvfio(folder: &Path, args: &[&str]) -> Output {
    let mut uvfio = Command::new(env!("CARGO_BIN_EXE_uvfio"));
    uvfio.args(args).stdin(Stdio::null()).current_dir(folder);
    uvfio.output().expect("the command was built")
}

fn check(folder: &Path, args: &[&str], status: i32, expected: Expect) {
    let output = uvfio(folder, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(status), ""), "{args:?}");
    expected.assert_eq(&String::from_utf8_lossy(&output.stdout));
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = uvfio(folder, &[args, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}"))
}

/// A table of the test's own, its length and sum as they should be.
fn table(signature: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let mut table = Vec::from(*signature);
    table.extend([0; 4]);
    table.extend([1, 0]);
    table.extend(b"UVFIO TESTS   ");
    table.resize(36, 0);
    body.iter().for_each(|part| table.extend(*part));
    let length = u32::try_from(table.len()).expect("a small table");
    table[4..8].copy_from_slice(&length.to_le_bytes());
    table[9] = table.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
    table
}

fn folder(tables: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a place");
    for (name, bytes) in tables {
        std::fs::write(folder.path().join(name), bytes).expect("it is written");
    }
    folder
}

/// A unit for two named devices and one function, one for all others, memory that firmware uses through one of the named.
fn dmar() -> Vec<u8> {
    let endpoint = [1, 8, 0, 0, 0, 0, 0x1f, 3];
    let named = |number| [5, 8, 0, 0, number, 0, 0x15, number];
    let drhd = |flags, base: u32, scopes: &[u8]| {
        let mut unit = vec![0, 0, 16 + scopes.len() as u8, 0, flags, 0, 0, 0];
        unit.extend(u64::from(base).to_le_bytes());
        unit.extend(scopes);
        unit
    };
    let mut rmrr = vec![1, 0, 32, 0, 0, 0, 0, 0];
    rmrr.extend(0x7000_0000_u64.to_le_bytes());
    rmrr.extend(0x7000_ffff_u64.to_le_bytes());
    rmrr.extend(named(2));
    let andd = |number, path: &[u8]| {
        let mut named = vec![4, 0, 8 + path.len() as u8, 0, 0, 0, 0, number];
        named.extend(path);
        named
    };
    table(
        b"DMAR",
        &[
            &[38, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &drhd(0, 0xfed9_0000, &[&endpoint[..], &named(1), &named(2)].concat()),
            &drhd(1, 0xfed9_1000, &[]),
            &rmrr,
            &andd(1, b"\\_SB.PCI0.I2C0\0"),
            &andd(2, b"\\_SB.PCI0.SPI1\0"),
        ],
    )
}

/// Two devices of the namespace with one id, and a function.
fn ivrs() -> Vec<u8> {
    let named = |hid: &[u8; 8], uid: u64| {
        let mut entry = vec![240, 0xa0, 0, 0];
        entry.extend(hid);
        entry.extend([0; 8]);
        entry.extend([1, 8]);
        entry.extend(uid.to_le_bytes());
        entry
    };
    let entries = [&[2, 0x10, 0, 0][..], &named(b"AMDI0010", 0), &named(b"AMDI0010", 1)].concat();
    let mut block = vec![0x40, 0];
    block.extend((40 + entries.len() as u16).to_le_bytes());
    block.extend([2, 0, 0x40, 0]);
    block.extend(0xfeb8_0000_u64.to_le_bytes());
    block.resize(40, 0);
    block.extend(entries);
    table(b"IVRS", &[&[0; 12], &block])
}

/// An SMMUv3 whose walks are not coherent, with a device of the namespace and a root complex of four buses.
fn iort() -> Vec<u8> {
    let node = |kind: u8, length: u16, mappings: u32, at: u32| {
        let mut node = vec![kind];
        node.extend(length.to_le_bytes());
        node.push(3);
        node.extend([0; 4]);
        node.extend(mappings.to_le_bytes());
        node.extend(at.to_le_bytes());
        node
    };
    let mapping = |input: u32, count: u32, output: u32, single: u32| {
        [input, count - 1, output, 48, single].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>()
    };
    let mut smmu = node(4, 68, 0, 0);
    smmu.extend(0x0905_0000_u64.to_le_bytes());
    smmu.resize(44, 0);
    for interrupt in [106_u32, 107, 108, 109] {
        smmu.extend(interrupt.to_le_bytes());
    }
    smmu.resize(68, 0);
    let mut named = node(1, 60, 1, 40);
    named.extend([0; 4]);
    named.extend([1, 0, 0, 0, 0, 0, 0, 3]);
    named.push(40);
    named.extend(b"\\_SB_.ETH0\0");
    named.resize(40, 0);
    named.extend(mapping(0, 1, 0x900, 1));
    let mut root = node(2, 60, 1, 40);
    root.extend([1, 0, 0, 0, 0, 0, 0, 3]);
    root.resize(40, 0);
    root.extend(mapping(0, 0x400, 0, 0));
    let count = 3_u32.to_le_bytes();
    table(b"IORT", &[&count, &48_u32.to_le_bytes(), &[0; 4], &smmu, &named, &root])
}

#[test]
fn named_devices_behind_a_vt_d_unit() {
    let place = folder(&[("dmar.dat", dmar()), ("facp.dat", table(b"FACP", &[&[0; 8]]))]);
    let at = place.path();
    check(
        at,
        &["board", "."],
        0,
        expect![[r#"
            DMAR of UVFIO TESTS, FACP of UVFIO TESTS
            4 devices or ranges of them: 0 can be handed out alone, 3 possibly, 0 with others, 1 not
            2 IOMMUs, 0 remarks on the tables

            DEVICE                          VERDICT   IOMMU               IDS   IN THE WAY, OR TIED TO           GIVE UP
            0000:00:1f.3                    possible  VT-d at 0xfed90000  0xfb
            \_SB.PCI0.I2C0                  possible  VT-d at 0xfed90000  0xa9
            \_SB.PCI0.SPI1                  no        VT-d at 0xfed90000  0xaa  firmware uses memory through it  nothing helps
            all others of PCI segment 0000  possible  VT-d at 0xfed91000

            These tables do not say
              whether a device of the namespace can be reset: _RST is a method in the DSDT
              which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
              where devices of the namespace have their registers, and so who shares a page: that is _CRS in the DSDT
              which PCI functions share a group: that follows from the path to them, which is found on the bus (/sys/kernel/iommu_groups)
            uvfio explain . 0000:00:1f.3 says why.
        "#]],
    );
    check(
        at,
        &["groups", "dmar.dat"],
        3,
        expect![[r#"
        GROUP  IOMMU               DRIVER       DEVICES
        -      VT-d at 0xfed90000  intel-iommu  \_SB.PCI0.I2C0
        -      VT-d at 0xfed90000  intel-iommu  \_SB.PCI0.SPI1

        intel-iommu: one group for each device that is no PCI function (drivers/iommu/intel/iommu.c)

        These tables do not say
          the numbers of groups: Linux counts them as it finds devices
          which PCI functions share a group: that follows from the path to them, which is found on the bus (/sys/kernel/iommu_groups)
    "#]],
    );
    check(
        at,
        &["explain", "dmar.dat", "I2C0"],
        3,
        expect![[r#"
            \_SB.PCI0.I2C0
            can it be handed out? possibly: nothing that the tables know of is in the way

            behind
              VT-d at 0xfed90000, where it is 0xa9

            These tables do not say
              whether a device of the namespace can be reset: _RST is a method in the DSDT
              which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
              where devices of the namespace have their registers, and so who shares a page: that is _CRS in the DSDT
        "#]],
    );
    check(
        at,
        &["explain", "dmar.dat", "SPI1"],
        1,
        expect![[r#"
            \_SB.PCI0.SPI1
            can it be handed out? no

            behind
              VT-d at 0xfed90000, where it is 0xaa

            in its way
              firmware uses memory 0x70000000 to 0x7000ffff through it (Linux makes an exception for USB controllers and graphics)

            next
              nothing that can be given up frees it
        "#]],
    );
    check(
        at,
        &["dma", "."],
        3,
        expect![[r#"
            IOMMU               STATE    WALKS     DEVICES  COMPATIBLE
            VT-d at 0xfed90000  enabled  not said  3        intel-iommu
            VT-d at 0xfed91000  enabled  not said  1        intel-iommu

            DEVICE                          GROUP  DMA       STREAMS                         RANGES AND RESERVED MEMORY
            0000:00:1f.3                    -      not said  VT-d at 0xfed90000: 0xfb
            \_SB.PCI0.I2C0                  -      not said  VT-d at 0xfed90000: 0xa9
            \_SB.PCI0.SPI1                  -      not said  VT-d at 0xfed90000: 0xaa        firmware's 0x70000000 to 0x7000ffff
            all others of PCI segment 0000  -      not said  VT-d at 0xfed91000: its own id

            RESERVED MEMORY                 WHERE
            of firmware, by \_SB.PCI0.SPI1  0x70000000+0x10000

            These tables do not say
              whether a device's own DMA is coherent: that is _CCA in the DSDT
        "#]],
    );
    check(
        at,
        &["together", ".", "SPI1"],
        1,
        expect![[r#"
        \_SB.PCI0.SPI1 cannot go

        DEVICE          BY ITSELF  WHY
        \_SB.PCI0.SPI1  blocked    firmware uses memory through it
    "#]],
    );
    // A function that is not named is one of all others.
    assert_eq!(json(at, &["explain", ".", "00:02.0"])["part_of"], "all others of PCI segment 0000");
}

#[test]
fn named_devices_with_one_id_share_a_group() {
    let place = folder(&[("IVRS", ivrs())]);
    let at = place.path();
    check(
        at,
        &["board", "IVRS"],
        0,
        expect![[r#"
            IVRS of UVFIO TESTS
            3 devices or ranges of them: 0 can be handed out alone, 1 possibly, 2 with others, 0 not
            1 IOMMUs, 0 remarks on the tables

            DEVICE        VERDICT   IOMMU                 IDS   IN THE WAY, OR TIED TO  GIVE UP
            0000:00:02.0  possible  AMD-Vi at 0xfeb80000  0x10
            AMDI0010:00   together  AMD-Vi at 0xfeb80000  0xa0  with AMDI0010:01
            AMDI0010:01   together  AMD-Vi at 0xfeb80000  0xa0  with AMDI0010:00

            These tables do not say
              whether a device of the namespace can be reset: _RST is a method in the DSDT
              which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
              where devices of the namespace have their registers, and so who shares a page: that is _CRS in the DSDT
              which PCI functions share a group: that follows from the path to them, which is found on the bus (/sys/kernel/iommu_groups)
            uvfio explain IVRS 0000:00:02.0 says why.
        "#]],
    );
    check(
        at,
        &["groups", "IVRS"],
        3,
        expect![[r#"
        GROUP  IOMMU                 DRIVER     DEVICES
        -      AMD-Vi at 0xfeb80000  amd-iommu  AMDI0010:00
                                                AMDI0010:01

        amd-iommu: devices of the namespace that have one id share a group (drivers/iommu/amd/iommu.c)

        These tables do not say
          the numbers of groups: Linux counts them as it finds devices
          which PCI functions share a group: that follows from the path to them, which is found on the bus (/sys/kernel/iommu_groups)
    "#]],
    );
    check(
        at,
        &["together", "IVRS", "AMDI0010:00"],
        3,
        expect![[r#"
        AMDI0010:00 can possibly go, with all 2

        DEVICE       BY ITSELF  WHY
        AMDI0010:00  free       with AMDI0010:01
        AMDI0010:01  free       with AMDI0010:00

        These tables do not say
          whether a device of the namespace can be reset: _RST is a method in the DSDT
          which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
          where devices of the namespace have their registers, and so who shares a page: that is _CRS in the DSDT
    "#]],
    );
    check(
        at,
        &["explain", "IVRS", "AMDI0010:01"],
        3,
        expect![[r#"
        AMDI0010:01
        can it be handed out? together with AMDI0010:00

        behind
          AMD-Vi at 0xfeb80000, where it is 0xa0

        draws along
          id 0xa0 of AMD-Vi at 0xfeb80000 is also that of AMDI0010:00  drivers/iommu/amd/iommu.c

        These tables do not say
          whether a device of the namespace can be reset: _RST is a method in the DSDT
          which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
          where devices of the namespace have their registers, and so who shares a page: that is _CRS in the DSDT
    "#]],
    );
}

#[test]
fn what_is_given_up_counts_for_tables_too() {
    let place = folder(&[("iort.aml", iort())]);
    let at = place.path();
    check(
        at,
        &["explain", "iort.aml", "ETH0"],
        1,
        expect![[r#"
        \_SB_.ETH0
        can it be handed out? no

        behind
          SMMUv3 at 0x9050000, where it is 0x900

        in its way
          its DMA does not see the processor's caches; VFIO asks for that since Linux 6.0  [non-coherent-dma]

        next
          the least to give up: non-coherent-dma
          uvfio explain iort.aml '\_SB_.ETH0' --allow non-coherent-dma
    "#]],
    );
    check(
        at,
        &["explain", "iort.aml", "ETH0", "--allow", "non-coherent-dma"],
        3,
        expect![[r#"
        \_SB_.ETH0
        can it be handed out? possibly: nothing that the tables know of is in the way

        behind
          SMMUv3 at 0x9050000, where it is 0x900

        given up
          its DMA does not see the processor's caches; VFIO asks for that since Linux 6.0

        These tables do not say
          whether a device of the namespace can be reset: _RST is a method in the DSDT
          which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
          where devices of the namespace have their registers, and so who shares a page: that is _CRS in the DSDT
    "#]],
    );
    check(
        at,
        &["irq", "iort.aml"],
        3,
        expect![[r#"
        LINE  CONTROLLER  TRIGGER     DEVICES
        106   GSI         not said    SMMUv3 at 0x9050000
        107   GSI         not said    SMMUv3 at 0x9050000
        108   GSI         not said    SMMUv3 at 0x9050000
        109   GSI         not said    SMMUv3 at 0x9050000

        These tables do not say
          which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
    "#]],
    );
    check(
        at,
        &["dma", "iort.aml"],
        0,
        expect![[r#"
        IOMMU                STATE    WALKS         DEVICES  COMPATIBLE
        SMMUv3 at 0x9050000  enabled  not coherent  2        arm-smmu-v3

        DEVICE                   GROUP  DMA       STREAMS                            RANGES AND RESERVED MEMORY
        \_SB_.ETH0               -      coherent  SMMUv3 at 0x9050000: 0x900         40 bits of address
        0000:00:00.0 to 03:1f.7  -      coherent  SMMUv3 at 0x9050000: 0x0 to 0x3ff
    "#]],
    );
    check(
        at,
        &["depends", "iort.aml", "0000:01:00.0"],
        3,
        expect![[r#"
        0000:01:00.0 needs
        WHAT   FROM                 WHICH  NAME
        IOMMU  SMMUv3 at 0x9050000  0x100

        0000:01:00.0 is needed by
        nobody

        These tables do not say
          what else a device needs: firmware sees to clocks and power (_PR0, _DEP in the DSDT)
          which interrupts devices have: for those of the namespace that is _CRS in the DSDT; PCI functions are asked on the bus
    "#]],
    );
}

#[test]
fn tables_of_two_machines_and_of_two_revisions_are_compared() {
    let mut changed = iort();
    // The device gets another stream.
    let stream = changed.windows(4).position(|word| word == 0x900_u32.to_le_bytes()).expect("the stream");
    changed[stream] = 4;
    let place = folder(&[("a", iort()), ("b", changed)]);
    let at = place.path();
    check(
        at,
        &["diff", "a", "a"],
        0,
        expect![[r#"
        2 entries, none different (devices, their IOMMUs and verdicts)
    "#]],
    );
    check(
        at,
        &["diff", "a", "b"],
        1,
        expect![[r#"
        DEVICE      BEFORE  AFTER  WHY
        \_SB_.ETH0  no      no     behind SMMUv3 at 0x9050000, ids 0x900, DMA not coherent -> behind SMMUv3 at 0x9050000, ids 0x904, DMA not coherent

        1 other entries are the same (compared: devices, their IOMMUs and verdicts)
    "#]],
    );
}

#[test]
fn what_is_left_open_stands_in_every_answer() {
    let place = folder(&[("iort.aml", iort())]);
    let at = place.path();
    for (args, status, gaps) in [
        (&["board", "iort.aml"][..], 0, &["reset", "interrupts", "registers", "groups-of-functions"][..]),
        (&["groups", "iort.aml"], 3, &["group-numbers", "groups-of-functions"]),
        (&["irq", "iort.aml"], 3, &["interrupts"]),
        (&["dma", "iort.aml"], 0, &[]),
        (&["explain", "iort.aml", "00:01.0"], 3, &["groups-of-functions"]),
        (&["together", "iort.aml", "ETH0"], 1, &[]),
        (&["depends", "iort.aml", "ETH0"], 3, &["suppliers", "interrupts"]),
        (&["lint", "iort.aml"], 0, &[]),
    ] {
        let output = uvfio(at, &[args, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(status), "{args:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(answer["description"], "acpi", "{args:?}");
        let not_said = answer["not_said"].as_array().expect("a list").iter().map(|gap| &gap["what"]);
        assert!(not_said.eq(gaps.iter()), "{args:?}: {answer}");
    }
}

#[test]
fn damaged_tables_are_read_as_far_as_they_go() {
    let (mut short, mut sum, mut lie) = (iort(), iort(), iort());
    short.truncate(100);
    sum[9] ^= 0xff;
    lie[4..8].copy_from_slice(&0xffff_ffff_u32.to_le_bytes());
    let place = folder(&[("short", short), ("sum", sum), ("lie", lie), ("twice", [iort(), iort()].concat())]);
    let at = place.path();
    check(
        at,
        &["lint", "short"],
        1,
        expect![[r#"
        IORT: byte 4: the header claims 236 bytes, there are 100 [length]
        IORT: byte 9: the bytes add up to 0xca, not 0 [checksum]
        IORT: byte 48: a structure of type 4 claims 68 bytes; it needs 60, and 52 are left [structure]
        IORT: byte 36: 3 structures are claimed, there are 0 [count]
    "#]],
    );
    check(
        at,
        &["lint", "sum"],
        1,
        expect![[r#"
        IORT: byte 9: the bytes add up to 0xbb, not 0 [checksum]
    "#]],
    );
    check(
        at,
        &["lint", "lie"],
        1,
        expect![[r#"
        IORT: byte 4: the header claims 4294967295 bytes, there are 236 [length]
        IORT: byte 9: the bytes add up to 0x10, not 0 [checksum]
    "#]],
    );
    check(
        at,
        &["lint", "twice"],
        1,
        expect![[r#"
        IORT: there is more than one; Linux takes the first, and so does this [second-table]
    "#]],
    );
    assert_eq!(json(at, &["board", "lie"])["devices"].as_array().expect("devices").len(), 2);
}

#[test]
fn tables_that_name_no_iommu_are_an_answer_and_one_such_file_is_not() {
    let place = folder(&[("FACP", table(b"FACP", &[&[0; 8]]))]);
    check(
        place.path(),
        &["board", "."],
        0,
        expect![[r#"
            FACP of UVFIO TESTS
            0 devices or ranges of them: 0 can be handed out alone, 0 possibly, 0 with others, 0 not
            0 IOMMUs, 0 remarks on the tables

            These tables name no IOMMU: Linux hands nothing of this machine out.
        "#]],
    );
    let alone = uvfio(place.path(), &["board", "FACP"]);
    assert_eq!(alone.status.code(), Some(2));
    expect![[r#"
        uvfio: FACP holds FACP of UVFIO TESTS, and none of IORT, DMAR, IVRS and VIOT, which say what is behind an IOMMU
    "#]].assert_eq(&String::from_utf8_lossy(&alone.stderr));
}

#[test]
fn a_picture_and_a_rank_of_tables() {
    let place = folder(&[]);
    for (machine, bytes) in [("intel/DMAR", dmar()), ("amd/IVRS", ivrs()), ("arm/iort.dat", iort())] {
        let file = place.path().join(machine);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("it is made");
        std::fs::write(file, bytes).expect("it is written");
    }
    check(
        place.path(),
        &["rank", "."],
        0,
        expect![[r#"
            ALONE  WITH OTHERS  POSSIBLY  COULD  GROUPS  DEVICES  BOARD  MODEL
            0      2            1         0      -       3        amd    IVRS of UVFIO TESTS
            0      0            3         0      -       4        intel  DMAR of UVFIO TESTS
            0      0            1         1      -       2        arm    IORT of UVFIO TESTS
        "#]],
    );
    let svg = String::from_utf8(uvfio(place.path(), &["picture", "amd"]).stdout).expect("text");
    for word in ["AMD-Vi at 0xfeb80000", "AMDI0010:01", "id 0xa0 of", "What these tables do not say"] {
        assert!(svg.contains(word), "{word}");
    }
}

/// boards/acpi-demo has a DSDT: its devices have names, interrupts and `_RST`, or not.
#[test]
fn a_dsdt_beside_the_tables_settles_what_they_leave_open() {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../boards");
    check(
        &boards,
        &["board", "acpi-demo"],
        0,
        expect![[r#"
        IORT of UVFIO DEMO, DSDT of UVFIO DEMO
        7 devices or ranges of them: 6 can be handed out alone, 0 possibly, 0 with others, 1 not (1 of them could, if something is given up)
        1 IOMMUs, 0 remarks on the tables

        DEVICE       VERDICT  IOMMU                 IDS   IN THE WAY, OR TIED TO  GIVE UP
        ARMH0330:00  yes      SMMUv3 at 0x2b400000  0x10
        ARMH0330:01  yes      SMMUv3 at 0x2b400000  0x11
        PRP0001:00   yes      SMMUv3 at 0x2b400000  0x12
        PRP0001:01   no       SMMUv3 at 0x2b400000  0x13  no reset                reset_required=0
        UVFI0001:00  yes      SMMUv3 at 0x2b400000  0x14
        UVFI0002:00  yes      SMMUv3 at 0x2b400000  0x15
        UVFI0003:00  yes      SMMUv3 at 0x2b400000  0x16
        uvfio explain acpi-demo ARMH0330:00 says why.
    "#]],
    );
    check(
        &boards,
        &["explain", "acpi-demo", "DMA0"],
        0,
        expect![[r#"
        ARMH0330:00  ARMH0330  \_SB.DMA0
        can it be handed out? yes, by itself

        behind
          SMMUv3 at 0x2b400000, where it is 0x10
    "#]],
    );
    check(
        &boards,
        &["explain", "acpi-demo", "DMA3"],
        1,
        expect![[r#"
        PRP0001:01  PRP0001  \_SB.DMA3
        can it be handed out? no

        behind
          SMMUv3 at 0x2b400000, where it is 0x13

        in its way
          it has no _RST, and vfio-platform requires a device to be reset  [reset_required=0]

        next
          the least to give up: reset_required=0
          uvfio explain acpi-demo PRP0001:01 --allow reset_required=0
    "#]],
    );
    check(
        &boards,
        &["together", "acpi-demo", "ARMH0330:01"],
        0,
        expect![[r#"
        ARMH0330:01 can go by itself

        DEVICE       BY ITSELF  WHY
        ARMH0330:01  free
    "#]],
    );
    let lines = json(&boards, &["irq", "acpi-demo"]);
    assert_eq!(lines["not_said"].as_array().map(Vec::len), Some(0));
    assert_eq!(lines["lines"][0]["devices"][0], "ARMH0330:00");
}
