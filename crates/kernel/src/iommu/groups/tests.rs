//! Boards in small, and the groups Linux makes of them.

use std::collections::HashMap;

use super::*;
use crate::iommu::driver::IommuDriver;
use crate::iommu::{IommuNode, Owner};

struct Bench {
    groups: Groups,
    iommus: HashMap<String, Arc<Iommu>>,
    board: Vec<String>,
}

impl Bench {
    /// IOMMUs as path and compatible.
    fn new(iommus: &[(&str, &str)]) -> Self {
        let make = |(path, compatible): &(&str, &str)| {
            let driver = IommuDriver::of(&[(*compatible).to_owned()]).unwrap();
            ((*path).to_owned(), Iommu::of_driver(*path, driver, IommuNode::default()))
        };
        Self { groups: Groups::default(), iommus: iommus.iter().map(make).collect(), board: Vec::new() }
    }

    fn join(
        &mut self,
        device: &str,
        streams: &[(&str, &[u32])],
    ) -> Result<(Arc<Group>, Arc<DmaPort>), NoGroup> {
        let stream = |(path, cells): &(&str, &[u32])| Stream {
            iommu: self.iommus[*path].clone(),
            cells: (*cells).into(),
        };
        let streams: Vec<Stream> = streams.iter().map(stream).collect();
        let port = DmaPort::new(device, Domain::direct(None));
        let coherency = DeviceCoherency::Coherent;
        let client = Client {
            port: &port,
            streams: &streams,
            coherency,
            isolated_msi: false,
            board: &self.board,
            slot: None,
        };
        self.groups.join(&client).map(|group| (group, port))
    }

    fn id(&mut self, device: &str, streams: &[(&str, &[u32])]) -> Result<u32, NoGroup> {
        self.join(device, streams).map(|(group, _)| group.id().0)
    }
}

#[test]
fn an_smmu_groups_by_stream_mapping() {
    let mut bench = Bench::new(&[("/smmu", "arm,mmu-401"), ("/other", "arm,mmu-401")]);
    assert_eq!(bench.id("a", &[("/smmu", &[1]), ("/smmu", &[2])]), Ok(0));
    assert_eq!(bench.id("b", &[("/smmu", &[2])]), Ok(0));
    assert_eq!(bench.id("c", &[("/smmu", &[3])]), Ok(1));
    assert_eq!(bench.id("d", &[("/other", &[1])]), Ok(2));
    assert_eq!(bench.id("e", &[("/smmu", &[0x40, 0x3f])]), Ok(3));
    assert_eq!(bench.id("f", &[("/smmu", &[0x41])]), Ok(3));
    assert!(matches!(bench.id("g", &[("/smmu", &[1]), ("/smmu", &[3])]), Err(NoGroup::Streams { .. })));
    // What failed has left nothing behind.
    assert_eq!(bench.groups.iter().count(), 4);
}

#[test]
fn an_smmu_v3_has_one_group_for_each_device() {
    let mut bench = Bench::new(&[("/smmu", "arm,smmu-v3")]);
    assert_eq!(bench.id("a", &[("/smmu", &[1])]), Ok(0));
    assert_eq!(bench.id("b", &[("/smmu", &[1])]), Ok(1));
}

#[test]
fn instances_make_one_group() {
    let mut bench = Bench::new(&[
        ("/vi0", "renesas,ipmmu-r8a7795"),
        ("/vi1", "renesas,ipmmu-r8a7795"),
        ("/rk0", "rockchip,iommu"),
        ("/rk1", "rockchip,iommu"),
    ]);
    assert_eq!(bench.id("a", &[("/vi0", &[1]), ("/vi1", &[1])]), Ok(0));
    assert_eq!(bench.id("b", &[("/vi0", &[7])]), Ok(0));
    assert_eq!(bench.id("c", &[("/vi1", &[7])]), Ok(1));
    assert_eq!(bench.id("d", &[("/rk0", &[]), ("/rk1", &[])]), Ok(2));
    assert_eq!(bench.id("e", &[("/rk0", &[])]), Ok(3));
    assert_eq!(bench.id("f", &[("/rk1", &[])]), Ok(2));
    assert!(matches!(bench.id("g", &[("/vi0", &[1]), ("/rk0", &[])]), Err(NoGroup::TwoDrivers { .. })));
    bench.board = vec!["renesas,r8a7795".to_owned()];
    assert!(matches!(bench.id("h", &[("/vi0", &[9])]), Err(NoGroup::NotAdmitted { .. })));
    assert_eq!(bench.id("ee140000.mmc", &[("/vi0", &[9])]), Ok(0));
    assert_eq!(bench.id("i", &[]), Err(NoGroup::NoIommu));
}

