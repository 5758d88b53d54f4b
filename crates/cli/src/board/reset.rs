//! How `uvfio run` would reset a device: the same machine is asked, on which nothing runs.

use uvfio_firmware::Board;
use uvfio_kernel::provider::reset::{Ask, Breadth};

use super::view::{MOST, WayToReset};
use crate::bringup::{bare, binding};
use crate::{explain, plan as words};

/// The ways of a device, the preferred one first.
pub fn ways(board: &Board, name: &str) -> Vec<WayToReset> {
    let machine = bare(board.clone());
    let Ok((_, device)) = binding::find(&machine, name) else { return Vec::new() };
    let plan = |ask, breadth| machine.plan_reset(&device, ask, breadth);
    let way = |scope| {
        let ask = Ask::Only(scope);
        let mut way =
            WayToReset { method: scope.name(), says: scope.to_string(), reaches: Vec::new(), but: None };
        match plan(ask, Breadth::Shared) {
            Ok(plan) => {
                way.says = words::way(&plan);
                let others = plan.affected.iter().skip(1).take(MOST);
                way.reaches = others.map(|other| other.name().to_owned()).collect();
            }
            Err(refusal) => {
                way.but = Some(explain::reset(&refusal));
                return way;
            }
        }
        way.but = match plan(ask, Breadth::Dedicated) {
            Err(_) => Some("only with --reset-set together, for a program that has all of them".to_owned()),
            Ok(_) if !way.reaches.is_empty() => Some("once its phy has no driver".to_owned()),
            Ok(_) => None,
        };
        way
    };
    machine.reset_methods(&device).in_use().iter().copied().map(way).collect()
}

#[cfg(test)]
mod tests {
    use uvfio_board::{Options, Verdicts};
    use uvfio_kernel::provider::reset::Scope;

    use super::*;

    /// What `uvfio board` takes for a reset by a line is what `uvfio run` resets so.
    #[test]
    fn board_and_run_agree_about_lines() {
        let boards = [
            ("demo", &include_bytes!("../../../../boards/demo.dtb")[..]),
            ("resets", &include_bytes!("../../../../boards/resets.dtb")[..]),
            ("rcar-h3", &include_bytes!("../../../../boards/rcar-h3.dtb")[..]),
            ("virt", &include_bytes!("../../../../boards/virt.dtb")[..]),
        ];
        let mut lines = 0;
        for (name, bytes) in boards {
            let (board, _) = Board::from_dtb(bytes).expect("a tree");
            let verdicts = Verdicts::of(&board, Options::default());
            let machine = bare(board.clone());
            for (device, judged) in board.devices.iter().zip(&verdicts.devices) {
                let Ok((_, there)) = binding::find(&machine, &device.name) else { continue };
                let plan = machine.plan_reset(&there, Ask::Only(Scope::Controller), Breadth::Dedicated);
                assert_eq!(judged.reset.own_line.is_some(), plan.is_ok(), "{name}: {}", device.name);
                lines += usize::from(plan.is_ok());
            }
        }
        assert!(lines > 3, "{lines} lines");
    }
}
