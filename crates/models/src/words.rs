//! How an access of any width and alignment reaches a block of 32-bit registers.
//!
//! A program may touch registers in any width (VFIO's own `pread` splits into 4, 2 and 1, as `vfio_platform_common.c` does), while
//! the blocks modelled here have 32-bit registers. Loads pick their bytes out of the words they touch; stores hand each word over
//! with the bits that were written, as a bus does with byte strobes.

use uvfio_kernel::hw::Width;

/// The part of a 32-bit register that a store reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    /// Where the register is, a multiple of 4.
    pub offset: u64,
    /// The bits written, in their place; the others are zero.
    pub value: u32,
    /// Ones where a bit was written.
    pub mask: u32,
}

impl Store {
    /// What a register that held `old` holds afterwards.
    pub fn over(self, old: u32) -> u32 {
        (old & !self.mask) | self.value
    }
}

/// Load through `word`, which is asked once for each register that is touched, in ascending order.
pub(crate) fn load(offset: u64, width: Width, mut word: impl FnMut(u64) -> u32) -> u64 {
    let mut value = 0;
    let mut current = None;
    for at in 0..width.bytes() {
        let Some(byte) = offset.checked_add(at) else { break };
        let aligned = byte & !3;
        let held = match current {
            Some((from, held)) if from == aligned => held,
            _ => word(aligned),
        };
        current = Some((aligned, held));
        value |= u64::from((held >> ((byte & 3) * 8)) & 0xff) << (at * 8);
    }
    value
}

/// Store through `word`, which is called once for each register that is touched, in ascending order.
pub(crate) fn store(offset: u64, width: Width, value: u64, mut word: impl FnMut(Store)) {
    let mut current: Option<Store> = None;
    for at in 0..width.bytes() {
        let Some(byte) = offset.checked_add(at) else { break };
        let aligned = byte & !3;
        if let Some(full) = current.take_if(|store| store.offset != aligned) {
            word(full);
        }
        let store = current.get_or_insert(Store { offset: aligned, value: 0, mask: 0 });
        let shift = (byte & 3) * 8;
        store.value |= (((value >> (at * 8)) & 0xff) as u32) << shift;
        store.mask |= 0xff << shift;
    }
    if let Some(last) = current {
        word(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stores(offset: u64, width: Width, value: u64) -> Vec<(u64, u32, u32)> {
        let mut seen = Vec::new();
        store(offset, width, value, |store| seen.push((store.offset, store.value, store.mask)));
        seen
    }

    #[test]
    fn a_load_picks_its_bytes() {
        let word = |at: u64| if at == 4 { 0x8877_6655 } else { 0x4433_2211 };
        assert_eq!(load(0, Width::Word, word), 0x4433_2211);
        assert_eq!(load(0, Width::Double, word), 0x8877_6655_4433_2211);
        assert_eq!(load(3, Width::Half, word), 0x5544);
        assert_eq!(load(6, Width::Byte, word), 0x77);
    }

    #[test]
    fn a_store_says_which_bits_it_reaches() {
        assert_eq!(stores(8, Width::Word, 0x1234_5678), [(8, 0x1234_5678, u32::MAX)]);
        assert_eq!(stores(9, Width::Byte, 0xab), [(8, 0xab00, 0xff00)]);
        assert_eq!(stores(3, Width::Half, 0xbeef), [(0, 0xef00_0000, 0xff00_0000), (4, 0xbe, 0xff)]);
        assert_eq!(stores(0, Width::Double, 0x1_0000_0002), [(0, 2, u32::MAX), (4, 1, u32::MAX)]);
    }

    #[test]
    fn the_end_of_the_address_space_is_not_passed() {
        assert_eq!(load(u64::MAX, Width::Double, |_| 0xff00_0000), 0xff);
        assert_eq!(stores(u64::MAX, Width::Double, 0x1ff), [(u64::MAX - 3, 0xff00_0000, 0xff00_0000)]);
    }
}
