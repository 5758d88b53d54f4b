//! What the namespace adds to the tables: registers, interrupts and methods of the devices that they name.
//!
//! Linux: drivers/acpi/acpi_platform.c makes devices of the namespace's; drivers/vfio/platform/vfio_platform_common.c resets them by
//! `_RST` (`vfio_platform_acpi_call_reset`) and asks for that on the platform bus alone.

use std::collections::HashMap;

use uvfio_firmware::acpi::namespace::full_path;
use uvfio_firmware::{Board, Bus, Device};

use super::{AcpiBlocker, AcpiView, Who};
use crate::PageSize;

impl AcpiView {
    /// Take what the namespace says of the devices that the tables name: `board` is the one made of both.
    pub fn learn(&mut self, board: &Board, page: PageSize) {
        let mut by_path: HashMap<String, usize> = HashMap::new();
        for (at, device) in board.devices.iter().enumerate() {
            by_path.entry(device.path.to_string()).or_insert(at);
            by_path.entry(by_id(device)).or_insert(at);
        }
        let pages = pages(board, page);
        let lines = lines(board);
        for device in &mut self.devices {
            let Who::Named(path) = &device.who else { continue };
            let place = if path.starts_with('\\') { full_path(path) } else { path.clone() };
            let Some(at) = by_path.get(&place).copied() else { continue };
            device.known = Some(at);
            let found = &board.devices[at];
            if device.coherent.is_none() {
                device.coherent = Some(found.dma_coherent);
            }
            let has_reset = found.acpi.as_ref().is_some_and(|facts| facts.has_reset);
            if found.bus == Bus::Platform && !has_reset {
                device.blockers.push(AcpiBlocker::NoReset);
            }
            let shared = found.interrupts.iter().find_map(|interrupt| {
                let with = another(lines.get(&interrupt.number)?, at)?;
                Some(AcpiBlocker::InterruptShared { number: interrupt.number, with })
            });
            device.blockers.extend(shared);
            let shared = touched(found, page).find_map(|page| {
                let with = another(pages.get(&page)?, at)?;
                Some(AcpiBlocker::PageShared { page, with })
            });
            device.blockers.extend(shared);
        }
    }
}

/// The name that IVRS has for a device: its hardware id and unique id.
fn by_id(device: &Device) -> String {
    let facts = device.acpi.as_deref();
    let hid = facts.and_then(|facts| facts.hid()).unwrap_or_default();
    match facts.and_then(|facts| facts.uid.as_deref()) {
        None => hid.to_owned(),
        Some(uid) => match uid.parse::<u64>() {
            Ok(number) => format!("{hid}:{number:02x}"),
            Err(_) => format!("{hid}:{uid}"),
        },
    }
}

/// The first users of something; more than two are not needed to know another than oneself.
type Users = Vec<usize>;

fn add(users: &mut Users, at: usize) {
    if users.len() < 2 && !users.contains(&at) {
        users.push(at);
    }
}

fn another(users: &Users, but: usize) -> Option<usize> {
    users.iter().find(|user| **user != but).copied()
}

/// Who has registers in each page where a window begins or ends: others are whole pages of one window.
fn pages(board: &Board, page: PageSize) -> HashMap<u64, Users> {
    let mut pages: HashMap<u64, Users> = HashMap::new();
    for (at, device) in board.devices.iter().enumerate() {
        for page in touched(device, page) {
            add(pages.entry(page).or_default(), at);
        }
    }
    pages
}

fn touched(device: &Device, page: PageSize) -> impl Iterator<Item = u64> {
    let mask = !(page.bytes() - 1);
    let windows = device.regions.iter().filter(|region| region.size > 0);
    windows.flat_map(move |region| {
        let (first, last) = (region.base & mask, region.base.saturating_add(region.size - 1) & mask);
        [Some(first), (last != first).then_some(last)].into_iter().flatten()
    })
}

fn lines(board: &Board) -> HashMap<u32, Users> {
    let mut lines: HashMap<u32, Users> = HashMap::new();
    for (at, device) in board.devices.iter().enumerate() {
        for interrupt in &device.interrupts {
            add(lines.entry(interrupt.number).or_default(), at);
        }
    }
    lines
}
