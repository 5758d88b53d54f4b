//! Who may own a group, and where its members' DMA goes meanwhile.

use super::super::Prot;
use super::super::fixture::{Memory, iommu};
use super::*;
use crate::addr::{Iova, UserAddr};
use crate::hw::{Dma, FaultReason};

const USER: Owner = Owner(1);

fn group() -> (Arc<Group>, Arc<DmaPort>) {
    let group = Group::new(GroupId(3), iommu("/smmu"), Domain::direct(Some(Memory::new(vec![5; 4096]))));
    let port = DmaPort::new("gt0", Domain::blocked());
    group.add(port.clone(), MemberFacts::default());
    (group, port)
}

fn read(port: &DmaPort) -> Result<u8, FaultReason> {
    let mut byte = [0];
    port.read(Iova(0), &mut byte).map(|()| byte[0]).map_err(|fault| fault.reason)
}

#[test]
fn a_claim_blocks_the_group_and_a_release_gives_it_back() {
    let (group, port) = group();
    assert_eq!(read(&port), Ok(5));
    group.claim(USER).unwrap();
    assert_eq!(read(&port), Err(FaultReason::Blocked));
    let domain = Domain::paging(group.iommu().clone());
    domain.map(Iova(0), 4096, Prot::READ_WRITE, Memory::new(vec![6; 4096]), UserAddr(0)).unwrap();
    group.attach(USER, &domain).unwrap();
    assert_eq!(read(&port), Ok(6));
    group.detach(USER).unwrap();
    assert_eq!(read(&port), Err(FaultReason::Blocked));
    group.release(USER).unwrap();
    assert_eq!(read(&port), Ok(5));
}

#[test]
fn host_drivers_and_users_exclude_each_other() {
    let (group, _) = group();
    group.use_by_host().unwrap();
    assert_eq!(group.claim(USER), Err(Busy::Host { group: GroupId(3), drivers: 1 }));
    group.unuse_by_host();
    group.claim(USER).unwrap();
    let busy = group.use_by_host().unwrap_err();
    assert_eq!((busy.probe_errno(), busy.claim_errno()), (errno::EBUSY, errno::EPERM));
    assert!(group.claim(Owner(2)).is_err());
    assert_eq!(group.release(Owner(2)), Err(NotOwner { group: GroupId(3) }));
    assert_eq!(group.attach(Owner(2), &Domain::blocked()).unwrap_err().errno(), errno::EBUSY);
}

#[test]
fn a_domain_of_another_iommu_is_not_attached() {
    let (group, _) = group();
    group.claim(USER).unwrap();
    let error = group.attach(USER, &Domain::paging(iommu("/other"))).unwrap_err();
    assert_eq!(error.errno(), errno::EINVAL);
    assert!(group.attach(USER, &Domain::direct(None)).is_err());
}

#[test]
fn a_member_that_comes_later_goes_through_the_same_domain() {
    let (group, _) = group();
    group.claim(USER).unwrap();
    let late = DmaPort::new("gt1", Domain::direct(Some(Memory::new(vec![9; 1]))));
    group.add(late.clone(), MemberFacts { coherent: true, isolated_msi: true });
    assert_eq!(read(&late), Err(FaultReason::Blocked));
    assert!(!group.isolated_msi() && !group.coherent());
    assert!(group.remove(&late) && !group.remove(&late));
    group.release(USER).unwrap();
    assert_eq!(read(&late), Err(FaultReason::Blocked));
    assert_eq!(group.members().len(), 1);
}
