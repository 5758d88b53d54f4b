//! Host bridges, what is on their buses, and the IOMMUs of both.

use firmware::dt::{Draft, DraftNode};

use super::*;
use crate::device::Bus;
use crate::errno;
use crate::iommu::GroupId;
use crate::machine::tests::{Bench, bring_board_up};
use crate::machine::{FwDevlink, Options};
use crate::module::ModuleName;
use crate::sysfs::{Directory, Sysfs};
use crate::wait::NoWait;

const SMMU: u32 = 1;
const VIRTIO: u32 = 2;

fn cells(cells: &[u32]) -> Vec<u8> {
    cells.iter().flat_map(|cell| cell.to_be_bytes()).collect()
}

fn node(draft: &mut Draft, above: DraftNode, name: &str, compatible: &str) -> DraftNode {
    let node = draft.add(above, name.as_bytes());
    draft.set(node, b"compatible", format!("{compatible}\0").as_bytes());
    node
}

/// A function: `at` is its slot and number as `lspci` has them.
fn function(draft: &mut Draft, bridge: DraftNode, at: (u32, u32), compatible: &str) -> DraftNode {
    let (slot, number) = at;
    let function = node(draft, bridge, &format!("function@{slot:x},{number}"), compatible);
    draft.set(function, b"reg", &cells(&[(slot << 3 | number) << 8, 0, 0, 0, 0]));
    function
}

/// A bridge with this `iommu-map`, an SMMU beside it, and on its bus two functions in slot 1, one in slot 2, and a virtio-iommu in 8.
fn board(map: &[u32], mask: u32) -> firmware::Board {
    let mut draft = Draft::default();
    let root = draft.at("/").expect("a tree has a root");
    draft.set(root, b"#address-cells", &cells(&[1]));
    draft.set(root, b"#size-cells", &cells(&[1]));
    let smmu = node(&mut draft, root, "smmu", "arm,smmu-v3");
    let bridge = node(&mut draft, root, "pcie", "pci-host-ecam-generic");
    for (name, value) in [("#address-cells", 3), ("#size-cells", 2), ("iommu-map-mask", mask)] {
        draft.set(bridge, name.as_bytes(), &cells(&[value]));
    }
    draft.set(bridge, b"device_type", b"pci\0");
    draft.set(bridge, b"iommu-map", &cells(map));
    function(&mut draft, bridge, (1, 0), "pci8086,10d3");
    function(&mut draft, bridge, (1, 1), "pci8086,10d3");
    function(&mut draft, bridge, (2, 0), "pci1b36,10");
    let dev = node(&mut draft, root, "dev", "acme,dev");
    draft.set(dev, b"iommus", &cells(&[VIRTIO, 0x100]));
    let off = function(&mut draft, bridge, (3, 0), "pci1b36,10");
    draft.set(off, b"status", b"disabled\0");
    let virtio = function(&mut draft, bridge, (8, 0), "virtio,pci-iommu");
    for (iommu, phandle) in [(smmu, SMMU), (virtio, VIRTIO)] {
        draft.set(iommu, b"#iommu-cells", &cells(&[1]));
        draft.set(iommu, b"phandle", &cells(&[phandle]));
    }
    firmware::Board::from_dtb(&draft.flatten().expect("it is small")).expect("it is a device tree").0
}

fn up(board: firmware::Board, absent: &str, fw_devlink: FwDevlink) -> Bench {
    let options = Options { absent_modules: vec![ModuleName::new(absent)], fw_devlink, ..Options::default() };
    bring_board_up(board, options)
}

fn driver(bench: &Bench, bus: Bus, name: &str) -> Option<String> {
    Some(bench.machine.device(bus, name)?.driver()?.name().to_owned())
}

fn group(bench: &Bench, name: &str) -> Option<GroupId> {
    Some(bench.machine.device(Bus::Pci, name)?.group()?.id())
}

fn names(bench: &Bench) -> Vec<String> {
    bench.machine.devices(Bus::Pci).iter().map(|device| device.name().to_owned()).collect()
}

const ALL: [&str; 4] = ["0000:00:01.0", "0000:00:01.1", "0000:00:02.0", "0000:00:08.0"];

#[test]
fn a_bridge_and_its_functions_wait_for_the_iommu() {
    let map = [0, SMMU, 0x1000, 0x10000];
    for fw_devlink in [FwDevlink::On, FwDevlink::Off] {
        let bench = up(board(&map, 0xfffe), "arm_smmu_v3", fw_devlink);
        let machine = &bench.machine;
        if fw_devlink == FwDevlink::On {
            assert_eq!(driver(&bench, Bus::Platform, "pcie"), None);
            assert_eq!(names(&bench), [""; 0], "nobody has looked at the bus");
        }
        assert_eq!(driver(&bench, Bus::Pci, ALL[0]), None);
        machine.load_module("arm_smmu_v3", &[]).unwrap();
        assert_eq!(driver(&bench, Bus::Platform, "pcie").as_deref(), Some("pci-host-generic"));
        assert_eq!(names(&bench), ALL);
        assert_eq!(machine.deferred().len(), 0);
        let cells = |name| machine.device(Bus::Pci, name).unwrap().facts().iommus[0].cells.to_vec();
        assert_eq!(
            (cells(ALL[0]), cells(ALL[1])),
            (vec![0x1008], vec![0x1008]),
            "the mask hides the function"
        );
        assert_eq!(cells(ALL[2]), [0x1010]);
        assert_eq!(group(&bench, ALL[0]), group(&bench, ALL[1]), "functions of a slot");
        assert_ne!(group(&bench, ALL[0]), group(&bench, ALL[2]));
        assert_eq!(machine.unload_module("arm_smmu_v3", &NoWait).unwrap_err().errno(), errno::EAGAIN);
    }
}

