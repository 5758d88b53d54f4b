//! A blob as device tree source, each value as bytes: `cargo run -p uvfio-firmware --example source -- FILE.dtb`.
//!
//! What dtc makes of the output is, byte for byte, what dtc makes of the blob, when the reader loses nothing.

use std::fmt::Write;

use uvfio_firmware::Tree;
use uvfio_firmware::dt::Node;

fn main() {
    let path = std::env::args().nth(1).expect("the name of a file");
    let bytes = std::fs::read(path).expect("a file that can be read");
    let (tree, diagnostics) = Tree::parse(&bytes).expect("a device tree");
    for diagnostic in diagnostics {
        eprintln!("{diagnostic:?}");
    }
    print!("{}", source(&tree));
}

fn source(tree: &Tree) -> String {
    let mut text = "/dts-v1/;\n".to_owned();
    for (address, size) in tree.memory_reservations() {
        line(&mut text, 0, format_args!("/memreserve/ {address:#x} {size:#x};"));
    }
    let mut open: Vec<Node<'_>> = Vec::new();
    for node in tree.nodes() {
        while open.last().is_some_and(|last| Some(last.id()) != node.parent().map(Node::id)) {
            open.pop();
            line(&mut text, open.len(), format_args!("}};"));
        }
        let name = if open.is_empty() { "/".into() } else { node.name() };
        line(&mut text, open.len(), format_args!("{name} {{"));
        open.push(node);
        for property in node.properties() {
            let bytes: Vec<String> = property.value().iter().map(|byte| format!("{byte:02x}")).collect();
            let value = if bytes.is_empty() { String::new() } else { format!(" = [{}]", bytes.join(" ")) };
            line(&mut text, open.len(), format_args!("{}{value};", property.name()));
        }
    }
    while open.pop().is_some() {
        line(&mut text, open.len(), format_args!("}};"));
    }
    text
}

fn line(text: &mut String, depth: usize, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{:depth$}{words}", "").expect("a string takes what is written to it");
}
