//! The kernel whose answers are given: not a version table but a set of rules, each with its beginning and its end.
//!
//! What a VFIO call answers differs between kernels, and stable updates change answers too. Each difference is one [`Rule`] here
//! with where it comes from; a [`Personality`] is a kernel, and asks each rule whether it holds there. Rules that hold on every
//! kernel are not here: they are the code.

use std::fmt;
use std::str::FromStr;

use uvfio_abi::Errno;

/// A kernel release, such as 6.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release(pub u16, pub u16);

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Which line of development a rule belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Released kernels, and what they have in common with the series.
    Mainline,
    /// "VFIO support for platform devices", RFC v4, of February 2014: a series that was never released in this form.
    PlatformRfc4,
}

/// What a rule makes different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A refusal has this error number.
    Errno(Errno),
    /// A value or field has this content.
    Value(u64),
    /// Something happens that otherwise does not.
    Behaviour,
}

/// One difference between kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The stable id.
    pub id: &'static str,
    /// Where it can hold.
    pub line: Line,
    /// The first release with it; `None` is always.
    pub since: Option<Release>,
    /// The first release without it; `None` is not yet.
    pub until: Option<Release>,
    /// What happens.
    pub what: &'static str,
    /// What it makes different.
    pub answer: Answer,
    /// Where it was read or measured.
    pub source: &'static str,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $rule:expr;)*) => {
        $($(#[$doc])* pub const $name: Rule = $rule;)*
        /// Every rule, in the order of `uvfio rules`.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    /// A range that wraps is refused as an overflow.
    WRAP_EOVERFLOW = Rule {
        id: "type1.wrap.eoverflow",
        line: Line::Mainline,
        since: Some(Release(6, 18)),
        until: None,
        what: "MAP_DMA and UNMAP_DMA refuse a range that wraps with EOVERFLOW (before: EINVAL)",
        answer: Answer::Errno(Errno::EOVERFLOW),
        source: "drivers/vfio/vfio_iommu_type1.c; measured on 6.12.95 and 6.18.15",
    };
    /// An unmap may reach the last address.
    UNMAP_LAST_ADDRESS = Rule {
        id: "type1.unmap.last_address",
        line: Line::Mainline,
        since: Some(Release(6, 18)),
        until: None,
        what: "UNMAP_DMA of a range that ends with the last address unmaps it (before: nothing is unmapped)",
        answer: Answer::Behaviour,
        source: "drivers/vfio/vfio_iommu_type1.c, vfio_dma_do_unmap",
    };
    /// Another file than a container is refused as a bad state.
    WRONG_FD_EBADFD = Rule {
        id: "group.set_container.ebadfd",
        line: Line::Mainline,
        since: Some(Release(6, 2)),
        until: None,
        what: "GROUP_SET_CONTAINER refuses a file that is not a container with EBADFD (before: EINVAL)",
        answer: Answer::Errno(Errno::EBADFD),
        source: "drivers/vfio/group.c; measured on 6.12.95",
    };
    /// Capabilities of an info chain start at multiples of 8.
    CAP_ALIGN = Rule {
        id: "iommu.get_info.align",
        line: Line::Mainline,
        since: Some(Release(6, 6)),
        until: None,
        what: "capabilities of IOMMU_GET_INFO start at multiples of 8: with two ranges 120 bytes (before: 116)",
        answer: Answer::Value(8),
        source: "drivers/vfio/vfio_main.c, vfio_info_cap_add; measured on 6.12.95",
    };
    /// The padding of `struct vfio_iommu_type1_info` is written.
    INFO_PAD = Rule {
        id: "iommu.get_info.pad",
        line: Line::Mainline,
        since: Some(Release(6, 6)),
        until: None,
        what: "IOMMU_GET_INFO writes as much of its structure as argsz allows, padding included (before: 16 or 20 bytes)",
        answer: Answer::Value(24),
        source: "drivers/vfio/vfio_iommu_type1.c, vfio_iommu_type1_get_info; measured on 6.12.95",
    };
    /// The nesting type exists.
    NESTING = Rule {
        id: "container.nesting",
        line: Line::Mainline,
        since: Some(Release(3, 18)),
        until: Some(Release(6, 13)),
        what: "CHECK_EXTENSION knows VFIO_TYPE1_NESTING_IOMMU and SET_IOMMU tries it (after: 0 and ENODEV)",
        answer: Answer::Value(1),
        source: "drivers/vfio/vfio_iommu_type1.c; measured on 6.12.95 and 6.18.15",
    };
    /// The driver of SMMUv3 makes a domain for its device at once, which cannot be made a nested one any more.
    SMMU_V3_NO_NESTING = Rule {
        id: "container.nesting.smmu_v3",
        line: Line::Mainline,
        since: Some(Release(6, 9)),
        until: Some(Release(6, 13)),
        what: "SET_IOMMU of VFIO_TYPE1_NESTING_IOMMU is refused with EPERM behind an SMMUv3 (before: done)",
        answer: Answer::Errno(Errno::EPERM),
        source: "drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c, arm_smmu_enable_nesting; measured on 6.12.95",
    };
    /// Registers may not be mapped executable.
    MMAP_NOEXEC = Rule {
        id: "device.mmap.noexec",
        line: Line::Mainline,
        since: Some(Release(6, 18)),
        until: None,
        what: "mmap of a device file with PROT_EXEC is refused with EPERM (before: allowed)",
        answer: Answer::Errno(Errno::EPERM),
        source: "fs/anon_inodes.c, mm/mmap.c; measured on 6.12.95 and 6.18.15",
    };
    /// A device without features says so with ENOTTY.
    FEATURE_ENOTTY = Rule {
        id: "device.feature.enotty",
        line: Line::Mainline,
        since: Some(Release(6, 6)),
        until: None,
        what: "DEVICE_FEATURE of a device without features is refused with ENOTTY (before: EINVAL)",
        answer: Answer::Errno(Errno::ENOTTY),
        source: "drivers/vfio/vfio_main.c, vfio_ioctl_device_feature; measured on 6.12.95",
    };
    /// A missing reset is fatal even when none is required.
    RESET_ALWAYS_REQUIRED = Rule {
        id: "platform.reset_required.ignored",
        line: Line::Mainline,
        since: Some(Release(6, 1)),
        until: Some(Release(6, 3)),
        what: "a platform device without a reset does not bind, even with reset_required=0",
        answer: Answer::Errno(Errno::ENOENT),
        source: "drivers/vfio/platform/vfio_platform_common.c, vfio_platform_init_common",
    };
    /// AMBA devices, which never require a reset, do not bind at all.
    AMBA_NO_PROBE = Rule {
        id: "amba.probe.enoent",
        line: Line::Mainline,
        since: Some(Release(6, 1)),
        until: Some(Release(6, 3)),
        what: "an AMBA device does not bind to vfio-amba: it has no reset, and that is fatal",
        answer: Answer::Errno(Errno::ENOENT),
        source: "drivers/vfio/platform/vfio_platform_common.c, vfio_platform_init_common",
    };
    /// Devices whose DMA the IOMMU does not keep coherent do not bind.
    COHERENT_REQUIRED = Rule {
        id: "bind.coherent",
        line: Line::Mainline,
        since: Some(Release(6, 0)),
        until: None,
        what: "a device whose DMA its IOMMU does not keep coherent does not bind",
        answer: Answer::Errno(Errno::EINVAL),
        source: "drivers/vfio/vfio_main.c, __vfio_register_dev",
    };
    /// The EXEC flag of the 2014 series.
    MAP_EXEC = Rule {
        id: "rfc.map.exec",
        line: Line::PlatformRfc4,
        since: None,
        until: None,
        what: "bit 2 of a map's flags is EXEC: memory mapped without it is not executable for the device \
               (released kernels: bit 2 is VADDR, and what is readable is executable)",
        answer: Answer::Behaviour,
        source: "RFC v4 02/10, VFIO_IOMMU_TYPE1: Introduce the VFIO_DMA_MAP_FLAG_EXEC flag",
    };
    /// One driver for both buses.
    ONE_DRIVER = Rule {
        id: "rfc.driver.name",
        line: Line::PlatformRfc4,
        since: None,
        until: None,
        what: "the driver of AMBA devices is called vfio-platform too (released kernels: vfio-amba)",
        answer: Answer::Behaviour,
        source: "RFC v4 of the platform series, February 2014",
    };
}

impl Rule {
    /// Whether it holds on this kernel.
    #[must_use]
    pub fn holds_on(&self, kernel: &Personality) -> bool {
        (self.line == Line::Mainline || self.line == kernel.line)
            && self.since.is_none_or(|since| kernel.release >= since)
            && self.until.is_none_or(|until| kernel.release < until)
    }
}

/// A kernel whose answers can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Personality {
    /// Its name on the command line.
    pub name: &'static str,
    /// The release, or for a series the release it was made for.
    pub release: Release,
    /// Its line of development.
    pub line: Line,
}

