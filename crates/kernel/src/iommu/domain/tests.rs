//! What a domain refuses to map.

use super::super::fixture::{Memory, iommu};
use super::*;

fn map(domain: &Domain, iova: u64, size: u64, user: u64) -> Result<(), MapError> {
    domain.map(Iova(iova), size, Prot::READ_WRITE, Memory::new(Vec::new()), UserAddr(user))
}

#[test]
fn ranges_are_checked() {
    let domain = Domain::paging(iommu("/smmu"));
    assert_eq!(map(&domain, 0, 0, 0), Err(MapError::Empty));
    assert!(matches!(map(&domain, 0x800, 0x1000, 0), Err(MapError::Unaligned { page: 0x1000, .. })));
    assert!(matches!(map(&domain, 0, 0x1000, 1), Err(MapError::Unaligned { .. })));
    assert!(matches!(map(&domain, 0, 0x1800, 0), Err(MapError::Unaligned { .. })));
    assert!(matches!(map(&domain, u64::MAX - 0xfff, 0x2000, 0), Err(MapError::Wraps { .. })));
    assert!(matches!(map(&domain, 0, 0x2000, u64::MAX - 0xfff), Err(MapError::Wraps { .. })));
    assert!(matches!(map(&domain, 0xffff_f000, 0x2000, 0), Err(MapError::OutsideAperture { .. })));
    assert_eq!(map(&domain, 0xffff_f000, 0x1000, u64::MAX - 0xfff), Ok(()));
    let taken = map(&domain, 0xffff_e000, 0x2000, 0).unwrap_err();
    assert_eq!(taken, MapError::Overlaps { iova: Iova(0xffff_f000), size: 0x1000 });
    assert_eq!(taken.errno(), errno::EEXIST);
    assert_eq!(map(&Domain::blocked(), 0, 0x1000, 0), Err(MapError::NoTable));
}

#[test]
fn an_unmap_may_reach_beyond_the_end() {
    let domain = Domain::paging(iommu("/smmu"));
    map(&domain, 0xffff_f000, 0x1000, 0).unwrap();
    assert_eq!(domain.unmap(Iova(0), 0), Unmapped::default());
    assert_eq!(domain.unmap(Iova(0xffff_0000), u64::MAX).bytes, 0x1000);
    assert!(domain.table().is_empty());
}

#[test]
fn mapping_many_ranges_is_no_matter() {
    let domain = Domain::paging(iommu("/smmu"));
    for page in 0..70_000 {
        map(&domain, page * 0x1000, 0x1000, 0).unwrap();
    }
    assert_eq!(domain.table().len(), 70_000);
    assert_eq!(domain.unmap_all().mappings, 70_000);
}
