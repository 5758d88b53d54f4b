//! Tracing a real child: its registers, its memory's code, its signals and its end.

use std::process::{Child, Command, Stdio};

use super::*;

struct Traced(Child);

impl Traced {
    /// A child that is stopped.
    fn new() -> Self {
        let child =
            Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep can be started");
        let traced = Self(child);
        seize(traced.pid()).expect("a child may be traced");
        interrupt(traced.pid()).expect("it is traced");
        // It may have been about to execute its program, which is a stop as good as the one asked for.
        let (pid, event) = wait().expect("it stops");
        assert_eq!(pid, traced.pid());
        assert!(matches!(event, Event::Trap(Trap::Begin | Trap::Exec)), "{event:?}");
        traced
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

#[test]
fn registers_are_read_and_written() {
    let traced = Traced::new();
    let mut registers = Registers::of(traced.pid()).expect("it is stopped");
    assert_eq!(registers.code_segment(), REGISTERS_64_BIT);
    let general = std::array::from_fn(|n| 0x1111 * n as u64);
    registers.set_general(general);
    registers.set_rip(0x1234);
    registers.leave_call();
    registers.set(traced.pid()).expect("it is stopped");
    let again = Registers::of(traced.pid()).expect("it is stopped");
    assert_eq!((again.general(), again.rip()), (general, 0x1234));
}

#[test]
fn changed_registers_are_written() {
    let traced = Traced::new();
    let before = Registers::of(traced.pid()).expect("it is stopped");
    let mut few = before;
    few.set_rip(0x4321);
    few.set_flags(before.flags() ^ 1);
    few.set_changed(&before, traced.pid()).expect("it is stopped");
    let again = Registers::of(traced.pid()).expect("it is stopped");
    assert_eq!((again.rip(), again.flags(), again.general()), (0x4321, few.flags(), before.general()));
    let mut many = few;
    many.set_general([7; 16]);
    many.set_changed(&few, traced.pid()).expect("it is stopped");
    assert_eq!(Registers::of(traced.pid()).expect("it is stopped").general(), [7; 16]);
}

#[test]
fn vector_registers_are_read_and_written() {
    let traced = Traced::new();
    let mut state = XState::of(traced.pid()).expect("it is stopped");
    for component in
        [Component::Sse, Component::Avx, Component::Masks, Component::UpperZmm, Component::HighZmm]
    {
        let Some(bytes) = state.get_mut(component) else { continue };
        bytes.iter_mut().enumerate().for_each(|(n, byte)| *byte = n as u8 ^ 0x5a);
        let expected = bytes.to_vec();
        state.set(traced.pid()).expect("it is stopped");
        let again = XState::of(traced.pid()).expect("it is stopped");
        assert_eq!(again.get(component), Some(&expected[..]), "{component:?}");
    }
}

#[test]
fn a_fault_is_reported_and_can_be_made_another() {
    let traced = Traced::new();
    let mut registers = Registers::of(traced.pid()).expect("it is stopped");
    registers.set_rip(0x1234);
    registers.leave_call();
    registers.set(traced.pid()).expect("it is stopped");
    resume(traced.pid(), Resume::Continue, 0).expect("it is stopped");
    assert_eq!(wait().expect("it faults"), (traced.pid(), Event::Signal(libc::SIGSEGV)));
    let info = SignalInfo::of(traced.pid()).expect("it stopped for a signal");
    assert_eq!((info.signal, info.address), (libc::SIGSEGV, 0x1234));
    let other = SignalInfo { signal: libc::SIGBUS, code: 2, address: 0x5678 };
    other.set(traced.pid()).expect("it stopped for a signal");
    assert_eq!(SignalInfo::of(traced.pid()).expect("it is still stopped"), other);
    resume(traced.pid(), Resume::Continue, libc::SIGBUS).expect("it is stopped");
    assert_eq!(wait().expect("it dies of it"), (traced.pid(), Event::Ended));
}

#[test]
fn a_process_that_is_killed_only_ends() {
    let mut traced = Traced::new();
    traced.0.kill().expect("it is there");
    assert_eq!(wait().expect("it ends"), (traced.pid(), Event::Ended));
    let gone = resume(traced.pid(), Resume::Continue, 0).expect_err("there is nothing to resume");
    assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
}

#[test]
fn blocked_signals_are_read_and_written() {
    let traced = Traced::new();
    set_signal_mask(traced.pid(), 0x4200).expect("it is stopped");
    assert_eq!(signal_mask(traced.pid()).expect("it is stopped"), 0x4200);
}
