//! Why an access to mapped registers was not performed, in words.

use uvfio_doors::sandbox::{NotPerformed, Trouble};

/// What happened, why, and what can be done.
pub fn access(access: &NotPerformed) -> String {
    let NotPerformed { address, rip, trouble, .. } = access;
    match trouble {
        Trouble::Unsupported(instruction) => {
            let bytes: Vec<String> = instruction.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            format!(
                "the instruction {} ({}) at {rip}, which accesses mapped registers at {address}, is not known; the program gets a \
                 signal, and with --mmio rw it is not offered mappings",
                instruction.mnemonic(),
                bytes.join(" ")
            )
        }
        Trouble::NotLong => {
            format!("code at {rip} that is not 64-bit code accesses mapped registers at {address}; the program gets a signal")
        }
        Trouble::Straddles(_) => format!(
            "the instruction at {rip} accesses {address}, which lies partly on mapped registers and partly on something else; the \
             program gets a signal"
        ),
        Trouble::NotTraced => "the program maps registers and cannot be traced, because a debugger traces it already or the host \
                               forbids it, so accesses end in a signal; use --mmio rw"
            .to_owned(),
    }
}