#[test]
fn only_endpoints_wait_for_an_iommu_on_the_same_bus() {
    // All but the virtio-iommu's own requester id.
    let map = [0, VIRTIO, 0, 0x40, 0x41, VIRTIO, 0x41, 0xffbf];
    for fw_devlink in [FwDevlink::On, FwDevlink::Permissive, FwDevlink::Off] {
        let bench = up(board(&map, 0xffff), "virtio_iommu", fw_devlink);
        let machine = &bench.machine;
        assert_eq!(driver(&bench, Bus::Platform, "pcie").as_deref(), Some("pci-host-generic"));
        assert_eq!(names(&bench), ALL);
        assert_eq!(driver(&bench, Bus::Pci, ALL[0]), None);
        let waiting: Vec<String> =
            machine.deferred().iter().map(|(device, _)| device.name().to_owned()).collect();
        assert_eq!(waiting, [&["dev"], &ALL[..3]].concat());
        machine.load_module("virtio_iommu", &[]).unwrap();
        assert_eq!(machine.deferred().len(), 0);
        assert!(ALL[..3].iter().all(|name| driver(&bench, Bus::Pci, name).is_some()));
        assert!(group(&bench, ALL[0]).is_some());
        assert_eq!(group(&bench, ALL[3]), None, "nobody translates for the IOMMU");
    }
}

#[test]
fn a_device_waits_for_an_iommu_on_a_bus_nobody_has_looked_at() {
    for fw_devlink in [FwDevlink::On, FwDevlink::Off] {
        let bench = up(board(&[0, VIRTIO, 0, 0x40], 0xffff), "pci_host_generic", fw_devlink);
        assert_eq!(driver(&bench, Bus::Platform, "dev"), None);
        assert_eq!(bench.machine.deferred().len(), 1);
        bench.machine.load_module("pci_host_generic", &[]).unwrap();
        assert!(driver(&bench, Bus::Platform, "dev").is_some());
        let dev = bench.machine.device(Bus::Platform, "dev").unwrap();
        assert_eq!(dev.group().unwrap().iommu().path(), "/pcie/function@8,0");
    }
}

#[test]
fn an_endpoint_whose_iommu_never_comes_is_bound_without() {
    let bench = up(board(&[0, VIRTIO, 0, 0x40], 0xffff), "virtio_iommu", FwDevlink::On);
    bench.clock.advance(std::time::Duration::from_secs(10), &bench.machine);
    assert!(driver(&bench, Bus::Pci, ALL[0]).is_some());
    assert_eq!(group(&bench, ALL[0]), None);
}

#[test]
fn functions_come_and_go_with_the_bridges_driver() {
    let bench = up(board(&[0, SMMU, 0, 0x10000], 0xffff), "nothing", FwDevlink::On);
    let machine = &bench.machine;
    for _ in 0..3 {
        assert_eq!(names(&bench), ALL);
        machine.unbind(Bus::Platform, "pci-host-generic", "pcie", &NoWait).unwrap();
        assert_eq!(names(&bench), [""; 0]);
        assert_eq!(machine.groups().len(), 0);
        machine.bind(Bus::Platform, "pci-host-generic", "pcie", &NoWait).unwrap();
    }
    machine.unplug(Bus::Platform, "pcie", &NoWait).unwrap();
    assert_eq!(names(&bench), [""; 0]);
    machine.unload_module("arm_smmu_v3", &NoWait).unwrap();
}

#[test]
fn sysfs_shows_no_functions() {
    let bench = up(board(&[0, SMMU, 0, 0x10000], 0xffff), "nothing", FwDevlink::On);
    let sysfs = Sysfs::new(bench.machine.clone());
    let bridge = bench.machine.device(Bus::Platform, "pcie").unwrap();
    assert_eq!(sysfs.list(&Directory::BusDevices(Bus::Pci)), []);
    assert_eq!(sysfs.lookup(&Directory::BusDevices(Bus::Pci), ALL[0]), None);
    assert_eq!(sysfs.lookup(&Directory::Device(bridge.id()), ALL[0]), None);
    let group = group(&bench, ALL[0]).unwrap();
    assert_eq!(sysfs.list(&Directory::GroupDevices(group)), []);
    for directory in [Directory::Device(bridge.id()), Directory::Devlinks, Directory::BusDrivers(Bus::Pci)] {
        let shown: Vec<String> = sysfs.list(&directory).into_iter().map(|named| named.name).collect();
        assert!(!shown.iter().any(|name| name.contains("0000:00")), "{shown:?}");
    }
}
