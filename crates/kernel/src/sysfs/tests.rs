//! Walks through `/sys` as a program makes them.

use super::*;
use crate::errno;
use crate::machine::tests::{Bench, behind, bring_board_up, bring_up, clocked, device, with_user};
use crate::machine::{Autoprobe, Options};
use crate::wait::NoWait;

/// What is at a path below `/sys`, links not followed at its end.
fn walk(sysfs: &Sysfs, path: &str) -> Option<Entry> {
    let mut here = Entry::Directory(Directory::Root);
    for part in path.split('/') {
        let Entry::Directory(directory) = &here else { return None };
        here = sysfs.lookup(directory, part)?;
    }
    Some(here)
}

fn read(sysfs: &Sysfs, path: &str) -> Option<String> {
    match walk(sysfs, path)? {
        Entry::Attribute(attribute) => {
            Some(String::from_utf8(sysfs.read(&attribute)?).expect("these files hold text"))
        }
        _ => None,
    }
}

fn write(sysfs: &Sysfs, path: &str, text: &str) -> i32 {
    match walk(sysfs, path) {
        Some(Entry::Attribute(attribute)) => {
            sysfs.write(&attribute, text.as_bytes(), &NoWait).map_or_else(|refusal| refusal.errno(), |()| 0)
        }
        _ => errno::ENOENT,
    }
}

fn link(sysfs: &Sysfs, path: &str) -> Option<String> {
    match walk(sysfs, path)? {
        Entry::Link(target) => Some(target),
        _ => None,
    }
}

fn small() -> (Bench, Sysfs) {
    let bench = bring_up(
        vec![
            device("smmu", "arm,smmu-v3"),
            device("soc", "simple-bus"),
            behind(clocked(device("soc/dma", "acme,dma"), "clk"), "smmu"),
            device("clk", "fixed-clock"),
        ],
        Options::default(),
    );
    let sysfs = Sysfs::new(bench.machine.clone());
    (bench, sysfs)
}

fn demo() -> uvfio_firmware::Board {
    let bytes = include_bytes!("../../../../boards/demo.dtb");
    uvfio_firmware::Board::from_dtb(bytes).expect("the demo's board is a device tree").0
}

#[test]
fn every_name_that_is_listed_can_be_looked_up_and_read() {
    let (bench, sysfs) = small();
    with_user(&bench);
    read_everything(&sysfs);
    read_everything(&Sysfs::new(bring_board_up(demo(), Options::default()).machine));
}

