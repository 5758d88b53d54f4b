//! All boards of a folder: a line for each, how fast they are read and judged, whether dtc reads the same in them, and whether damaged
//! copies do harm. `cargo xtask corpus` runs this; by hand:
//! `cargo run --release -p uvfio-board --example corpus -- lines|speed|dtc|damage FOLDER`, and without a folder `-- growth`: what ten
//! times the devices cost.

#[path = "../tests/grown/mod.rs"]
mod grown;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uvfio_board::{BondKind, Options, Verdicts};
use uvfio_firmware::dt::Draft;
use uvfio_firmware::{Board, Tree};

/// What the project asks for: megabytes of blobs a second, read, grouped and judged on one core.
const TARGET: f64 = 50.0;
/// What ten times the devices may cost, at most.
const GROWTH: f64 = 12.0;
/// Boards of so many devices are compared with ones of a tenth.
const SIZES: [u32; 2] = [10_000, 100_000];
/// Each is measured so many times by turns, and the best counts: a machine that does something else besides only makes it slower.
const TURNS: usize = 15;
/// Damaged copies of each file.
const COPIES: usize = 4;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args == ["growth"] {
        return growth();
    }
    let [question, folder] = &args[..] else {
        panic!("usage: corpus growth, corpus lines|speed|dtc|damage FOLDER")
    };
    let files = files(Path::new(folder));
    assert!(!files.is_empty(), "{folder} has no .dtb");
    match question.as_str() {
        "lines" => lines(&files),
        "speed" => speed(&files),
        "dtc" => dtc(&files),
        "damage" => damage(&files),
        other => panic!("{other} is none of lines, speed, dtc and damage"),
    }
}

/// Each .dtb below a folder by its path there, without the ending, in order.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder that can be listed") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(ext) if ext == "dtb" => paths.push(path),
                _ => {}
            }
        }
    }
    let read = |path: PathBuf| {
        let name = path.strip_prefix(folder).expect("it is below").with_extension("").display().to_string();
        (name, std::fs::read(&path).expect("a file that can be read"))
    };
    let mut files: Vec<(String, Vec<u8>)> = paths.into_iter().map(read).collect();
    files.sort();
    files
}

fn judge(bytes: &[u8]) -> Option<(Board, usize, Verdicts)> {
    let (board, diagnostics) = Board::from_dtb(bytes).ok()?;
    let verdicts = Verdicts::of(&board, Options::default());
    Some((board, diagnostics.len(), verdicts))
}

/// A line for each board, made to be compared with the committed ones.
fn lines(files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let (board, remarks, verdicts) = judge(bytes).unwrap_or_else(|| panic!("{name} cannot be read"));
        let counts = verdicts.counts();
        let behind = board.devices.iter().filter(|device| !device.iommus.is_empty()).count();
        let pages = verdicts.bonds.iter().filter(|bond| matches!(bond.kind, BondKind::Page { .. })).count();
        println!(
            "{name}: devices {} iommu {behind} yes {} together {} could {} groups {} resets {} interrupts {} pages {pages} bridges {} remarks {remarks}",
            board.devices.len(),
            counts.yes,
            counts.together,
            counts.could,
            verdicts.groups.len(),
            verdicts.reset_lines.len(),
            verdicts.interrupt_lines.len(),
            verdicts.bridges.len(),
        );
    }
}

fn speed(files: &[(String, Vec<u8>)]) {
    let megabytes = files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() as f64 / 1e6;
    let start = processor_time();
    let devices: usize =
        files.iter().filter_map(|(_, bytes)| judge(bytes)).map(|(board, ..)| board.devices.len()).sum();
    let rate = megabytes / (processor_time() - start).as_secs_f64();
    println!(
        "{} boards, {megabytes:.0} MB, {devices} devices read, grouped and judged at {rate:.0} MB/s of one core, {:.1} times the {TARGET:.0} asked for",
        files.len(),
        rate / TARGET
    );
}

