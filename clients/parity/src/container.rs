//! A container without a group: everything it answers before there is an IOMMU.

use crate::answer::Section;
use crate::machine::{Descriptor, open_container};
use crate::raw;

/// The extension numbers every container section asks for, one by one.
pub const EXTENSIONS: std::ops::RangeInclusive<u64> = 0..=14;

/// Ask for every extension of [`EXTENSIONS`].
pub fn ask_extensions(section: &Section, state: &str, container: i32) {
    for extension in EXTENSIONS {
        section.say(
            format_args!("{state}.ext{extension}"),
            raw::ioctl_value(container, raw::CHECK_EXTENSION, extension),
        );
    }
}

/// The section `container`.
pub fn ask() {
    let section = Section::new("container");
    let answer = open_container();
    section.say("open", answer.bare());
    let container = Descriptor::from_answer(answer);
    let answer = open_container();
    section.say("open2", answer.bare());
    let _second = Descriptor::from_answer(answer);
    let fd = container.number();

    section.say("api_version", raw::ioctl_value(fd, raw::GET_API_VERSION, 0));
    ask_extensions(&section, "nogroup", fd);
    section.say("nogroup.ext_100", raw::ioctl_value(fd, raw::CHECK_EXTENSION, 100));
    section.say("nogroup.ext_-1", raw::ioctl_value(fd, raw::CHECK_EXTENSION, u64::MAX));
    for iommu in 0..=8 {
        section.say(format_args!("nogroup.set_iommu_{iommu}"), raw::ioctl_value(fd, raw::SET_IOMMU, iommu));
    }

    let mut structure = [0u32; 8];
    structure[0] = 24;
    section.say("noiommu_set.get_info", raw::ioctl(fd, raw::IOMMU_GET_INFO, &mut structure));
    let mut structure = [0u32; 8];
    structure[0] = 32;
    section.say("noiommu_set.map", raw::ioctl(fd, raw::IOMMU_MAP_DMA, &mut structure));
    section.say("unknown_ioctl_below", raw::ioctl_value(fd, 0x3b00 + 99, 0));
    section.say("unknown_ioctl_above", raw::ioctl_value(fd, 0x3b00 + 160, 0));
    section.say("unknown_ioctl_type", raw::ioctl_value(fd, (u64::from(b'X') << 8) + 1, 0));
    section.say("device_ioctl_on_container", raw::ioctl_value(fd, raw::DEVICE_RESET, 0));
    section.say("group_ioctl_on_container", raw::ioctl(fd, raw::GROUP_GET_STATUS, &mut structure));

    let mut bytes = [0; 8];
    section.say("read", raw::read(fd, &mut bytes));
    section.say("write", raw::write(fd, &bytes));
    section.say("pread", raw::pread(fd, &mut bytes, 0));
    let mapped = raw::Mapping::new(raw::PAGE, libc::PROT_READ, libc::MAP_SHARED, fd, 0);
    section.say("mmap", mapped.map_or_else(|refused| refused, |_| crate::answer::Answer::DONE));
    let read_only = Descriptor::from_answer(raw::open("/dev/vfio/vfio", libc::O_RDONLY));
    section.say("rdonly.api_version", raw::ioctl_value(read_only.number(), raw::GET_API_VERSION, 0));
}
