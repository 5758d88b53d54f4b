//! The names Linux gives devices: `7ff00000.dma`, `gpio-keys`, `soc:timer`.
//!
//! `of_device_make_bus_id` in drivers/of/platform.c: the address for the processor and the node's name where there is such an address,
//! and otherwise the node's name in front of which the names of the nodes above are put until one of them has an address.

use std::fmt::Write;

use smallvec::SmallVec;

use super::address;
use super::decode::Decoder;
use super::node::{Node, Property};

/// Hardly a name is longer.
const LONG: usize = 31;

/// The name of the device of a node.
pub(super) fn name<'t>(decoder: &Decoder<'t>, node: Node<'t>) -> String {
    // Those without an address, from the node up.
    let mut plain: SmallVec<[Node<'t>; 4]> = SmallVec::new();
    let mut name = String::with_capacity(LONG);
    let mut here = node;
    while let Some(parent) = here.parent() {
        if let Some(address) = address::first(decoder, here) {
            write!(name, "{address:x}.").expect("a string takes what is written to it");
            // Several devices may be bits of one register.
            if let Some(mask) = decoder.property(here, "mask").and_then(Property::u32) {
                let bit = if mask == 0 { -1 } else { mask.trailing_zeros() as i32 };
                write!(name, "{bit:x}.").expect("a string takes what is written to it");
            }
            name.push_str(&here.base_name());
            break;
        }
        plain.push(here);
        here = parent;
    }
    for node in plain.into_iter().rev() {
        if !name.is_empty() {
            name.push(':');
        }
        name.push_str(&node.name());
    }
    // What is too much was already made; the next one will find the account empty.
    let _ = decoder.spend(name.len());
    name
}
