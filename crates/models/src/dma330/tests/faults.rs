//! Each fault: its bit, the program counter, the abort line, and the way out.

use uvfio_kernel::hw::Model;

use super::asm::{ccr, mov, program};
use super::{ABORT, Bench, PAGE, R, W, X};
use crate::dma330::{ChannelFault, Config, ManagerFault, Security};

/// Run `lines` on channel 1 and expect its fault with the program counter at `pc`.
fn faults(bench: &mut Bench, lines: &[&str], fault: ChannelFault, pc: u32) {
    bench.start(1, 0x40, &program(lines));
    bench.settle();
    assert_eq!(bench.state(1), 15, "{lines:?}");
    assert_eq!(bench.read(0x044), fault as u32, "{lines:?}");
    assert_eq!(bench.read(0x10c), 0x40 + pc, "{lines:?}");
    assert_eq!(bench.read(0x034), 2);
    assert!(bench.wires[ABORT].high());
    assert!(!bench.dma.activity().running);
    bench.debug(Some(1), &program(&["kill"]));
    bench.settle();
    assert_eq!((bench.state(1), bench.read(0x034)), (0, 0));
    assert!(!bench.wires[ABORT].high());
}

#[test]
fn what_is_no_instruction() {
    let mut bench = Bench::new(4);
    bench.memory.put(0x40, &[0x06]);
    bench.debug(None, &program(&["go 1 0x40"]));
    bench.settle();
    assert_eq!(bench.read(0x044), ChannelFault::UndefinedInstruction as u32);
    bench.debug(Some(1), &program(&["kill"]));
    faults(&mut bench, &["nop", "go 2 0"], ChannelFault::UndefinedInstruction, 1);
}

#[test]
fn operands_that_are_not_there() {
    let mut bench = Bench::new(4);
    faults(&mut bench, &["sev 8"], ChannelFault::OperandInvalid, 0);
    faults(&mut bench, &["wfe 31"], ChannelFault::OperandInvalid, 0);
    faults(&mut bench, &["wfps 8"], ChannelFault::OperandInvalid, 0);
    faults(&mut bench, &["stpb 9"], ChannelFault::OperandInvalid, 0);
    let wide = mov("ccr", ccr(32, 1));
    faults(&mut bench, &[&wide], ChannelFault::OperandInvalid, 0);
}

#[test]
fn secure_things_from_a_nonsecure_thread() {
    let config = Config { nonsecure_events: 1, nonsecure_peripherals: 1, ..Config::juno() };
    let mut bench = Bench::with(config, 4);
    faults(&mut bench, &["sev 0", "sev 1"], ChannelFault::Event, 2);
    faults(&mut bench, &["wfpp 1"], ChannelFault::Peripheral, 0);
    faults(&mut bench, &["mov ccr 0x0"], ChannelFault::SecureTransfer, 0);
    bench.debug(None, &[0xa0, 1, 0x40, 0, 0, 0]);
    bench.settle();
    assert_eq!((bench.read(0x000) & 0xf, bench.read(0x030)), (15, 1));
    assert_eq!(bench.read(0x038), ManagerFault::Go as u32 | 1 << 30);
    bench.debug(None, &program(&["kill"]));
    assert_eq!((bench.read(0x000), bench.read(0x038)), (1 << 9, 0));
}

#[test]
fn a_secure_controller_may_use_what_is_secure() {
    let secure = Security::Secure;
    let config = Config { manager: secure, bus: secure, nonsecure_events: 0, ..Config::juno() };
    let mut bench = Bench::with(config, 4);
    bench.memory.put(0x40, &program(&["mov ccr 0x0", "sev 1", "end"]));
    bench.debug(None, &[0xa0, 1, 0x40, 0, 0, 0]);
    bench.settle();
    assert_eq!((bench.read(0x024), bench.state(1)), (2, 0));
}

#[test]
fn memory_that_is_not_there() {
    let mut bench = Bench::new(4);
    let (control, inside, outside) = (mov("ccr", ccr(4, 4)), mov("dar", 0x1000), mov("sar", 0x4000));
    faults(&mut bench, &[&control, &inside, &outside, "ld", "st"], ChannelFault::DataRead, 19);
    assert_eq!(bench.read(0x420), 0x4010);
    let past = [mov("sar", 0x1000), mov("dar", 0x3ff8)];
    faults(&mut bench, &[&control, &past[0], &past[1], "ld", "st"], ChannelFault::DataWrite, 20);
    bench.memory.allow(1, R | W);
    bench.debug(None, &program(&["go 1 0x1000"]));
    bench.settle();
    assert_eq!((bench.read(0x044), bench.read(0x10c)), (ChannelFault::Fetch as u32, 0x1000));
}

#[test]
fn stores_that_nothing_was_loaded_for() {
    let mut bench = Bench::new(4);
    let set = [mov("ccr", ccr(4, 4)), mov("sar", 0x1000), mov("dar", 0x2000)];
    let lines = [&set[0], &set[1], &set[2], "ld", "st", "st"];
    faults(&mut bench, &lines, ChannelFault::StoreDataUnavailable, 20);
}

