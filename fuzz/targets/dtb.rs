//! Any bytes as a device tree, and what follows it as an overlay of it: a value or an error, never a panic, and within a bound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use uvfio_firmware::Board;
use uvfio_firmware::dt::{Merge, Tree, apply};

fuzz_target!(|bytes: &[u8]| {
    let _ = Board::from_dtb(bytes);
    let Ok((tree, _)) = Tree::parse(bytes) else { return };
    let rest = &bytes[tree.bytes().len()..];
    let overlay = match Tree::parse(rest) {
        Ok((overlay, _)) => overlay,
        // An overlay of itself: each of its labels is there.
        Err(_) if rest.is_empty() => tree.clone(),
        Err(_) => return,
    };
    for merge in [Merge::Live, Merge::Boot] {
        if let Ok((both, _)) = apply(&tree, &overlay, merge) {
            let _ = Board::from_dtb(both.bytes());
        }
    }
});
