//! The binary indexes of kmod (`modules.dep.bin`): a trie of names, each node after the nodes below it.
//!
//! kmod's libkmod-index.h describes the format: a header of magic number, version and the root's place; numbers are big-endian; the
//! place of a node has flags in its high bits that say which parts the node has.

use std::collections::BTreeMap;

const MAGIC: u32 = 0xb007_f457;
const VERSION: u32 = 0x0002_0001;
/// A node with values.
const VALUES: u32 = 0x4000_0000;
/// A node with children.
const CHILDREN: u32 = 0x2000_0000;

#[derive(Default)]
struct Node {
    value: Option<String>,
    children: BTreeMap<u8, Node>,
}

/// An index from names to values.
pub fn index<'a>(entries: impl Iterator<Item = (&'a str, String)>) -> Vec<u8> {
    let mut root = Node::default();
    for (name, value) in entries {
        let mut node = &mut root;
        for byte in name.bytes() {
            node = node.children.entry(byte).or_default();
        }
        node.value = Some(value);
    }
    let mut bytes = Vec::new();
    bytes.extend(MAGIC.to_be_bytes());
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend([0; 4]);
    let root = write(&root, &mut bytes);
    bytes[8..12].copy_from_slice(&root.to_be_bytes());
    bytes
}

/// Write a node behind the nodes below it; its place and flags.
fn write(node: &Node, bytes: &mut Vec<u8>) -> u32 {
    let children: BTreeMap<u8, u32> =
        node.children.iter().map(|(byte, child)| (*byte, write(child, bytes))).collect();
    let mut place = bytes.len() as u32;
    if let (Some((first, _)), Some((last, _))) = (children.first_key_value(), children.last_key_value()) {
        place |= CHILDREN;
        bytes.extend([*first, *last]);
        for byte in *first..=*last {
            bytes.extend(children.get(&byte).copied().unwrap_or(0).to_be_bytes());
        }
    }
    if let Some(value) = &node.value {
        place |= VALUES;
        bytes.extend(1_u32.to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        bytes.extend(value.bytes().filter(|byte| *byte != 0));
        bytes.push(0);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_laid_out_as_kmod_reads_it() {
        let bytes = index([("a", "x".to_owned()), ("ac", "y".to_owned())].into_iter());
        let expected = [
            &[0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 0x26][..],
            // "ac"
            &[0, 0, 0, 1, 0, 0, 0, 0, b'y', 0],
            // "a"
            &[b'c', b'c', 0x40, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, b'x', 0],
            // the root
            &[b'a', b'a', 0x60, 0, 0, 22],
        ]
        .concat();
        assert_eq!(bytes, expected);
    }
}
