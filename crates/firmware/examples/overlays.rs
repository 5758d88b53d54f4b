//! Every overlay of a folder of real boards, put into every board beside it that has the labels it asks for, and the result compared with
//! what fdtoverlay makes of both. `cargo xtask corpus` runs this; by hand:
//! `cargo run --release -p uvfio-firmware --example overlays -- FOLDER`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use uvfio_firmware::Tree;
use uvfio_firmware::dt::{Merge, Misfit, apply};

/// No overlay is tried on more boards.
const MOST: usize = 8;

fn main() {
    let folder = std::env::args().nth(1).expect("usage: overlays FOLDER");
    let mut folders = vec![PathBuf::from(folder)];
    let mut counts = Counts::default();
    while let Some(folder) = folders.pop() {
        let entries: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("a folder that can be listed")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        folders.extend(entries.iter().filter(|path| path.is_dir()).cloned());
        let mut overlays = with_ending(&entries, "dtbo");
        overlays.sort();
        if overlays.is_empty() {
            continue;
        }
        let mut boards = with_ending(&entries, "dtb");
        boards.sort();
        let boards: Vec<(PathBuf, Tree)> =
            boards.into_iter().map(|path| (path.clone(), tree(&path))).collect();
        let boards: Vec<_> =
            boards.into_iter().filter(|(_, tree)| tree.by_path("/__symbols__").is_some()).collect();
        overlays.iter().for_each(|overlay| counts.try_on(overlay, &boards));
    }
    println!(
        "{} overlays, {} of them for a board beside them; put in {} times: a running Linux would take {}, {} are as fdtoverlay makes them",
        counts.overlays, counts.at_home, counts.put_in, counts.live, counts.same
    );
    assert_eq!(counts.other, 0, "an overlay was put in otherwise than fdtoverlay does");
}

fn with_ending(paths: &[PathBuf], ending: &str) -> Vec<PathBuf> {
    paths.iter().filter(|path| path.extension().is_some_and(|ext| ext == ending)).cloned().collect()
}

fn tree(path: &Path) -> Tree {
    let bytes = std::fs::read(path).expect("a file that can be read");
    Tree::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display())).0
}

#[derive(Default)]
struct Counts {
    overlays: usize,
    at_home: usize,
    put_in: usize,
    same: usize,
    live: usize,
    /// Linux would take it, and the result is not that of fdtoverlay.
    other: usize,
}

impl Counts {
    fn try_on(&mut self, path: &Path, boards: &[(PathBuf, Tree)]) {
        let overlay = tree(path);
        self.overlays += 1;
        let mut tried = 0;
        for (board, base) in boards {
            let merged = match apply(base, &overlay, Merge::Boot) {
                Ok((merged, _)) => merged,
                Err(Misfit::NoSymbol { .. } | Misfit::NoTarget { .. }) => continue,
                Err(why) => panic!("{} on {}: {why}", path.display(), board.display()),
            };
            tried += 1;
            // What only a bootloader takes has a node that keeps its phandle. fdtoverlay before 1.7.1 gave it another all the same, so
            // those are not compared to the byte.
            let live = apply(base, &overlay, Merge::Live).is_ok();
            self.live += usize::from(live);
            let theirs = fdtoverlay(board, path);
            let same = content(&merged) == content(&theirs);
            self.same += usize::from(same);
            if live && !same {
                self.other += 1;
                eprintln!("{} on {}: not as fdtoverlay", path.display(), board.display());
            }
            if tried == MOST {
                break;
            }
        }
        self.put_in += tried;
        self.at_home += usize::from(tried > 0);
    }
}

fn fdtoverlay(board: &Path, overlay: &Path) -> Tree {
    let mut fdtoverlay = Command::new("fdtoverlay");
    fdtoverlay.arg("-i").arg(board).args(["-o", "-"]).arg(overlay).stderr(Stdio::null());
    let output = fdtoverlay.output().expect("device-tree-compiler is installed");
    Tree::parse(&output.stdout).expect("a device tree").0
}

/// Every property of every node; their order is not the same, and means nothing.
fn content(tree: &Tree) -> BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>> {
    let properties = tree.nodes().map(|node| {
        let all =
            node.properties().map(|property| (property.name_bytes().to_vec(), property.value().to_vec()));
        (node.path(), all.collect())
    });
    properties.collect()
}