#[test]
fn streams_of_a_dart_are_shared_whole_or_not_at_all() {
    let mut bench = Bench::new(&[("/dart0", "apple,t8103-dart"), ("/dart1", "apple,t8103-dart")]);
    assert_eq!(bench.id("a", &[("/dart0", &[0]), ("/dart1", &[1])]), Ok(0));
    assert_eq!(bench.id("b", &[("/dart0", &[0]), ("/dart1", &[1])]), Ok(0));
    assert_eq!(bench.id("c", &[("/dart1", &[0])]), Ok(1));
    assert!(matches!(bench.id("d", &[("/dart0", &[0]), ("/dart0", &[5])]), Err(NoGroup::PartOfSet { .. })));
}

#[test]
fn a_tegra_display_is_one_group_and_a_mediatek_region_too() {
    let mut bench = Bench::new(&[
        ("/mc", "nvidia,tegra124-mc"),
        ("/vdo", "mediatek,mt8195-iommu-vdo"),
        ("/vpp", "mediatek,mt8195-iommu-vpp"),
    ]);
    assert_eq!(bench.id("dc", &[("/mc", &[1])]), Ok(0));
    assert_eq!(bench.id("vic", &[("/mc", &[24])]), Ok(0));
    assert_eq!(bench.id("hda", &[("/mc", &[5])]), Ok(1));
    assert_eq!(bench.id("ovl", &[("/vdo", &[0])]), Ok(2));
    assert_eq!(bench.id("rdma", &[("/vpp", &[3 << 5])]), Ok(2));
    let (codec, _) = bench.join("codec", &[("/vpp", &[20 << 5])]).unwrap();
    assert_eq!(codec.id().0, 3);
    assert_eq!(codec.domain().aperture().map(|it| it.first.0), Some(0x1_0000_0000));
}

#[test]
fn a_number_is_free_when_the_last_member_has_left() {
    let mut bench = Bench::new(&[("/smmu", "arm,mmu-500")]);
    let (group, a) = bench.join("a", &[("/smmu", &[1])]).unwrap();
    let (_, b) = bench.join("b", &[("/smmu", &[1])]).unwrap();
    assert_eq!(bench.id("c", &[("/smmu", &[2])]), Ok(1));
    bench.groups.leave(&group, &a);
    assert_eq!(bench.id("d", &[("/smmu", &[1])]), Ok(0));
    let (_, again) = bench.join("e", &[("/smmu", &[9])]).unwrap();
    bench.groups.leave(&group, &b);
    assert!(bench.groups.get(GroupId(0)).is_some());
    let ninth = bench.groups.get(GroupId(2)).unwrap().clone();
    bench.groups.leave(&ninth, &again);
    assert_eq!(bench.id("f", &[("/smmu", &[5])]), Ok(3));
    drop(ninth);
    assert_eq!(bench.id("g", &[("/smmu", &[6])]), Ok(2));
}

#[test]
fn a_device_that_comes_to_an_owned_group_is_owned() {
    let mut bench = Bench::new(&[("/smmu", "arm,mmu-500")]);
    let (group, _) = bench.join("a", &[("/smmu", &[1])]).unwrap();
    group.claim(Owner(1)).unwrap();
    let (_, late) = bench.join("b", &[("/smmu", &[1])]).unwrap();
    assert!(Arc::ptr_eq(&late.domain(), &group.domain()));
    assert!(group.coherent() && !group.isolated_msi());
}