/// The kernels that can be asked for.
pub const PERSONALITIES: &[Personality] = &[
    Personality { name: "linux-6.1", release: Release(6, 1), line: Line::Mainline },
    Personality { name: "linux-6.12", release: Release(6, 12), line: Line::Mainline },
    Personality { name: "linux-6.18", release: Release(6, 18), line: Line::Mainline },
    Personality { name: "linux-7.2", release: Release(7, 2), line: Line::Mainline },
    Personality { name: "rfc-v4", release: Release(3, 14), line: Line::PlatformRfc4 },
];

impl Default for Personality {
    /// `linux-6.12`, which the recorded answers come from.
    fn default() -> Self {
        PERSONALITIES[1]
    }
}

impl Personality {
    /// Whether a rule holds on this kernel.
    #[must_use]
    pub fn holds(&self, rule: &Rule) -> bool {
        rule.holds_on(self)
    }

    /// Every rule, and whether it holds on this kernel.
    pub fn rules(&self) -> impl Iterator<Item = (&'static Rule, bool)> {
        let kernel = *self;
        RULES.iter().map(move |rule| (rule, rule.holds_on(&kernel)))
    }
}

/// No kernel of that name is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no kernel is called {name:?}")]
pub struct UnknownPersonality {
    /// The name asked for.
    pub name: String,
}