#[test]
fn a_transfer_larger_than_the_mfifo() {
    let config = Config { mfifo_lines: 2, width: 8, ..Config::juno() };
    let mut bench = Bench::with(config, 4);
    let set = [mov("ccr", ccr(8, 3)), mov("dar", 0x1000)];
    faults(&mut bench, &[&set[0], &set[1], "ld", "end"], ChannelFault::Mfifo, 13);
    faults(&mut bench, &[&set[0], &set[1], "st", "end"], ChannelFault::Mfifo, 13);
}

#[test]
fn loading_without_storing_locks_up() {
    let config = Config { mfifo_lines: 4, width: 8, ..Config::juno() };
    let mut bench = Bench::with(config, 4);
    let set = [mov("ccr", ccr(8, 2)), mov("sar", 0x1000), mov("dar", 0x2000)];
    let lines = [&set[0], &set[1], &set[2], "ld", "ld", "ld", "end"];
    faults(&mut bench, &lines, ChannelFault::LockUp, 20);

    // With WD set the watchdog only raises the interrupt.
    bench.write(0xe80, 1);
    bench.start(1, 0x40, &program(&lines));
    bench.settle();
    assert_eq!((bench.state(1), bench.read(0x034)), (1, 0));
    assert!(bench.wires[ABORT].high());
    bench.debug(Some(1), &program(&["kill"]));
    bench.settle();
    assert!(!bench.wires[ABORT].high());
}

#[test]
fn a_channel_waits_for_another_to_make_room() {
    let config = Config { mfifo_lines: 4, width: 8, ..Config::juno() };
    let mut bench = Bench::with(config, 4);
    bench.memory.put(0x1000, &[5; 64]);
    let set = [mov("ccr", ccr(8, 4)), mov("sar", 0x1000), mov("dar", 0x2000), mov("dar", 0x3000)];
    bench.start(0, 0x100, &program(&[&set[0], &set[1], &set[2], "ld", "wfe 1", "st", "end"]));
    bench.settle();
    bench.start(1, 0x200, &program(&[&set[0], &set[1], &set[3], "sev 1", "ld", "st", "end"]));
    bench.settle();
    assert_eq!((bench.state(0), bench.state(1), bench.read(0x034)), (0, 0, 0));
    assert_eq!(bench.memory.get(0x3000, 32), [5; 32]);
}

#[test]
fn the_debug_interface_takes_three_instructions() {
    let mut bench = Bench::new(4);
    bench.debug(None, &program(&["wfe 1"]));
    bench.settle();
    assert_eq!(bench.read(0x038), ManagerFault::UndefinedInstruction as u32 | 1 << 30);
    assert!(bench.wires[ABORT].high());
    bench.debug(None, &program(&["go 1 0x40"]));
    assert_eq!(bench.state(1), 0, "a manager that faults takes DMAKILL only");
    bench.debug(None, &program(&["kill"]));
    bench.memory.put(0x40, &program(&["wfe 1"]));
    bench.debug(None, &program(&["go 1 0x40"]));
    bench.settle();
    bench.debug(Some(1), &program(&["ld"]));
    assert_eq!(bench.read(0x044), ChannelFault::UndefinedInstruction as u32 | 1 << 30);
}

#[test]
fn a_recognised_copy_faults_where_each_step_would() {
    for (bad, what) in [(6, W | X), (13, R | X)] {
        let mut bench = Bench::new(16);
        bench.memory.allow(bad, what);
        bench.memory.put(2 * PAGE, &[7; 6 * PAGE]);
        let set = [mov("ccr", ccr(16, 15)), mov("sar", 0x2000), mov("dar", 0x9000)];
        let body = ["lp1 3", "lp0 32", "ld", "st", "lpend0", "lpend1", "end"];
        let mut lines: Vec<&str> = set.iter().map(String::as_str).collect();
        lines.extend(body);
        bench.start(0, 0, &program(&lines));
        bench.settle();
        let write = what == R | X;
        let fault = if write { ChannelFault::DataWrite } else { ChannelFault::DataRead };
        assert_eq!(bench.read(0x040), fault as u32);
        // 4 pages are 68 bursts of 240 bytes and 64 bytes.
        let steps = 4 * PAGE as u32 / 240;
        assert_eq!(bench.read(0x400), 0x2000 + (steps + 1) * 240);
        assert_eq!(bench.read(0x404), 0x9000 + (steps + u32::from(write)) * 240);
        assert_eq!((bench.read(0x40c), bench.read(0x410)), (31 - steps % 32, 0));
        let copied = if write { 4 * PAGE } else { steps as usize * 240 };
        let expected = [vec![7; copied], vec![0; 6 * PAGE - copied]].concat();
        assert_eq!(bench.memory.get(9 * PAGE, 6 * PAGE), expected);
    }
}
