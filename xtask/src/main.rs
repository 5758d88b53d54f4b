//! The project's own chores: `cargo xtask LANE`. Each lane is a check that a change has to pass, or a tool that makes a file.
//!
//! `cargo xtask ci` runs the lanes in order and stops at the first that fails; what each lane proves stands beside its name in
//! `cargo xtask help`. Not for anything a user of uvfio needs.

#![forbid(unsafe_code)]

mod acpi_tables;
mod architecture;
mod bench;
mod boards;
mod corpus;
mod debian;
mod fuzz;
mod lanes;
mod programs;
mod shell;
mod truth;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = args.collect();
    let outcome = match name.as_str() {
        "help" | "--help" | "-h" => {
            print!("{}", lanes::help());
            Ok(())
        }
        "ci" => lanes::ci(),
        other => lanes::run(other, &rest),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
