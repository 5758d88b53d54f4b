//! A device file: what it says of itself, its regions read, written and mapped, features, reset, and each of its interrupts.

use crate::answer::{Answer, Hex, Section};
use crate::irq;
use crate::raw::{self, Mapping, PAGE};

/// Whether the regions may be read: some devices' registers do things when they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Regions {
    /// Only ask what they are.
    Described,
    /// Read and map them, too.
    Accessed,
}

/// A structure of the interface as the words it is made of.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn double(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// What GET_REGION_INFO said of one region.
#[derive(Clone, Copy)]
struct Region {
    size: u64,
    offset: u64,
}

/// The section `dev`.
pub fn ask(tag: &str, device: i32, regions: Regions) {
    let section = Section::new(tag);
    let (region_count, irq_count) = info(&section, device);
    let described = region_infos(&section, device, region_count);
    irq_infos(&section, device, irq_count);
    section.say("unknown_ioctl", raw::ioctl_value(device, raw::request(58), 0));
    section.say("unknown_ioctl2", raw::ioctl_value(device, 0x3b00 + 160, 0));
    section.say("container_ioctl", raw::ioctl_value(device, raw::GET_API_VERSION, 0));
    section.say("group_ioctl", raw::ioctl_value(device, raw::GROUP_UNSET_CONTAINER, 0));
    features(&section, device);
    if regions == Regions::Accessed {
        for (index, region) in described.iter().enumerate() {
            if region.size == 0 {
                section.say(
                    format_args!("r{index}.pread_empty"),
                    raw::pread(device, &mut [0; 4], region.offset),
                );
                continue;
            }
            reads(&section, device, index, *region);
            maps(&section, device, index, *region);
        }
    }
    the_file(&section, device, region_count);
    section.say("reset", raw::ioctl_value(device, raw::DEVICE_RESET, 0));
    section.say("reset_again", raw::ioctl_value(device, raw::DEVICE_RESET, 0));
    for index in 0..irq_count.min(8) {
        irq::ask(tag, device, index);
    }
}

/// GET_INFO with every size of the structure. Returns the numbers of regions and interrupts.
fn info(section: &Section, device: i32) -> (u32, u32) {
    for argsz in [0u32, 4, 15, 16, 19, 20, 24, 64, 512] {
        let mut bytes = [0xee; 1024];
        bytes[..4].copy_from_slice(&argsz.to_ne_bytes());
        let answer = raw::ioctl(device, raw::DEVICE_GET_INFO, &mut bytes);
        let cap_offset = if argsz >= 20 { word(&bytes, 16) } else { 0 };
        section.say_with(
            format_args!("info.argsz{argsz}"),
            answer,
            format_args!(
                "argsz={} flags={} regions={} irqs={} cap={}",
                word(&bytes, 0),
                Hex(word(&bytes, 4).into()),
                word(&bytes, 8),
                word(&bytes, 12),
                Hex(cap_offset.into())
            ),
        );
    }
    let mut bytes = [0; 24];
    bytes[0] = 24;
    raw::ioctl(device, raw::DEVICE_GET_INFO, &mut bytes);
    section.say("info.null", raw::ioctl_value(device, raw::DEVICE_GET_INFO, 0));
    (word(&bytes, 8), word(&bytes, 12))
}

fn ask_region(device: i32, argsz: u32, index: u32) -> (Answer, [u8; 512]) {
    let mut bytes = [0; 512];
    bytes[..4].copy_from_slice(&argsz.to_ne_bytes());
    bytes[8..12].copy_from_slice(&index.to_ne_bytes());
    (raw::ioctl(device, raw::DEVICE_GET_REGION_INFO, &mut bytes), bytes)
}

/// GET_REGION_INFO of every region and two that are not there.
fn region_infos(section: &Section, device: i32, count: u32) -> Vec<Region> {
    let mut regions = Vec::new();
    for index in 0..(count + 2).min(16) {
        let (answer, bytes) = ask_region(device, 512, index);
        let region = Region { size: double(&bytes, 16), offset: double(&bytes, 24) };
        section.say_with(
            format_args!("region{index}"),
            answer,
            format_args!(
                "argsz={} flags={} cap={} size={} offset={}",
                word(&bytes, 0),
                Hex(word(&bytes, 4).into()),
                Hex(word(&bytes, 12).into()),
                Hex(region.size),
                Hex(region.offset)
            ),
        );
        if index < count {
            regions.push(region);
        }
    }
    section.say("region.argsz31", ask_region(device, 31, 0).0);
    let (answer, bytes) = ask_region(device, 32, 0);
    section.say_with(
        "region0.argsz32",
        answer,
        format_args!(
            "argsz={} flags={} cap={}",
            word(&bytes, 0),
            Hex(word(&bytes, 4).into()),
            Hex(word(&bytes, 12).into())
        ),
    );
    section.say("region.idx_max", ask_region(device, 32, u32::MAX).0);
    section.say("region.null", raw::ioctl_value(device, raw::DEVICE_GET_REGION_INFO, 0));
    regions
}