impl FromStr for Personality {
    type Err = UnknownPersonality;

    fn from_str(name: &str) -> Result<Self, UnknownPersonality> {
        let known = PERSONALITIES.iter().find(|personality| personality.name == name);
        known.copied().ok_or_else(|| UnknownPersonality { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(name: &str) -> Vec<&'static str> {
        let kernel: Personality = name.parse().expect("a known name");
        kernel.rules().filter(|(_, holds)| *holds).map(|(rule, _)| rule.id).collect()
    }

    #[test]
    fn the_default_is_the_recorded_kernel() {
        assert_eq!(Personality::default().name, "linux-6.12");
    }

    #[test]
    fn kernels_differ_by_rules() {
        assert_eq!(
            held("linux-6.12"),
            [
                "group.set_container.ebadfd",
                "iommu.get_info.align",
                "iommu.get_info.pad",
                "container.nesting",
                "container.nesting.smmu_v3",
                "device.feature.enotty",
                "bind.coherent"
            ]
        );
        assert_eq!(
            held("linux-6.18"),
            [
                "type1.wrap.eoverflow",
                "type1.unmap.last_address",
                "group.set_container.ebadfd",
                "iommu.get_info.align",
                "iommu.get_info.pad",
                "device.mmap.noexec",
                "device.feature.enotty",
                "bind.coherent"
            ]
        );
        assert_eq!(
            held("linux-6.1"),
            ["container.nesting", "platform.reset_required.ignored", "amba.probe.enoent", "bind.coherent"]
        );
        assert_eq!(held("rfc-v4"), ["rfc.map.exec", "rfc.driver.name"]);
        assert!("linux-2.0".parse::<Personality>().is_err());
    }

    #[test]
    fn rule_ids_are_unique() {
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len());
    }
}
