//! The limit on locked memory, as a process without `CAP_IPC_LOCK` meets it. Runs in a child, which gives its rights up.

use crate::answer::Answer;
use crate::raw::{MAP_RW, PAGE, in_child};
use crate::type1::{IOVA, Type1};

const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_RESOURCE: u32 = 24;

/// `struct __user_cap_header_struct` of version 3.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn give_up_capabilities() {
    let mut header = CapabilityHeader { version: 0x2008_0522, pid: 0 };
    let mut data = [CapabilityData::default(); 2];
    // SAFETY: (1) header and data have the layout that version 3 asks for; (2) both are exclusive for the length of the calls.
    unsafe {
        libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr());
        data[0].effective &= !(1 << CAP_IPC_LOCK | 1 << CAP_SYS_RESOURCE);
        data[0].permitted = data[0].effective;
        data[0].inheritable = 0;
        libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr());
    }
}

fn limit(bytes: u64, most: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: most };
    // SAFETY: (1) one valid rlimit.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
}

/// The cases `memlock.*`.
pub fn ask(type1: &Type1) {
    in_child(|| {
        let va = type1.memory.address;
        limit(64 << 10, 64 << 10);
        type1.say("memlock.capable_over_limit", type1.map_rw(IOVA, 32 * PAGE));
        type1.unmap_all();
        give_up_capabilities();
        type1.memory.touch(64);
        type1.say("memlock.16pg", type1.map_rw(IOVA, 16 * PAGE));
        type1.say("memlock.17th", type1.map(MAP_RW, va + 16 * PAGE, IOVA + 16 * PAGE, PAGE));
        type1.say_unmap("memlock.unmap", 0, IOVA, 16 * PAGE);
        type1.say("memlock.17pg_at_once", type1.map_rw(IOVA, 17 * PAGE));
        type1.say("memlock.16pg_again", type1.map_rw(IOVA, 16 * PAGE));
        type1.say("memlock.same_page_other_iova", type1.map_rw(IOVA + 64 * PAGE, PAGE));
        locked_pages(type1);
        type1.unmap_all();
        limit(0, 64 << 10);
        type1.say("memlock.limit0", type1.map_rw(IOVA, PAGE));
        type1.unmap_all();
    });
}

/// What the kernel counts as locked and pinned for this process.
fn locked_pages(type1: &Type1) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name == "VmLck" || name == "VmPin" {
            type1.section.say_with(format_args!("memlock.{name}"), Answer::DONE, format_args!("{value}"));
        }
    }
}
