//! Who may have a line, and what reaches the hardware, by drivers/reset/core.c.

use std::collections::BTreeSet;

use uvfio_firmware::Specifier;

use super::super::{OpFailed, Operation};
use super::*;
use crate::errno::{self, Errno};

/// Lines that are asserted, and what was done.
type State = (BTreeSet<u32>, Vec<(Operation, u32)>);

/// A controller of 32 lines that remembers what was done.
#[derive(Default)]
struct Bank {
    lacks: Vec<Operation>,
    state: Mutex<State>,
    fails: Mutex<Option<u32>>,
}

impl Bank {
    fn note(&self, operation: Operation, line: u32) -> Result<(), OpFailed> {
        if *sync::lock(&self.fails) == Some(line) {
            return Err(OpFailed(errno::EIO));
        }
        let mut state = sync::lock(&self.state);
        match operation {
            Operation::Assert => drop(state.0.insert(line)),
            Operation::Deassert => drop(state.0.remove(&line)),
            Operation::Reset | Operation::Status => {}
        }
        state.1.push((operation, line));
        Ok(())
    }

    fn did(&self) -> Vec<(Operation, u32)> {
        std::mem::take(&mut sync::lock(&self.state).1)
    }
}

impl ResetController for Bank {
    fn translate(&self, cells: &[u32]) -> Option<u32> {
        cells.first().copied().filter(|line| *line < 32)
    }

    fn has(&self, operation: Operation) -> bool {
        !self.lacks.contains(&operation)
    }

    fn reset(&self, line: u32) -> Result<(), OpFailed> {
        self.note(Operation::Reset, line)
    }

    fn assert(&self, line: u32) -> Result<(), OpFailed> {
        self.note(Operation::Assert, line)
    }

    fn deassert(&self, line: u32) -> Result<(), OpFailed> {
        self.note(Operation::Deassert, line)
    }

    fn status(&self, line: u32) -> Result<bool, OpFailed> {
        Ok(sync::lock(&self.state).0.contains(&line))
    }
}

fn core(lacks: &[Operation]) -> (ResetCore, Arc<Bank>) {
    let core = ResetCore::new();
    let bank = Arc::new(Bank { lacks: lacks.to_vec(), ..Bank::default() });
    core.register("/rst", bank.clone());
    (core, bank)
}

fn line(cells: &[u32]) -> Specifier {
    Specifier { path: "/rst".into(), cells: cells.into(), name: Some("block".to_owned()), ..lines_default() }
}

fn lines_default() -> Specifier {
    Specifier::default()
}

fn get(core: &ResetCore, number: u32, share: Share) -> Result<ResetControl, Errno> {
    let control = core.get(&[line(&[number])], 0, share, Need::Required);
    control.map(|control| control.unwrap()).map_err(|error| error.errno())
}

#[test]
fn an_exclusive_line_is_one_users() {
    let (core, _) = core(&[]);
    let first = get(&core, 3, Share::Exclusive).unwrap();
    assert_eq!(get(&core, 3, Share::Exclusive).unwrap_err(), errno::EBUSY);
    assert_eq!(get(&core, 3, Share::Shared).unwrap_err(), errno::EBUSY);
    assert!(get(&core, 4, Share::Exclusive).is_ok());
    drop(first);
    let _shared = get(&core, 3, Share::Shared).unwrap();
    assert_eq!(get(&core, 3, Share::Exclusive).unwrap_err(), errno::EBUSY);
    assert_eq!(get(&core, 3, Share::ExclusiveReleased).unwrap_err(), errno::EBUSY);
    assert!(get(&core, 3, Share::Shared).is_ok());
}

#[test]
fn a_released_line_is_used_after_it_was_acquired() {
    let (core, bank) = core(&[]);
    let user = get(&core, 3, Share::Exclusive).unwrap();
    let waiting = get(&core, 3, Share::ExclusiveReleased).unwrap();
    assert_eq!(waiting.reset().unwrap_err().errno(), errno::EPERM);
    assert_eq!(waiting.assert().unwrap_err().errno(), errno::EPERM);
    assert_eq!(waiting.deassert().unwrap_err().errno(), errno::EPERM);
    assert_eq!(waiting.acquire().unwrap_err().errno(), errno::EBUSY);
    user.release();
    waiting.acquire().unwrap();
    waiting.acquire().unwrap();
    assert_eq!(user.acquire().unwrap_err().errno(), errno::EBUSY);
    waiting.reset().unwrap();
    assert_eq!(user.reset().unwrap_err().errno(), errno::EPERM);
    assert_eq!(bank.did(), [(Operation::Reset, 3)]);
}

#[test]
fn a_shared_line_moves_for_the_first_and_the_last() {
    let (core, bank) = core(&[]);
    let (a, b) = (get(&core, 3, Share::Shared).unwrap(), get(&core, 3, Share::Shared).unwrap());
    assert_eq!(a.assert().unwrap_err().errno(), errno::EINVAL);
    a.deassert().unwrap();
    b.deassert().unwrap();
    assert_eq!(a.reset().unwrap_err().errno(), errno::EINVAL);
    a.assert().unwrap();
    assert_eq!(bank.did(), [(Operation::Deassert, 3)]);
    b.assert().unwrap();
    assert_eq!(bank.did(), [(Operation::Assert, 3)]);
    assert_eq!(b.status(), Ok(true));
}

