//! A group through its life: before a container, with one, with an IOMMU, with devices open, and after each close.

use crate::answer::{Answer, Hex, Section};
use crate::container::ask_extensions;
use crate::machine::{Descriptor, Place, open_container};
use crate::raw;

/// `GROUP_GET_STATUS` with a size; the flags before and after.
fn status(group: i32, argsz: u32, flags: u32) -> (Answer, [u32; 2]) {
    let mut structure = [argsz, flags];
    (raw::ioctl(group, raw::GROUP_GET_STATUS, &mut structure), structure)
}

fn say_flags(section: &Section, case: &str, group: i32) {
    let (answer, [_, flags]) = status(group, 8, 0);
    section.say_with(case, answer, format_args!("flags={}", Hex(flags.into())));
}

fn set_container(group: i32, mut container: i32) -> Answer {
    raw::ioctl(group, raw::GROUP_SET_CONTAINER, &mut container)
}

fn unset_container(group: i32) -> Answer {
    raw::ioctl_value(group, raw::GROUP_UNSET_CONTAINER, 0)
}

fn set_iommu(container: i32, iommu: i64) -> Answer {
    raw::ioctl_value(container, raw::SET_IOMMU, iommu as u64)
}

fn type1_info(container: i32) -> Answer {
    let mut structure = [24u32, 0, 0, 0, 0, 0];
    raw::ioctl(container, raw::IOMMU_GET_INFO, &mut structure)
}

fn device_info(device: i32) -> Answer {
    let mut structure = [24u32, 0, 0, 0, 0, 0];
    raw::ioctl(device, raw::DEVICE_GET_INFO, &mut structure)
}

/// Print the answer to an attempt to open something, and close it again.
fn say_opened(section: &Section, case: &str, answer: Answer) {
    section.say(case, answer.bare());
    drop(Descriptor::from_answer(answer));
}

/// Print the answer and keep what was opened.
fn keep_opened(section: &Section, case: &str, answer: Answer) -> Descriptor {
    section.say(case, answer.bare());
    Descriptor::from_answer(answer)
}

/// The section `group`.
pub fn ask(place: &Place) {
    let section = Section::new("group");
    let group = keep_opened(&section, "open", place.open_group());
    without_container(&section, place, group.number());
    let container = Descriptor::from_answer(open_container());
    let other = Descriptor::from_answer(open_container());
    attach(&section, place, group.number(), container.number(), other.number());
    choose_iommu(&section, group.number(), container.number());
    let device = open_devices(&section, place, group.number(), other.number());
    close_in_turn(&section, place, container, group, device);
}

/// Everything a group answers while it has no container.
fn without_container(section: &Section, place: &Place, group: i32) {
    say_opened(section, "open_again", place.open_group());
    say_opened(section, "dup", raw::dup(group));

    let (answer, [argsz, flags]) = status(group, 8, u32::MAX);
    section.say_with("status", answer, format_args!("flags={} argsz={argsz}", Hex(flags.into())));
    let (answer, [_, flags]) = status(group, 7, 0x55);
    section.say_with("status_argsz7", answer, format_args!("flags={}", Hex(flags.into())));
    section.say("status_argsz0", status(group, 0, 0).0);
    let (answer, [argsz, flags]) = status(group, 4096, 0);
    section.say_with("status_argsz4096", answer, format_args!("flags={} argsz={argsz}", Hex(flags.into())));
    section.say("status_null", raw::ioctl_value(group, raw::GROUP_GET_STATUS, 0));
    section.say("unset_before_set", unset_container(group));

    say_opened(section, "getfd_before_set", Place::device_of(group, &place.device));
    say_opened(section, "getfd_badname_before_set", Place::device_of(group, "nosuch"));
    say_opened(section, "getfd_null", raw::ioctl_value(group, raw::GROUP_GET_DEVICE_FD, 0));
    say_opened(section, "getfd_longname", Place::device_of(group, &"a".repeat(8191)));
    say_opened(section, "getfd_emptyname", Place::device_of(group, ""));

    section.say("set_fd_-1", set_container(group, -1));
    section.say("set_fd_999", set_container(group, 999));
    section.say("set_null", raw::ioctl_value(group, raw::GROUP_SET_CONTAINER, 0));
    let null = Descriptor::from_answer(raw::open("/dev/null", libc::O_RDWR));
    section.say("set_devnull", set_container(group, null.number()));
    drop(null);
    section.say("set_self_group", set_container(group, group));
    section.say("unknown_ioctl", raw::ioctl_value(group, 0x3b00 + 160, 0));
    section.say("api_version_on_group", raw::ioctl_value(group, raw::GET_API_VERSION, 0));
    section.say("read", raw::read(group, &mut [0; 8]));
    let mapped = raw::Mapping::new(raw::PAGE, libc::PROT_READ, libc::MAP_SHARED, group, 0);
    section.say("mmap", mapped.map_or_else(|refused| refused, |_| Answer::DONE));
}

