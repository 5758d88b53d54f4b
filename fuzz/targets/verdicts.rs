//! The verdicts over any board: one for each device, and what is said to free a device does free it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use uvfio_board::{Options, Verdict, Verdicts};
use uvfio_firmware::Board;

/// As many devices are looked at one by one: each costs a judgement of the whole board.
const LOOKED_AT: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok((board, _)) = Board::from_dtb(bytes) else { return };
    let options = Options::default();
    let verdicts = Verdicts::of(&board, options);
    assert_eq!(verdicts.devices.len(), board.devices.len());
    let least = verdicts.weakenings();
    for (at, device) in board.devices.iter().enumerate().take(LOOKED_AT) {
        let judged = &verdicts.devices[at];
        let index = verdicts.device_at(&board, device.node).expect("it is a node of the board");
        let together = verdicts.together(index);
        assert!(together.contains(&index), "it goes where it goes");
        assert!(
            judged.verdict != Verdict::Yes || together.len() == 1,
            "nothing goes with one that goes by itself"
        );
        match least[at] {
            None => assert!(judged.verdict == Verdict::No && !judged.can_be_freed),
            Some(least) => {
                assert_eq!(judged.verdict != Verdict::No, least.is_empty());
                let freed = Verdicts::of(&board, Options { allowed: least, ..options });
                assert_ne!(freed.devices[at].verdict, Verdict::No, "what frees it was given up");
            }
        }
    }
});