/// GET_IRQ_INFO of every interrupt and two that are not there.
fn irq_infos(section: &Section, device: i32, count: u32) {
    let ask = |argsz: u32, index: u32| {
        let mut structure = [argsz, 0, index, 0];
        (raw::ioctl(device, raw::DEVICE_GET_IRQ_INFO, &mut structure), structure)
    };
    for index in 0..(count + 2).min(16) {
        let (answer, [argsz, flags, _, count]) = ask(16, index);
        section.say_with(
            format_args!("irqinfo{index}"),
            answer,
            format_args!("flags={} count={count} argsz={argsz}", Hex(flags.into())),
        );
    }
    section.say("irqinfo.argsz15", ask(15, 0).0);
    section.say("irqinfo.idx_max", ask(16, u32::MAX).0);
}

const FEATURE_GET: u32 = 1 << 16;
const FEATURE_SET: u32 = 1 << 17;
const FEATURE_PROBE: u32 = 1 << 18;

fn features(section: &Section, device: i32) {
    let ask = |argsz: u32, flags: u32| {
        let mut structure = [0u32; 16];
        structure[..2].copy_from_slice(&[argsz, flags]);
        raw::ioctl(device, raw::DEVICE_FEATURE, &mut structure)
    };
    for feature in 0..=12 {
        section
            .say(format_args!("feature{feature}.probe_get"), ask(64, feature | FEATURE_PROBE | FEATURE_GET));
        section
            .say(format_args!("feature{feature}.probe_set"), ask(64, feature | FEATURE_PROBE | FEATURE_SET));
    }
    section.say("feature.noflag", ask(64, 0));
    section.say("feature.argsz4", ask(4, 0));
    section.say("feature.getset", ask(64, FEATURE_GET | FEATURE_SET));
    section.say("feature.probe_getset", ask(64, FEATURE_PROBE | FEATURE_GET | FEATURE_SET));
    section.say("feature.unknownflag", ask(64, FEATURE_PROBE | 1 << 20));
}

/// pread of one region, aligned and not, at its end and past it.
fn reads(section: &Section, device: i32, index: usize, Region { size, offset }: Region) {
    for (case, len, at) in [
        ("pread1", 1, 0),
        ("pread2", 2, 0),
        ("pread4", 4, 0),
        ("pread8", 8, 0),
        ("pread3", 3, 0),
        ("pread4@1", 4, 1),
        ("pread0", 0, 0),
        ("pread16", 16, 0),
        ("pread4_at_end", 4, size),
        ("pread_straddle_end", 8, size - 4),
        ("pread_past_end", 4, size + 0x10000),
    ] {
        let mut bytes = [0; 64];
        section.say(format_args!("r{index}.{case}"), raw::pread(device, &mut bytes[..len], offset + at));
    }
    section.say(format_args!("r{index}.pread_badbuf"), raw::pread_to(device, 8, 4, offset));
}

/// mmap of one region, whole, in part, past its end, private and executable.
fn maps(section: &Section, device: i32, index: usize, Region { size, offset }: Region) {
    let whole = size.next_multiple_of(PAGE);
    let (read, read_write) = (libc::PROT_READ, libc::PROT_READ | libc::PROT_WRITE);
    let (shared, private) = (libc::MAP_SHARED, libc::MAP_PRIVATE);
    for (case, protection, flags, at, len) in [
        ("shared_rw", read_write, shared, 0, whole),
        ("private_r", read, private, 0, PAGE),
        ("private_rw", read_write, private, 0, PAGE),
        ("shared_x", read | libc::PROT_EXEC, shared, 0, PAGE),
        ("first_page", read_write, shared, 0, PAGE),
        ("past_end", read_write, shared, whole, PAGE),
        ("straddle", read_write, shared, 0, whole + PAGE),
        ("last_page", read, shared, size.saturating_sub(PAGE), PAGE),
    ] {
        let mapped = Mapping::new(len, protection, flags, device, offset + at);
        section.say(
            format_args!("r{index}.mmap.{case}"),
            mapped.map_or_else(|refused| refused, |_| Answer::DONE),
        );
    }
}

/// The device as a file: offsets of no region, and calls that files of other kinds have.
fn the_file(section: &Section, device: i32, region_count: u32) {
    let past = u64::from(region_count) << 40;
    let mut bytes = [0; 4];
    section.say("pread_region_past", raw::pread(device, &mut bytes, past));
    section.say("pwrite_region_past", raw::pwrite(device, &bytes, past));
    section.say("pread_region_4000", raw::pread(device, &mut bytes, 4000 << 40));
    let mapped = Mapping::new(PAGE, libc::PROT_READ, libc::MAP_SHARED, device, past);
    section.say("mmap_region_past", mapped.map_or_else(|refused| refused, |_| Answer::DONE));
    section.say("lseek", raw::seek_start(device));
    section.say("read_seq", raw::read(device, &mut bytes));
    section.say("read_seq2", raw::read(device, &mut bytes));
    let (answer, events) = raw::poll_now(device);
    section.say_with("poll", answer, format_args!("rev={}", Hex(events as u64)));
    section.say("fsync", raw::fsync(device));
    section.say("ftruncate", raw::truncate(device));
}
