//! uvfio as a user has it: the built command, boards, and ordinary programs, end to end.
//!
//! Every test starts the real command. What a host must allow for it is asked of `uvfio doctor`; a test that this host cannot run
//! says so by name and reason, and `UVFIO_REQUIRE=all` makes that a failure.

mod acpi;
mod bad_input;
mod bad_writes;
mod bench;
mod binding;
mod copy;
mod demo;
mod handback;
mod kill;
mod modules;
mod ownership;
mod parity;
mod proc;
mod report;
mod reset;
mod session;
mod status;
mod tools;
mod user;
