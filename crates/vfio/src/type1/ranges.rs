//! The ranges of addresses a container may map: what every IOMMU of it can translate, without what any of its groups reserves.
//!
//! In Linux this is `iova_list` of `drivers/vfio/vfio_iommu_type1.c` with `vfio_iommu_aper_resize`, `vfio_iommu_resv_exclude` and
//! `vfio_iommu_iova_dma_valid`. A range that would become empty or invalid leaves the list.

use uvfio_kernel::addr::Iova;

/// Allowed ranges, in order, both ends inclusive. An empty list allows everything, as before the first group is attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Keep only what lies within an aperture.
    pub(crate) fn within(&mut self, start: Iova, end: Iova) {
        if self.0.is_empty() {
            self.0.push((start.0, end.0));
            return;
        }
        self.0 = self
            .0
            .iter()
            .map(|&(from, to)| (from.max(start.0), to.min(end.0)))
            .filter(|(from, to)| from <= to)
            .collect();
    }

    /// Leave out a reserved range.
    pub(crate) fn exclude(&mut self, start: Iova, end: Iova) {
        let mut left = Vec::with_capacity(self.0.len() + 1);
        for &(from, to) in &self.0 {
            if end.0 < from || start.0 > to {
                left.push((from, to));
                continue;
            }
            if start.0 > from {
                left.push((from, start.0 - 1));
            }
            if end.0 < to {
                left.push((end.0 + 1, to));
            }
        }
        self.0 = left;
    }

    /// Whether a range, whose last address is `last`, may be mapped.
    pub(crate) fn allow(&self, iova: Iova, last: Iova) -> bool {
        self.0.is_empty() || self.0.iter().any(|&(from, to)| iova.0 >= from && last.0 <= to)
    }

    /// The ranges, both ends inclusive.
    pub(crate) fn list(&self) -> Vec<(Iova, Iova)> {
        self.0.iter().map(|&(from, to)| (Iova(from), Iova(to))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aperture_without_its_msi_window_is_two_ranges() {
        let mut ranges = Ranges::default();
        assert!(ranges.allow(Iova(0), Iova(u64::MAX)));
        ranges.within(Iova(0), Iova((1 << 48) - 1));
        ranges.exclude(Iova(0x800_0000), Iova(0x80f_ffff));
        assert_eq!(ranges.list(), [(Iova(0), Iova(0x7ff_ffff)), (Iova(0x810_0000), Iova(0xffff_ffff_ffff))]);
        assert!(!ranges.allow(Iova(0x7ff_f000), Iova(0x810_0fff)));
        ranges.within(Iova(0x1000), Iova(0x8ff_ffff));
        assert_eq!(ranges.list(), [(Iova(0x1000), Iova(0x7ff_ffff)), (Iova(0x810_0000), Iova(0x8ff_ffff))]);
    }
}
