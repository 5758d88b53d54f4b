//! seccomp with user notification: a filter on a program's system calls, and the calls it hands over (seccomp_unotify(2)).
//!
//! The filter is installed in the program before `execve` and inherited by everything it starts; the [`Listener`] stays with the
//! supervisor. Not for confining anybody: a program's calls are caught to be served.

mod filter;
mod listener;

pub use filter::{Assembler, Call, Instruction, Label, Verdict, run};
pub use listener::{Listener, Notification, Place, install};