/// Into a container and out of it again, before an IOMMU is chosen.
fn attach(section: &Section, place: &Place, group: i32, container: i32, other: i32) {
    section.say("set", set_container(group, container));
    section.say("set_again_same", set_container(group, container));
    section.say("set_again_other", set_container(group, other));
    say_flags(section, "status_after_set", group);
    say_opened(section, "getfd_before_set_iommu", Place::device_of(group, &place.device));
    ask_extensions(&Section::new("container"), "group_attached", container);
    section.say("get_info_before_set_iommu", type1_info(container));
    section.say("unset", unset_container(group));
    section.say("unset_again", unset_container(group));
    section.say("re_set", set_container(group, container));
}

/// Every IOMMU interface: those that are none, those that are, and the second choice.
fn choose_iommu(section: &Section, group: i32, container: i32) {
    let containers = Section::new("container");
    for iommu in [0, 2, 4, 5, 7, 9, 10, 11, 100, -1] {
        containers.say(format_args!("set_iommu_{iommu}"), set_iommu(container, iommu));
    }
    for iommu in [raw::TYPE1, raw::TYPE1_NESTING, raw::NOIOMMU, raw::TYPE1V2] {
        let fresh = Descriptor::from_answer(open_container());
        unset_container(group);
        set_container(group, fresh.number());
        containers.say(format_args!("set_iommu_ok_type{iommu}"), set_iommu(fresh.number(), iommu));
        unset_container(group);
    }
    section.say("re_set2", set_container(group, container));
    containers.say("set_iommu", set_iommu(container, raw::TYPE1V2));
    containers.say("set_iommu_again_same", set_iommu(container, raw::TYPE1V2));
    containers.say("set_iommu_again_other", set_iommu(container, raw::TYPE1));
    ask_extensions(&containers, "iommu_set", container);
}

/// Devices by right and wrong names, and what cannot be done while one is open.
fn open_devices(section: &Section, place: &Place, group: i32, other: i32) -> Descriptor {
    let name = place.device.as_str();
    say_opened(section, "getfd_badname", Place::device_of(group, "nosuch"));
    say_opened(section, "getfd_prefix", Place::device_of(group, &name[..name.len() - 1]));
    say_opened(section, "getfd_trailing", Place::device_of(group, &format!("{name} x")));
    let device = keep_opened(section, "getfd", Place::device_of(group, name));
    if device.number() >= 0 {
        section.say("getfd_fdflags", raw::fcntl(device.number(), libc::F_GETFD));
        let flags = raw::fcntl(device.number(), libc::F_GETFL).0.unwrap_or(0) as u64 & !0o100_000;
        section.say_with("getfd_flflags", Answer::DONE, format_args!("{}", Hex(flags)));
    }
    say_opened(section, "getfd_twice", Place::device_of(group, name));
    let link = std::fs::read_link(format!("/proc/self/fd/{}", device.number()))
        .map(|link| link.display().to_string())
        .unwrap_or_default();
    let mode = if device.number() >= 0 { raw::mode(device.number()) } else { 0 };
    let octal = if mode == 0 { "0".to_owned() } else { format!("0{mode:o}") };
    section.say_with("getfd_link", Answer::DONE, format_args!("{link} mode={octal}"));
    section.say("unset_with_device_open", unset_container(group));
    section.say("set_with_device_open", set_container(group, other));
    say_flags(section, "status_dev_open", group);
    device
}

/// Close container, group and device one after the other: the device keeps the group. (The name of the first case to re-open speaks of
/// a duplicate that the recorded run had closed already.)
fn close_in_turn(
    section: &Section,
    place: &Place,
    container: Descriptor,
    group: Descriptor,
    device: Descriptor,
) {
    drop(container);
    section.say("dev_info_after_container_close", device_info(device.number()));
    drop(group);
    section.say("dev_info_after_group_close", device_info(device.number()));
    say_opened(section, "reopen_while_dup_and_device", place.open_group());
    say_opened(section, "reopen_while_device_open", place.open_group());
    drop(device);
    let group = keep_opened(section, "reopen_after_all_closed", place.open_group());
    leave_last(section, place, &group);
}

/// The last group leaves: IOMMU and mappings go with it, the container stays.
fn leave_last(section: &Section, place: &Place, group: &Descriptor) {
    let containers = Section::new("container");
    let container = Descriptor::from_answer(open_container());
    section.say("set3", set_container(group.number(), container.number()));
    section.say("set3_iommu", set_iommu(container.number(), raw::TYPE1V2));
    drop(Descriptor::from_answer(Place::device_of(group.number(), &place.device)));
    section.say("unset_after_dev_close", unset_container(group.number()));
    containers.say("get_info_after_last_group_left", type1_info(container.number()));
    containers.say("set_iommu_after_last_group_left", set_iommu(container.number(), raw::TYPE1V2));
    containers.say("reattach", set_container(group.number(), container.number()));
    containers.say("getinfo_reattached_no_set_iommu", type1_info(container.number()));
    containers.say("reset_iommu", set_iommu(container.number(), raw::TYPE1V2));
}
