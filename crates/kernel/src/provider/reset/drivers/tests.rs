//! What the drivers write, over registers that only remember.

use std::collections::HashMap;

use super::super::Operation;
use super::*;
use crate::errno;
use crate::sync::{self, Mutex};

/// What registers hold, and the stores that brought it there.
type Memory = (HashMap<u64, u32>, Vec<(u64, u32)>);

#[derive(Default)]
struct Words(Mutex<Memory>);

impl Words {
    fn stores(&self) -> Vec<(u64, u32)> {
        std::mem::take(&mut sync::lock(&self.0).1)
    }
}

impl Registers for Words {
    fn load(&self, _: usize, offset: u64) -> u32 {
        sync::lock(&self.0).0.get(&offset).copied().unwrap_or(0)
    }

    fn store(&self, _: usize, offset: u64, value: u32) {
        let mut words = sync::lock(&self.0);
        words.0.insert(offset, value);
        words.1.push((offset, value));
    }
}

fn driver(compatible: &str, size: u64) -> (Arc<Words>, Arc<dyn ResetController>) {
    let words = Arc::new(Words::default());
    let driver = ResetDriver::of(&["vendor,board".to_owned(), compatible.to_owned()]).unwrap();
    (words.clone(), driver.make(words, size))
}

#[test]
fn the_cpg_asserts_by_one_register_and_releases_by_another() {
    let (words, cpg) = driver("renesas,r8a7795-cpg-mssr", 0x1000);
    let line = cpg.translate(&[523]).unwrap();
    assert_eq!(line, 5 * 32 + 23);
    assert_eq!([cpg.translate(&[532]), cpg.translate(&[1200]), cpg.translate(&[1, 2])], [None; 3]);
    cpg.reset(line).unwrap();
    assert_eq!(words.stores(), [(0x0c4, 1 << 23), (0x954, 1 << 23)]);
    assert_eq!(cpg.status(line), Ok(true), "these registers only remember");
}

#[test]
fn a_bank_changes_one_bit() {
    for (compatible, asserted) in [("snps,dw-high-reset", 1 << 3), ("snps,dw-low-reset", 0)] {
        let (words, bank) = driver(compatible, 8);
        let line = bank.translate(&[35]).unwrap();
        assert_eq!(bank.translate(&[64]), None);
        bank.assert(line).unwrap();
        assert_eq!(words.stores(), [(4, asserted)]);
        assert_eq!(bank.status(line), Ok(true));
        bank.deassert(line).unwrap();
        assert_eq!(bank.status(line), Ok(false));
        assert_eq!(bank.reset(line).unwrap_err().0, errno::ENOTSUPP);
    }
}

#[test]
fn aspeeds_numbers_are_names() {
    let (words, scu) = driver("aspeed,ast2500-scu", 0x1000);
    assert_eq!((scu.translate(&[7]), scu.translate(&[9]), scu.translate(&[10])), (Some(2), Some(37), None));
    scu.assert(2).unwrap();
    scu.assert(37).unwrap();
    scu.deassert(2).unwrap();
    assert_eq!(words.stores(), [(0x04, 4), (0xd4, 1 << 5), (0x04, 0)]);
    assert_eq!(scu.status(37), Ok(true));
    assert!(!scu.has(Operation::Reset));
}

#[test]
fn a_pin_asserts_high_or_low() {
    let (words, gpio) = driver("arm,pl061", 0x1000);
    assert_eq!(gpio.cells(), 2);
    assert_eq!(gpio.translate(&[8, 0]), None);
    let (high, low) = (gpio.translate(&[3, 0]).unwrap(), gpio.translate(&[3, 1]).unwrap());
    gpio.assert(high).unwrap();
    assert_eq!(words.stores(), [(0x20, 8), (0x400, 8), (0x20, 8)]);
    assert_eq!((gpio.status(high), gpio.status(low)), (Ok(true), Ok(false)));
    gpio.assert(low).unwrap();
    assert_eq!((gpio.status(high), gpio.status(low)), (Ok(false), Ok(true)));
}
