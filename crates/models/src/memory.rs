//! Register windows that only remember what was written.
//!
//! Windows of real boards are up to gigabytes, so only pages that hold something take memory, and not more than a bound of them: a
//! program that writes everywhere finds that what is beyond reads as zero.

use std::collections::BTreeMap;

use uvfio_kernel::hw::Width;

const PAGE: u64 = 4096;
/// Pages that a device's windows may take, 16 MiB.
const MOST_PAGES: usize = 4096;

/// The windows of one device.
pub(crate) struct Memory {
    sizes: Vec<u64>,
    pages: BTreeMap<(usize, u64), Box<[u8; PAGE as usize]>>,
}

impl Memory {
    /// Windows of these sizes in bytes, all zero.
    pub fn new(sizes: Vec<u64>) -> Self {
        Self { sizes, pages: BTreeMap::new() }
    }

    /// A load; zero where there is nothing.
    pub fn read(&self, region: usize, offset: u64, width: Width) -> u64 {
        let mut value = 0;
        for at in 0..width.bytes() {
            let byte = self
                .place(region, offset, at)
                .and_then(|(page, within)| Some(self.pages.get(&page)?[within]));
            value |= u64::from(byte.unwrap_or(0)) << (at * 8);
        }
        value
    }

    /// A store; nothing where there is no window.
    pub fn write(&mut self, region: usize, offset: u64, width: Width, value: u64) {
        for at in 0..width.bytes() {
            let Some((page, within)) = self.place(region, offset, at) else { continue };
            let byte = (value >> (at * 8)) as u8;
            if byte != 0 && self.pages.len() < MOST_PAGES {
                self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE as usize]));
            }
            if let Some(bytes) = self.pages.get_mut(&page) {
                bytes[within] = byte;
            }
        }
    }

    /// Is everything zero?
    pub fn is_clear(&self) -> bool {
        self.pages.values().all(|page| page.iter().all(|byte| *byte == 0))
    }

    /// All zero again.
    pub fn clear(&mut self) {
        self.pages.clear();
    }

    /// The page and the place in it of byte `at` of an access.
    fn place(&self, region: usize, offset: u64, at: u64) -> Option<((usize, u64), usize)> {
        let byte = offset.checked_add(at)?;
        (byte < *self.sizes.get(region)?).then_some(((region, byte / PAGE), (byte % PAGE) as usize))
    }
}
