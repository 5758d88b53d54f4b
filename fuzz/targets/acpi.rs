//! Any bytes as ACPI tables: what they say and what is wrong with them, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use uvfio_firmware::acpi::{self, Table};

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
});