#[test]
fn a_shared_reset_fires_once_until_it_is_rearmed() {
    let (core, bank) = core(&[]);
    let (a, b) = (get(&core, 3, Share::Shared).unwrap(), get(&core, 3, Share::Shared).unwrap());
    assert_eq!(a.rearm().unwrap_err().errno(), errno::EINVAL);
    a.reset().unwrap();
    b.reset().unwrap();
    assert_eq!(a.deassert().unwrap_err().errno(), errno::EINVAL);
    assert_eq!(bank.did(), [(Operation::Reset, 3)]);
    a.rearm().unwrap();
    b.rearm().unwrap();
    *sync::lock(&bank.fails) = Some(3);
    assert_eq!(a.reset().unwrap_err().errno(), errno::EIO);
    *sync::lock(&bank.fails) = None;
    b.reset().unwrap();
    assert_eq!(bank.did(), [(Operation::Reset, 3)]);
}

#[test]
fn operations_a_controller_lacks() {
    let (core, bank) = core(&[Operation::Reset, Operation::Assert, Operation::Deassert, Operation::Status]);
    let alone = get(&core, 3, Share::Exclusive).unwrap();
    assert_eq!(alone.reset().unwrap_err().errno(), errno::ENOTSUPP);
    assert_eq!(alone.assert().unwrap_err().errno(), errno::ENOTSUPP);
    assert_eq!(alone.status().unwrap_err().errno(), errno::ENOTSUPP);
    alone.deassert().unwrap();
    let shared = get(&core, 4, Share::Shared).unwrap();
    shared.deassert().unwrap();
    shared.assert().unwrap();
    assert_eq!(bank.did(), []);
}

#[test]
fn specifiers_are_checked() {
    let (core, _) = core(&[]);
    let error = |cells: &[u32]| core.line(&line(cells)).map_err(|error| error.errno());
    assert_eq!(error(&[31]), Ok(31));
    assert_eq!(error(&[32]), Err(errno::EINVAL));
    assert_eq!(error(&[1, 2]), Err(errno::EINVAL));
    assert_eq!(error(&[]), Err(errno::EINVAL));
    let elsewhere = Specifier { path: "/none".into(), ..line(&[1]) };
    assert_eq!(core.line(&elsewhere).unwrap_err().errno(), errno::EPROBE_DEFER);
    let got = |index, need| core.get(&[line(&[1])], index, Share::Shared, need).map(|it| it.is_some());
    assert_eq!(got(1, Need::Required).map_err(|error| error.errno()), Err(errno::ENOENT));
    assert_eq!(got(1, Need::Optional), Ok(false));
    let named = |name, need| core.get_named(&[line(&[1])], name, Share::Shared, need).map(|it| it.is_some());
    assert_eq!(named("block", Need::Required), Ok(true));
    assert_eq!(named("other", Need::Optional), Ok(false));
    assert_eq!(named("other", Need::Required).map_err(|error| error.errno()), Err(errno::ENOENT));
}

#[test]
fn an_array_is_had_whole_and_moves_whole() {
    let (core, bank) = core(&[]);
    let both = [line(&[1]), line(&[2])];
    let _taken = get(&core, 2, Share::Exclusive).unwrap();
    assert_eq!(core.get_all(&both, Share::Exclusive, Need::Required).unwrap_err().errno(), errno::EBUSY);
    assert!(get(&core, 1, Share::Exclusive).is_ok(), "the first was given back");
    drop(_taken);
    let array = core.get_all(&both, Share::Exclusive, Need::Required).unwrap().unwrap();
    *sync::lock(&bank.fails) = Some(2);
    assert!(array.assert().is_err());
    assert_eq!(bank.did(), [(Operation::Assert, 1), (Operation::Deassert, 1)]);
    *sync::lock(&bank.fails) = None;
    array.reset().unwrap();
    assert_eq!(bank.did(), [(Operation::Reset, 1), (Operation::Reset, 2)]);
    assert_eq!(array.status().unwrap_err().errno(), errno::EINVAL);
    assert!(core.get_all(&[], Share::Shared, Need::Optional).unwrap().is_none());
    assert!(core.get_all(&[], Share::Shared, Need::Required).is_err());
}

#[test]
fn handles_of_a_controller_that_vanished_say_so() {
    let (core, bank) = core(&[]);
    let control = get(&core, 3, Share::Exclusive).unwrap();
    core.unregister("/rst");
    for answer in [control.reset(), control.assert(), control.deassert(), control.acquire(), control.rearm()]
    {
        assert_eq!(answer.unwrap_err().errno(), errno::ENODEV);
    }
    core.register("/rst", bank.clone());
    assert!(get(&core, 3, Share::Exclusive).is_ok());
    assert_eq!(bank.did(), []);
}
