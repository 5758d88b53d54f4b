//! What reading and judging cost when a board grows: ten times the devices take about ten times as much.
//!
//! `cargo xtask corpus` prints the exact ratio, of a release build. Here a bound far from both what is meant and what would be wrong
//! keeps a cost that grows with the square from coming in: that would be a hundred times as much.

mod grown;

use std::time::Duration;

use uvfio_board::{Options, Verdicts};
use uvfio_firmware::Board;

fn judged(blob: &[u8]) -> Verdicts {
    let (board, diagnostics) = Board::from_dtb(blob).expect("a tree");
    assert_eq!(diagnostics, [], "nothing was given up");
    Verdicts::of(&board, Options::default())
}

/// What one run costs, by as many as take long enough to be counted: the system counts in ticks of some milliseconds.
fn cost(blob: &[u8]) -> Duration {
    let (start, mut runs) = (processor_time(), 0);
    loop {
        assert!(judged(blob).devices.len() > 2);
        runs += 1;
        let taken = processor_time() - start;
        if taken > Duration::from_millis(100) {
            return taken / runs;
        }
    }
}

/// How long this thread has had a processor: a machine that is busy with others does not decide.
fn processor_time() -> Duration {
    let said =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says how long a thread ran");
    let nanoseconds = said.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first of three numbers"))
}

#[test]
fn ten_times_the_devices_cost_about_ten_times_as_much() {
    let (small, large) = (grown::blob(300), grown::blob(3000));
    // The better of a few, by turns: what others do to the caches only makes it slower.
    let turns: Vec<(Duration, Duration)> = (0..3).map(|_| (cost(&small), cost(&large))).collect();
    let least = |of: fn(&(Duration, Duration)) -> Duration| turns.iter().map(of).min().expect("three");
    let ratio = least(|turn| turn.1).as_secs_f64() / least(|turn| turn.0).as_secs_f64();
    println!("10 times the devices cost {ratio:.1} times as much");
    assert!(ratio < 20.0, "10 times the devices cost {ratio:.1} times as much");
}

#[test]
fn what_is_said_grows_as_the_board_does() {
    let said = |pairs: u32| {
        let verdicts = judged(&grown::blob(pairs));
        let members: usize = verdicts.bonds.iter().map(|bond| bond.members.len()).sum();
        (verdicts.bonds.len(), members, verdicts.groups.len(), verdicts.interrupt_lines.len())
    };
    // All but two of the providers, whom everybody needs, are ten times as many.
    let (small, large) = (said(1000), said(10_000));
    assert_eq!(small, (1303, 5600, 900, 100));
    assert_eq!(large, (13_012, 56_000, 9000, 1000));
}
