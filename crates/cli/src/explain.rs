//! Refusals as sentences: which value, which rule, who holds what is in the way.
//!
//! A refusal carries facts; here, and nowhere else, they become words. One function per family, each total, so that a new refusal
//! does not compile until somebody has found the words for it. Where there is something to do about it, the sentence says so.

mod access;
mod bind;
mod container;
mod device;
mod group;
mod irq;
mod machine;
mod reset;
mod sandbox;
mod type1;

use uvfio_vfio::refusal::Refusal;

use bind::bind;

pub use access::access;
pub use machine::{machine, note, set};
pub use reset::{held_by, reset};
pub use sandbox::sandbox;

/// Why a call was refused, one sentence without a full stop.
#[must_use]
pub fn refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Pointer { at } => {
            format!("the program passed the address {at}, where it has no memory that can be used this way")
        }
        Refusal::TooSmall { argsz, least } => {
            format!(
                "argsz is {argsz}, but this structure has at least {least} bytes; set argsz to its size before the call"
            )
        }
        Refusal::Open(refusal) => group::open(refusal),
        Refusal::Container(refusal) => container::container(refusal),
        Refusal::Group(refusal) => group::group(refusal),
        Refusal::Type1(refusal) => type1::type1(refusal),
        Refusal::Device(refusal) => device::device(refusal),
        Refusal::Irq(refusal) => irq::irq(refusal),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn list<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// A range by its first and last address.
fn range(start: u64, size: u64) -> String {
    match start.checked_add(size.wrapping_sub(1)) {
        Some(last) if size > 0 => format!("{start:#x}..={last:#x}"),
        _ => format!("{size:#x} bytes at {start:#x}"),
    }
}

#[cfg(test)]
mod tests;
