//! Any calls on any of VFIO's files in any order, with any arguments and pointers, while devices transfer and interrupt and an
//! administrator binds and unbinds: each is answered, and at the end all is let go.

#![no_main]

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use uvfio_firmware::Board;
use uvfio_fuzz::acts::Act;
use uvfio_fuzz::machine::{hand_over, machine};
use uvfio_fuzz::program::Program;
use uvfio_fuzz::tally;
use uvfio_vfio::personality::PERSONALITIES;
use uvfio_vfio::{Options, Vfio};

/// The board: an SMMU, and devices on both buses with and without an interrupt.
static BOARD: LazyLock<Board> =
    LazyLock::new(|| Board::from_dtb(include_bytes!("../corpus/dtb/parity")).expect("it is a device tree").0);

/// As many acts are done.
const ACTS: usize = 64;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Unstructured::new(bytes);
    let Ok([personality, memlock, start, iommu, device]) = <[u8; 5]>::arbitrary(&mut bytes) else { return };
    let machine = machine(BOARD.clone());
    let personality = PERSONALITIES[usize::from(personality) % PERSONALITIES.len()];
    let (vfio, _) = Vfio::new(&machine, Options { personality, ..Options::default() });
    hand_over(&machine);
    let mut program = Program::new(machine, vfio, (memlock < 0x40).then(|| u64::from(memlock) * 0x1000));
    // Most programs have got somewhere before they go wrong.
    if start < 0xe0 {
        program.act(&Act::Reach { node: start, iommu, device });
    }
    // A list's own encoding ends after any element with the same chance, so that most would be short.
    for _ in 0..ACTS {
        match Act::arbitrary(&mut bytes) {
            Ok(act) if !bytes.is_empty() => program.act(&act),
            _ => break,
        }
    }
    program.end();
    tally::execution();
});
