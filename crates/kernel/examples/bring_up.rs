//! How long bringing up a board of 10,000 devices takes beside one of 1,000, in nanoseconds: `bring-up LARGE SMALL`.
//! `cargo xtask bench bring-up` runs this in a release build; by hand: `cargo run --release -p uvfio-kernel --example bring_up`.

#[path = "../tests/linear/board.rs"]
mod board;

/// Measurements of each size, by turns; the best counts, because whatever disturbs one only makes it longer.
const TURNS: usize = 7;
/// Small boards that are brought up in a turn, one after the other, and all kept: as many devices in as much memory as the large one,
/// so that neither size alone has the caches on its side.
const SMALL: usize = 10;

fn main() {
    let (mut small, mut large) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..TURNS {
        small = small.min(time(SMALL, 1_000) / SMALL as f64);
        large = large.min(time(1, 10_000));
    }
    println!("bring-up {large} {small}");
}

/// Nanoseconds from the descriptions of so many boards to the moment when the last device that waited has its driver.
fn time(boards: usize, size: usize) -> f64 {
    let described: Vec<_> = (0..boards).map(|_| board::board(size)).collect();
    let start = on_processor();
    let up: Vec<_> = described.into_iter().map(|(board, more)| board::bring_up(board, &more)).collect();
    let time = on_processor() - start;
    assert_eq!(up.len(), boards);
    time
}

/// Nanoseconds this thread has been on a processor: what others do meanwhile does not count.
fn on_processor() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has this file");
    let first = text.split_whitespace().next().and_then(|word| word.parse().ok());
    first.expect("it begins with a number")
}
