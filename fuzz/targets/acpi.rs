//! Any bytes as ACPI tables: what they say and what is wrong with them, never a panic. As code of a DSDT they are evaluated, within bounds
//! that are small so that each run is short.

#![no_main]

use libfuzzer_sys::fuzz_target;
use uvfio_firmware::Board;
use uvfio_firmware::acpi::aml::{Bounds, Interpreter, Nothing};
use uvfio_firmware::acpi::{self, Table, header};

const BOUNDS: Bounds = Bounds { steps: 5_000, room: 1 << 20 };

fuzz_target!(|bytes: &[u8]| {
    let (tables, _) = acpi::read(bytes);
    for table in &tables {
        if let Table::Iort(_, iort) = table {
            for node in &iort.nodes {
                let _ = iort.streams(node).count();
                let _ = iort.smmu(node, 0);
            }
        }
    }
    let code = if acpi::is_table(bytes) { &bytes[header::LENGTH..] } else { bytes };
    let mut interpreter = Interpreter::new(bytes.get(8).copied().unwrap_or(2));
    interpreter.load(code, &mut Nothing, &mut { BOUNDS });
    let namespace = interpreter.devices(&mut Nothing, &mut { BOUNDS });
    let (board, _) = Board::from_acpi(&tables, &namespace);
    for device in board.devices.iter().take(4) {
        let _ = interpreter.evaluate(&format!("{}._RST", device.path), &mut Nothing, BOUNDS);
    }
});
