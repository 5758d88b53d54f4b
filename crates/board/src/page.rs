//! Register windows that share a page of the host.
//!
//! What a program maps comes in whole pages, so whoever may map one device's registers reaches all that is in the page. VFIO maps no
//! window that is not whole pages (`VFIO_REGION_INFO_FLAG_MMAP`, drivers/vfio/platform/vfio_platform_common.c) and traps the rest;
//! who wants the speed of mapped registers hands out all devices of the page.

use uvfio_firmware::Board;

use crate::bond::{Bond, BondKind};
use crate::options::PageSize;
use crate::{Caution, DeviceIndex};

/// A window in pages: first, first beyond.
struct Window {
    start: u64,
    end: u64,
    device: DeviceIndex,
}

/// Bonds among devices with a page in common. All windows that hold one address make one bond; where that would be more than a few
/// times the windows there are, a bond holds only the two that are needed to tie them.
pub(crate) fn bonds(board: &Board, page: PageSize) -> Vec<Bond> {
    let bytes = page.bytes();
    let mut windows = Vec::with_capacity(board.devices.len());
    for (at, device) in board.devices.iter().enumerate() {
        for region in device.regions.iter().filter(|region| region.size > 0) {
            let last = region.base.saturating_add(region.size - 1);
            let (start, end) = (region.base / bytes, last / bytes + 1);
            windows.push(Window { start, end, device: DeviceIndex::new(at) });
        }
    }
    windows.sort_unstable_by_key(|window| (window.start, window.end, window.device));
    let mut budget = 16 * windows.len() + 1024;
    let mut active: Vec<&Window> = Vec::new();
    let mut bonds: Vec<Bond> = Vec::new();
    let mut windows = windows.iter().peekable();
    while let Some(window) = windows.next() {
        // Once for each start: many windows that start together must not cost the square of their number.
        if active.last().is_some_and(|latest| latest.start < window.start) {
            active.retain(|other| other.end > window.start);
        }
        active.push(window);
        let same_start = windows.peek().is_some_and(|next| next.start == window.start);
        if active.len() < 2 || (same_start && budget >= active.len()) {
            continue;
        }
        let mut members: Vec<DeviceIndex> = if budget >= active.len() {
            budget -= active.len();
            active.iter().map(|window| window.device).collect()
        } else {
            // The one that lasts longest keeps the tie to those that are passed over.
            let longest = active.iter().max_by_key(|window| window.end).map(|window| window.device);
            active.retain(|other| Some(other.device) == longest || other.device == window.device);
            active.iter().map(|window| window.device).collect()
        };
        members.sort_unstable();
        members.dedup();
        if members.len() > 1 {
            bonds.push(Bond { kind: BondKind::Page { page: window.start.saturating_mul(bytes) }, members });
        }
    }
    bonds
}

/// For each device the windows that cannot be mapped, at the smallest page where that is so.
pub(crate) fn cautions(board: &Board) -> impl Iterator<Item = (DeviceIndex, Caution)> {
    board.devices.iter().enumerate().flat_map(|(at, device)| {
        device.regions.iter().enumerate().filter_map(move |(region, window)| {
            let odd = |page: &PageSize| (window.base | window.size) % page.bytes() != 0;
            let page = PageSize::ALL.into_iter().find(odd)?;
            Some((DeviceIndex::new(at), Caution::NotMappable { region, page }))
        })
    })
}
