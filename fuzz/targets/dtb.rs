//! Any bytes as a device tree: a value or an error, never a panic, and within a bound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use uvfio_firmware::Board;

fuzz_target!(|bytes: &[u8]| {
    let _ = Board::from_dtb(bytes);
});