/// What boards cost by their size, each beside ten of a tenth of the size: one by itself, read over and over, would be in the processor's
/// caches as no board is that is read once. The largest has no target: it is beyond all caches.
fn growth() {
    for (at, devices) in SIZES.into_iter().enumerate() {
        let (small, large) = (vec![grown::blob(devices / 20); 10], [grown::blob(devices / 2)]);
        let (mut ten, mut one) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..TURNS {
            ten = ten.min(cost(&small));
            one = one.min(cost(&large));
        }
        let (ratio, each) = (10.0 * one / ten, one * 1e6 / f64::from(devices));
        let target = match at {
            0 if ratio <= GROWTH => format!(" (at most {GROWTH:.0}: met)"),
            0 => format!(" (at most {GROWTH:.0}: MISSED)"),
            _ => String::new(),
        };
        println!(
            "{devices:>6} devices: {:.1} ms, {each:.2} us each, {ratio:.1} times as much as a tenth of them{target}",
            one * 1e3
        );
    }
}

/// Seconds for all of these, once; of as many rounds as take long enough: the system counts in ticks of some milliseconds.
fn cost(blobs: &[Vec<u8>]) -> f64 {
    let (start, mut rounds) = (processor_time(), 0.0);
    loop {
        assert!(blobs.iter().all(|blob| judge(blob).is_some()));
        rounds += 1.0;
        let taken = (processor_time() - start).as_secs_f64();
        if taken > 0.1 {
            return taken / rounds;
        }
    }
}

/// How long this thread has had a core: others on the machine do not count. The clock on the wall where the system does not say.
fn processor_time() -> Duration {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = said.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanoseconds.map_or_else(
        || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        Duration::from_nanos,
    )
}

/// dtc prints the blob, and prints what was read of it written out again; the two have to be the same text.
fn dtc(files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let (tree, _) = Tree::parse(bytes).expect("a tree");
        let again = Draft::from(&tree).flatten().expect("it is as small as it was");
        assert!(printed(bytes) == printed(&again), "{name}: dtc reads something else in it");
    }
    println!("{} boards: dtc reads the same nodes and properties in each", files.len());
}

fn printed(blob: &[u8]) -> Vec<u8> {
    let mut dtc = Command::new("dtc");
    dtc.args(["-q", "-I", "dtb", "-O", "dts"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = dtc.spawn().expect("dtc is installed (device-tree-compiler)");
    let mut stdin = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(blob).expect("dtc reads all of it"));
        child.wait_with_output().expect("dtc ends")
    });
    assert!(output.status.success(), "dtc does not read it");
    output.stdout
}

/// Bytes changed, words replaced, ends cut off: whatever is read of that, nothing may panic.
fn damage(files: &[(String, Vec<u8>)]) {
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let (mut copies, mut readable) = (0, 0);
    for (name, bytes) in files {
        for kind in 0..COPIES {
            let copy = damaged(bytes, kind, &mut chance);
            let read = std::panic::catch_unwind(|| {
                judge(&copy).map(|(board, _, verdicts)| (board.devices.len(), verdicts.weakenings().len()))
            });
            let read = read.unwrap_or_else(|_| {
                let path = std::env::temp_dir().join("damaged.dtb");
                std::fs::write(&path, &copy).expect("a place for it");
                panic!("{name}: a damaged copy makes it panic; it is in {}", path.display())
            });
            copies += 1;
            readable += usize::from(read.is_some());
        }
    }
    println!("{copies} damaged copies, {readable} of them still readable: no panic");
}

fn damaged(bytes: &[u8], kind: usize, chance: &mut Chance) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    match kind {
        // Anywhere, the header excepted: with that gone there is little left to read.
        0 => (0..8).for_each(|_| copy[40 + chance.below(bytes.len() - 40)] = chance.below(256) as u8),
        1 => copy.truncate(40 + chance.below(bytes.len() - 40)),
        // Cells that lie: small numbers and large ones where others stood.
        2 => (0..16).for_each(|_| {
            let at = 40 + chance.below(bytes.len() - 44) / 4 * 4;
            let word = if chance.below(2) == 0 {
                chance.below(64) as u32
            } else {
                u32::MAX - chance.below(64) as u32
            };
            copy[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }),
        _ => (0..2).for_each(|_| copy[4 + chance.below(36)] = chance.below(256) as u8),
    }
    copy
}

/// Numbers that are the same each time (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}
