//! What the tests stand on: the command and how it is run, the boards, the clients, what the host allows, and what was left behind.

pub mod boards;
pub mod clients;
pub mod command;
pub mod host;
pub mod inside;
