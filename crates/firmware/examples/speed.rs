//! How fast device trees become boards: `cargo run --release -p uvfio-firmware --example speed -- FOLDER`.
//!
//! Every `.dtb` below the folder is read into memory first, then each is parsed, and parsed and decoded, on one core.

use std::path::{Path, PathBuf};
use std::time::Instant;

use uvfio_firmware::{Board, Diagnostic, Tree};

fn blobs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            blobs(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "dtb") {
            found.push(path);
        }
    }
}

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let mut paths = Vec::new();
    blobs(Path::new(&folder), &mut paths);
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().filter_map(|path| std::fs::read(path).ok()).collect();
    let megabytes = files.iter().map(Vec::len).sum::<usize>() as f64 / 1e6;

    let start = Instant::now();
    let nodes: usize =
        files.iter().filter_map(|file| Tree::parse(file).ok()).map(|(tree, _)| tree.nodes().len()).sum();
    let parsed = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let boards: Vec<(Board, Vec<Diagnostic>)> =
        files.iter().filter_map(|file| Board::from_dtb(file).ok()).collect();
    let decoded = start.elapsed().as_secs_f64();

    let devices = boards.iter().map(|(board, _)| &board.devices);
    let total: usize = devices.clone().map(Vec::len).sum();
    let count = |test: fn(&uvfio_firmware::Device) -> bool| -> usize {
        devices.clone().map(|devices| devices.iter().filter(|device| test(device)).count()).sum()
    };
    println!("{} files, {megabytes:.1} MB, {nodes} nodes", boards.len());
    println!(
        "parsed at {:.0} MB/s, parsed and decoded at {:.0} MB/s",
        megabytes / parsed,
        megabytes / decoded
    );
    println!(
        "{total} devices, {} with registers, {} behind an IOMMU, {} on AMBA",
        count(|device| !device.regions.is_empty()),
        count(|device| !device.iommus.is_empty()),
        count(|device| device.bus == uvfio_firmware::Bus::Amba),
    );
    if std::env::args().nth(2).as_deref() == Some("diagnostics") {
        for (path, (_, diagnostics)) in paths.iter().zip(&boards) {
            for diagnostic in diagnostics {
                println!("{}: {diagnostic:?}", path.display());
            }
        }
    }
}
