//! What the person who asks is willing to accept: the host's page size, and weakenings of what Linux or isolation asks for.
//!
//! Linux has module parameters for some of these (`reset_required`, drivers/vfio/platform/vfio_platform_common.c); others are
//! promises of whoever hands the device out. Each weakening lifts one kind of blocker or unties one kind of bond, nothing else.

use std::fmt;

/// How large a page of the host is: what can be mapped into a program is a multiple of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageSize {
    /// 4 KiB.
    #[default]
    K4,
    /// 16 KiB.
    K16,
    /// 64 KiB.
    K64,
}

impl PageSize {
    /// All there are.
    pub const ALL: [PageSize; 3] = [PageSize::K4, PageSize::K16, PageSize::K64];

    /// Bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            PageSize::K4 => 1 << 12,
            PageSize::K16 => 1 << 14,
            PageSize::K64 => 1 << 16,
        }
    }
}

/// Something that can be given up so that more devices can be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weakening {
    /// `vfio-platform.reset_required=0`: a device is handed from one user to the next as it was left.
    ResetNotRequired,
    /// Registers that share a page with those of another device are not mapped: each access is trapped and checked.
    TrapSharedPage,
    /// An interrupt that is another's too is not used: its device is polled.
    WithoutSharedInterrupt,
    /// A reset line that is another's too is left alone: whoever keeps the other device promises not to assert it.
    LeaveSharedReset,
    /// DMA that does not see the processor's caches: a kernel before 6.0, or one changed to take it.
    NonCoherentDma,
}

impl Weakening {
    /// All, the more harmless first.
    pub const ALL: [Weakening; 5] = [
        Weakening::ResetNotRequired,
        Weakening::TrapSharedPage,
        Weakening::WithoutSharedInterrupt,
        Weakening::LeaveSharedReset,
        Weakening::NonCoherentDma,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Weakening::ResetNotRequired => "reset_required=0",
            Weakening::TrapSharedPage => "trap-shared-page",
            Weakening::WithoutSharedInterrupt => "without-shared-interrupt",
            Weakening::LeaveSharedReset => "leave-shared-reset",
            Weakening::NonCoherentDma => "non-coherent-dma",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Weakening> {
        Weakening::ALL.into_iter().find(|one| one.name() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of weakenings.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Weakenings(u8);

impl Weakenings {
    /// None.
    pub const NONE: Weakenings = Weakenings(0);

    /// Every set, the smallest first; among those of one size the more harmless first.
    pub(crate) fn every() -> Vec<Weakenings> {
        let mut sets: Vec<Weakenings> = (0..1 << Weakening::ALL.len()).map(Weakenings).collect();
        sets.sort_by_key(|set| (set.0.count_ones(), set.0));
        sets
    }

    /// This one too.
    #[must_use]
    pub const fn with(self, one: Weakening) -> Self {
        Weakenings(self.0 | one.bit())
    }

    /// Those of both.
    #[must_use]
    pub const fn and(self, other: Weakenings) -> Self {
        Weakenings(self.0 | other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Weakenings) -> Self {
        Weakenings(self.0 & !other.0)
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn has(self, one: Weakening) -> bool {
        self.0 & one.bit() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are among them.
    pub fn iter(self) -> impl Iterator<Item = Weakening> {
        Weakening::ALL.into_iter().filter(move |one| self.has(*one))
    }
}

impl FromIterator<Weakening> for Weakenings {
    fn from_iter<I: IntoIterator<Item = Weakening>>(all: I) -> Self {
        all.into_iter().fold(Weakenings::NONE, Weakenings::with)
    }
}

impl fmt::Debug for Weakenings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Weakening::name)).finish()
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The host's page size.
    pub page: PageSize,
    /// What is given up from the start.
    pub allowed: Weakenings,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_tried_from_the_smallest() {
        let sets = Weakenings::every();
        assert_eq!(
            (sets.len(), sets[0], sets[1]),
            (32, Weakenings::NONE, Weakenings::NONE.with(Weakening::ALL[0]))
        );
        assert!(sets.windows(2).all(|pair| pair[0].iter().count() <= pair[1].iter().count()));
    }

    #[test]
    fn names_are_found_again() {
        for one in Weakening::ALL {
            assert_eq!(Weakening::of_name(one.name()), Some(one));
        }
        assert_eq!(Weakening::of_name("noiommu"), None);
    }
}
