//! A board ten times as large is ten times the work, and not more: counted, because time depends on the machine.

mod board;

use uvfio_kernel::machine::Work;

fn work(size: usize) -> (Work, usize) {
    let (board, more) = board::board(size);
    assert_eq!(board.devices.len(), size);
    let (machine, waited) = board::bring_up(board, &more);
    (machine.work(), waited)
}

#[test]
fn the_work_of_a_bring_up_is_linear_in_the_board() {
    let (small, few) = work(1_000);
    let (large, many) = work(10_000);
    assert!((190..=210).contains(&few) && (1_900..=2_100).contains(&many), "{few} and {many} waited");
    assert!(large.attempts <= small.attempts * 11, "{small:?}, {large:?}");
    assert!(large.visits <= small.visits * 11, "{small:?}, {large:?}");
    // What a device costs: being offered once for itself and once for each supplier it met too early, at most.
    assert!(large.attempts <= 4 * 10_000, "{large:?}");
    assert!(large.visits <= 30 * 10_000, "{large:?}");
}