fn read_everything(sysfs: &Sysfs) {
    let mut left = vec![Directory::Root];
    let mut seen = 0;
    while let Some(directory) = left.pop() {
        for Named { name, entry } in sysfs.list(&directory) {
            seen += 1;
            assert_eq!(sysfs.lookup(&directory, &name).as_ref(), Some(&entry), "{directory:?}/{name}");
            match entry {
                Entry::Directory(below) => {
                    let path = sysfs.path(&below).expect("a directory that is listed is somewhere");
                    assert_eq!(walk(sysfs, &path), Some(Entry::Directory(below.clone())));
                    left.push(below);
                }
                Entry::Link(target) => {
                    let from = sysfs.path(&directory).expect("a directory that is listed is somewhere");
                    let at = resolve(&from, &target);
                    let there = walk(sysfs, &at);
                    assert!(matches!(there, Some(Entry::Directory(_))), "{from}/{name} -> {target} = {at}");
                }
                Entry::Attribute(attribute) => {
                    let readable = sysfs.mode(&attribute) & 0o400 != 0;
                    assert_eq!(sysfs.read(&attribute).is_some(), readable, "{attribute:?}");
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn the_device_tree_is_there_as_it_was_read() {
    let bench = bring_board_up(demo(), Options::default());
    let sysfs = Sysfs::new(bench.machine);
    let base = "firmware/devicetree/base";
    assert_eq!(read(&sysfs, &format!("{base}/model")).as_deref(), Some("uvfio demo board\0"));
    let dma = format!("{base}/soc@0/dma@7ff00000");
    assert_eq!(read(&sysfs, &format!("{dma}/compatible")).as_deref(), Some("arm,pl330\0arm,primecell\0"));
    assert_eq!(read(&sysfs, &format!("{dma}/name")).as_deref(), Some("dma\0"));
    assert_eq!(walk(&sysfs, &format!("{dma}/nothing")), None);
    let device = link(&sysfs, "bus/amba/devices/7ff00000.dma").expect("the DMA controller is there");
    let device = resolve("bus/amba/devices", &device);
    let node = link(&sysfs, &format!("{device}/of_node")).expect("it has a node");
    assert_eq!(resolve(&device, &node), dma);
}

#[test]
fn a_device_shows_what_tools_ask_for() {
    let (_bench, sysfs) = small();
    let at = |file: &str| format!("devices/platform/soc/soc-dma/{file}");
    assert_eq!(
        link(&sysfs, "bus/platform/devices/soc-dma").as_deref(),
        Some("../../../devices/platform/soc/soc-dma")
    );
    assert_eq!(read(&sysfs, &at("driver_override")).as_deref(), Some("(null)\n"));
    assert_eq!(read(&sysfs, &at("modalias")).as_deref(), Some("of:NdmaT(null)Cacme,dma\n"));
    assert_eq!(
        read(&sysfs, &at("uevent")).as_deref(),
        Some(
            "DRIVER=acme-dma\nOF_NAME=dma\nOF_FULLNAME=/soc/dma\nOF_COMPATIBLE_0=acme,dma\nOF_COMPATIBLE_N=1\n\
             MODALIAS=of:NdmaT(null)Cacme,dma\n"
        )
    );
    assert_eq!(link(&sysfs, &at("iommu_group")).as_deref(), Some("../../../../kernel/iommu_groups/0"));
    assert_eq!(link(&sysfs, &at("driver")).as_deref(), Some("../../../../bus/platform/drivers/acme-dma"));
    assert_eq!(link(&sysfs, &at("subsystem")).as_deref(), Some("../../../../bus/platform"));
    assert_eq!(
        link(&sysfs, &at("supplier:platform:clk")).as_deref(),
        Some("../../../virtual/devlink/platform:clk--platform:soc-dma")
    );
    assert_eq!(
        link(&sysfs, "kernel/iommu_groups/0/devices/soc-dma").as_deref(),
        Some("../../../../devices/platform/soc/soc-dma")
    );
    assert_eq!(read(&sysfs, "kernel/iommu_groups/0/type").as_deref(), Some("DMA\n"));
    assert_eq!(
        read(&sysfs, "module/arm_smmu_v3/refcnt").as_deref(),
        Some("1\n"),
        "held by the device behind it"
    );
}

#[test]
fn writes_answer_as_the_kernel_does() {
    let (bench, sysfs) = small();
    with_user(&bench);
    let drivers = "bus/platform/drivers";
    assert_eq!(write(&sysfs, "devices/platform/soc/soc-dma/driver_override", "user\n"), 0);
    assert_eq!(write(&sysfs, &format!("{drivers}/acme-dma/unbind"), "soc-dma\n"), 0);
    assert_eq!(write(&sysfs, &format!("{drivers}/acme-dma/unbind"), "soc-dma\n"), errno::ENODEV);
    assert_eq!(write(&sysfs, "bus/platform/drivers_probe", "soc-dma"), 0);
    assert_eq!(
        link(&sysfs, "devices/platform/soc/soc-dma/driver").as_deref(),
        Some("../../../../bus/platform/drivers/user")
    );
    assert_eq!(write(&sysfs, &format!("{drivers}/user/bind"), "soc-dma"), errno::EBUSY);
    assert_eq!(write(&sysfs, &format!("{drivers}/user/bind"), &"x".repeat(5000)), errno::ENODEV);
    assert_eq!(write(&sysfs, "devices/platform/clk/driver_override", &"x".repeat(5000)), errno::EINVAL);
    assert_eq!(
        write(&sysfs, &format!("{drivers}/arm-smmu-v3/unbind"), "smmu"),
        errno::ENOENT,
        "the file is not there"
    );
    assert_eq!(write(&sysfs, "bus/platform/drivers_autoprobe", "0\n"), 0);
    assert_eq!(bench.machine.autoprobe(Bus::Platform), Autoprobe::Off);
    assert_eq!(read(&sysfs, "bus/platform/drivers_autoprobe").as_deref(), Some("0\n"));
    assert_eq!(write(&sysfs, "module/user/parameters/strict", "perhaps"), errno::EINVAL);
    assert_eq!(write(&sysfs, "module/user/parameters/strict", "Y"), 0);
    assert_eq!(read(&sysfs, "module/user/parameters/strict").as_deref(), Some("Y\n"));
}
