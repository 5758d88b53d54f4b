//! From a PCI function to what the tables say of it: an entry of its own, the range it is in, or the one for all others.

use super::{AcpiView, Who};

/// What tables say of one PCI function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The entry, as an index in [`AcpiView::devices`].
    pub device: usize,
    /// The id the IOMMU sees it by, where the entry's ids say.
    pub id: Option<u32>,
}

impl AcpiView {
    /// The entry that speaks of a function. What is behind bridges is not found this way: the numbers of their buses are not in the
    /// tables, so [`Who::Behind`] and longer paths of [`Who::Reached`] are passed over.
    #[must_use]
    pub fn function(&self, segment: u16, bdf: u16) -> Option<Found> {
        let [bus, low] = bdf.to_be_bytes();
        let step = (low >> 3, low & 7);
        let rank = |who: &Who| match who {
            Who::Functions { segment: of, first, last }
                if *of == segment && (first..=last).contains(&&bdf) =>
            {
                Some(if first == last { 0 } else { 1 })
            }
            Who::Spread { segments, first, last } => {
                let within = (segments.0..=segments.1).contains(&segment) && (first..=last).contains(&&bdf);
                within.then_some(1)
            }
            Who::Reached { segment: of, bus: start, path } if *of == segment && *start == bus => {
                (path[..] == [step]).then_some(0)
            }
            Who::Segment(of) if *of == segment => Some(2),
            _ => None,
        };
        let ranked =
            self.devices.iter().enumerate().filter_map(|(at, device)| Some((rank(&device.who)?, at)));
        let (_, device) = ranked.min()?;
        let entry = &self.devices[device];
        let distance = match entry.who {
            Who::Functions { first, .. } => u32::from(bdf - first),
            Who::Spread { segments, first, .. } => {
                u32::from(segment - segments.0) << 16 | u32::from(bdf - first)
            }
            _ => 0,
        };
        let id = entry.ids.first().filter(|(_, count)| u64::from(distance) < *count);
        let id = id.and_then(|(id, _)| id.checked_add(distance));
        Some(Found { device, id })
    }
}
